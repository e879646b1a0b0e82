// SPDX-License-Identifier: Apache-2.0
#include "fault.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "capos/report/render.hpp"
#include "judge.hpp"

namespace capos::report {
namespace {

const TaskResult* task_of_service(const Result& result, const std::string& service) {
  for (const IslandResult& island : result.islands) {
    for (const TaskResult& task : island.tasks) {
      if (task.input.service == service) return &task;
    }
  }
  return nullptr;
}

std::optional<std::uint32_t> number_of(const RunInputs& inputs, const std::string& service) {
  for (const ServiceInput& candidate : inputs.services) {
    if (candidate.name == service) return candidate.number;
  }
  return std::nullopt;
}

void find_onset(FaultResult& fault, const std::vector<Event>& events, const Result& result,
                const TaskResult* task) {
  const std::optional<std::uint32_t> number = number_of(result.inputs, fault.input.service);
  for (const Event& event : events) {
    if (event.time_ns < result.start_ns) continue;
    const bool crash =
        event.kind == Kind::fault && event.from_program() && number && event.program() == *number;
    const bool overrun = event.kind == Kind::overrun && task != nullptr && event.source == task->input.source;
    if (!crash && !overrun) continue;
    fault.observed = true;
    fault.onset_ns = event.time_ns - result.start_ns;
    fault.onset_text =
        crash ? fmt::format("{} faulted: vector {}, at {:#x}, address {:#x}", fault.input.service,
                            event.values[0], event.values[2], event.values[3])
              : fmt::format("{} spent its budget of {} without ending its job", fault.input.service,
                            format_ns(task->input.budget_ns));
    return;
  }
}

bool others_unharmed(const Result& result, const TaskResult* faulty) {
  for (const IslandResult& island : result.islands) {
    for (const TaskResult& task : island.tasks) {
      if (&task == faulty) continue;
      if (task.misses != 0 || task.overruns != 0 || task.jobs == 0 || task.missing_jobs != 0) return false;
      if (task.response.max > task.input.response_bound_ns) return false;
    }
  }
  return true;
}

std::uint64_t plant_period(const Result& result) {
  const TaskResult* const plant = task_of_service(result, result.pendulum->input.service);
  return plant == nullptr ? 0 : plant->input.period_ns() + plant->input.response_bound_ns;
}

bool without_force(DriveState state) { return state == DriveState::released || state == DriveState::stopped; }

// The drive is seen once per plant job, so the limit grants one period and the plant's own response.
void follow_drive(FaultResult& fault, const Result& result) {
  const PendulumResult& pendulum = *result.pendulum;
  fault.safe_limit_ns = pendulum.input.command_expiry_ns + pendulum.input.hold_ns + plant_period(result);
  for (const PlantPoint& point : pendulum.points) {
    if (point.time_ns < fault.onset_ns) continue;
    if (fault.safe_state_reached) {
      if (!without_force(point.state)) fault.safe_state_reached = false;
      if (!fault.safe_state_reached) return;
    } else if (without_force(point.state)) {
      fault.safe_state_reached = true;
      fault.safe_after_ns = point.time_ns - fault.onset_ns;
    } else if (point.state == DriveState::holding) {
      fault.held_first = true;
    }
  }
}

}  // namespace

std::optional<FaultResult> judge_fault(const std::vector<Event>& events, const Result& result) {
  if (!result.inputs.fault) return std::nullopt;
  FaultResult fault;
  fault.input = *result.inputs.fault;
  const TaskResult* const task = task_of_service(result, fault.input.service);
  find_onset(fault, events, result, task);
  const std::uint64_t tolerance = result.inputs.machine.budget_tolerance_ns;
  fault.budget_enforced = task != nullptr && task->consumed_max_ns <= task->input.budget_ns + tolerance;
  fault.others_unharmed = others_unharmed(result, task);
  const bool in_media = result.media && has_node(*result.media, fault.input.service);
  if (fault.observed && result.pendulum && !in_media) follow_drive(fault, result);
  return fault;
}

}  // namespace capos::report
