// SPDX-License-Identifier: Apache-2.0
// From a valid manifest to the analyser's model: every default filled in, every name resolved.
#include "capos/admission/model.hpp"
#include "capos/admission/units.hpp"
#include "check.hpp"

namespace capos::admission {
namespace {

constexpr std::uint64_t kMaxOverheadNs = 1'000'000'000;

Duration overhead(std::uint64_t ns) noexcept {
  return Duration::ns(static_cast<std::int64_t>(ns < kMaxOverheadNs ? ns : kMaxOverheadNs));
}

ResultOf<Duration, UnitError> duration(schema::Time::Reader time) noexcept {
  return Duration::ns(static_cast<std::int64_t>(TRY(time_ns(time))));
}

// Fills one island's model; stops at the first thing that validate() would have refused.
class Elaboration {
 public:
  Elaboration(schema::SystemManifest::Reader manifest, std::uint16_t index, IslandModel& model) noexcept
      : manifest_(manifest),
        graph_(manifest),
        island_(manifest.init_config().islands()[index]),
        model_(model) {}

  ResultOf<void, UnitError> run(const Overheads& overheads) noexcept {
    const auto tasks = island_.tasks();
    const auto chains = island_.chains();
    if (tasks.size() > kMaxTasks || chains.size() > kMaxChains) return fail(UnitError::overflow);
    model_.best_effort_slack = island_.slack() == schema::SlackPolicy::best_effort;
    model_.view = {};
    model_.view.name = island_.name();
    model_.view.overheads = overheads;
    TRY_VOID(lease_cpus());
    for (std::uint32_t i = 0; i < tasks.size(); ++i) TRY_VOID(add_task(tasks[i], i));
    for (std::uint32_t i = 0; i < chains.size(); ++i) TRY_VOID(add_chain(chains[i], i));
    TRY_VOID(add_interrupts(overheads));
    model_.view.policy = island_.policy() == schema::IslandPolicy::edf ? sched::Policy::edf
                                                                           : sched::Policy::fixed_priority;
    model_.view.tasks = {model_.tasks.data(), tasks.size()};
    model_.view.chains = {model_.chains.data(), chains.size()};
    model_.view.calls = {model_.calls.data(), calls_};
    return {};
  }

 private:
  ResultOf<void, UnitError> lease_cpus() noexcept {
    const auto cpus = island_.cpus();
    for (std::uint32_t i = 0; i < cpus.size() && i < kMaxCpus; ++i) {
      if (cpus[i] >= kMaxCpus) return fail(UnitError::overflow);
      model_.view.cpus |= std::uint32_t{1} << cpus[i];
    }
    return {};
  }

  ResultOf<void, UnitError> add_interrupts(const Overheads& overheads) noexcept {
    const auto loads = island_.interrupts();
    if (loads.size() > kMaxInterrupts) return fail(UnitError::overflow);
    for (std::uint32_t i = 0; i < loads.size(); ++i) {
      const auto cpu = loads[i].cpu() >= 0 ? static_cast<std::uint16_t>(loads[i].cpu()) : island_.cpus()[0];
      const auto cost = TRY(time_ns_or(loads[i].cost(), static_cast<std::uint64_t>(overheads.release.ns())));
      model_.interrupts[i] = {loads[i].name(), CpuId(cpu), TRY(duration(loads[i].min_interarrival())),
                              Duration::ns(static_cast<std::int64_t>(cost))};
    }
    model_.view.interrupts = {model_.interrupts.data(), loads.size()};
    return {};
  }

  ResultOf<void, UnitError> add_task(schema::Task::Reader task, std::uint32_t index) noexcept {
    sched::TaskModel& out = model_.tasks[index];
    out = {};
    out.name = task.name();
    out.cpu = CpuId(cpu_of(island_, task));
    out.period = TRY(period_of(task.period()));
    out.budget = TRY(duration(task.budget()));
    out.implicit_deadline = task.deadline().which() == schema::Time::Which::unset;
    out.deadline = out.implicit_deadline ? out.period.floor() : TRY(duration(task.deadline()));
    out.jitter = Duration::ns(static_cast<std::int64_t>(TRY(time_ns_or(task.jitter(), 0))));
    if (task.priority() >= 0) out.stated = Priority(static_cast<std::uint8_t>(task.priority()));
    out.on_miss = static_cast<sched::Consequence>(task.on_miss());
    out.on_overrun = static_cast<sched::Consequence>(task.on_overrun());
    TRY_VOID(add_repetition(task.on_repeated(), out));
    const std::uint32_t service = index_of(manifest_.init_config().services(), kMaxServices, task.service());
    if (service == kNotFound) return fail(UnitError::unset);
    model_.services[index] = static_cast<std::uint16_t>(service);
    return add_calls(task, index);
  }

  ResultOf<void, UnitError> add_repetition(schema::RepeatedMisses::Reader rule, sched::TaskModel& out) noexcept {
    out.repeated = {.misses = rule.misses(),
                    .of = rule.of(),
                    .then = static_cast<sched::Repeated>(rule.then()),
                    .recover = rule.recover()};
    if (out.repeated.then != sched::Repeated::fall_back) return {};
    const std::uint32_t fallback = index_of(island_.tasks(), kMaxTasks, rule.fallback());
    if (fallback == kNotFound) return fail(UnitError::unset);
    out.fallback = static_cast<std::uint16_t>(fallback);
    return {};
  }

  ResultOf<void, UnitError> add_calls(schema::Task::Reader task, std::uint32_t index) noexcept {
    const auto calls = task.calls();
    if (calls.size() > kMaxCallsPerTask) return fail(UnitError::overflow);
    for (std::uint32_t i = 0; i < calls.size(); ++i)
      TRY_VOID(add_call(calls[i], static_cast<std::uint16_t>(index)));
    return {};
  }

  // Servers that the called one may call in turn are held for some part of its time: all of it is assumed.
  ResultOf<void, UnitError> add_call(schema::ServerCall::Reader call, std::uint16_t task) noexcept {
    const std::uint32_t server = resolve(manifest_, call.server()).service;
    if (server == kNotFound) return fail(UnitError::unset);
    ServiceSet reached = graph_.reached_servers(server);
    for (std::uint16_t i = 0; reached != 0; ++i, reached >>= 1) {
      if ((reached & 1u) == 0) continue;
      if (calls_ == model_.calls.size()) return fail(UnitError::overflow);
      model_.servers[calls_] = call.server();
      model_.calls[calls_++] = {task, i, TRY(duration(call.wcet()))};
    }
    return {};
  }

  ResultOf<void, UnitError> add_chain(schema::Chain::Reader chain, std::uint32_t index) noexcept {
    const auto path = chain.path();
    if (path.size() > kMaxChainTasks) return fail(UnitError::overflow);
    sched::ChainModel& out = model_.chains[index];
    out = {};
    out.name = chain.name();
    out.bound = TRY(duration(chain.bound()));
    out.hops =
        chain.hops() == schema::HopKind::triggered ? sched::HopKind::triggered : sched::HopKind::sampled;
    for (std::uint32_t i = 0; i < path.size(); ++i) {
      const std::uint32_t task = index_of(island_.tasks(), kMaxTasks, path[i]);
      if (task == kNotFound) return fail(UnitError::unset);
      model_.hops[hops_ + i] = static_cast<std::uint16_t>(task);
    }
    out.tasks = {model_.hops.data() + hops_, path.size()};
    hops_ += path.size();
    return {};
  }

  schema::SystemManifest::Reader manifest_;
  CallGraph graph_;
  schema::Island::Reader island_;
  IslandModel& model_;
  std::size_t calls_ = 0;
  std::size_t hops_ = 0;
};

}  // namespace

Overheads overheads_of(schema::MachineParams::Reader machine, std::uint16_t cpus) noexcept {
  const auto stated = machine.overheads();
  Overheads overheads;
  overheads.release = overhead(stated.release_ns());
  overheads.context_switch = overhead(stated.switch_ns());
  overheads.blocking = overhead(stated.blocking_ns());
  overheads.jitter = overhead(stated.jitter_ns()) + overhead(cpus > 1 ? machine.quantum_ns() : 0);
  overheads.version = sched::overheads_version(overheads);
  return overheads;
}

bool elaborate(schema::SystemManifest::Reader manifest, std::uint16_t index, const Overheads& overheads,
               IslandModel& model) noexcept {
  if (index >= manifest.init_config().islands().size()) return false;
  model.index = index;
  return Elaboration(manifest, index, model).run(overheads).has_value();
}

}  // namespace capos::admission
