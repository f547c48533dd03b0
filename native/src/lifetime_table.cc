#include "lifetime_table.h"

#include <algorithm>
#include <cmath>
#include <utility>

namespace rolp {

namespace {

// Beyond this many cells new ones are rounded outwards to powers of two, of which there are at most a few
// hundred pairs: an interval-censored context that lives for days must not grow for ever.
constexpr size_t kFineCells = 192;

bool Before(const Cell& a, const Cell& b) {
  return a.low != b.low ? a.low < b.low : a.high < b.high;
}

bool IsOctave(double value, double unit) {
  int exponent;
  return std::frexp(value / unit, &exponent) == 0.5;
}

}  // namespace

Scale::Scale(std::vector<double> bounds, double unit) : bounds_(std::move(bounds)) {
  coarse_down_.resize(bounds_.size());
  coarse_up_.resize(bounds_.size());
  uint16_t last = 0;
  for (size_t i = 0; i < bounds_.size(); i++) {
    if (i == 0 || IsOctave(bounds_[i], unit)) last = static_cast<uint16_t>(i);
    coarse_down_[i] = last;
  }
  last = static_cast<uint16_t>(bounds_.size() - 1);
  for (size_t i = bounds_.size(); i-- > 0;) {
    if (i == 0 || IsOctave(bounds_[i], unit)) last = static_cast<uint16_t>(i);
    coarse_up_[i] = last;
  }
}

const Scale& Scale::Ages() {
  static const Scale* scale = [] {
    std::vector<double> bounds;
    for (int age = 0; age <= 64; age++) bounds.push_back(age);
    for (int step = 1; step <= 16 * 25; step++) {
      bounds.push_back(std::round(64 * std::exp2(step / 16.0)));
    }
    return new Scale(std::move(bounds), 1);
  }();
  return *scale;
}

Scale Scale::Octaves(double unit) {
  std::vector<double> bounds{0};
  for (int step = 0; step <= 8 * 48; step++) bounds.push_back(unit * std::exp2(step / 8.0));
  return Scale(std::move(bounds), unit);
}

const Scale& Scale::Bytes() {
  static const Scale* scale = new Scale(Octaves(64));
  return *scale;
}

const Scale& Scale::Ms() {
  static const Scale* scale = new Scale(Octaves(1.0 / 64));
  return *scale;
}

uint16_t Scale::Down(double value) const {
  auto after = std::upper_bound(bounds_.begin(), bounds_.end(), value);
  return after == bounds_.begin() ? 0 : static_cast<uint16_t>(after - bounds_.begin() - 1);
}

uint16_t Scale::Up(double value) const {
  auto at = std::lower_bound(bounds_.begin(), bounds_.end(), value);
  if (at == bounds_.end()) --at;
  return static_cast<uint16_t>(at - bounds_.begin());
}

void LifetimeTable::AddDeath(const Scale& scale, double earliest, double latest, double weight) {
  const uint16_t first = scale.Up(std::max(earliest, 0.0));
  const uint16_t low = first > 0 ? first - 1 : 0;
  const uint16_t high = std::max<uint16_t>(scale.Up(latest), low + 1);
  Add(scale, {low, high, 1, weight, weight * weight});
}

void LifetimeTable::AddInterval(const Scale& scale, double low, double high, double weight) {
  const uint16_t from = scale.Down(low);
  const uint16_t to = std::max<uint16_t>(scale.Up(high), from + 1);
  Add(scale, {from, to, 1, weight, weight * weight});
}

void LifetimeTable::AddAlive(const Scale& scale, double age, double weight) {
  Add(scale, {scale.Down(std::max(age, 0.0)), kAlive, 1, weight, weight * weight});
}

void LifetimeTable::Merge(const Scale& scale, const LifetimeTable& other) {
  for (const Cell& cell : other.cells_) Add(scale, cell);
}

void LifetimeTable::Add(const Scale& scale, const Cell& cell) {
  auto at = std::lower_bound(cells_.begin(), cells_.end(), cell, Before);
  if (at == cells_.end() || Before(cell, *at)) {
    Cell added = cell;
    if (cells_.size() >= kFineCells) {
      added.low = scale.CoarseDown(cell.low);
      if (cell.high != kAlive) added.high = scale.CoarseUp(cell.high);
      at = std::lower_bound(cells_.begin(), cells_.end(), added, Before);
    }
    if (at == cells_.end() || Before(added, *at)) {
      cells_.insert(at, added);
      return;
    }
  }
  at->samples += cell.samples;
  at->weight += cell.weight;
  at->weight_squared += cell.weight_squared;
}

}  // namespace rolp
