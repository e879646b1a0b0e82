// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <utility>

#include "demand.hpp"

namespace capos::sched::analysis {
namespace {

// Deadline minus jitter orders optimally with release jitter (Audsley et al. 1993); ties by place in the
// manifest.
bool more_urgent(const TaskModel& a, const TaskModel& b) noexcept {
  return a.deadline - a.jitter < b.deadline - b.jitter;
}

bool stated_by_any(std::span<const TaskModel> tasks, std::uint8_t level) noexcept {
  for (const TaskModel& t : tasks) {
    if (t.stated.has_value() && t.stated->value() == level) return true;
  }
  return false;
}

// While it runs: the server that it recovers, and those that this calls.
bool holds(const IslandModel& model, std::size_t recovery, std::uint16_t server) noexcept {
  if (model.tasks[recovery].recovers == server) return true;
  for (const ServerCall& call : model.calls) {
    if (call.task == recovery && call.server == server) return true;
  }
  return false;
}

// True if it was less urgent. A deadline is never below the budget: then the demand says that it does not fit.
bool raise_to(const IslandModel& model, TaskModel& recovery, const TaskModel& caller) noexcept {
  if (as_urgent(model, recovery, caller)) return false;
  if (model.policy == Policy::fixed_priority) {
    recovery.priority = caller.priority;
    return true;
  }
  const Duration deadline = std::max(recovery.budget, caller.deadline - caller.release_jitter + recovery.release_jitter);
  return std::exchange(recovery.deadline, deadline) != deadline;
}

}  // namespace

bool derive_priorities(std::span<TaskModel> tasks) noexcept {
  constexpr Priority kUnset{};  // level 0 is never derived
  std::size_t missing = 0;
  for (TaskModel& t : tasks) {
    t.priority = t.stated.has_value() ? *t.stated : kUnset;
    missing += t.stated.has_value() || t.recovers != kNoServer ? 0 : 1;
  }
  std::uint8_t level = kHighestDerivedPriority;
  for (; missing > 0; --missing, --level) {
    while (level > 0 && stated_by_any(tasks, level)) --level;
    if (level == 0) return false;
    TaskModel* next = nullptr;
    for (TaskModel& t : tasks) {
      if (t.stated.has_value() || t.priority != kUnset || t.recovers != kNoServer) continue;
      if (next == nullptr || more_urgent(t, *next)) next = &t;
    }
    next->priority = Priority(level);
  }
  return true;
}

void raise_recoveries(IslandModel& model) noexcept {
  for (TaskModel& task : model.tasks) {
    if (task.recovers != kNoServer && task.implicit_deadline) task.deadline = task.period.floor();
  }
  // One server's recovery may call another server, whose own comes above it then: as often as there are calls.
  for (bool rose = true; rose;) {
    rose = false;
    for (std::size_t i = 0; i < model.tasks.size(); ++i) {
      if (model.tasks[i].recovers == kNoServer) continue;
      for (const ServerCall& call : model.calls) {
        if (holds(model, i, call.server)) rose |= raise_to(model, model.tasks[i], model.tasks[call.task]);
      }
    }
  }
}

}  // namespace capos::sched::analysis
