// Allocation contexts (a site with its callers), their counts, and the cap on how many are held.
#ifndef ROLP_CONTEXTS_H_
#define ROLP_CONTEXTS_H_

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "lifetime_table.h"

namespace rolp {

// The attribution level in force when an object was born (src/profiler/aggregates.ts names them).
enum class Level : uint8_t { kOff, kSites, kCalls };
constexpr int kLevels = 3;

// Cohorts are dealt to so many groups, whose differences tell how alike the lives of one cohort are.
constexpr int kGroups = 16;

struct Frame {
  uint32_t name;
  uint32_t url;
  int line;
  int column;
  bool operator==(const Frame& other) const {
    return name == other.name && url == other.url && line == other.line && column == other.column;
  }
};

struct FrameHash {
  size_t operator()(const Frame& frame) const;
};

// Interned frames and their strings. Nothing is let go one by one: ContextTable::Fold rebuilds the whole from
// what the surviving contexts name, which keeps it flat under churn of `new Function` and the like.
class FrameTable {
 public:
  uint32_t Intern(const std::string& name, const std::string& url, int line, int column);
  uint32_t CopyFrom(const FrameTable& other, uint32_t id);
  const Frame& frame(uint32_t id) const { return frames_[id]; }
  const std::string& text(uint32_t id) const { return *texts_[id]; }
  size_t size() const { return frames_.size(); }

 private:
  uint32_t InternText(const std::string& text);

  std::unordered_map<std::string, uint32_t> text_ids_;
  std::vector<const std::string*> texts_;  // keys of text_ids_, which do not move
  std::unordered_map<Frame, uint32_t, FrameHash> frame_ids_;
  std::vector<Frame> frames_;
};

struct Context {
  uint64_t key = 0;
  std::vector<uint32_t> frames;  // leaf first
  Level level = Level::kOff;
  uint8_t folded = 0;  // 0 as sampled, 1 callers let go, 2 everything let go
  uint32_t last_birth_cycle = 0;
  uint64_t samples = 0;
  double objects = 0, objects_squared = 0, bytes = 0, bytes_squared = 0;
  double deaths_young = 0, deaths_old = 0;
  // By group of cohorts: weights, and weights times the life in GC cycles of the dead.
  std::array<double, kGroups> group_weight{}, group_life{};
  // All live samples at the last poll.
  uint64_t live_samples = 0;
  double live_objects = 0, live_bytes = 0;
  LifetimeTable ages, life_bytes, life_ms;

  void MergeFrom(const Context& other);
};

constexpr uint32_t kNoContext = 0xffffffff;

// Contexts by key. An index stays valid until Fold, which says where each went.
class ContextTable {
 public:
  explicit ContextTable(size_t max_contexts) : max_contexts_(max_contexts) {}

  uint32_t Find(uint64_t key) const;
  uint32_t Create(uint64_t key, std::vector<uint32_t> frames, Level level);
  Context& at(uint32_t index) { return *slots_[index]; }
  const Context& at(uint32_t index) const { return *slots_[index]; }

  bool over_cap() const { return index_.size() > max_contexts_; }
  // Folds the coldest until an eighth of the cap is free again (so that its cost is spread over many births).
  // Returns, by old index, where each context is now; kNoContext for those that had nothing to tell.
  std::vector<uint32_t> Fold();
  uint64_t folded_contexts() const { return folded_contexts_; }

  void ClearLive();
  size_t count() const { return index_.size(); }
  // Indices given out so far: each poll passes over all of them.
  size_t places() const { return slots_.size(); }
  // Indices of all contexts, in no order.
  std::vector<uint32_t> All() const;
  FrameTable& frames() { return frames_; }
  const FrameTable& frames() const { return frames_; }

 private:
  std::vector<uint32_t> Coldest() const;
  void MoveInto(uint32_t victim, uint64_t key, std::vector<uint32_t> frames, uint8_t folded);
  void SweepFrames();

  size_t max_contexts_;
  FrameTable frames_;
  std::unordered_map<uint64_t, uint32_t> index_;
  std::vector<std::unique_ptr<Context>> slots_;
  std::vector<uint32_t> free_;
  // Indices that this round of folding has let go. moved_to_ still speaks of them: they are given out again after it.
  std::vector<uint32_t> let_go_;
  std::vector<uint32_t> moved_to_;
  uint64_t folded_contexts_ = 0;
};

// Mixes `value` into `hash` (splitmix64's finaliser: cheap, and every input bit reaches every output bit).
uint64_t Mix(uint64_t hash, uint64_t value);

// The first cohorts have a group each. Those after them are dealt at random: in turn, each group would hold cohorts from
// all over the run, and the groups be more alike than the cohorts that are drawn.
inline uint32_t GroupOf(uint64_t cohort) {
  return static_cast<uint32_t>((cohort < kGroups ? cohort : Mix(0, cohort)) % kGroups);
}

}  // namespace rolp

#endif  // ROLP_CONTEXTS_H_
