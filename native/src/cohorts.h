// When to poll: cohorts drawn at random within a budget, so that estimates stay unbiased at any rate.
#ifndef ROLP_COHORTS_H_
#define ROLP_COHORTS_H_

#include <array>
#include <cstdint>
#include <random>

namespace rolp {

// CPU time of this thread, ns, of which only differences mean anything.
using CpuClock = uint64_t (*)();

// What polls cost against time, over a sliding window of about twenty seconds: their wall time against wall time, and their
// CPU time against the thread's. Each by its own clock, since on a busy machine, or in a container that is throttled, a poll
// may wait for the processor longer than it works. A service that idles most of the time has few GCs, each of which could
// take much of the little it does: against wall time alone polls came to 3 % of the CPU of a service that used a fifth of
// its core.
class PollBudget {
 public:
  PollBudget(double percent, CpuClock cpu_clock) : share_(percent / 100), cpu_clock_(cpu_clock) {}

  void SetShare(double percent) { share_ = percent / 100; }
  bool unlimited() const { return share_ <= 0; }
  void CountCycle(uint64_t now_ns);
  void CountPoll(uint64_t now_ns, uint64_t poll_ns, uint64_t cpu_ns, bool forced);
  // The probability of starting a cohort at this prologue: moves towards what keeps polls within the budget.
  double Probability(uint64_t now_ns);

 private:
  static constexpr int kSlots = 20;
  static constexpr uint64_t kSlotNs = 1000000000;
  struct Slot {
    uint64_t poll_ns = 0, poll_cpu_ns = 0, cpu_ns = 0;
    uint32_t polls = 0, forced = 0, cycles = 0;
  };
  Slot& SlotAt(uint64_t now_ns);
  double Wanted(uint64_t now_ns);
  double Affordable(const Slot& sum, double window_ns, double spent_ns, double cost_ns) const;

  double share_;
  CpuClock cpu_clock_;
  double last_cost_ns_ = 0, last_cpu_cost_ns_ = 0;
  std::array<Slot, kSlots> slots_{};
  uint64_t slot_index_ = 0, begin_ns_ = 0, cpu_ns_ = 0;
  double probability_ = 1;
  bool begun_ = false;
};

// A cohort is three successive polled prologues: the first gives the boundary (the last id so far), the second the
// births beyond it, the third the first survival. Starts are Bernoulli draws, one a prologue, each with the
// probability p in force then: the births of cycle i are measured iff the draw of prologue i - 1 came up, and weigh
// 1 / p. The draw is made before the cycle runs and sees nothing of it, so that the estimate is unbiased
// (Horvitz-Thompson) whatever rule has chosen p from the past. Cohorts may overlap; with p = 1 each GC is polled.
class CohortDraw {
 public:
  CohortDraw(double budget_percent, double inclusion, uint64_t seed, CpuClock cpu_clock)
      : budget_(budget_percent, cpu_clock), inclusion_(inclusion), random_(seed) {}

  // Draws are unbiased whatever rule chose their probability from the past, so the budget may change at any time.
  void SetBudget(double percent) { budget_.SetShare(percent); }
  // At the start of an epoch, whose boundary (id 0) is known without a poll.
  void Restart(uint64_t now_ns);
  // Without a known boundary there is no cohort until one has been polled.
  void Forget();
  // At each prologue: draws, and says whether to poll. `major`: this GC is a mark-compact, before which, and before
  // the GC after which, we always poll: all old deaths lie between those two.
  bool Prologue(uint64_t now_ns, bool major);
  // Once the prologue's poll, if any, is done: the cycle's births are past, the next begins.
  void Advance();
  void CountPoll(uint64_t now_ns, uint64_t poll_ns, uint64_t cpu_ns) {
    budget_.CountPoll(now_ns, poll_ns, cpu_ns, forced_);
  }

  // Whether births since the last prologue belong to a cohort, and with what probability it was drawn.
  bool births_in_cohort() const { return drawn_[1]; }
  double births_probability() const { return probability_[1]; }

 private:
  bool Draw(double p);
  double Probability(uint64_t now_ns) { return inclusion_ > 0 ? inclusion_ : budget_.Probability(now_ns); }

  PollBudget budget_;
  // Fixed probability, or 0.
  double inclusion_;
  std::mt19937_64 random_;
  // [0] of this prologue, [1] of the one before, [2] of the one before that.
  std::array<bool, 3> drawn_{};
  std::array<double, 3> probability_{{1, 1, 1}};
  bool after_major_ = false, major_ = false, forced_ = false;
};

}  // namespace rolp

#endif  // ROLP_COHORTS_H_
