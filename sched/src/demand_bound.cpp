// SPDX-License-Identifier: Apache-2.0
// EDF: the demand of an island's CPUs against the time that there is.
//
// A job that misses its deadline at m is preceded by an instant s, after which the CPU does nothing but jobs that
// arrive and are due within [s, m], what blocks them once, and the kernel's work. So if no window of any length t
// has a demand above t, nothing is missed; and none longer than the longest busy window need be looked at.
#include <algorithm>
#include <bit>

#include "demand.hpp"

namespace capos::sched::analysis {
namespace {

// A busy window beyond this is as good as endless.
constexpr Duration kLongestBusy = Duration::s(3600);

struct Work {
  Duration sum;
  bool any = false;
};

Work work(const IslandModel& model, CpuId cpu, Duration window, bool due_only) noexcept {
  Work found;
  for_each_edf_demand(model, cpu, window, due_only,
                      [&](ContributionKind kind, std::uint16_t, std::int64_t count, Duration each) {
                        found.sum = plus(found.sum, times(count, each));
                        found.any |= kind == ContributionKind::task;
                      });
  Duration blocking{};
  for (const TaskModel& task : model.tasks) {
    if (task.cpu != cpu || task.blocking <= blocking) continue;
    if (due_only && jobs_due(window, full_jitter(model, task), task) == 0) continue;
    blocking = task.blocking;
  }
  found.sum = plus(found.sum, blocking);
  return found;
}

Analysis judged(Verdict verdict, CpuId cpu, Duration found, Duration limit) noexcept {
  Analysis result;
  result.verdict = verdict;
  result.index = cpu.value();
  result.found = found;
  result.limit = limit;
  return result;
}

// The least window that holds all that arrives in it; kUnbounded if there is none below kLongestBusy.
Duration busy_window(const IslandModel& model, CpuId cpu) noexcept {
  Duration window = Duration::ns(1);
  for (std::uint32_t step = 0; step < kMaxIterations; ++step) {
    const Duration next = work(model, cpu, window, false).sum;
    if (next <= window) return window;
    window = next;
    if (window > kLongestBusy) break;
  }
  return kUnbounded;
}

// The window that ends with a deadline and is as good a witness as `t` is; else `t`.
Analysis late_at(const IslandModel& model, CpuId cpu, Duration t, Duration due) noexcept {
  Duration deadline{};
  for (const TaskModel& task : model.tasks) {
    const std::int64_t jobs = task.cpu == cpu ? jobs_due(t, full_jitter(model, task), task) : 0;
    if (jobs == 0) continue;
    const Duration first = task.deadline - full_jitter(model, task), arrived = task.period.floor() * (jobs - 1) - full_jitter(model, task);
    const Duration last = task.recovers == kNoServer ? arrived + task.deadline : std::max(first, arrived + Duration::ns(1));
    deadline = std::max(deadline, last);
  }
  const Duration there = work(model, cpu, deadline, true).sum;
  return there > deadline ? judged(Verdict::demand_late, cpu, there, deadline)
                          : judged(Verdict::demand_late, cpu, due, t);
}

// From the longest window downwards: all windows between demand(t) and t hold theirs too, for it never falls.
Analysis walk(const IslandModel& model, CpuId cpu, Duration longest) noexcept {
  Duration t = longest;
  for (std::uint32_t point = 0; point < kMaxDemandPoints; ++point) {
    const Work due = work(model, cpu, t, true);
    if (!due.any) return {};
    if (due.sum > t) return late_at(model, cpu, t, due.sum);
    t = due.sum < t ? due.sum : t - Duration::ns(1);
  }
  Analysis result = judged(Verdict::unresolved, cpu, Duration::max(), longest);
  while (model.tasks[result.index].cpu != cpu) ++result.index;
  return result;
}

// With an endless busy window: where more is due than fits, looked for upwards over the longest deadlines.
Duration window_to_show(const IslandModel& model, CpuId cpu) noexcept {
  Duration longest{};
  for (const TaskModel& task : model.tasks) {
    if (task.cpu == cpu) longest = std::max(longest, task.deadline + task.period.ceil());
  }
  for (int doubling = 0; doubling < 24; ++doubling, longest = longest * 2) {
    if (longest > kLongestBusy || work(model, cpu, longest, true).sum > longest) break;
  }
  return longest;
}

// Budgets and overheads take the whole CPU: a window where that shows, or the load over a long one.
Analysis endless(const IslandModel& model, CpuId cpu) noexcept {
  const Duration shown = window_to_show(model, cpu);
  const Duration due = work(model, cpu, shown, true).sum;
  if (due > shown) return late_at(model, cpu, shown, due);
  Analysis result = judged(Verdict::overloaded, cpu, Duration{}, Duration{});
  result.load_permille = work(model, cpu, shown, false).sum / (shown / 1'000);
  return result;
}

}  // namespace

Analysis judge_demand(IslandModel& model) noexcept {
  model.busy = {};
  std::uint32_t used = 0;
  for (const TaskModel& task : model.tasks) used |= std::uint32_t{1} << task.cpu.value();
  for (; used != 0; used &= used - 1) {
    const CpuId cpu(static_cast<std::uint16_t>(std::countr_zero(used)));
    const Duration busy = busy_window(model, cpu);
    model.busy[cpu.value()] = busy;
    if (busy >= kUnbounded) return endless(model, cpu);
    if (const Analysis result = walk(model, cpu, busy); !result.admitted()) return result;
  }
  return {};
}

}  // namespace capos::sched::analysis
