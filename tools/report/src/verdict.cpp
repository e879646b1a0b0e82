// SPDX-License-Identifier: Apache-2.0
#include "verdict.hpp"

#include <fmt/format.h>

#include "capos/report/render.hpp"
#include "judge.hpp"
#include "names.hpp"

namespace capos::report {
namespace {

void judge_end(Judge& judge, const Result& result) {
  const EndInput& end = result.inputs.end;
  const std::string note = end.note.empty() ? "" : ": " + end.note;
  if (end.interrupted) return judge.refuse("the run was interrupted" + note);
  if (end.timed_out) return judge.refuse("the machine did not end in time" + note);
  if (end.exit_code && *end.exit_code != 0) {
    return judge.refuse(fmt::format("the machine ended with code {}{}", *end.exit_code, note));
  }
  if (!end.exit_code && !note.empty()) judge.refuse("the machine ended abnormally" + note);
  judge.require(result.header.state == RunState::finished, "the run ended in order",
                "the recording is not complete: the guest never said that the run had finished");
}

void judge_duration(Judge& judge, const Result& result) {
  const std::uint64_t asked = result.inputs.duration_ns;
  const std::uint64_t ran = result.end_ns - result.start_ns;
  if (asked == 0) return;
  judge.require(ran >= asked, fmt::format("ran for {} as asked", format_ns(asked)),
                fmt::format("ran for {} only, asked were {}", format_ns(ran), format_ns(asked)));
}

void judge_records(Judge& judge, const std::string& name, const TaskResult& task) {
  if (!task.input.stands_in_for.empty()) {
    judge.require(task.jobs == 0, name + ": stood by", fmt::format("{} stood in for {}", name, task.input.stands_in_for));
    return;
  }
  if (task.jobs == 0) return judge.refuse(name + ": no job was recorded");
  // The job whose deadline coincides with the end may still be on its way.
  if (task.jobs + 1 < task.expected_jobs) {
    judge.refuse(fmt::format("{}: {} jobs were recorded, {} were due", name, task.jobs, task.expected_jobs));
  }
  if (task.missing_jobs != 0) {
    judge.refuse(fmt::format("{}: {} releases left no record", name, task.missing_jobs));
  }
}

std::string miss_reason(const std::string& name, const TaskResult& task) {
  const Miss& first = task.miss_details.front();
  std::string text = fmt::format("{}: {} of {} jobs missed the deadline; the first, job {}: {}", name,
                                 task.misses, task.jobs, first.index, describe(first.cause));
  if (!first.by_whom.empty()) text += " by " + first.by_whom;
  if (first.late_by_ns != 0) text += fmt::format(", {} late", format_ns(first.late_by_ns));
  return text;
}

void judge_task(Judge& judge, const std::string& name, const TaskResult& task) {
  judge_records(judge, name, task);
  if (task.jobs == 0) return;
  judge.require(task.misses == 0, fmt::format("{}: no deadline missed in {} jobs", name, task.jobs),
                task.misses == 0 ? "" : miss_reason(name, task));
  if (task.overruns != 0) judge.refuse(fmt::format("{}: {} jobs spent their budget", name, task.overruns));
  const std::uint64_t bound = task.input.response_bound_ns;
  judge.require(task.response.max <= bound,
                fmt::format("{}: slowest response {}, admitted {}", name, format_ns(task.response.max),
                            format_ns(bound)),
                fmt::format("{}: a response of {} exceeds the admitted bound of {}", name,
                            format_ns(task.response.max), format_ns(bound)));
}

void judge_chain(Judge& judge, const std::string& island, const ChainResult& chain) {
  const std::string name = full_name(island, chain.input.name);
  if (!chain.latency) return judge.refuse("chain " + name + ": no data went through it");
  judge.require(chain.latency->max <= chain.input.bound_ns,
                fmt::format("chain {}: oldest data {}, bound {}", name, format_ns(chain.latency->max),
                            format_ns(chain.input.bound_ns)),
                fmt::format("chain {}: data of {} exceeds the bound of {}", name,
                            format_ns(chain.latency->max), format_ns(chain.input.bound_ns)));
}

void judge_pendulum(Judge& judge, const PendulumResult& pendulum) {
  if (pendulum.points.empty()) return judge.refuse("pendulum: the plant reported nothing");
  judge.require(!pendulum.fell, fmt::format("pendulum upright: at most {:.4f} rad", pendulum.max_abs_angle),
                fmt::format("pendulum fell after {}", format_ns(pendulum.fell_at_ns.value_or(0))));
}

void judge_drive(Judge& judge, const FaultResult& fault) {
  judge.require(fault.held_first, "actuator held its last command first",
                "actuator was not seen to hold its last command before it was released");
  if (!fault.safe_state_reached) return judge.refuse("actuator did not reach its safe state and stay there");
  judge.require(fault.safe_after_ns <= fault.safe_limit_ns,
                fmt::format("actuator released {} after the fault, declared {}",
                            format_ns(fault.safe_after_ns), format_ns(fault.safe_limit_ns)),
                fmt::format("actuator released {} after the fault, declared were {}",
                            format_ns(fault.safe_after_ns), format_ns(fault.safe_limit_ns)));
}

// The fault is a node's of the media graph.
bool in_media(const Result& result) {
  return result.fault && result.media && has_node(*result.media, result.fault->input.service);
}

bool is_faulty(const Result& result, const TaskResult& task) {
  return result.fault && task.input.service == result.fault->input.service;
}

void judge_fault_containment(Judge& judge, const Result& result) {
  const FaultResult& fault = *result.fault;
  if (!fault.observed) return judge.refuse(fmt::format("the fault {} was not observed", fault.input.kind));
  judge.require(fault.budget_enforced, fault.input.service + ": kept within its budget",
                fault.input.service + ": ran for longer than its budget");
  judge.require(fault.others_unharmed, "no other task was harmed", "another task was harmed by the fault");
  if (result.pendulum && !in_media(result)) judge_drive(judge, fault);
}

// Data stops with the faulty task.
bool passes_fault(const Result& result, const IslandResult& island, const ChainResult& chain) {
  for (const TaskResult& task : island.tasks) {
    if (!is_faulty(result, task)) continue;
    for (const std::string& name : chain.input.path) {
      if (name == task.input.name) return true;
    }
  }
  return false;
}

void judge_islands(Judge& judge, const Result& result) {
  for (const IslandResult& island : result.islands) {
    for (const TaskResult& task : island.tasks) {
      if (!is_faulty(result, task)) judge_task(judge, full_name(island.name, task.input.name), task);
    }
    for (const ChainResult& chain : island.chains) {
      if (!passes_fault(result, island, chain)) judge_chain(judge, island.name, chain);
    }
  }
}

}  // namespace

void judge(Result& result) {
  Judge judge(result);
  judge_end(judge, result);
  judge_duration(judge, result);
  if (result.islands.empty()) judge.refuse("there is no island to judge");
  judge_islands(judge, result);
  if (result.fault) judge_fault_containment(judge, result);
  if (result.pendulum && (!result.fault || in_media(result))) judge_pendulum(judge, *result.pendulum);
  if (result.media) judge_media(judge, result);
  judge.require(result.dropped_events == 0, "no telemetry was lost",
                fmt::format("{} telemetry events were lost", result.dropped_events));
  result.passed = result.reasons.empty();
}

}  // namespace capos::report
