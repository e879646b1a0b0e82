// SPDX-License-Identifier: Apache-2.0
// What a CPU may have to do in a window, by the claims of a certificate. Private to the checker; shares nothing with the analyser.
#pragma once

#include "capos/sched/certificate.hpp"

namespace capos::sched::claims {

// A sum of non-negative nanoseconds that remembers whether it left 63 bits.
class Sum {
 public:
  void add(Duration amount) noexcept { add_times(1, amount); }
  void add_times(std::int64_t count, Duration amount) noexcept {
    std::int64_t product = 0;
    overflow_ |= __builtin_mul_overflow(count, amount.ns(), &product);
    overflow_ |= __builtin_add_overflow(sum_, product, &sum_);
  }
  [[nodiscard]] bool overflow() const noexcept { return overflow_; }
  [[nodiscard]] Duration value() const noexcept { return Duration::ns(sum_); }

 private:
  std::int64_t sum_ = 0;
  bool overflow_ = false;
};

// How many arrivals a half-open window can hold: ceil(window / gap), and at least one.
[[nodiscard]] inline std::int64_t arrivals(Duration window, Duration gap) noexcept {
  const std::int64_t whole = window / gap;
  const std::int64_t count = gap * whole < window ? whole + 1 : whole;
  return count > 0 ? count : 1;
}

struct Work {
  Sum sum;
  std::int64_t jobs = 0;
};

// What a CPU may have to do in a window: timers, interrupts, one kernel section, and of each task as many jobs as
// jobs_of(task, arrived, reach) counts of those that arrive. `self`: a fixed-priority task whose window it is.
template <typename JobsOf>
[[nodiscard]] Work work_within(const Certificate& c, CpuId cpu, Duration window, const TaskClaim* self, JobsOf&& jobs_of) noexcept {
  const Overheads& o = c.overheads;
  Work work;
  Duration blocking{};
  for (const TaskClaim& t : c.tasks) {
    if (t.cpu != cpu) continue;
    const Duration reach = window + t.jitter + o.jitter;
    const std::int64_t arrived = arrivals(reach, t.period.floor());
    work.sum.add_times(arrived * timer_events_per_period(t.on_overrun), o.release);
    const std::int64_t jobs = jobs_of(t, arrived, reach);
    if (jobs == 0) continue;
    work.jobs += jobs;
    work.sum.add_times(jobs, t.budget + o.context_switch);
    // A budget ends at a timer that may be late, or behind a kernel section. What is overrun is taken from
    // the refills to come, so it is never more than one such excess ahead.
    if (&t != self) work.sum.add(o.jitter + o.blocking);
    if ((self == nullptr || &t == self) && t.blocking > blocking) blocking = t.blocking;
  }
  work.sum.add(blocking + o.blocking);
  for (const InterruptSource& source : c.interrupts) {
    if (source.cpu == cpu) work.sum.add_times(arrivals(window, source.min_interarrival), source.cost);
  }
  return work;
}

}  // namespace capos::sched::claims
