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

[[nodiscard]] inline bool interferes(const TaskModel& other, const TaskModel& task) noexcept {
  return &other != &task && other.cpu == task.cpu && other.priority >= task.priority;
}

[[nodiscard]] inline Duration full_jitter(const IslandModel& model, const TaskModel& task) noexcept {
  return task.release_jitter + model.overheads.jitter;
}

// Calls visit(ContributionKind, index, count, each) for everything that a window of length `window`, starting
// at the release of `task`, has to hold.
template <typename Visitor>
void for_each_demand(const IslandModel& model, const TaskModel& task, Duration window, Visitor&& visit) {
  const Overheads& o = model.overheads;
  visit(ContributionKind::own_budget, std::uint16_t{0}, std::int64_t{1}, task.budget);
  std::int64_t switches = 1;
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
  for (std::size_t k = 0; k < model.interrupts.size(); ++k) {
    const InterruptSource& source = model.interrupts[k];
    if (source.cpu != task.cpu) continue;
    const std::int64_t count = releases(window, Duration{}, source.min_interarrival);
    visit(ContributionKind::interrupt, static_cast<std::uint16_t>(k), count, source.cost);
  }
}

// The call that blocks `task` longest, if any: made by a less urgent task of its CPU to a server that the
// task, or a more urgent one, calls too. nullptr if nothing blocks it.
[[nodiscard]] const ServerCall* worst_blocking(const IslandModel& model, const TaskModel& task) noexcept;

// The checks on the model itself; nullopt if it is well formed.
[[nodiscard]] std::optional<Analysis> find_malformed(const IslandModel& model) noexcept;
// False if there are more tasks without a stated priority than free priorities.
[[nodiscard]] bool derive_priorities(std::span<TaskModel> tasks) noexcept;
[[nodiscard]] Duration chain_latency(const IslandModel& model, const ChainModel& chain) noexcept;

}  // namespace capos::sched::analysis
