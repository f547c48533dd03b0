// GC pauses: a histogram per kind for the profile, and a raw ring for benches.
#ifndef ROLP_PAUSES_H_
#define ROLP_PAUSES_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace rolp {

// One pause: from entry to our prologue to the end of our epilogue, our own poll included.
struct Pause {
  int kind;         // v8::GCType: 1 scavenge, 2 minor mark-sweep, 4 mark-compact
  uint64_t start_ns;  // uv_hrtime
  uint64_t ns;
  uint64_t poll_ns;
  size_t before_bytes;
  size_t after_bytes;
  // What the work of this GC is proportional to: bytes copied by a scavenge, bytes that live after a mark-compact.
  size_t work_bytes;
};

// Sums of a regression of pauses (polls left out) on their work, from which the cost per byte is told.
struct PauseWork {
  double bytes = 0, bytes_squared = 0, ns = 0, ns_squared = 0, product = 0;
};

// What a mean and its error are told from.
struct PauseSums {
  double count, ns, ns_squared;
  PauseSums operator+(const PauseSums& other) const {
    return {count + other.count, ns + other.ns, ns_squared + other.ns_squared};
  }
};

class PauseStats {
 public:
  void Add(const Pause& pause);
  // Polls left out.
  PauseSums Sums() const { return {static_cast<double>(count), work.ns, work.ns_squared}; }

  uint64_t count = 0, sum_ns = 0, max_ns = 0, poll_ns = 0;
  double before_bytes = 0, after_bytes = 0;
  PauseWork work;

  // Eighths of octaves of nanoseconds: bucket i holds pauses of at most UpperNs(i).
  static constexpr size_t kBuckets = 8 * 40 + 1;
  static double UpperNs(size_t bucket);
  const std::array<uint32_t, kBuckets>& buckets() const { return buckets_; }

 private:
  std::array<uint32_t, kBuckets> buckets_{};
};

// The newest `capacity` pauses, in a buffer allocated beforehand so that recording allocates nothing.
class PauseRing {
 public:
  explicit PauseRing(size_t capacity) : rows_(capacity) {}
  void Add(const Pause& pause);
  // Oldest first; empties the ring.
  std::vector<Pause> Take();
  uint64_t dropped() const { return dropped_; }

 private:
  std::vector<Pause> rows_;
  size_t next_ = 0, held_ = 0;
  uint64_t dropped_ = 0;
};

}  // namespace rolp

#endif  // ROLP_PAUSES_H_
