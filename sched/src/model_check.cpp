// SPDX-License-Identifier: Apache-2.0
#include "demand.hpp"

namespace capos::sched::analysis {
namespace {

constexpr Duration kLongest = Duration::s(3600) * 1024;

std::optional<Analysis> malformed(Rejection rejection, std::size_t index) noexcept {
  Analysis result;
  result.verdict = Verdict::malformed;
  result.rejection = rejection;
  result.index = static_cast<std::uint16_t>(index);
  return result;
}

constexpr bool in_range(Duration d) noexcept { return d >= Duration{} && d <= kLongest; }

std::optional<Rejection> task_fault(const IslandModel& model, const TaskModel& t) noexcept {
  const Duration period = t.period.denominator == 0 ? Duration{} : t.period.floor();
  const bool cpu_ok = t.cpu.value() < kMaxCpus && (model.cpus >> t.cpu.value() & 1u) != 0;
  if (!cpu_ok) return Rejection::cpu_not_leased;
  const auto checked = check(ContextParameters{.budget = t.budget,
                                               .period = t.period,
                                               .deadline = std::min(t.deadline, period),
                                               .priority = {},
                                               .cpu = t.cpu,
                                               .island = {}});
  if (!in_range(t.jitter) || t.deadline > kLongest) return Rejection::negative;
  if (t.deadline > period && t.on_miss != Consequence::run_late) return Rejection::deadline;
  if (checked.has_value()) return std::nullopt;
  switch (checked.error()) {
    case ContextError::period_out_of_range:
      return Rejection::period;
    case ContextError::deadline_exceeds_period:
      return Rejection::deadline;
    case ContextError::cpu_out_of_range:
      return Rejection::cpu_not_leased;
    default:
      return Rejection::budget;
  }
}

bool call_is_sound(const IslandModel& model, const ServerCall& call) noexcept {
  if (call.task >= model.tasks.size() || !in_range(call.wcet)) return false;
  if (call.wcet > model.tasks[call.task].budget) return false;
  for (const ServerCall& other : model.calls) {
    const bool same = other.server == call.server && other.task < model.tasks.size();
    if (same && model.tasks[other.task].cpu != model.tasks[call.task].cpu) return false;
  }
  return true;
}

bool path_is_sound(const IslandModel& model, const ChainModel& chain) noexcept {
  if (chain.tasks.empty() || chain.tasks.size() > kMaxClaimedTasks) return false;
  for (std::size_t k = 0; k < chain.tasks.size(); ++k) {
    if (chain.tasks[k] >= model.tasks.size()) return false;
    const TaskModel& task = model.tasks[chain.tasks[k]];
    const bool hop = k > 0 && chain.hops == HopKind::triggered;
    if (hop && task.period != model.tasks[chain.tasks[k - 1]].period) return false;
  }
  return true;
}

}  // namespace

std::optional<Analysis> find_malformed(const IslandModel& model) noexcept {
  const Overheads& o = model.overheads;
  const bool overheads_ok =
      in_range(o.release) && in_range(o.context_switch) && in_range(o.blocking) && in_range(o.jitter);
  if (!overheads_ok) return malformed(Rejection::negative, 0);
  if (model.tasks.empty()) return malformed(Rejection::no_tasks, 0);
  if (model.tasks.size() > kMaxClaimedTasks) return malformed(Rejection::too_many_tasks, model.tasks.size());
  for (std::size_t i = 0; i < model.tasks.size(); ++i) {
    if (const auto fault = task_fault(model, model.tasks[i])) return malformed(*fault, i);
  }
  for (std::size_t i = 0; i < model.calls.size(); ++i) {
    if (!call_is_sound(model, model.calls[i])) return malformed(Rejection::call, i);
  }
  for (std::size_t i = 0; i < model.interrupts.size(); ++i) {
    const InterruptSource& source = model.interrupts[i];
    const bool sound = source.min_interarrival > Duration{} && in_range(source.min_interarrival);
    if (!sound || !in_range(source.cost)) return malformed(Rejection::interrupt, i);
  }
  for (std::size_t i = 0; i < model.chains.size(); ++i) {
    if (!path_is_sound(model, model.chains[i])) return malformed(Rejection::chain_path, i);
  }
  return std::nullopt;
}

}  // namespace capos::sched::analysis
