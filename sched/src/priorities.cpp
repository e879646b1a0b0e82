// SPDX-License-Identifier: Apache-2.0
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
  // One server's recovery may call another server, whose own comes above it then: as often as there are calls.
  for (bool rose = true; rose;) {
    rose = false;
    for (TaskModel& recovery : model.tasks) {
      if (recovery.recovers == kNoServer) continue;
      for (const ServerCall& call : model.calls) {
        const TaskModel& caller = model.tasks[call.task];
        if (call.server != recovery.recovers || caller.priority <= recovery.priority) continue;
        recovery.priority = caller.priority;
        rose = true;
      }
    }
  }
}

}  // namespace capos::sched::analysis
