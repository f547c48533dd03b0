// The cohorts' samples that still live, found by V8's sample id.
#ifndef ROLP_LIVE_SAMPLES_H_
#define ROLP_LIVE_SAMPLES_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace rolp {

// Numbers to numbers, open addressing; rebuilt rather than deleted from. At tens of thousands of look-ups a poll,
// inside a GC pause, std::unordered_map took about three times as long.
class IdMap {
 public:
  static constexpr uint32_t kNone = 0xffffffff;

  void Reset(size_t expected) {
    size_t slots = 16;
    while (slots < expected * 2) slots *= 2;
    if (slots == keys_.size()) {
      values_.assign(slots, kNone);
    } else {
      keys_.assign(slots, 0);
      values_.assign(slots, kNone);
      keys_.shrink_to_fit();
      values_.shrink_to_fit();
    }
    count_ = 0;
  }

  uint32_t Find(uint64_t key) const {
    if (count_ == 0) return kNone;
    const size_t mask = keys_.size() - 1;
    for (size_t i = Spread(key) & mask;; i = (i + 1) & mask) {
      if (values_[i] == kNone || keys_[i] == key) return values_[i];
    }
  }

  // `key` must not be there yet.
  void Add(uint64_t key, uint32_t value) {
    if (count_ * 2 >= keys_.size()) Grow();
    Put(key, value);
    count_++;
  }

 private:
  static size_t Spread(uint64_t key) { return static_cast<size_t>((key * 0x9e3779b97f4a7c15ull) >> 20); }

  void Put(uint64_t key, uint32_t value) {
    const size_t mask = keys_.size() - 1;
    size_t i = Spread(key) & mask;
    while (values_[i] != kNone) i = (i + 1) & mask;
    keys_[i] = key;
    values_[i] = value;
  }

  void Grow() {
    std::vector<uint64_t> keys = std::move(keys_);
    std::vector<uint32_t> values = std::move(values_);
    const size_t slots = keys.empty() ? 16 : keys.size() * 2;
    keys_.assign(slots, 0);
    values_.assign(slots, kNone);
    for (size_t i = 0; i < keys.size(); i++) {
      if (values[i] != kNone) Put(keys[i], values[i]);
    }
  }

  std::vector<uint64_t> keys_;
  std::vector<uint32_t> values_;
  size_t count_ = 0;
};

// Its last sighting is not kept: each poll sees every live sample, so it is the last poll for all of them.
struct LiveSample {
  uint64_t id;
  double weight;  // of the sampling and of its cohort
  double birth_bytes;
  double birth_ms;
  uint32_t context;
  uint32_t birth_cycle;
  uint32_t size;
  uint32_t seen : 1;
  uint32_t group : 31;
};

class LiveSamples {
 public:
  LiveSample* Find(uint64_t id) {
    const uint32_t at = ids_.Find(id);
    return at == IdMap::kNone ? nullptr : &samples_[at];
  }

  void Add(const LiveSample& sample) {
    ids_.Add(sample.id, static_cast<uint32_t>(samples_.size()));
    samples_.push_back(sample);
  }

  // Hands each sample that was not seen to `gone` and lets it go; clears the marks of the others.
  template <typename Gone>
  void Sweep(Gone gone) {
    size_t kept = 0;
    for (LiveSample& sample : samples_) {
      if (!sample.seen) {
        gone(sample);
        continue;
      }
      sample.seen = 0;
      samples_[kept++] = sample;
    }
    if (kept == samples_.size()) return;
    samples_.resize(kept);
    if (samples_.capacity() > 4 * kept + 1024) samples_.shrink_to_fit();
    ids_.Reset(kept);
    for (uint32_t i = 0; i < kept; i++) ids_.Add(samples_[i].id, i);
  }

  void Clear() {
    samples_.clear();
    samples_.shrink_to_fit();
    ids_.Reset(0);
  }

  std::vector<LiveSample>& all() { return samples_; }
  const std::vector<LiveSample>& all() const { return samples_; }

 private:
  std::vector<LiveSample> samples_;
  IdMap ids_;
};

}  // namespace rolp

#endif  // ROLP_LIVE_SAMPLES_H_
