#include "cohorts.h"

#include <algorithm>
#include <cmath>

namespace rolp {

namespace {

// The window counts as at least this long, so that the first, dearest polls of a process, whose start-up
// allocates much of what lives longest, do not end polling at once.
constexpr double kLeastWindowNs = 5e9;
// Bounds the weight of a sample: one that stands for thousands of cohorts says little.
constexpr double kLeastProbability = 1.0 / 256;

}  // namespace

PollBudget::Slot& PollBudget::SlotAt(uint64_t now_ns) {
  const uint64_t index = now_ns / kSlotNs;
  if (!begun_) {
    begun_ = true;
    slot_index_ = first_index_ = index;
  }
  for (uint64_t past = 0; slot_index_ < index; slot_index_++) {
    if (++past > kSlots) {
      slot_index_ = index;
      break;
    }
    slots_[(slot_index_ + 1) % kSlots] = Slot();
  }
  return slots_[slot_index_ % kSlots];
}

void PollBudget::CountCycle(uint64_t now_ns) {
  SlotAt(now_ns).cycles++;
}

void PollBudget::CountPoll(uint64_t now_ns, uint64_t poll_ns, bool forced) {
  Slot& slot = SlotAt(now_ns);
  slot.poll_ns += poll_ns;
  slot.polls++;
  if (forced) slot.forced++;
}

double PollBudget::Probability(uint64_t now_ns) {
  if (unlimited()) return 1;
  SlotAt(now_ns);
  Slot sum;
  for (const Slot& slot : slots_) {
    sum.poll_ns += slot.poll_ns;
    sum.polls += slot.polls;
    sum.forced += slot.forced;
    sum.cycles += slot.cycles;
  }
  if (sum.polls > 0) last_cost_ns_ = static_cast<double>(sum.poll_ns) / sum.polls;
  if (last_cost_ns_ == 0 || sum.cycles == 0) return 1;
  const double slots = static_cast<double>(std::min<uint64_t>(slot_index_ - first_index_ + 1, kSlots));
  const double wall_ns = std::max(slots * kSlotNs, kLeastWindowNs);
  // Of the window's cycles, how many may be polled; forced polls come out of the same purse.
  const double allowed = share_ * wall_ns / last_cost_ns_;
  const double free_cycles = static_cast<double>(sum.cycles) - sum.forced;
  if (free_cycles <= 0) return 1;
  double fraction = (allowed - sum.forced) / free_cycles;
  // What was overspent within the window is paid back.
  const double spent = static_cast<double>(sum.poll_ns) / wall_ns;
  if (spent > share_) fraction *= share_ / spent;
  if (fraction >= 1) return 1;
  // Three polls a cohort, which may overlap: 1 - (1 - p)^3 of all prologues are polled.
  return std::max(1 - std::cbrt(1 - std::max(fraction, 0.0)), kLeastProbability);
}

bool CohortDraw::Draw(double p) {
  if (p >= 1) return true;
  return std::uniform_real_distribution<double>(0, 1)(random_) < p;
}

void CohortDraw::Forget() {
  drawn_.fill(false);
  after_major_ = major_ = forced_ = false;
}

void CohortDraw::Restart(uint64_t now_ns) {
  Forget();
  probability_[1] = budget_.Probability(now_ns);
  drawn_[1] = Draw(probability_[1]);
}

bool CohortDraw::Prologue(uint64_t now_ns, bool major) {
  budget_.CountCycle(now_ns);
  probability_[0] = budget_.Probability(now_ns);
  drawn_[0] = Draw(probability_[0]);
  major_ = major;
  const bool by_cohort = drawn_[0] || drawn_[1] || drawn_[2];
  forced_ = !by_cohort && (major || after_major_);
  return by_cohort || forced_;
}

void CohortDraw::Advance() {
  drawn_[2] = drawn_[1];
  drawn_[1] = drawn_[0];
  probability_[2] = probability_[1];
  probability_[1] = probability_[0];
  after_major_ = major_;
  forced_ = false;
}

}  // namespace rolp
