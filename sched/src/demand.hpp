// SPDX-License-Identifier: Apache-2.0
// The analyser's view of one task's busy window: who adds how much to it. Private to the analyser.
#pragma once

#include "capos/sched/analysis.hpp"

namespace capos::sched::analysis {

// Lengths stop here: beyond it a response counts as unbounded. 2^61 ns leaves room to add any two.
inline constexpr Duration kUnbounded = Duration::ns(std::int64_t{1} << 61);

// count * each, or kUnbounded.
[[nodiscard]] constexpr Duration times(std::int64_t count, Duration each) noexcept {
  std::int64_t product = 0;
  const bool overflow = __builtin_mul_overflow(count, each.ns(), &product);
  return overflow || product > kUnbounded.ns() ? kUnbounded : Duration::ns(product);
}

// a + b, or kUnbounded. Both at most kUnbounded.
[[nodiscard]] constexpr Duration plus(Duration a, Duration b) noexcept {
  const Duration sum = a + b;
  return sum > kUnbounded ? kUnbounded : sum;
}

// Releases of a task with this period in a half-open window, its first one up to `jitter` late.
[[nodiscard]] constexpr std::int64_t releases(Duration window, Duration jitter, Duration period) noexcept {
  return (window.ns() + jitter.ns() + period.ns() - 1) / period.ns();
}

// Jobs with arrival and deadline in a closed window, the first arrival up to `jitter` late. Of a recovery, which is as urgent as the caller
// that it takes over from, all that arrive in a window that is long enough for one.
[[nodiscard]] constexpr std::int64_t jobs_due(Duration window, Duration jitter, const TaskModel& task) noexcept {
  const std::int64_t reach = window.ns() + jitter.ns() - task.deadline.ns();
  if (reach < 0) return 0;
  if (task.recovers != kNoServer) return releases(window, jitter, task.period.floor());
  return reach / task.period.floor().ns() + 1;
}

[[nodiscard]] inline bool interferes(const TaskModel& other, const TaskModel& task) noexcept {
  return &other != &task && other.cpu == task.cpu && other.priority >= task.priority;
}

[[nodiscard]] inline Duration full_jitter(const IslandModel& model, const TaskModel& task) noexcept {
  return task.release_jitter + model.overheads.jitter;
}

template <typename Visitor>
void for_each_interrupt(const IslandModel& model, CpuId cpu, Duration window, Visitor&& visit) {
  for (std::size_t k = 0; k < model.interrupts.size(); ++k) {
    const InterruptSource& source = model.interrupts[k];
    if (source.cpu != cpu) continue;
    const std::int64_t count = releases(window, Duration{}, source.min_interarrival);
    visit(ContributionKind::interrupt, static_cast<std::uint16_t>(k), count, source.cost);
  }
}

// Calls visit(ContributionKind, index, count, each) for everything that a window of length `window`, starting
// at the release of the first of `jobs` jobs of `task`, has to hold. Fixed priorities.
template <typename Visitor>
void for_each_demand(const IslandModel& model, const TaskModel& task, Duration window, std::int64_t jobs,
                     Visitor&& visit) {
  const Overheads& o = model.overheads;
  visit(ContributionKind::own_budget, std::uint16_t{0}, jobs, task.budget);
  std::int64_t switches = jobs;
  std::int64_t others = 0;
  std::int64_t events = 0;
  for (std::size_t j = 0; j < model.tasks.size(); ++j) {
    const TaskModel& other = model.tasks[j];
    if (other.cpu != task.cpu) continue;
    const std::int64_t count = releases(window, full_jitter(model, other), other.period.floor());
    events += count * timer_events_per_period(other.on_overrun);
    if (!interferes(other, task)) continue;
    switches += count;
    ++others;
    visit(ContributionKind::task, static_cast<std::uint16_t>(j), count, other.budget);
  }
  visit(ContributionKind::switches, std::uint16_t{0}, switches, o.context_switch);
  visit(ContributionKind::timer_events, std::uint16_t{0}, events, o.release);
  visit(ContributionKind::late_budget_ends, std::uint16_t{0}, others, o.jitter + o.blocking);
  visit(ContributionKind::kernel_section, std::uint16_t{0}, std::int64_t{1}, o.blocking);
  for_each_interrupt(model, task.cpu, window, visit);
}

// The same for a CPU of an EDF island: of each task the jobs due within `window`, or all that arrive in it.
// Never less in a longer window.
template <typename Visitor>
void for_each_edf_demand(const IslandModel& model, CpuId cpu, Duration window, bool due_only, Visitor&& visit) {
  const Overheads& o = model.overheads;
  std::int64_t switches = 0;
  std::int64_t others = 0;
  std::int64_t events = 0;
  for (std::size_t j = 0; j < model.tasks.size(); ++j) {
    const TaskModel& task = model.tasks[j];
    if (task.cpu != cpu) continue;
    const Duration jitter = full_jitter(model, task);
    const std::int64_t arrived = releases(window, jitter, task.period.floor());
    events += arrived * timer_events_per_period(task.on_overrun);
    const std::int64_t jobs = due_only ? jobs_due(window, jitter, task) : arrived;
    if (jobs == 0) continue;
    switches += jobs;
    ++others;
    visit(ContributionKind::task, static_cast<std::uint16_t>(j), jobs, task.budget);
  }
  visit(ContributionKind::switches, std::uint16_t{0}, switches, o.context_switch);
  visit(ContributionKind::timer_events, std::uint16_t{0}, events, o.release);
  visit(ContributionKind::late_budget_ends, std::uint16_t{0}, others, o.jitter + o.blocking);
  visit(ContributionKind::kernel_section, std::uint16_t{0}, std::int64_t{1}, o.blocking);
  for_each_interrupt(model, cpu, window, visit);
}

// True if `a` comes before, or level with, `b`. Under EDF what counts is the time from the latest arrival to the
// deadline.
[[nodiscard]] inline bool as_urgent(const IslandModel& model, const TaskModel& a, const TaskModel& b) noexcept {
  if (model.policy == Policy::fixed_priority) return a.priority >= b.priority;
  return a.deadline - a.release_jitter <= b.deadline - b.release_jitter;
}

// Finds the busy windows of an EDF island and judges the demand. All CPUs; the first that fails is reported.
[[nodiscard]] Analysis judge_demand(IslandModel& model) noexcept;

// The call that blocks `task` longest, if any: made by a less urgent task of its CPU to a server that the
// task, or a more urgent one, calls too. nullptr if nothing blocks it.
[[nodiscard]] const ServerCall* worst_blocking(const IslandModel& model, const TaskModel& task) noexcept;

// The checks on the model itself; nullopt if it is well formed.
[[nodiscard]] std::optional<Analysis> find_malformed(const IslandModel& model) noexcept;
// False if there are more tasks without a stated priority than free priorities.
[[nodiscard]] bool derive_priorities(std::span<TaskModel> tasks) noexcept;
// A recovery comes where the most urgent caller of its server is, or of a server that it calls: after the priorities of those, or under EDF
// their jitter. O(tasks^2 * calls^2).
void raise_recoveries(IslandModel& model) noexcept;
[[nodiscard]] Duration chain_latency(const IslandModel& model, const ChainModel& chain) noexcept;

}  // namespace capos::sched::analysis
