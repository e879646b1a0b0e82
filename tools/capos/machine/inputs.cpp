// SPDX-License-Identifier: Apache-2.0
#include "inputs.hpp"

#include "../support/process.hpp"
#include "capos/admission/units.hpp"
#include "capos/report/event.hpp"
#include "capos/schema/robot.hpp"
#include "media.hpp"
#include "host.hpp"

namespace capos::cli {
namespace {

// The manifest is valid: a time that is set can be read.
std::uint64_t ns_of(schema::Time::Reader time) { return admission::time_ns_or(time, 0).value_or(0); }

report::MachineInfo machine_info(schema::SystemManifest::Reader manifest,
                                 schema::MachineParams::Reader machine, const AcceleratorChoice& accelerator,
                                 const Session& session) {
  const auto overheads = admission::overheads_of(machine, manifest.kernel_params().cpus());
  report::MachineInfo info;
  info.description = describe(session.spec);
  info.accel = name_of(accelerator.accelerator);
  info.accel_reason = accelerator.reason;
  info.quantum_ns = machine.quantum_ns();
  info.budget_tolerance_ns = static_cast<std::uint64_t>((overheads.jitter + overheads.blocking).ns());
  info.cpus = session.spec.cpus;
  info.memory_bytes = session.spec.memory_bytes;
  info.kernel_version = "capOS " CAPOS_VERSION;
  info.qemu_version = qemu_version();
  info.host = describe_host();
  info.command_line = shell_line(qemu_command(session.spec));
  return info;
}

report::TaskInput task_input(schema::Task::Reader wanted, const admission::TaskResult& result,
                             std::uint32_t source) {
  report::TaskInput task;
  task.name = result.name;
  task.service = wanted.service();
  task.source = source;
  task.cpu = result.cpu;
  task.priority = result.priority;
  task.period_numerator = result.period.numerator;
  task.period_denominator = result.period.denominator;
  task.deadline_ns = result.deadline_ns;
  task.budget_ns = result.budget_ns;
  task.response_bound_ns = result.bounded ? result.response_ns : 0;
  task.on_miss = schema::name_of(wanted.on_miss());
  task.on_overrun = schema::name_of(wanted.on_overrun());
  return task;
}

// Whose fallback each task is.
void note_fallbacks(schema::Island::Reader wanted, report::IslandInput& island) {
  for (const auto task : wanted.tasks()) {
    for (report::TaskInput& other : island.tasks) {
      if (!task.on_repeated().fallback().empty() && other.name == task.on_repeated().fallback()) {
        other.stands_in_for = task.name();
      }
    }
  }
}

report::ChainInput chain_input(schema::Chain::Reader wanted, const admission::ChainResult& result) {
  report::ChainInput chain;
  chain.name = result.name;
  for (const auto task : wanted.path()) chain.path.emplace_back(task);
  chain.bound_ns = result.bound_ns;
  chain.admitted_ns = result.latency_ns;
  chain.triggered = wanted.hops() == schema::HopKind::triggered;
  return chain;
}

report::IslandInput island_input(schema::Island::Reader wanted, const IslandVerdict& verdict,
                                 std::uint32_t index) {
  const auto& results = verdict.admission->report();
  report::IslandInput island;
  island.name = wanted.name();
  island.index = index;
  for (const auto cpu : wanted.cpus()) island.cpus.push_back(cpu);
  // Behind them come servers' recoveries, which have no jobs.
  for (std::uint32_t i = 0; i < results.task_count && i < wanted.tasks().size(); ++i) {
    island.tasks.push_back(task_input(wanted.tasks()[i], results.tasks[i], report::task_source(index, i)));
  }
  note_fallbacks(wanted, island);
  for (std::uint32_t i = 0; i < results.chain_count; ++i) {
    island.chains.push_back(chain_input(wanted.chains()[i], results.chains[i]));
  }
  return island;
}

report::PendulumInput pendulum_input(std::string_view service, schema::CartPoleConfig::Reader config) {
  report::PendulumInput input;
  input.service = service;
  input.max_effort = config.actuator().max_effort();
  input.command_expiry_ns = ns_of(config.actuator().command_expiry());
  input.hold_ns = ns_of(config.actuator().hold());
  for (const auto push : config.pushes()) {
    input.pushes.push_back({ns_of(push.at()), ns_of(push.duration()), push.force()});
  }
  return input;
}

void add_services(report::RunInputs& inputs, const ReportSubject& subject,
                  schema::SystemManifest::Reader manifest) {
  std::uint32_t number = 0;  // as init gives it: the service's place in the manifest
  for (const auto service : manifest.init_config().services()) {
    inputs.services.push_back({std::string(service.name()), number++});
    const auto config = service.config();
    if (config.which() == schema::ServiceConfig::Which::cart_pole) {
      inputs.pendulum = pendulum_input(service.name(), config.cart_pole());
    }
    if (has_fault(service, subject.adjustment.fault)) {
      inputs.fault = {subject.adjustment.fault, std::string(service.name()), subject.adjustment.fault_at_ns};
    }
  }
}

report::EndInput end_input(const MachineEnd& end) {
  report::EndInput input;
  input.timed_out = end.kind == MachineEnd::Kind::timed_out || end.kind == MachineEnd::Kind::stalled;
  input.interrupted = end.kind == MachineEnd::Kind::interrupted;
  if (end.kind == MachineEnd::Kind::guest) input.exit_code = end.guest_code;
  input.note = end.note;
  return input;
}

}  // namespace

report::RunInputs report_inputs(const ReportSubject& subject, schema::SystemManifest::Reader manifest,
                                schema::MachineParams::Reader machine,
                                std::span<const IslandVerdict> verdicts, const AcceleratorChoice& accelerator,
                                const Session& session) {
  report::RunInputs inputs;
  inputs.title = subject.title;
  inputs.manifest = subject.manifest_name;
  inputs.load = subject.adjustment.load;
  inputs.duration_ns = subject.duration_ns;
  inputs.machine = machine_info(manifest, machine, accelerator, session);
  const auto islands = manifest.init_config().islands();
  for (std::uint32_t i = 0; i < verdicts.size(); ++i) {
    inputs.islands.push_back(island_input(islands[i], verdicts[i], i));
  }
  add_services(inputs, subject, manifest);
  inputs.media = media_input(manifest, inputs.islands, session.spec.pack);
  inputs.end = end_input(session.end);
  return inputs;
}

}  // namespace capos::cli
