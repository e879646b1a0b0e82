// SPDX-License-Identifier: Apache-2.0
// The checker as it was before it was made of steps.
#include "plain_checker.hpp"

#include <algorithm>

#include "capos/sched/context.hpp"

namespace capos::sched::test {
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
  bool overflow() const noexcept { return overflow_; }
  Duration value() const noexcept { return Duration::ns(sum_); }

 private:
  std::int64_t sum_ = 0;
  bool overflow_ = false;
};

// How many arrivals a half-open window can hold: ceil(window / gap), and at least one.
inline std::int64_t arrivals(Duration window, Duration gap) noexcept {
  const std::int64_t whole = window / gap;
  const std::int64_t count = gap * whole < window ? whole + 1 : whole;
  return count > 0 ? count : 1;
}

struct Work {
  Sum sum;
  std::int64_t jobs = 0;
};

// What a CPU may have to do in a window: timers, interrupts, one kernel section, and of each task as many jobs as
// jobs_of(task, arrived, reach) counts of those that arrive. `self`: a fixed-priority task whose window it is.
template <typename JobsOf>
Work work_within(const Certificate& c, CpuId cpu, Duration window, const TaskClaim* self, JobsOf&& jobs_of) noexcept {
  const Overheads& o = c.overheads;
  Work work;
  Duration blocking{};
  for (const TaskClaim& t : c.tasks) {
    if (t.cpu != cpu) continue;
    const Duration reach = window + t.jitter + o.jitter;
    const std::int64_t arrived = arrivals(reach, t.period.floor());
    work.sum.add_times(arrived * timer_events_per_period(t.on_overrun), o.release);
    const std::int64_t jobs = jobs_of(t, arrived, reach);
    if (jobs == 0) continue;
    work.jobs += jobs;
    work.sum.add_times(jobs, t.budget + o.context_switch);
    // A budget ends at a timer that may be late, or behind a kernel section. What is overrun is taken from
    // the refills to come, so it is never more than one such excess ahead.
    if (&t != self) work.sum.add(o.jitter + o.blocking);
    if ((self == nullptr || &t == self) && t.blocking > blocking) blocking = t.blocking;
  }
  work.sum.add(blocking + o.blocking);
  for (const InterruptSource& source : c.interrupts) {
    if (source.cpu == cpu) work.sum.add_times(arrivals(window, source.min_interarrival), source.cost);
  }
  return work;
}

bool may_stand_in(std::span<const TaskClaim> tasks, std::size_t i) noexcept {
  const std::uint16_t fallback = tasks[i].fallback;
  if (fallback >= tasks.size() || fallback == i) return false;
  if (tasks[fallback].cpu != tasks[i].cpu || tasks[fallback].repeated.misses != 0) return false;
  for (std::size_t other = 0; other < i; ++other) {
    if (tasks[other].fallback == fallback) return false;
  }
  return true;
}

ResultOf<void, Refusal> consequences_hold(std::span<const TaskClaim> tasks) noexcept {
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    const TaskClaim& task = tasks[i];
    const bool falls_back = task.repeated.then == Repeated::fall_back;
    if (!well_formed(MissRules{task.on_miss, task.on_overrun, task.repeated}) ||
        (falls_back ? !may_stand_in(tasks, i) : task.fallback != kNoTask)) {
      return fail(Refusal{Rejection::consequence, static_cast<std::uint16_t>(i), {}, {}});
    }
  }
  return {};
}

Verdict check_parts(const Certificate& c) noexcept {
  for (std::size_t i = 0; i < c.islands.size(); ++i) {
    const std::uint32_t cpus = c.islands[i].cpus;
    if (cpus == 0 || (cpus & ~c.cpus) != 0) return refuse(Rejection::cpu_not_available, i);
  }
  return {};
}

Verdict check_owner(const Certificate& c, std::size_t i) noexcept {
  const TaskClaim& task = c.tasks[i];
  if (c.islands.empty() ? task.island != 0 : task.island >= c.islands.size()) return refuse(Rejection::islands, i);
  const std::uint32_t cpus = c.islands.empty() ? c.cpus : c.islands[task.island].cpus;
  if (task.cpu.value() >= kMaxCpus || (cpus >> task.cpu.value() & 1u) == 0) return refuse(Rejection::cpu_not_leased, i);
  const bool strange = task.fallback < c.tasks.size() && c.tasks[task.fallback].island != task.island;
  return strange ? refuse(Rejection::islands, i) : Verdict{};
}

// Hops that name no task are check_certificate()'s to refuse.
Verdict check_chain_owner(const Certificate& c, std::size_t index) noexcept {
  const auto path = c.chains[index].tasks;
  for (std::size_t k = 1; k < path.size(); ++k) {
    if (path[k] >= c.tasks.size() || path[k - 1] >= c.tasks.size()) continue;
    if (c.tasks[path[k]].island != c.tasks[path[k - 1]].island) return refuse(Rejection::islands, index);
  }
  return {};
}

Verdict islands_hold(const Certificate& certificate) noexcept {
  TRY_VOID(check_parts(certificate));
  for (std::size_t i = 0; i < certificate.tasks.size(); ++i) TRY_VOID(check_owner(certificate, i));
  for (std::size_t i = 0; i < certificate.chains.size(); ++i) TRY_VOID(check_chain_owner(certificate, i));
  return {};
}

// Under EDF urgency is the time from the latest arrival to the deadline: its order never changes.
bool as_urgent(const Certificate& c, const TaskClaim& a, const TaskClaim& b) noexcept {
  if (c.policy == Policy::fixed_priority) return a.priority >= b.priority;
  return a.deadline - a.jitter <= b.deadline - b.jitter;
}

// Nothing follows from what it does, and nobody waits for a job of it.
bool stands_alone(const Certificate& c, std::size_t i) noexcept {
  const TaskClaim& recovery = c.tasks[i];
  if (recovery.on_miss != Consequence::run_late || recovery.on_overrun != Consequence::run_late) return false;
  if (recovery.repeated.misses != 0 || recovery.deadline > recovery.period.floor()) return false;
  for (std::size_t other = 0; other < c.tasks.size(); ++other) {
    if (c.tasks[other].fallback == i) return false;
    if (other != i && c.tasks[other].recovers == recovery.recovers) return false;
  }
  for (const ChainClaim& chain : c.chains) {
    for (const std::uint16_t task : chain.tasks) {
      if (task == i) return false;
    }
  }
  return true;
}

// No more urgent task calls a server that it calls.
bool reaches_what_it_calls(const Certificate& c, std::size_t i) noexcept {
  for (const ServerCall& own : c.calls) {
    for (const ServerCall& other : c.calls) {
      if (own.task == i && other.server == own.server && !as_urgent(c, c.tasks[i], c.tasks[other.task])) return false;
    }
  }
  return true;
}

// Called on its CPU, by nobody more urgent.
bool is_called(const Certificate& c, const TaskClaim& recovery) noexcept {
  bool called = false;
  for (const ServerCall& call : c.calls) {
    if (call.server != recovery.recovers) continue;
    const TaskClaim& caller = c.tasks[call.task];
    if (&caller == &recovery || caller.cpu != recovery.cpu || !as_urgent(c, recovery, caller)) return false;
    called = true;
  }
  return called;
}

ResultOf<void, Refusal> recoveries_hold(const Certificate& certificate) noexcept {
  for (std::size_t i = 0; i < certificate.tasks.size(); ++i) {
    const TaskClaim& task = certificate.tasks[i];
    if (task.recovers == kNoServer) continue;
    if (!stands_alone(certificate, i) || !is_called(certificate, task) || !reaches_what_it_calls(certificate, i)) {
      return fail(Refusal{Rejection::recovery, static_cast<std::uint16_t>(i), {}, {}});
    }
  }
  return {};
}

// Calls visit(predecessor, task) for each triggered hop.
template <typename Visitor>
void for_each_hop(const Certificate& c, Visitor&& visit) noexcept {
  for (const ChainClaim& chain : c.chains) {
    if (chain.hops != HopKind::triggered) continue;
    for (std::size_t k = 1; k < chain.tasks.size(); ++k) visit(chain.tasks[k - 1], chain.tasks[k]);
  }
}

// Whoever is reached by going back from a task of a circle is reached for ever.
bool ends(std::span<const std::uint16_t> predecessors, std::uint16_t task) noexcept {
  for (std::size_t steps = 0; steps <= predecessors.size(); ++steps) {
    if (predecessors[task] == kNoTask) return true;
    task = predecessors[task];
  }
  return false;
}

bool may_be_triggered(const Certificate& c, std::size_t i) noexcept {
  const TaskClaim& task = c.tasks[i];
  if (task.deadline > task.period.floor() || task.fallback != kNoTask) return false;
  return std::ranges::none_of(c.tasks, [&](const TaskClaim& other) { return other.fallback == i; });
}

void predecessors_of(const Certificate& certificate, std::span<std::uint16_t> out) noexcept {
  std::ranges::fill(out, kNoTask);
  for_each_hop(certificate, [&](std::uint16_t before, std::uint16_t task) {
    if (out[task] == kNoTask) out[task] = before;
  });
}

ResultOf<void, Refusal> triggers_hold(const Certificate& certificate) noexcept {
  std::array<std::uint16_t, kMaxClaimedTasks> storage;
  const std::span<std::uint16_t> predecessors(storage.data(), certificate.tasks.size());
  predecessors_of(certificate, predecessors);
  std::uint16_t other = kNoTask;
  for_each_hop(certificate, [&](std::uint16_t before, std::uint16_t task) {
    if (predecessors[task] != before) other = task;
  });
  if (other != kNoTask) return refuse(Rejection::trigger, other);
  for (std::size_t i = 0; i < predecessors.size(); ++i) {
    const auto successors = std::ranges::count(predecessors, static_cast<std::uint16_t>(i));
    if (successors > static_cast<std::ptrdiff_t>(kMaxSuccessors)) return refuse(Rejection::trigger, i);
    if (predecessors[i] == kNoTask) continue;
    if (!may_be_triggered(certificate, i) || !ends(predecessors, predecessors[i])) return refuse(Rejection::trigger, i);
  }
  return {};
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
  const auto due = [](const TaskClaim& t, std::int64_t arrived, Duration reach) {
    if (reach < t.deadline) return std::int64_t{0};
    return t.recovers != kNoServer ? arrived : (reach - t.deadline) / t.period.floor() + 1;
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

Verdict judge(const Certificate& certificate, const MachineFacts& machine) noexcept {
  TRY_VOID(check_frame(certificate, machine));
  TRY_VOID(islands_hold(certificate));
  TRY_VOID(check_inputs(certificate, machine.runs));
  TRY_VOID(consequences_hold(certificate.tasks));
  TRY_VOID(check_servers(certificate));
  TRY_VOID(recoveries_hold(certificate));
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
  return triggers_hold(certificate);
}

}  // namespace

ResultOf<void, Refusal> check_plainly(const Certificate& certificate, const MachineFacts& machine) noexcept {
  return judge(certificate, machine);
}

}  // namespace capos::sched::test
