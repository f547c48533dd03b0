// The sparse table of a context's lifetimes in one clock: cells (low, high] that samples share.
#ifndef ROLP_LIFETIME_TABLE_H_
#define ROLP_LIFETIME_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace rolp {

// Ascending bounds in a clock's own unit, bound(0) = 0. Cells name their ends by index into them.
class Scale {
 public:
  // GC cycles: every integer to 64, then 16 bounds an octave (whole numbers too).
  static const Scale& Ages();
  // Bytes allocated and milliseconds: 8 bounds an octave from the unit on.
  static const Scale& Bytes();
  static const Scale& Ms();

  double bound(size_t index) const { return bounds_[index]; }
  // Largest index whose bound is <= value, and smallest whose bound is >= value (the last if there is none).
  uint16_t Down(double value) const;
  uint16_t Up(double value) const;
  // The same on powers of two alone, for tables that have grown too fine.
  uint16_t CoarseDown(uint16_t index) const { return coarse_down_[index]; }
  uint16_t CoarseUp(uint16_t index) const { return coarse_up_[index]; }

 private:
  Scale(std::vector<double> bounds, double unit);
  static Scale Octaves(double unit);

  std::vector<double> bounds_;
  std::vector<uint16_t> coarse_down_;
  std::vector<uint16_t> coarse_up_;
};

// The index that stands for "still alive".
constexpr uint16_t kAlive = 0xffff;

struct Cell {
  uint16_t low;
  uint16_t high;
  uint32_t samples;
  double weight;
  double weight_squared;
};

class LifetimeTable {
 public:
  // A death whose lifetime lies within [earliest, latest]: both ends may be the same.
  void AddDeath(const Scale& scale, double earliest, double latest, double weight);
  // A death known to lie in (low, high].
  void AddInterval(const Scale& scale, double low, double high, double weight);
  // A sample that was alive at `age`.
  void AddAlive(const Scale& scale, double age, double weight);
  void Merge(const Scale& scale, const LifetimeTable& other);

  const std::vector<Cell>& cells() const { return cells_; }

 private:
  void Add(const Scale& scale, const Cell& cell);

  // Sorted by (low, high); a context has a few dozen, so a map would only cost memory.
  std::vector<Cell> cells_;
};

}  // namespace rolp

#endif  // ROLP_LIFETIME_TABLE_H_
