// SPDX-License-Identifier: Apache-2.0
// The certificate checker. It shares nothing with the analyser but plain structs: a mistake there cannot hide
// here.
#include "capos/sched/certificate.hpp"
#include "capos/sched/context.hpp"

namespace capos::sched {
namespace {

using Verdict = ResultOf<void, Refusal>;

Verdict refuse(Rejection reason, std::size_t index, Duration claimed = {}, Duration required = {}) noexcept {
  return fail(Refusal{reason, static_cast<std::uint16_t>(index), claimed, required});
}

// A sum of non-negative nanoseconds that remembers whether it left 63 bits.
class Sum {
 public:
  void add(Duration amount) noexcept { add_times(1, amount); }
  void add_times(std::int64_t count, Duration amount) noexcept {
    std::int64_t product = 0;
    overflow_ |= __builtin_mul_overflow(count, amount.ns(), &product);
    overflow_ |= __builtin_add_overflow(sum_, product, &sum_);
  }
  [[nodiscard]] bool overflow() const noexcept { return overflow_; }
  [[nodiscard]] Duration value() const noexcept { return Duration::ns(sum_); }

 private:
  std::int64_t sum_ = 0;
  bool overflow_ = false;
};

// Durations in a certificate are at most this, so that two of them add without care.
constexpr Duration kLongest = kMaxPeriod * 1024;
constexpr bool plausible(Duration d) noexcept { return d >= Duration{} && d <= kLongest; }

constexpr bool has_cpu(std::uint32_t mask, CpuId cpu) noexcept {
  return cpu.value() < kMaxCpus && (mask >> cpu.value() & 1u) != 0;
}

// How many arrivals a half-open window can hold: ceil(window / gap), and at least one.
std::int64_t arrivals(Duration window, Duration gap) noexcept {
  const std::int64_t whole = window / gap;
  const std::int64_t count = gap * whole < window ? whole + 1 : whole;
  return count > 0 ? count : 1;
}

Verdict check_frame(const Certificate& c, const MachineFacts& machine) noexcept {
  if (c.format != kCertificateFormat) return refuse(Rejection::format, 0);
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
  const std::uint32_t free = machine.cpus & ~machine.leased_cpus;
  if (c.cpus == 0 || (c.cpus & ~free) != 0) return refuse(Rejection::cpu_not_available, 0);
  return {};
}

Verdict check_parameters(const TaskClaim& t, std::size_t i, std::uint32_t cpus) noexcept {
  if (!has_cpu(cpus, t.cpu)) return refuse(Rejection::cpu_not_leased, i);
  if (t.period.denominator == 0 || t.period.is_zero()) return refuse(Rejection::period, i);
  const Duration period = t.period.floor();
  if (period < kMinPeriod || t.period.ceil() > kMaxPeriod) return refuse(Rejection::period, i, period);
  if (t.budget < kMinBudget) return refuse(Rejection::budget, i, t.budget, kMinBudget);
  if (t.budget > t.deadline) return refuse(Rejection::budget, i, t.budget, t.deadline);
  if (t.deadline > period) return refuse(Rejection::deadline, i, t.deadline, period);
  for (const Duration d : {t.jitter, t.blocking, t.response}) {
    if (!plausible(d)) return refuse(Rejection::negative, i, d);
  }
  if (t.response > t.deadline) return refuse(Rejection::response_exceeds_deadline, i, t.response, t.deadline);
  return {};
}

Verdict check_inputs(const Certificate& c) noexcept {
  for (std::size_t i = 0; i < c.tasks.size(); ++i) TRY_VOID(check_parameters(c.tasks[i], i, c.cpus));
  for (std::size_t i = 0; i < c.calls.size(); ++i) {
    const ServerCall& call = c.calls[i];
    if (call.task >= c.tasks.size()) return refuse(Rejection::call, i);
    if (!plausible(call.wcet) || call.wcet > c.tasks[call.task].budget) {
      return refuse(Rejection::call, i, call.wcet, c.tasks[call.task].budget);
    }
  }
  for (std::size_t i = 0; i < c.interrupts.size(); ++i) {
    const InterruptSource& source = c.interrupts[i];
    if (source.min_interarrival <= Duration{} || !plausible(source.cost)) {
      return refuse(Rejection::interrupt, i);
    }
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

// A server runs at the highest priority of its callers. Once per job, a less urgent task may be inside a
// server whose ceiling is at least this task's priority (T. Baker 1991; immediate ceiling).
Verdict check_blocking(const Certificate& c, std::size_t i) noexcept {
  const TaskClaim& task = c.tasks[i];
  for (const ServerCall& call : c.calls) {
    const TaskClaim& caller = c.tasks[call.task];
    if (caller.cpu != task.cpu || caller.priority >= task.priority) continue;
    bool ceiling_reaches = false;
    for (const ServerCall& other : c.calls) {
      ceiling_reaches |= other.server == call.server && c.tasks[other.task].priority >= task.priority;
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

// The inequality of the head comment, evaluated once at the claimed bound.
Verdict check_response(const Certificate& c, std::size_t i) noexcept {
  const TaskClaim& task = c.tasks[i];
  const Overheads& o = c.overheads;
  const Duration window = task.response - task.jitter - o.jitter;
  if (window <= Duration{}) return refuse(Rejection::response, i, task.response, task.jitter + o.jitter);
  Sum needed;
  needed.add(task.budget);
  needed.add(o.context_switch);
  needed.add(task.blocking);
  needed.add(o.blocking);
  for (std::size_t j = 0; j < c.tasks.size(); ++j) {
    const TaskClaim& other = c.tasks[j];
    if (other.cpu != task.cpu) continue;
    const std::int64_t count = arrivals(window + other.jitter + o.jitter, other.period.floor());
    needed.add_times(count * timer_events_per_period(other.on_overrun), o.release);
    if (j == i || other.priority < task.priority) continue;
    needed.add_times(count, other.budget + o.context_switch);
    // A budget ends at a timer that may be late, or behind a kernel section. What is overrun is taken from
    // the refills to come, so it is never more than one such excess ahead.
    needed.add(o.jitter);
    needed.add(o.blocking);
  }
  for (const InterruptSource& source : c.interrupts) {
    if (source.cpu == task.cpu) needed.add_times(arrivals(window, source.min_interarrival), source.cost);
  }
  if (needed.overflow()) return refuse(Rejection::overflow, i);
  if (needed.value() > window) return refuse(Rejection::response, i, window, needed.value());
  return {};
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

// A job released by its predecessor's finish inherits that response as its jitter (K. Tindell, J. Clark
// 1994).
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

Verdict check_chain(const Certificate& c, std::size_t index) noexcept {
  const ChainClaim& chain = c.chains[index];
  if (chain.tasks.empty() || chain.tasks.size() > kMaxClaimedTasks)
    return refuse(Rejection::chain_path, index);
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

std::uint64_t overheads_version(const Overheads& overheads) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const Duration d :
       {overheads.release, overheads.context_switch, overheads.blocking, overheads.jitter}) {
    auto value = static_cast<std::uint64_t>(d.ns());
    for (int byte = 0; byte < 8; ++byte, value >>= 8) hash = (hash ^ (value & 0xff)) * 0x100000001b3u;
  }
  return hash;
}

Verdict check_certificate(const Certificate& certificate, const MachineFacts& machine) noexcept {
  TRY_VOID(check_frame(certificate, machine));
  TRY_VOID(check_inputs(certificate));
  TRY_VOID(check_servers(certificate));
  TRY_VOID(check_utilisation(certificate));
  for (std::size_t i = 0; i < certificate.tasks.size(); ++i) {
    TRY_VOID(check_blocking(certificate, i));
    TRY_VOID(check_response(certificate, i));
  }
  for (std::size_t i = 0; i < certificate.chains.size(); ++i) TRY_VOID(check_chain(certificate, i));
  return {};
}

}  // namespace capos::sched
