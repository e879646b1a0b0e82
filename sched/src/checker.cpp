// SPDX-License-Identifier: Apache-2.0
// The certificate checker. It shares nothing with the analyser but plain structs: a mistake there cannot hide here.
#include "claimed_work.hpp"
#include "capos/sched/context.hpp"

namespace capos::sched {
namespace {

using Verdict = ResultOf<void, Refusal>;
using claims::Sum;
using claims::Work;
using claims::work_within;

Verdict refuse(Rejection reason, std::size_t index, Duration claimed = {}, Duration required = {}) noexcept {
  return fail(Refusal{reason, static_cast<std::uint16_t>(index), claimed, required});
}

// Durations in a certificate are at most this, so that two of them add without care.
constexpr Duration kLongest = kMaxPeriod * 1024;
constexpr bool plausible(Duration d) noexcept { return d >= Duration{} && d <= kLongest; }

Verdict check_frame(const Certificate& c, const MachineFacts& machine) noexcept {
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
  return {};
}

Verdict check_parameters(const Certificate& c, std::size_t i, std::uint32_t runs) noexcept {
  const TaskClaim& t = c.tasks[i];
  if (t.period.denominator == 0 || t.period.is_zero()) return refuse(Rejection::period, i);
  const Duration period = t.period.floor();
  if (period < kMinPeriod || t.period.ceil() > kMaxPeriod) return refuse(Rejection::period, i, period);
  if (t.budget < kMinBudget) return refuse(Rejection::budget, i, t.budget, kMinBudget);
  if (t.budget > t.deadline || t.budget > period) return refuse(Rejection::budget, i, t.budget, t.deadline);
  // Beyond the period only where releases that have passed are kept: a skipped one would be a job never run.
  const bool may_be_long = (runs & kRunsLongDeadlines) != 0 && t.on_miss == Consequence::run_late;
  if (t.deadline > (may_be_long ? kLongest : period)) return refuse(Rejection::deadline, i, t.deadline, period);
  for (const Duration d : {t.jitter, t.blocking, t.response}) {
    if (!plausible(d)) return refuse(Rejection::negative, i, d);
  }
  if (t.response > t.deadline) return refuse(Rejection::response_exceeds_deadline, i, t.response, t.deadline);
  return {};
}

Verdict check_inputs(const Certificate& c, std::uint32_t runs) noexcept {
  for (std::size_t i = 0; i < c.tasks.size(); ++i) TRY_VOID(check_parameters(c, i, runs));
  for (std::size_t i = 0; i < c.calls.size(); ++i) {
    const ServerCall& call = c.calls[i];
    if (call.task >= c.tasks.size()) return refuse(Rejection::call, i);
    if (!plausible(call.wcet) || call.wcet > c.tasks[call.task].budget) {
      return refuse(Rejection::call, i, call.wcet, c.tasks[call.task].budget);
    }
  }
  for (std::size_t i = 0; i < c.interrupts.size(); ++i) {
    const InterruptSource& source = c.interrupts[i];
    if (source.min_interarrival <= Duration{} || !plausible(source.cost)) return refuse(Rejection::interrupt, i);
  }
  return {};
}

// In parts of 2^20, each rounded down: a necessary condition that gives the plainest message.
Verdict check_utilisation(const Certificate& c) noexcept {
  for (std::uint16_t cpu = 0; cpu < kMaxCpus; ++cpu) {
    std::int64_t parts = 0;
    for (const TaskClaim& t : c.tasks) {
      if (t.cpu.value() == cpu) parts += (t.budget.ns() << 20) / t.period.floor().ns();
    }
    if (parts > std::int64_t{1} << 20) return refuse(Rejection::utilisation, cpu);
  }
  return {};
}

// Under EDF urgency is the time from the latest arrival to the deadline: its order never changes.
bool as_urgent(const Certificate& c, const TaskClaim& a, const TaskClaim& b) noexcept {
  if (c.policy == Policy::fixed_priority) return a.priority >= b.priority;
  return a.deadline - a.jitter <= b.deadline - b.jitter;
}

// A server runs as urgently as the most urgent of its callers. Once per job, a less urgent task may be inside a
// server whose ceiling reaches this task's urgency (T. Baker 1991; immediate ceiling; under EDF the deadline
// floor: A. Burns et al. 2015).
Verdict check_blocking(const Certificate& c, std::size_t i) noexcept {
  const TaskClaim& task = c.tasks[i];
  for (const ServerCall& call : c.calls) {
    const TaskClaim& caller = c.tasks[call.task];
    if (caller.cpu != task.cpu || as_urgent(c, caller, task)) continue;
    bool ceiling_reaches = false;
    for (const ServerCall& other : c.calls) {
      ceiling_reaches |= other.server == call.server && as_urgent(c, c.tasks[other.task], task);
    }
    if (ceiling_reaches && task.blocking < call.wcet) {
      return refuse(Rejection::blocking, i, task.blocking, call.wcet);
    }
  }
  return {};
}

Verdict check_servers(const Certificate& c) noexcept {
  for (std::size_t i = 0; i < c.calls.size(); ++i) {
    for (const ServerCall& other : c.calls) {
      const bool same = other.server == c.calls[i].server;
      if (same && c.tasks[other.task].cpu != c.tasks[c.calls[i].task].cpu) return refuse(Rejection::call, i);
    }
  }
  return {};
}

// The inequality of the head comment: at the claim, if no second job may be pending then; else job after job from
// below, until all work is done before the next may arrive.
Verdict check_response(const Certificate& c, std::size_t i) noexcept {
  const TaskClaim& task = c.tasks[i];
  const Duration jitter = task.jitter + c.overheads.jitter;
  const Duration period = task.period.floor();
  if (task.response <= jitter) return refuse(Rejection::response, i, task.response, jitter);
  Duration window = task.response <= period ? task.response - jitter : task.budget;
  std::int64_t jobs = 1;
  for (std::uint32_t point = 0; point < kMaxDemandPoints; ++point) {
    const auto of_each = [&](const TaskClaim& t, std::int64_t arrived, Duration) {
      return &t == &task ? jobs : t.priority >= task.priority ? arrived : 0;
    };
    const Sum needed = work_within(c, task.cpu, window, &task, of_each).sum;
    if (needed.overflow()) return refuse(Rejection::overflow, i);
    const Duration limit = task.response - jitter + period * (jobs - 1);
    if (needed.value() > limit) return refuse(Rejection::response, i, limit, needed.value());
    const bool holds = needed.value() <= window;
    if (holds && window <= period * jobs - jitter) return {};
    if (holds) ++jobs;
    if (!holds) window = needed.value();
  }
  return refuse(Rejection::response, i, task.response);
}

// EDF, one CPU: QPA from the claimed busy window downwards.
Verdict check_demand(const Certificate& c, std::uint16_t cpu) noexcept {
  const auto all = [](const TaskClaim&, std::int64_t arrived, Duration) { return arrived; };
  const auto due = [](const TaskClaim& t, std::int64_t, Duration reach) {
    return reach < t.deadline ? 0 : (reach - t.deadline) / t.period.floor() + 1;
  };
  Duration t = c.busy[cpu];
  if (!plausible(t)) return refuse(Rejection::busy_window, cpu, t);
  const Work work = work_within(c, CpuId(cpu), t, nullptr, all);
  if (work.jobs == 0) return {};  // no tasks there
  if (work.sum.overflow()) return refuse(Rejection::overflow, cpu);
  if (work.sum.value() > t) return refuse(Rejection::busy_window, cpu, t, work.sum.value());
  for (std::uint32_t point = 0; point < kMaxDemandPoints; ++point) {
    const Work demand = work_within(c, CpuId(cpu), t, nullptr, due);
    if (demand.jobs == 0) return {};
    const Duration needed = demand.sum.value();
    if (needed > t) return refuse(Rejection::demand, cpu, t, needed);
    t = needed < t ? needed : t - Duration::ns(1);
  }
  return refuse(Rejection::demand_points, cpu, t);
}

// Data that is sampled waits up to one period of its reader; both what a job's data takes to come through and
// the age of what stands at the end are bounded (A. Davare et al. 2007; N. Feiertag et al. 2008).
Duration sampled_latency(const Certificate& c, const ChainClaim& chain) noexcept {
  Duration sum{};
  Duration first_wait{};
  Duration last_wait{};
  for (std::size_t k = 0; k < chain.tasks.size(); ++k) {
    const TaskClaim& task = c.tasks[chain.tasks[k]];
    last_wait = task.period.ceil();
    if (k == 0) first_wait = last_wait;
    sum += last_wait + task.response;
  }
  return sum - (first_wait < last_wait ? first_wait : last_wait);
}

// A job released by its predecessor's finish inherits that response as its jitter (K. Tindell, J. Clark 1994).
Verdict check_triggered(const Certificate& c, const ChainClaim& chain, std::size_t index) noexcept {
  for (std::size_t k = 1; k < chain.tasks.size(); ++k) {
    const TaskClaim& before = c.tasks[chain.tasks[k - 1]];
    const TaskClaim& task = c.tasks[chain.tasks[k]];
    if (task.period != before.period) return refuse(Rejection::chain_path, index);
    if (task.jitter < before.response) {
      return refuse(Rejection::chain_latency, index, task.jitter, before.response);
    }
  }
  return {};
}

Verdict check_chain(const Certificate& c, std::size_t index, std::uint32_t runs) noexcept {
  const ChainClaim& chain = c.chains[index];
  if (chain.hops == HopKind::triggered && (runs & kRunsTriggeredHops) == 0) return refuse(Rejection::not_run, index);
  if (chain.tasks.empty() || chain.tasks.size() > kMaxClaimedTasks) return refuse(Rejection::chain_path, index);
  for (const std::uint16_t task : chain.tasks) {
    if (task >= c.tasks.size()) return refuse(Rejection::chain_path, index);
  }
  Duration required = c.tasks[chain.tasks.back()].response;
  if (chain.hops == HopKind::triggered) {
    TRY_VOID(check_triggered(c, chain, index));
  } else {
    required = sampled_latency(c, chain);
  }
  if (chain.latency < required) return refuse(Rejection::chain_latency, index, chain.latency, required);
  if (chain.latency > chain.bound) {
    return refuse(Rejection::chain_exceeds_bound, index, chain.latency, chain.bound);
  }
  return {};
}

}  // namespace

Verdict check_certificate(const Certificate& certificate, const MachineFacts& machine) noexcept {
  TRY_VOID(check_frame(certificate, machine));
  TRY_VOID(check_islands(certificate));
  TRY_VOID(check_inputs(certificate, machine.runs));
  TRY_VOID(check_consequences(certificate.tasks));
  TRY_VOID(check_servers(certificate));
  TRY_VOID(check_recoveries(certificate));
  TRY_VOID(check_utilisation(certificate));
  const bool edf = certificate.policy == Policy::edf;
  for (std::size_t i = 0; i < certificate.tasks.size(); ++i) {
    TRY_VOID(check_blocking(certificate, i));
    if (!edf) TRY_VOID(check_response(certificate, i));
    // What is proved under EDF is that deadlines are met, and no less.
    const TaskClaim& t = certificate.tasks[i];
    if (edf && t.response != t.deadline) return refuse(Rejection::response, i, t.response, t.deadline);
  }
  for (std::uint16_t cpu = 0; edf && cpu < kMaxCpus; ++cpu) TRY_VOID(check_demand(certificate, cpu));
  for (std::size_t i = 0; i < certificate.chains.size(); ++i) TRY_VOID(check_chain(certificate, i, machine.runs));
  return check_triggers(certificate);
}

}  // namespace capos::sched
