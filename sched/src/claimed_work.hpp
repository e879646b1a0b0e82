// SPDX-License-Identifier: Apache-2.0
// What a CPU may have to do in a window, by the claims of a certificate. Private to the checker; shares nothing with the analyser.
#pragma once

#include "capos/sched/check.hpp"

namespace capos::sched::claims {

// Under EDF urgency is the time from the latest arrival to the deadline: its order never changes.
[[nodiscard]] inline bool as_urgent(const Certificate& c, const TaskClaim& a, const TaskClaim& b) noexcept {
  if (c.policy == Policy::fixed_priority) return a.priority >= b.priority;
  return a.deadline - a.jitter <= b.deadline - b.jitter;
}

// How many arrivals a half-open window can hold: ceil(window / gap), and at least one.
[[nodiscard]] inline std::int64_t arrivals(Duration window, Duration gap) noexcept {
  const std::int64_t whole = window / gap;
  const std::int64_t count = gap * whole < window ? whole + 1 : whole;
  return count > 0 ? count : 1;
}

// Adds the next term of what a CPU may have to do in a window: timers, interrupts, one kernel section, and of each task
// as many jobs as jobs_of(task, arrived, reach) counts of those that arrive. `self`: a fixed-priority task whose window it is.
// True if that was all; then `work` is the whole sum. The same window and functions until then.
template <typename JobsOf>
[[nodiscard]] bool add_work(Work& work, const Certificate& c, CpuId cpu, Duration window, const TaskClaim* self, JobsOf&& jobs_of) noexcept {
  const Overheads& o = c.overheads;
  const std::size_t next = work.next++;
  if (next < c.tasks.size() && c.tasks[next].cpu == cpu) {
    const TaskClaim& t = c.tasks[next];
    const Duration reach = window + t.jitter + o.jitter;
    const std::int64_t arrived = arrivals(reach, t.period.floor());
    work.sum.add_times(arrived * timer_events_per_period(t.on_overrun), o.release);
    if (const std::int64_t jobs = jobs_of(t, arrived, reach); jobs != 0) {
      work.jobs += jobs;
      work.sum.add_times(jobs, t.budget + o.context_switch);
      // A budget ends at a timer that may be late, or behind a kernel section. What is overrun is taken from
      // the refills to come, so it is never more than one such excess ahead.
      if (&t != self) work.sum.add(o.jitter + o.blocking);
      if ((self == nullptr || &t == self) && t.blocking > work.blocking) work.blocking = t.blocking;
    }
  } else if (next >= c.tasks.size() && next < c.tasks.size() + c.interrupts.size()) {
    const InterruptSource& source = c.interrupts[next - c.tasks.size()];
    if (source.cpu == cpu) work.sum.add_times(arrivals(window, source.min_interarrival), source.cost);
  }
  if (work.next < c.tasks.size() + c.interrupts.size()) return false;
  work.sum.add(work.blocking + o.blocking);
  return true;
}

}  // namespace capos::sched::claims
