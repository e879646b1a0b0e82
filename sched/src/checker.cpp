// SPDX-License-Identifier: Apache-2.0
// The certificate checker: what is well formed, and the order in which it is judged. It shares nothing with the analyser but
// plain structs: a mistake there cannot hide here.
#include <algorithm>

#include "check_families.hpp"
#include "claimed_work.hpp"

namespace capos::sched {
namespace claims {
namespace {

Looked look_at_frame(Progress& at) noexcept {
  const Certificate& c = *at.certificate;
  const Overheads& its = c.overheads;
  if (c.format != kCertificateFormat) return refuse(Rejection::format, 0);
  if (c.policy == Policy::edf ? (at.machine.runs & kRunsEdf) == 0 : c.policy != Policy::fixed_priority) return refuse(Rejection::not_run, 0);
  if (its != at.machine.overheads || its.version != overheads_version(its)) return refuse(Rejection::overheads, 0);
  for (const Duration d : {its.release, its.context_switch, its.blocking, its.jitter}) {
    if (!plausible(d)) return refuse(Rejection::negative, 0, d);
  }
  if (c.tasks.empty()) return refuse(Rejection::no_tasks, 0);
  if (c.tasks.size() > kMaxClaimedTasks) return refuse(Rejection::too_many_tasks, c.tasks.size());
  return need(c.cpus != 0 && (c.cpus & ~at.machine.cpus) == 0, Rejection::cpu_not_available, 0);
}

Looked look_at_part(Progress& at) noexcept {
  const std::uint32_t cpus = at.certificate->islands[at.index].cpus;
  return need(cpus != 0 && (cpus & ~at.certificate->cpus) == 0, Rejection::cpu_not_available, at.index);
}

// It belongs to its island, and its parameters are within their ranges.
Looked look_at_task(Progress& at) noexcept {
  const Certificate& c = *at.certificate;
  const TaskClaim& t = c.tasks[at.index];
  if (c.islands.empty() ? t.island != 0 : t.island >= c.islands.size()) return refuse(Rejection::islands, at.index);
  const std::uint32_t cpus = c.islands.empty() ? c.cpus : c.islands[t.island].cpus;
  if (t.cpu.value() >= kMaxCpus || (cpus >> t.cpu.value() & 1u) == 0) return refuse(Rejection::cpu_not_leased, at.index);
  if (t.fallback < c.tasks.size() && c.tasks[t.fallback].island != t.island) return refuse(Rejection::islands, at.index);
  if (t.period.denominator == 0 || t.period.is_zero()) return refuse(Rejection::period, at.index);
  const Duration period = t.period.floor();
  if (period < kMinPeriod || t.period.ceil() > kMaxPeriod) return refuse(Rejection::period, at.index, period);
  if (t.budget < kMinBudget) return refuse(Rejection::budget, at.index, t.budget, kMinBudget);
  if (t.budget > t.deadline || t.budget > period) return refuse(Rejection::budget, at.index, t.budget, t.deadline);
  // Beyond the period only where releases that have passed are kept: a skipped one would be a job never run.
  const bool may_be_long = (at.machine.runs & kRunsLongDeadlines) != 0 && t.on_miss == Consequence::run_late;
  if (t.deadline > (may_be_long ? kLongest : period)) return refuse(Rejection::deadline, at.index, t.deadline, period);
  for (const Duration d : {t.jitter, t.blocking, t.response}) {
    if (!plausible(d)) return refuse(Rejection::negative, at.index, d);
  }
  return need(t.response <= t.deadline, Rejection::response_exceeds_deadline, at.index, t.response, t.deadline);
}

Looked look_at_call(Progress& at) noexcept {
  const Certificate& c = *at.certificate;
  const ServerCall& call = c.calls[at.index];
  if (call.task >= c.tasks.size()) return refuse(Rejection::call, at.index);
  const Duration budget = c.tasks[call.task].budget;
  return need(plausible(call.wcet) && call.wcet <= budget, Rejection::call, at.index, call.wcet, budget);
}

Looked look_at_interrupt(Progress& at) noexcept {
  const InterruptSource& source = at.certificate->interrupts[at.index];
  return need(source.min_interarrival > Duration{} && plausible(source.cost), Rejection::interrupt, at.index);
}

// Task, another. Of those that share a fallback, the last is refused.
Looked look_at_consequences(Progress& at) noexcept {
  const auto tasks = at.certificate->tasks;
  const TaskClaim& task = tasks[at.index];
  const auto refused = refuse(Rejection::consequence, at.index);
  if (!well_formed(MissRules{task.on_miss, task.on_overrun, task.repeated})) return refused;
  if (task.repeated.then != Repeated::fall_back) return need(task.fallback == kNoTask, Rejection::consequence, at.index);
  if (task.fallback >= tasks.size() || task.fallback == at.index) return refused;
  const TaskClaim& fallback = tasks[task.fallback];
  if (fallback.cpu != task.cpu || fallback.repeated.misses != 0) return refused;
  return need(at.inner >= at.index || tasks[at.inner].fallback != task.fallback, Rejection::consequence, at.index);
}

// Task, another. Nothing follows from what a recovery does, it stands in for nobody, and it is the only one of its server.
Looked look_at_recovery(Progress& at) noexcept {
  const Certificate& c = *at.certificate;
  const TaskClaim& recovery = c.tasks[at.index];
  const TaskClaim& other = c.tasks[at.inner];
  if (recovery.recovers == kNoServer) return true;
  const bool plain = recovery.on_miss == Consequence::run_late && recovery.on_overrun == Consequence::run_late && recovery.repeated.misses == 0 &&
                     recovery.deadline <= recovery.period.floor();
  const bool only = at.inner == at.index || other.recovers != recovery.recovers;
  return need(plain && only && other.fallback != at.index && !c.calls.empty(), Rejection::recovery, at.index);
}

// Task, call. A recovery's server is called on its CPU, by nobody more urgent. `jobs`: how often.
Looked look_at_callers_of_recovery(Progress& at) noexcept {
  const Certificate& c = *at.certificate;
  const TaskClaim& recovery = c.tasks[at.index];
  const ServerCall& call = c.calls[at.inner];
  const TaskClaim& caller = c.tasks[call.task];
  if (recovery.recovers == kNoServer) return true;
  const bool of_it = call.server == recovery.recovers;
  if (of_it) ++at.jobs;
  const bool fits = &caller != &recovery && caller.cpu == recovery.cpu && as_urgent(c, recovery, caller);
  const bool called = at.jobs != 0 || at.inner + 1 != c.calls.size();
  return need((fits || !of_it) && called, Rejection::recovery, at.index);
}

Looked look_at_chain(Progress& at) noexcept {
  const ChainClaim& chain = at.certificate->chains[at.index];
  if (chain.hops == HopKind::triggered && (at.machine.runs & kRunsTriggeredHops) == 0) return refuse(Rejection::not_run, at.index);
  if (chain.tasks.empty() || chain.tasks.size() > kMaxClaimedTasks) return refuse(Rejection::chain_path, at.index);
  return need(chain.latency <= chain.bound, Rejection::chain_exceeds_bound, at.index, chain.latency, chain.bound);
}

// Chain, hop. A job released by its predecessor's finish inherits that response as its jitter (K. Tindell, J. Clark 1994). The first that names a
// predecessor is believed; another is refused.
Looked look_at_triggered(Progress& at, std::uint16_t before, std::uint16_t after) noexcept {
  const TaskClaim& first = at.certificate->tasks[before];
  const TaskClaim& task = at.certificate->tasks[after];
  if (task.period != first.period) return refuse(Rejection::chain_path, at.index);
  if (task.jitter < first.response) return refuse(Rejection::chain_latency, at.index, task.jitter, first.response);
  if (at.predecessors[after] == kNoTask) at.predecessors[after] = before;
  return need(at.predecessors[after] == before, Rejection::trigger, after);
}

// Chain, hop. Data that is sampled waits up to one period of its reader; both what a job's data takes to come through and
// the age of what stands at the end are bounded (A. Davare et al. 2007; N. Feiertag et al. 2008). `window`: the sum. Nobody waits for a recovery.
Looked look_at_hop(Progress& at) noexcept {
  const Certificate& c = *at.certificate;
  const ChainClaim& chain = c.chains[at.index];
  const std::uint16_t own = chain.tasks[at.inner];
  if (own >= c.tasks.size()) return refuse(Rejection::chain_path, at.index);
  const TaskClaim& task = c.tasks[own];
  const TaskClaim& first = c.tasks[chain.tasks.front()];
  if (task.recovers != kNoServer) return refuse(Rejection::recovery, own);
  if (task.island != first.island) return refuse(Rejection::islands, at.index);
  const bool triggered = chain.hops == HopKind::triggered;
  if (triggered && at.inner != 0) TRY(look_at_triggered(at, chain.tasks[at.inner - 1], own));
  at.window += task.period.ceil() + task.response;
  if (at.inner + 1 != chain.tasks.size()) return false;
  const Duration required = triggered ? task.response : at.window - std::min(first.period.ceil(), task.period.ceil());
  return need(chain.latency >= required, Rejection::chain_latency, at.index, chain.latency, required);
}

// Task, another. `jobs`: its successors. That there is no circle is not asked here: each claims a response longer than its jitter, and a jitter
// no shorter than the response before.
Looked look_at_trigger(Progress& at) noexcept {
  const Certificate& c = *at.certificate;
  const TaskClaim& task = c.tasks[at.index];
  if (at.predecessors[at.inner] == at.index) ++at.jobs;
  const bool stands_alone = task.deadline <= task.period.floor() && task.fallback == kNoTask && c.tasks[at.inner].fallback != at.index;
  const bool may = at.predecessors[at.index] == kNoTask || stands_alone;
  return need(may && at.jobs <= static_cast<std::int64_t>(kMaxSuccessors), Rejection::trigger, at.index);
}

// Each may rely on what those before it have found.
constexpr Family kFamilies[] = {
    {Of::one, Of::one, look_at_frame},
    {Of::part, Of::one, look_at_part},
    {Of::task, Of::one, look_at_task},
    {Of::call, Of::one, look_at_call},
    {Of::interrupt, Of::one, look_at_interrupt},
    {Of::task, Of::task, look_at_consequences},
    {Of::task, Of::task, look_at_recovery},
    {Of::task, Of::call, look_at_callers_of_recovery},
    {Of::cpu, Of::task, look_at_utilisation},
    {Of::call, Of::call_and_task, look_at_blocking},
    {Of::task, Of::until, look_at_response},
    {Of::cpu, Of::until, look_at_demand},
    {Of::chain, Of::one, look_at_chain},
    {Of::chain, Of::hop, look_at_hop},
    {Of::task, Of::task, look_at_trigger},
};

// How many there are; the second of a pair may depend on the first.
std::size_t count(const Progress& at, Of things) noexcept {
  const Certificate& c = *at.certificate;
  switch (things) {
    case Of::one: return 1;
    case Of::part: return c.islands.size();
    case Of::task: return c.tasks.size();
    case Of::chain: return c.chains.size();
    case Of::hop: return c.chains[at.index].tasks.size();
    case Of::call: return c.calls.size();
    case Of::call_and_task: return c.calls.size() + c.tasks.size();
    case Of::interrupt: return c.interrupts.size();
    case Of::cpu: return kMaxCpus;
    case Of::until: return ~std::size_t{0};
  }
  return 0;
}

}  // namespace
}  // namespace claims

void Check::begin(const Certificate& certificate, const MachineFacts& machine) noexcept {
  progress_ = {{}, &certificate, machine};
  progress_.predecessors.fill(kNoTask);
}

ResultOf<bool, Refusal> Check::step() noexcept {
  claims::Progress& at = progress_;
  for (unsigned looks = 0; looks < claims::kLooks && at.family < std::size(claims::kFamilies); ++looks) {
    const claims::Family& family = claims::kFamilies[at.family];
    if (at.index == claims::count(at, family.things)) {
      ++at.family;
      at.index = 0;
    } else if (at.inner == claims::count(at, family.inner) || TRY(family.look(at))) {
      ++at.index;
      at.inner = 0;
      static_cast<claims::SoFar&>(at) = {};
    } else {
      ++at.inner;
    }
  }
  return at.family == std::size(claims::kFamilies);
}

ResultOf<void, Refusal> check_certificate(const Certificate& certificate, const MachineFacts& machine) noexcept {
  Check check;
  check.begin(certificate, machine);
  while (!TRY(check.step())) {
  }
  return {};
}

}  // namespace capos::sched
