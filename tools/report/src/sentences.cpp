// SPDX-License-Identifier: Apache-2.0
#include "sentences.hpp"

#include <fmt/format.h>

#include "capos/report/render.hpp"
#include "format.hpp"
#include "names.hpp"

namespace capos::report {
namespace {

std::uint64_t total_jobs(const Result& result) {
  std::uint64_t jobs = 0;
  for (const IslandResult& island : result.islands) {
    for (const TaskResult& task : island.tasks) jobs += task.jobs;
  }
  return jobs;
}

std::string pass_text(const Result& result) {
  std::string text = fmt::format("PASS: {} jobs, ", group_digits(total_jobs(result)));
  if (result.fault)
    return text + fmt::format("the fault ({}) was contained as declared", result.fault->input.kind);
  text += "every deadline met, every response within its admitted bound";
  if (result.pendulum) text += ", pendulum upright";
  return result.media ? text + ", no xrun" : text;
}

}  // namespace

std::vector<std::string> heading_parts(const Result& result) {
  std::vector<std::string> parts;
  const RunInputs& inputs = result.inputs;
  if (!inputs.manifest.empty()) parts.push_back(inputs.manifest);
  parts.push_back(inputs.machine.description.empty() ? inputs.machine.accel : inputs.machine.description);
  parts.push_back(fmt::format("{} CPU{}", inputs.machine.cpus, inputs.machine.cpus == 1 ? "" : "s"));
  if (inputs.machine.quantum_ns != 0) {
    parts.push_back("simulation quantum " + format_ns(inputs.machine.quantum_ns));
  }
  if (!inputs.load.empty()) parts.push_back("load " + inputs.load);
  parts.push_back(format_ns(result.end_ns - result.start_ns) + " of guest time");
  return parts;
}

std::string interrupt_sentence(const IsolatedCpu& cpu) {
  std::string causes;
  for (unsigned i = 0; i < cpu.interrupts.size(); ++i) {
    if (cpu.interrupts[i] == 0) continue;
    causes += fmt::format("{}{} {}", causes.empty() ? "" : ", ",
                          describe(static_cast<schema::InterruptCause>(i)), group_digits(cpu.interrupts[i]));
  }
  std::string text = fmt::format("CPU {} ({}): {} interrupts", cpu.cpu, cpu.island, group_digits(cpu.total));
  if (cpu.jobs != 0) {
    text += fmt::format(", {:.3f} per job", static_cast<double>(cpu.total) / static_cast<double>(cpu.jobs));
  }
  return causes.empty() ? text : text + " (" + causes + ")";
}

std::string chain_sentence(const std::string& island, const ChainResult& chain) {
  const std::string seen = chain.latency ? fmt::format("median {}, oldest {}", format_ns(chain.latency->p50),
                                                       format_ns(chain.latency->max))
                                         : std::string("no data went through");
  return fmt::format("chain {}: {}; admitted {}, bound {}", full_name(island, chain.input.name), seen,
                     format_ns(chain.input.admitted_ns), format_ns(chain.input.bound_ns));
}

std::string pendulum_sentence(const PendulumResult& pendulum) {
  if (pendulum.points.empty()) return "pendulum: the plant reported nothing";
  if (pendulum.fell) {
    return fmt::format("pendulum: FELL after {}", format_ns(pendulum.fell_at_ns.value_or(0)));
  }
  return fmt::format("pendulum: upright, largest angle {:.4f} rad, {} (at the end {:+.4f} rad)",
                     pendulum.max_abs_angle, pendulum.settled ? "settled" : "not settled yet",
                     pendulum.final_angle);
}

std::string fault_sentence(const FaultResult& fault) {
  if (!fault.observed) return fmt::format("fault {}: not observed", fault.input.kind);
  std::string text =
      fmt::format("fault {} at {}: {}", fault.input.kind, format_ns(fault.onset_ns), fault.onset_text);
  if (fault.safe_state_reached) {
    text += fmt::format("; actuator {}released {} later (declared {})", fault.held_first ? "held, then " : "",
                        format_ns(fault.safe_after_ns), format_ns(fault.safe_limit_ns));
  }
  return text;
}

std::string media_sentence(const MediaResult& media) {
  if (media.blocks == 0) return "audio: nothing was played";
  const std::string sound = !media.not_compared.empty() ? media.not_compared
                            : media.equal()             ? std::string("equal to the offline render, bit for bit")
                                                        : fmt::format("{} blocks differ from the offline render", media.different);
  std::string text = fmt::format("audio: {} blocks played, {} xruns, {}", group_digits(media.blocks),
                                 group_digits(media.xruns.size()), sound);
  if (media.latency.samples != 0) text += fmt::format("; played {} after release at most", format_ns(media.latency.max));
  return media.chain.empty() ? text : text + fmt::format(", admitted {}", format_ns(media.chain_admitted_ns));
}

std::string xrun_reason(const XrunItem& xrun) {
  using schema::XrunCause;
  const std::string what = xrun.kind == schema::XrunKind::overrun ? "no room for a block" : "no block in time";
  switch (xrun.cause) {
    case XrunCause::upstream_late: return fmt::format("{}: {} was not done", what, xrun.culprit);
    case XrunCause::upstream_gone:
    case XrunCause::downstream_gone: return fmt::format("{}: {} has ended", what, xrun.culprit);
    case XrunCause::downstream_late: return fmt::format("{}: {} has not taken those before", what, xrun.culprit);
    case XrunCause::bad_block: return what + ": what lay in the ring was none";
    case XrunCause::budget_spent: return fmt::format("{}: {} had spent its budget", what, xrun.culprit);
    case XrunCause::deadline_missed: return fmt::format("{}: {} missed its deadline", what, xrun.culprit);
    case XrunCause::preempted: return fmt::format("{}: {} was preempted by {}", what, xrun.culprit, xrun.by_whom);
    case XrunCause::skipped: return fmt::format("{}: {} had no job in the cycle", what, xrun.culprit);
    default: return what;
  }
}

std::string xrun_text(const XrunItem& xrun) {
  return fmt::format("{}, block {}: {}", xrun.node, xrun.cycle, xrun_reason(xrun));
}

std::string format_since(std::uint64_t time_ns, std::uint64_t start_ns) {
  return time_ns >= start_ns ? format_ns(time_ns - start_ns) : "-" + format_ns(start_ns - time_ns);
}

std::string timeline_text(const TimelineItem& item, std::uint64_t start_ns) {
  if (item.count <= 1) return item.text;
  return fmt::format("{}; {} times until {}", item.text, group_digits(item.count),
                     format_since(item.until_ns, start_ns));
}

std::string verdict_line(const Result& result) {
  if (result.passed) return pass_text(result);
  const std::size_t more = result.reasons.size() - 1;
  const std::string tail = more == 0 ? "" : fmt::format(" (and {} more)", more);
  return "FAIL: " + result.reasons.front() + tail;
}

}  // namespace capos::report
