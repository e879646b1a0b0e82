// SPDX-License-Identifier: Apache-2.0
#include "adjust.hpp"

#include "capos/schema/load.hpp"
#include "capos/schema/robot.hpp"

namespace capos::cli {
namespace {

using schema::LoadKind;

bool wants(const std::string& load, LoadKind kind) {
  if (load == "all") return true;
  if (load == "cpu") return kind == LoadKind::cpu;
  if (load == "memory") return kind == LoadKind::memory;
  if (load == "ipc") return kind == LoadKind::ipc_client || kind == LoadKind::ipc_server;
  return false;
}

// All fields of one list element, whatever they are.
template <typename Schema>
void copy_element(typename Schema::Reader from, typename Schema::Builder to) {
  for (std::uint32_t word = 0; word < Schema::kSize.data_words; ++word) {
    to.wire_struct().template set<std::uint64_t>(word,
                                                 from.wire_struct().template get<std::uint64_t>(word, 0));
  }
  for (std::uint16_t index = 0; index < Schema::kSize.pointers; ++index) {
    to.wire_struct().pointer(index).set(from.wire_struct().pointer(index));
  }
}

void keep_load(schema::InitConfig::Reader from, schema::InitConfig::Builder to, const std::string& load) {
  std::uint32_t kept = 0;
  for (const auto service : from.services()) kept += is_left_out(service, load) ? 0 : 1;
  const auto services = to.init_services(kept);
  std::uint32_t next = 0;
  for (const auto service : from.services()) {
    if (!is_left_out(service, load)) copy_element<schema::Service>(service, services[next++]);
  }
}

void move_to_one_cpu(schema::InitConfig::Builder config) {
  const auto services = config.services();
  for (std::uint32_t i = 0; i < services.size(); ++i) services[i].set_cpu(0);
  const auto islands = config.islands();
  for (std::uint32_t i = 0; i < islands.size(); ++i) {
    islands[i].init_cpus(1).set(0, std::uint16_t{0});
    islands[i].set_slack(schema::SlackPolicy::best_effort);
    const auto tasks = islands[i].tasks();
    for (std::uint32_t k = 0; k < tasks.size(); ++k) tasks[k].set_cpu(-1);
  }
}

void set_periods(schema::InitConfig::Builder config, std::uint64_t period_us) {
  const auto islands = config.islands();
  for (std::uint32_t i = 0; i < islands.size(); ++i) {
    const auto tasks = islands[i].tasks();
    for (std::uint32_t k = 0; k < tasks.size(); ++k) tasks[k].init_period().set_us(period_us);
  }
}

void inject(schema::InitConfig::Builder config, const Adjustment& adjustment) {
  const auto kind =
      adjustment.fault == "controller-hang" ? schema::FaultKind::hang : schema::FaultKind::crash;
  const auto services = config.services();
  for (std::uint32_t i = 0; i < services.size(); ++i) {
    if (services[i].as_reader().config().which() != schema::ServiceConfig::Which::controller) continue;
    const auto controller = services[i].config().controller();
    controller.set_fault(kind);
    controller.init_fault_at().set_ns(adjustment.fault_at_ns);
  }
}

}  // namespace

bool is_left_out(schema::Service::Reader service, const std::string& load) {
  const auto config = service.config();
  return config.which() == schema::ServiceConfig::Which::load && !wants(load, config.load().kind());
}

Message adjust(schema::SystemManifest::Reader manifest, const Adjustment& adjustment) {
  return build_message([&](wire::MessageBuilder& message) {
    message.set_root<schema::SystemManifest>(manifest);
    const auto root = message.root<schema::SystemManifest>();
    keep_load(manifest.init_config(), root.init_config(), adjustment.load);
    if (adjustment.cpus != 0) root.kernel_params().set_cpus(static_cast<std::uint16_t>(adjustment.cpus));
    if (adjustment.cpus == 1) move_to_one_cpu(root.init_config());
    if (adjustment.period_us != 0) set_periods(root.init_config(), adjustment.period_us);
    if (!adjustment.fault.empty()) inject(root.init_config(), adjustment);
  });
}

}  // namespace capos::cli
