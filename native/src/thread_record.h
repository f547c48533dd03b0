// Everything counted on one thread. It outlives the isolate, touches no V8 object, and may be read by any thread that
// holds its mutex.
#ifndef ROLP_THREAD_RECORD_H_
#define ROLP_THREAD_RECORD_H_

#include <cstdint>
#include <mutex>
#include <string>
#include <vector>

#include "contexts.h"
#include "live_samples.h"
#include "pauses.h"

namespace rolp {

struct SamplerOptions {
  double interval_bytes;
  int stack_depth;
  double budget_percent;
  // Probability of a cohort in place of what the budget allows, for tests and benches; 0: by the budget.
  double inclusion = 0;
  size_t max_contexts;
  Level level;
  uint64_t seed;
  int thread_id;
  double now_unix_ms;
};

struct Epoch {
  int index;
  const char* reason;
  double interval_bytes;
  double start_ms;
  double end_ms;  // < 0 while it lasts
  uint64_t samples;
  uint64_t censored;
};

struct Window {
  Level level;
  double start_ms;
  double end_ms;  // < 0 while it lasts
  uint32_t start_cycle, end_cycle;
  uint64_t first_id;  // samples with this id and later were born in it; 0 in epochs after it
};

// A place in the three clocks. `cycle` is the number of the GC cycle that follows, the first being 1.
struct Instant {
  uint32_t cycle = 1;
  double bytes = 0;
  double ms = 0;
};

// What a record holds, as JavaScript reads it: all but the contexts as JSON, the contexts as a table of numbers. As text
// they were most of what a profile cost: a digit takes longer than the number it tells.
struct Reading {
  std::string json;
  std::vector<double> table;
  size_t bytes() const { return json.size() + table.size() * sizeof(double); }
};

using RecordLock = std::lock_guard<std::recursive_mutex>;

class ThreadRecord {
 public:
  explicit ThreadRecord(const SamplerOptions& options);

  // Recursive: V8 may collect while a poll that holds it reads names, and the epilogue counts the cycle.
  std::recursive_mutex mutex;
  SamplerOptions options;
  bool ended = false;
  bool sampling = false;
  // Grows with each poll: whoever has read the same version needs not read again.
  uint64_t version = 0;

  ContextTable contexts;
  LiveSamples live;
  PauseStats scavenge, mark_compact;
  std::vector<Epoch> epochs;
  std::vector<Window> windows;

  Instant last_poll;
  uint32_t cycles_done = 0;
  uint64_t last_id = 0;  // of the epoch
  uint64_t first_id = 1;  // of the epoch: beyond 1 if V8 was sampling before we came
  uint64_t past_samples = 0;  // of ended epochs
  uint64_t births = 0, missed = 0, cohorts = 0, polls = 0, poll_ns = 0;
  double weighted_samples = 0;  // births, each over its cohort's probability
  // Profiles written while the thread ran on, and the CPU time they took.
  uint64_t files = 0, file_ns = 0;

  uint64_t EpochSamples() const { return last_id + 1 - first_id; }
  uint64_t Samples() const { return past_samples + EpochSamples(); }
  Level LevelOf(uint64_t id) const;
  void BeginEpoch(const char* reason, double interval_bytes, double now_ms, uint64_t ids_before);
  // Censors the cohorts' live samples where the last poll saw them.
  void EndEpoch(double now_ms);
  void BeginWindow(Level level, double now_ms);
  // Ends the epoch and the window: sampling has stopped.
  void Finish();

  // A death in one of the cycles that lie in [earliest.cycle, latest.cycle].
  void CountDeath(const LiveSample& sample, const Instant& earliest, const Instant& latest, bool major);
  // Folds if there are too many contexts. `moved` has, by old index, where each is now; empty if nothing moved.
  void FoldIfNeeded(std::vector<uint32_t>* moved);

  // The shape of src/profiler/thread-reading.ts.
  Reading Read() const;

 private:
  void CountAlive(Context* context, const LiveSample& sample) const;
};

}  // namespace rolp

#endif  // ROLP_THREAD_RECORD_H_
