#include "cohorts.h"

#include <algorithm>
#include <cmath>

namespace rolp {

namespace {

// How far p may fall or rise from one prologue to the next. Estimates weigh by 1 / p: a p that jumps between 1 and its
// floor as purses empty and fill is as unbiased as a steady one, but far noisier. It also lets start-up, which allocates
// much of what lives longest, be seen well: from 1 down to a tenth takes thirty cycles.
constexpr double kSlew = 0.93;
// How much a window that has overspent may depress p, beyond what the costs alone demand.
constexpr double kMostPayback = 0.5;
// Bounds the weight of a sample: one that stands for thousands of cohorts says little.
constexpr double kLeastProbability = 1.0 / 256;

}  // namespace

PollBudget::Slot& PollBudget::SlotAt(uint64_t now_ns) {
  const uint64_t index = now_ns / kSlotNs;
  if (!begun_) {
    begun_ = true;
    begin_ns_ = now_ns;
    cpu_ns_ = cpu_clock_();
    slot_index_ = index;
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
  Slot& slot = SlotAt(now_ns);
  slot.cycles++;
  const uint64_t cpu_ns = cpu_clock_();
  slot.cpu_ns += cpu_ns - cpu_ns_;
  cpu_ns_ = cpu_ns;
}

void PollBudget::CountPoll(uint64_t now_ns, uint64_t poll_ns, uint64_t cpu_ns, bool forced) {
  Slot& slot = SlotAt(now_ns);
  slot.poll_ns += poll_ns;
  slot.poll_cpu_ns += cpu_ns;
  slot.polls++;
  if (forced) slot.forced++;
}

double PollBudget::Probability(uint64_t now_ns) {
  if (unlimited()) return 1;
  const double wanted = Wanted(now_ns);
  probability_ = std::min(std::max(wanted, probability_ * kSlew), probability_ / kSlew);
  return probability_ = std::min(std::max(probability_, kLeastProbability), 1.0);
}

// The p at which polls would just fill the budget, were the next window like the last.
double PollBudget::Wanted(uint64_t now_ns) {
  SlotAt(now_ns);
  Slot sum;
  for (const Slot& slot : slots_) {
    sum.poll_ns += slot.poll_ns;
    sum.poll_cpu_ns += slot.poll_cpu_ns;
    sum.cpu_ns += slot.cpu_ns;
    sum.polls += slot.polls;
    sum.forced += slot.forced;
    sum.cycles += slot.cycles;
  }
  if (sum.polls > 0) {
    last_cost_ns_ = static_cast<double>(sum.poll_ns) / sum.polls;
    last_cpu_cost_ns_ = static_cast<double>(sum.poll_cpu_ns) / sum.polls;
  }
  if (sum.cycles == 0) return 1;
  const uint64_t wall_ns = std::min(now_ns - begin_ns_, (kSlots - 1) * kSlotNs + now_ns % kSlotNs);
  const double fraction =
      std::min(Affordable(sum, static_cast<double>(wall_ns), static_cast<double>(sum.poll_ns), last_cost_ns_),
               Affordable(sum, static_cast<double>(sum.cpu_ns), static_cast<double>(sum.poll_cpu_ns), last_cpu_cost_ns_));
  if (fraction >= 1) return 1;
  // Three polls a cohort, which may overlap: 1 - (1 - p)^3 of all prologues are polled.
  return 1 - std::cbrt(1 - std::max(fraction, 0.0));
}

// The fraction of cycles that one clock's share pays for, at what a poll costs by it.
double PollBudget::Affordable(const Slot& sum, double window_ns, double spent_ns, double cost_ns) const {
  if (cost_ns == 0) return 1;
  // Of the window's cycles, so many could have been polled; forced polls come out of the same purse.
  const double affordable = share_ * window_ns / cost_ns - sum.forced;
  const double free_cycles = static_cast<double>(sum.cycles) - sum.forced;
  if (free_cycles <= 0) return 1;
  const double spent = spent_ns / std::max(window_ns, 1.0);
  const double payback = spent > share_ ? std::max(share_ / spent, kMostPayback) : 1;
  return payback * affordable / free_cycles;
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
  probability_[1] = Probability(now_ns);
  drawn_[1] = Draw(probability_[1]);
}

bool CohortDraw::Prologue(uint64_t now_ns, bool major) {
  budget_.CountCycle(now_ns);
  probability_[0] = Probability(now_ns);
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
