// SPDX-License-Identifier: Apache-2.0
// The manifest with its defaults written out, as a message again.
#include "capos/admission/admit.hpp"
#include "capos/admission/units.hpp"

namespace capos::admission {
namespace {

void write_period_as_deadline(Duration deadline, schema::Time::Builder out) noexcept {
  const auto ns = static_cast<std::uint64_t>(deadline.ns());
  if (ns % 1'000'000 == 0) {
    out.set_ms(ns / 1'000'000);
  } else if (ns % 1'000 == 0) {
    out.set_us(ns / 1'000);
  } else {
    out.set_ns(ns);
  }
}

void fill_kernel_params(schema::KernelParams::Builder params) noexcept {
  const auto reader = params.as_reader();
  if (!reader.has_memory()) params.set_memory(reader.memory());
  if (!reader.has_best_effort_slice()) params.set_best_effort_slice(reader.best_effort_slice());
}

void fill_actuator(schema::ActuatorConfig::Builder config) noexcept {
  const auto reader = config.as_reader();
  if (!reader.has_command_expiry()) config.set_command_expiry(reader.command_expiry());
  if (!reader.has_hold()) config.set_hold(reader.hold());
}

void fill_controller(schema::ControllerConfig::Builder config) noexcept {
  const auto reader = config.as_reader();
  if (!reader.has_command_validity()) config.set_command_validity(reader.command_validity());
  fill_actuator(config.model().actuator());
}

void fill_config(schema::Service::Builder service) noexcept {
  const auto reader = service.as_reader();
  if (!reader.has_config()) return;
  const auto config = service.config();
  switch (reader.config().which()) {
    case schema::ServiceConfig::Which::cart_pole:
      fill_actuator(config.cart_pole().actuator());
      break;
    case schema::ServiceConfig::Which::controller:
      fill_controller(config.controller());
      break;
    case schema::ServiceConfig::Which::actuator:
      fill_actuator(config.actuator());
      break;
    default:
      break;
  }
}

void fill_service(schema::Service::Builder service) noexcept {
  const auto reader = service.as_reader();
  if (!reader.has_memory()) service.set_memory(reader.memory());
  fill_config(service);
}

// `model`: the island as analyse() left it, so that priorities are known.
void fill_task(const sched::TaskModel& model, sched::Policy policy, schema::Task::Builder task) noexcept {
  const auto reader = task.as_reader();
  if (policy == sched::Policy::fixed_priority) task.set_priority(model.priority.value());
  task.set_cpu(static_cast<std::int16_t>(model.cpu.value()));
  if (model.implicit_deadline) write_period_as_deadline(model.deadline, task.init_deadline());
  if (reader.jitter().which() == schema::Time::Which::unset) task.init_jitter().set_ns(0);
}

}  // namespace

bool build_elaborated(schema::SystemManifest::Reader manifest, IslandModel& scratch,
                      wire::MessageBuilder& message) noexcept {
  message.set_root<schema::SystemManifest>(manifest);
  const auto root = message.root<schema::SystemManifest>();
  fill_kernel_params(root.kernel_params());
  const auto config = root.init_config();
  if (!config.as_reader().has_init()) config.set_init(manifest.init_config().init());
  const auto buffers = config.buffers();
  for (std::uint32_t i = 0; i < buffers.size(); ++i) {
    const auto reader = buffers[i].as_reader();
    if (!reader.has_size()) buffers[i].set_size(reader.size());
  }
  const auto services = config.services();
  for (std::uint32_t i = 0; i < services.size(); ++i) fill_service(services[i]);
  const auto islands = config.islands();
  for (std::uint32_t i = 0; i < islands.size(); ++i) {
    if (!elaborate(manifest, static_cast<std::uint16_t>(i), {}, scratch)) return false;
    static_cast<void>(sched::analyse(scratch.view));
    const Member& self = scratch.self();
    const auto tasks = islands[i].tasks();
    for (std::uint32_t t = 0; t < tasks.size(); ++t) {
      fill_task(scratch.tasks[self.tasks.first + t], scratch.view.policy, tasks[t]);
    }
    const auto interrupts = islands[i].interrupts();
    for (std::uint32_t k = 0; k < interrupts.size(); ++k) {
      interrupts[k].set_cpu(static_cast<std::int16_t>(scratch.interrupts[self.interrupts.first + k].cpu.value()));
    }
  }
  return message.error() == wire::Error::none;
}

}  // namespace capos::admission
