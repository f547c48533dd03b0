// V8's sampling heap profiler on one isolate: epochs, the poll, and what each GC cycle adds.
#ifndef ROLP_SAMPLER_H_
#define ROLP_SAMPLER_H_

#include <v8-profiler.h>
#include <v8.h>

#include <cstdint>
#include <memory>
#include <vector>

#include "cohorts.h"
#include "thread_record.h"

namespace rolp {

// All calls on the isolate's thread.
class Sampler {
 public:
  Sampler(v8::Isolate* isolate, std::shared_ptr<ThreadRecord> record);

  // False if another tool's sampler runs that cannot be shared: see Acquire.
  bool Start();
  // One last poll, then stops V8's sampler if it is ours.
  void Stop();
  // A poll outside any GC: sees the births since the last one, and who died in the last GC.
  void PollNow();
  void SetLevel(Level level);
  // Polls rarer or more often from now on.
  void SetBudget(double percent) { draw_.SetBudget(percent); }
  // False if the running sampler is another's, whose interval we may not touch.
  bool SetInterval(double interval_bytes);

  // Returns the ns that polling took.
  uint64_t OnPrologue(int kind, uint64_t now_ns, size_t used_bytes);
  void OnEpilogue(const Pause& pause);
  // At a safe point after another tool stopped V8's sampler under us.
  void RestartAfterForeignStop();

  uint32_t cycles() const { return record_->cycles_done; }
  // Of both kinds, polls left out. On the sampler's own thread, which alone adds to them.
  PauseSums Pauses() const { return record_->scavenge.Sums() + record_->mark_compact.Sums(); }

 private:
  // A node of V8's tree that holds samples, and its context at each level. Rebuilt at each poll from the nodes it
  // shows, and so evicted with them.
  struct Node {
    int script_id;
    int start_position;
    uint32_t walk_index;
    uint32_t contexts[kLevels];
  };
  struct Visit {
    v8::AllocationProfile::Node* node;
    uint32_t parent;
  };
  struct Birth {
    uint64_t id;
    uint32_t size;
    uint32_t context;
  };

  double Ms(uint64_t now_ns) const { return static_cast<double>(now_ns - start_ns_) / 1e6; }
  size_t UsedBytes();
  Instant Here(uint64_t now_ns, size_t used_bytes);
  bool BeginEpoch(const char* reason);
  bool Acquire();
  void LoseSampler(const Instant& here);
  void ForgetEpoch();

  // poll.cc
  uint64_t Poll(Instant here, bool in_gc);
  bool Walk(v8::AllocationProfile::Node* root);
  bool SawRestart(const std::vector<v8::AllocationProfile::Sample>& samples) const;
  void CountSamples(const std::vector<v8::AllocationProfile::Sample>& samples);
  void CountDeaths(const Instant& here);
  void CountBirths(const Instant& here, bool in_gc);
  uint32_t ContextOf(Node* node, Level level);
  uint32_t FrameOf(v8::AllocationProfile::Node* node);
  void FoldContexts();

  v8::Isolate* isolate_;
  std::shared_ptr<ThreadRecord> record_;
  CohortDraw draw_;
  uint64_t start_ns_;
  double clock_bytes_ = 0;
  size_t used_after_gc_;

  bool active_ = false;   // V8 samples for us
  bool own_ = false;      // and we have started it
  bool polling_ = false;  // guards against a poll within a poll
  int nested_gc_ = 0;  // kinds of GCs in which V8 collected while a poll outside of a GC took the profile
  bool polled_in_this_gc_ = false;

  // The last poll: the ids it knew, and the place from which births are interpolated.
  uint64_t anchor_id_ = 0;
  Instant anchor_;
  bool anchor_in_gc_ = false;
  // Whether anchor_id_ is surely V8's last id of then. If not (there was a GC before which nobody polled, or the poll's own
  // work was sampled), the ids missing right after it may belong to dead that no poll could see.
  bool anchor_exact_ = true;
  uint64_t epoch_births_ = 0;

  // GC cycles since the last poll, and what the latest was.
  Instant first_gc_, last_gc_;
  bool gc_since_poll_ = false;
  bool last_gc_major_ = false;

  std::vector<Node> nodes_;
  IdMap node_index_;
  // Scratch of one poll.
  std::vector<Visit> walk_;
  std::vector<Node> next_nodes_;
  IdMap next_index_;
  std::vector<Birth> births_;
  std::vector<uint32_t> moved_;
  uint64_t max_id_ = 0;
  bool saw_own_birth_ = false;
};

}  // namespace rolp

#endif  // ROLP_SAMPLER_H_
