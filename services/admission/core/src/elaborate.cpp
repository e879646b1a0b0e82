// SPDX-License-Identifier: Apache-2.0
// From a valid manifest to the analyser's model: every default filled in, every name resolved.
#include "capos/admission/model.hpp"
#include "capos/admission/units.hpp"
#include "check.hpp"
#include "model_writer.hpp"

namespace capos::admission {
namespace {

constexpr std::uint64_t kMaxOverheadNs = 1'000'000'000;

Duration overhead(std::uint64_t ns) noexcept {
  return Duration::ns(static_cast<std::int64_t>(ns < kMaxOverheadNs ? ns : kMaxOverheadNs));
}

sched::Policy policy_of(schema::Island::Reader island) noexcept {
  return island.policy() == schema::IslandPolicy::edf ? sched::Policy::edf : sched::Policy::fixed_priority;
}

ResultOf<Duration, UnitError> duration(schema::Time::Reader time) noexcept {
  return Duration::ns(static_cast<std::int64_t>(TRY(time_ns(time))));
}

// Adds one island to the model; stops at the first thing that validate() would have refused.
class Elaboration {
 public:
  Elaboration(schema::SystemManifest::Reader manifest, std::uint16_t index, ModelWriter& writer) noexcept
      : manifest_(manifest),
        graph_(manifest),
        island_(manifest.init_config().islands()[index]),
        writer_(writer),
        model_(writer.model()) {}

  ResultOf<void, UnitError> run(std::uint16_t index) noexcept {
    Member& member = *TRY(writer_.begin(island_.name(), cpus_of(island_)));
    member.index = index;
    member.best_effort_slack = island_.slack() == schema::SlackPolicy::best_effort;
    const auto tasks = island_.tasks();
    const auto chains = island_.chains();
    for (std::uint32_t i = 0; i < tasks.size(); ++i) TRY_VOID(add_task(tasks[i]));
    TRY_VOID(add_recoveries(index));
    for (std::uint32_t i = 0; i < chains.size(); ++i) TRY_VOID(add_chain(chains[i]));
    return add_interrupts();
  }

 private:
  ResultOf<void, UnitError> add_interrupts() noexcept {
    const auto loads = island_.interrupts();
    for (std::uint32_t i = 0; i < loads.size(); ++i) {
      const auto cpu = loads[i].cpu() >= 0 ? static_cast<std::uint16_t>(loads[i].cpu()) : island_.cpus()[0];
      const auto otherwise = static_cast<std::uint64_t>(model_.view.overheads.release.ns());
      const auto cost = TRY(time_ns_or(loads[i].cost(), otherwise));
      sched::InterruptSource& out = *TRY(writer_.interrupt());
      out = {loads[i].name(), CpuId(cpu), TRY(duration(loads[i].min_interarrival())),
             Duration::ns(static_cast<std::int64_t>(cost))};
    }
    return {};
  }

  ResultOf<void, UnitError> add_task(schema::Task::Reader task) noexcept {
    sched::TaskModel& out = *TRY(writer_.task());
    const std::size_t index = writer_.member().tasks.end() - 1;
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

  // Behind the tasks: of the servers whose first caller is a task of this island, in the order of the services.
  ResultOf<void, UnitError> add_recoveries(std::uint16_t island) noexcept {
    const auto services = manifest_.init_config().services();
    for (std::uint16_t server = 0; server < services.size() && server < kMaxServices; ++server) {
      if (!recovers(services[server])) continue;
      const TaskRef caller = first_caller(manifest_, server);
      if (caller.island == island) TRY_VOID(add_recovery(services[server], server, island_.tasks()[caller.task]));
    }
    return {};
  }

  ResultOf<void, UnitError> add_recovery(schema::Service::Reader service, std::uint16_t server, schema::Task::Reader caller) noexcept {
    sched::TaskModel& out = *TRY(writer_.task());
    const std::size_t index = writer_.member().tasks.end() - 1;
    out.name = service.name();
    out.cpu = CpuId(cpu_of(island_, caller));
    out.period = TRY(period_of(service.recovery().period()));
    out.budget = TRY(duration(service.recovery().budget()));
    out.implicit_deadline = true;
    out.deadline = out.period.floor();
    out.on_miss = out.on_overrun = sched::Consequence::run_late;
    out.recovers = server;
    model_.services[index] = server;
    // What the server calls in turn it may be held in for all of its recovery.
    ServiceSet reached = graph_.reached_servers(server);
    for (std::uint16_t i = 0; reached != 0; ++i, reached >>= 1) {
      if ((reached & 1u) == 0 || i == server) continue;
      *TRY(writer_.call(service.name())) = {static_cast<std::uint16_t>(index), i, out.budget};
    }
    return {};
  }

  ResultOf<void, UnitError> add_repetition(schema::RepeatedMisses::Reader rule, sched::TaskModel& out) noexcept {
    out.repeated = {.misses = rule.misses(),
                    .of = rule.of(),
                    .then = static_cast<sched::Repeated>(rule.then()),
                    .recover = rule.recover()};
    if (out.repeated.then != sched::Repeated::fall_back) return {};
    out.fallback = TRY(task_named(rule.fallback()));
    return {};
  }

  ResultOf<void, UnitError> add_calls(schema::Task::Reader task, std::size_t index) noexcept {
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
      *TRY(writer_.call(call.server())) = {task, i, TRY(duration(call.wcet()))};
    }
    return {};
  }

  ResultOf<void, UnitError> add_chain(schema::Chain::Reader chain) noexcept {
    const auto path = chain.path();
    const auto hops = TRY(writer_.hops(path.size()));
    for (std::uint32_t i = 0; i < path.size(); ++i) hops[i] = TRY(task_named(path[i]));
    sched::ChainModel& out = *TRY(writer_.chain());
    out.name = chain.name();
    out.bound = TRY(duration(chain.bound()));
    out.hops =
        chain.hops() == schema::HopKind::triggered ? sched::HopKind::triggered : sched::HopKind::sampled;
    out.tasks = hops;
    return {};
  }

  // Its index in the model.
  ResultOf<std::uint16_t, UnitError> task_named(std::string_view name) noexcept {
    const std::uint32_t task = index_of(island_.tasks(), kMaxTasks, name);
    if (task == kNotFound) return fail(UnitError::unset);
    return static_cast<std::uint16_t>(writer_.member().tasks.first + task);
  }

  schema::SystemManifest::Reader manifest_;
  CallGraph graph_;
  schema::Island::Reader island_;
  ModelWriter& writer_;
  IslandModel& model_;
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

namespace {

// A task that states no priority keeps the one that it has been admitted with.
void keep_priorities(std::span<const schema::IslandCertificate::Reader> standing, std::string_view island,
                     IslandModel& model) noexcept {
  for (const auto& certificate : standing) {
    if (certificate.island_name() != island) continue;
    for (std::size_t i = model.self().tasks.first; i < model.self().tasks.end(); ++i) {
      for (const auto task : certificate.tasks()) {
        if (!model.tasks[i].stated && task.name() == model.tasks[i].name) model.tasks[i].stated = Priority(task.priority());
      }
    }
  }
}

}  // namespace

bool elaborate(schema::SystemManifest::Reader manifest, std::uint16_t index, const Overheads& overheads,
               IslandModel& model) noexcept {
  const auto islands = manifest.init_config().islands();
  if (index >= islands.size() || index >= kMaxIslands) return false;
  const std::uint32_t group = sharing_cpus(manifest, index);
  ModelWriter writer(model, overheads);
  for (std::uint16_t i = 0; i < islands.size() && i < kMaxIslands; ++i) {
    if ((group >> i & 1u) == 0) continue;
    if (!Elaboration(manifest, i, writer).run(i).has_value()) return false;
    if (i == index) writer.about_this(policy_of(islands[i]));
  }
  return true;
}

bool elaborate_beside(schema::SystemManifest::Reader manifest, std::uint16_t index, const Overheads& overheads,
                      std::span<const schema::IslandCertificate::Reader> standing, IslandModel& model) noexcept {
  const auto islands = manifest.init_config().islands();
  if (index >= islands.size() || index >= kMaxIslands) return false;
  ModelWriter writer(model, overheads);
  const auto first_server = add_standing(standing, islands[index].name(), cpus_of(islands[index]), writer);
  if (!first_server || !Elaboration(manifest, index, writer).run(index).has_value()) return false;
  writer.about_this(policy_of(islands[index]));
  keep_priorities(standing, islands[index].name(), model);
  const Range own = model.self().calls;
  for (std::size_t i = own.first; i < own.end(); ++i) model.calls[i].server = static_cast<std::uint16_t>(model.calls[i].server + *first_server);
  const Range tasks = model.self().tasks;
  for (std::size_t i = tasks.first; i < tasks.end(); ++i) {
    sched::TaskModel& task = model.tasks[i];
    if (task.recovers != sched::kNoServer) task.recovers = static_cast<std::uint16_t>(task.recovers + *first_server);
  }
  return true;
}

}  // namespace capos::admission
