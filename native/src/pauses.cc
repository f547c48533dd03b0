#include "pauses.h"

#include <algorithm>
#include <cmath>

namespace rolp {

double PauseStats::UpperNs(size_t bucket) {
  return std::round(std::exp2(static_cast<double>(bucket) / 8));
}

void PauseStats::Add(const Pause& pause) {
  count++;
  sum_ns += pause.ns;
  max_ns = std::max(max_ns, pause.ns);
  poll_ns += pause.poll_ns;
  before_bytes += static_cast<double>(pause.before_bytes);
  after_bytes += static_cast<double>(pause.after_bytes);
  const double bytes = static_cast<double>(pause.work_bytes);
  const double own_ns = static_cast<double>(pause.ns - std::min(pause.ns, pause.poll_ns));
  work.bytes += bytes;
  work.bytes_squared += bytes * bytes;
  work.ns += own_ns;
  work.ns_squared += own_ns * own_ns;
  work.product += bytes * own_ns;
  const double ns = static_cast<double>(std::max<uint64_t>(pause.ns, 1));
  size_t bucket = std::min(static_cast<size_t>(std::ceil(std::log2(ns) * 8)), kBuckets - 1);
  // Bounds are rounded to whole ns; put a pause on the edge where the printed bound says.
  if (bucket + 1 < kBuckets && UpperNs(bucket) < ns) bucket++;
  buckets_[bucket]++;
}

void PauseRing::Add(const Pause& pause) {
  if (rows_.empty()) return;
  rows_[next_] = pause;
  next_ = (next_ + 1) % rows_.size();
  if (held_ < rows_.size()) {
    held_++;
  } else {
    dropped_++;
  }
}

std::vector<Pause> PauseRing::Take() {
  std::vector<Pause> taken;
  taken.reserve(held_);
  for (size_t i = 0; i < held_; i++) taken.push_back(rows_[(next_ + rows_.size() - held_ + i) % rows_.size()]);
  held_ = 0;
  dropped_ = 0;
  return taken;
}

}  // namespace rolp
