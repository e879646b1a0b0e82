// SPDX-License-Identifier: Apache-2.0
// The certificate checker: what is well formed, and the order in which it is judged. It shares nothing with the analyser but
// plain structs: a mistake there cannot hide here.
#include "check_steps.hpp"

namespace capos::sched {
namespace claims {
namespace {

Looked look_at_frame(Progress& at) noexcept {
  const Certificate& c = *at.certificate;
  const MachineFacts& machine = at.machine;
  if (c.format != kCertificateFormat) return refuse(Rejection::format, 0);
  if (c.policy != Policy::fixed_priority && (c.policy != Policy::edf || (machine.runs & kRunsEdf) == 0)) {
    return refuse(Rejection::not_run, 0);
  }
  const Overheads& mine = machine.overheads;
  const Overheads& its = c.overheads;
  if (its.release != mine.release || its.context_switch != mine.context_switch ||
      its.blocking != mine.blocking || its.jitter != mine.jitter || its.version != mine.version ||
      its.version != overheads_version(its)) {
    return refuse(Rejection::overheads, 0);
  }
  for (const Duration d : {its.release, its.context_switch, its.blocking, its.jitter}) {
    if (!plausible(d)) return refuse(Rejection::negative, 0, d);
  }
  if (c.tasks.empty()) return refuse(Rejection::no_tasks, 0);
  if (c.tasks.size() > kMaxClaimedTasks) return refuse(Rejection::too_many_tasks, c.tasks.size());
  if (c.cpus == 0 || (c.cpus & ~machine.cpus) != 0) return refuse(Rejection::cpu_not_available, 0);
  return true;
}

Looked look_at_parameters(Progress& at) noexcept {
  const std::size_t i = at.index;
  const TaskClaim& t = at.certificate->tasks[i];
  if (t.period.denominator == 0 || t.period.is_zero()) return refuse(Rejection::period, i);
  const Duration period = t.period.floor();
  if (period < kMinPeriod || t.period.ceil() > kMaxPeriod) return refuse(Rejection::period, i, period);
  if (t.budget < kMinBudget) return refuse(Rejection::budget, i, t.budget, kMinBudget);
  if (t.budget > t.deadline || t.budget > period) return refuse(Rejection::budget, i, t.budget, t.deadline);
  // Beyond the period only where releases that have passed are kept: a skipped one would be a job never run.
  const bool may_be_long = (at.machine.runs & kRunsLongDeadlines) != 0 && t.on_miss == Consequence::run_late;
  if (t.deadline > (may_be_long ? kLongest : period)) return refuse(Rejection::deadline, i, t.deadline, period);
  for (const Duration d : {t.jitter, t.blocking, t.response}) {
    if (!plausible(d)) return refuse(Rejection::negative, i, d);
  }
  if (t.response > t.deadline) return refuse(Rejection::response_exceeds_deadline, i, t.response, t.deadline);
  return true;
}

Looked look_at_call(Progress& at) noexcept {
  const Certificate& c = *at.certificate;
  const ServerCall& call = c.calls[at.index];
  if (call.task >= c.tasks.size()) return refuse(Rejection::call, at.index);
  const Duration budget = c.tasks[call.task].budget;
  if (!plausible(call.wcet) || call.wcet > budget) return refuse(Rejection::call, at.index, call.wcet, budget);
  return true;
}

Looked look_at_interrupt(Progress& at) noexcept {
  const InterruptSource& source = at.certificate->interrupts[at.index];
  if (source.min_interarrival <= Duration{} || !plausible(source.cost)) return refuse(Rejection::interrupt, at.index);
  return true;
}

// All callers of a server are on one CPU.
Looked look_at_server(Progress& at) noexcept {
  const Certificate& c = *at.certificate;
  const ServerCall& call = c.calls[at.index];
  const Chunk chunk(at.chunk, c.calls.size());
  for (std::size_t i = chunk.begin; i < chunk.end; ++i) {
    const ServerCall& other = c.calls[i];
    if (other.server == call.server && c.tasks[other.task].cpu != c.tasks[call.task].cpu) return refuse(Rejection::call, at.index);
  }
  return chunk.last;
}

// A job released by its predecessor's finish inherits that response as its jitter (K. Tindell, J. Clark 1994).
ResultOf<void, Refusal> check_triggered(const TaskClaim& before, const TaskClaim& task, std::size_t chain) noexcept {
  if (task.period != before.period) return refuse(Rejection::chain_path, chain);
  if (task.jitter < before.response) return refuse(Rejection::chain_latency, chain, task.jitter, before.response);
  return {};
}

// Data that is sampled waits up to one period of its reader; both what a job's data takes to come through and
// the age of what stands at the end are bounded (A. Davare et al. 2007; N. Feiertag et al. 2008). `window`: the sum.
Looked look_at_chain(Progress& at) noexcept {
  const Certificate& c = *at.certificate;
  const std::size_t index = at.index;
  const ChainClaim& chain = c.chains[index];
  const auto path = chain.tasks;
  const bool triggered = chain.hops == HopKind::triggered;
  if (at.chunk == 0) {
    if (triggered && (at.machine.runs & kRunsTriggeredHops) == 0) return refuse(Rejection::not_run, index);
    if (path.empty() || path.size() > kMaxClaimedTasks) return refuse(Rejection::chain_path, index);
    at.window = {};
  }
  const Chunk chunk(at.chunk, path.size());
  for (std::size_t k = chunk.begin; k < chunk.end; ++k) {
    if (path[k] >= c.tasks.size()) return refuse(Rejection::chain_path, index);
    const TaskClaim& task = c.tasks[path[k]];
    if (triggered && k != 0) TRY_VOID(check_triggered(c.tasks[path[k - 1]], task, index));
    at.window += task.period.ceil() + task.response;
  }
  if (!chunk.last) return false;
  const TaskClaim& first = c.tasks[path.front()];
  const TaskClaim& last = c.tasks[path.back()];
  const Duration required = triggered ? last.response : at.window - std::min(first.period.ceil(), last.period.ceil());
  if (chain.latency < required) return refuse(Rejection::chain_latency, index, chain.latency, required);
  if (chain.latency > chain.bound) return refuse(Rejection::chain_exceeds_bound, index, chain.latency, chain.bound);
  return true;
}

// Each may rely on what those before it have found.
constexpr Family kFamilies[] = {
    {Of::frame, look_at_frame},
    {Of::part, look_at_part},
    {Of::task, look_at_owner},
    {Of::chain, look_at_chain_owner},
    {Of::task, look_at_parameters},
    {Of::call, look_at_call},
    {Of::interrupt, look_at_interrupt},
    {Of::task, look_at_consequences},
    {Of::call, look_at_server},
    {Of::task, look_at_recovery},
    {Of::chain, look_for_recoveries_in_chain},
    {Of::task, look_at_callers_of_recovery},
    {Of::cpu, look_at_utilisation},
    {Of::call, look_at_blocking},
    {Of::task, look_at_response},
    {Of::cpu, look_at_demand},
    {Of::chain, look_at_chain},
    {Of::chain, look_at_hops},
    {Of::task, look_at_trigger},
};

}  // namespace
}  // namespace claims

void Check::begin(const Certificate& certificate, const MachineFacts& machine) noexcept {
  claims::begin(progress_, certificate, machine);
}

ResultOf<bool, Refusal> Check::step() noexcept { return claims::step(progress_, claims::kFamilies); }

ResultOf<void, Refusal> check_certificate(const Certificate& certificate, const MachineFacts& machine) noexcept {
  Check check;
  check.begin(certificate, machine);
  while (!TRY(check.step())) {
  }
  return {};
}

}  // namespace capos::sched
