// SPDX-License-Identifier: Apache-2.0
#include "adjust.hpp"

#include <algorithm>
#include <set>
#include <string_view>
#include <vector>

#include "capos/schema/load.hpp"
#include "capos/schema/media.hpp"
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

using Names = std::set<std::string_view>;

// What stays of a manifest: by place for what is copied, by name for what refers to it.
struct Kept {
  std::vector<std::uint32_t> services, islands, rings;
  Names ring_names;
};

bool fits(schema::Island::Reader island, std::uint32_t index, unsigned cpus) {
  if (cpus == 0 || (cpus == 1 && index == 0)) return true;
  for (const auto cpu : island.cpus()) {
    if (cpu >= cpus) return false;
  }
  return true;
}

Names services_without_island(schema::InitConfig::Reader config, unsigned cpus) {
  Names services;
  std::uint32_t index = 0;
  for (const auto island : config.islands()) {
    if (fits(island, index++, cpus)) continue;
    for (const auto task : island.tasks()) services.insert(task.service());
  }
  return services;
}

Kept what_stays(schema::InitConfig::Reader config, const Adjustment& adjustment) {
  Kept kept;
  const Names gone = services_without_island(config, adjustment.cpus);
  Names rings_gone;
  std::uint32_t index = 0;
  for (const auto service : config.services()) {
    const bool stays = !is_left_out(service, adjustment.load) && !gone.contains(service.name());
    if (stays) kept.services.push_back(index);
    ++index;
    for (const auto grant : service.grants()) {
      if (!stays && grant.which() == schema::Grant::Which::produces) rings_gone.insert(grant.produces());
      if (!stays && grant.which() == schema::Grant::Which::consumes) rings_gone.insert(grant.consumes());
    }
  }
  index = 0;
  for (const auto island : config.islands()) {
    if (fits(island, index, adjustment.cpus)) kept.islands.push_back(index);
    ++index;
  }
  index = 0;
  for (const auto ring : config.rings()) {
    if (!rings_gone.contains(ring.name())) {
      kept.rings.push_back(index);
      kept.ring_names.insert(ring.name());
    }
    ++index;
  }
  return kept;
}

bool stays(schema::Grant::Reader grant, const Names& rings) {
  if (grant.which() == schema::Grant::Which::produces) return rings.contains(grant.produces());
  if (grant.which() == schema::Grant::Which::consumes) return rings.contains(grant.consumes());
  return true;
}

// Without grants of rings that are gone.
void copy_service(schema::Service::Reader from, schema::Service::Builder to, const Names& rings) {
  copy_element<schema::Service>(from, to);
  std::vector<schema::Grant::Reader> grants;
  for (const auto grant : from.grants()) {
    if (stays(grant, rings)) grants.push_back(grant);
  }
  if (grants.size() == from.grants().size()) return;
  const auto list = to.init_grants(static_cast<std::uint32_t>(grants.size()));
  for (std::uint32_t i = 0; i < list.size(); ++i) copy_element<schema::Grant>(grants[i], list[i]);
}

void keep(schema::InitConfig::Reader from, schema::InitConfig::Builder to, const Kept& kept) {
  const auto services = to.init_services(static_cast<std::uint32_t>(kept.services.size()));
  for (std::uint32_t i = 0; i < services.size(); ++i) {
    copy_service(from.services()[kept.services[i]], services[i], kept.ring_names);
  }
  const auto islands = to.init_islands(static_cast<std::uint32_t>(kept.islands.size()));
  for (std::uint32_t i = 0; i < islands.size(); ++i) {
    copy_element<schema::Island>(from.islands()[kept.islands[i]], islands[i]);
  }
  const auto rings = to.init_rings(static_cast<std::uint32_t>(kept.rings.size()));
  for (std::uint32_t i = 0; i < rings.size(); ++i) copy_element<schema::Ring>(from.rings()[kept.rings[i]], rings[i]);
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

void fail_controller(schema::ControllerConfig::Builder controller, const Adjustment& adjustment) {
  controller.set_fault(adjustment.fault == "controller-hang" ? schema::FaultKind::hang : schema::FaultKind::crash);
  controller.init_fault_at().set_ns(adjustment.fault_at_ns);
}

void slow_down(schema::NodeConfig::Builder node, const Adjustment& adjustment) {
  constexpr std::uint64_t kBlockNs = std::uint64_t{schema::kFramesPerBlock} * 1'000'000'000 / schema::kFrameRate;
  const auto fault = node.init_fault();
  fault.set_slow_from(adjustment.fault_at_ns / kBlockNs);
  fault.set_slow_cycles(kSlowCycles);
}

void inject(schema::InitConfig::Builder config, const Adjustment& adjustment) {
  const auto services = config.services();
  for (std::uint32_t i = 0; i < services.size(); ++i) {
    const auto service = services[i].as_reader();
    if (has_fault(service, adjustment.fault)) {
      if (adjustment.fault == kSlowNode) {
        slow_down(services[i].config().media(), adjustment);
      } else {
        fail_controller(services[i].config().controller(), adjustment);
      }
    }
  }
}

}  // namespace

bool has_fault(schema::Service::Reader service, std::string_view fault) {
  const auto config = service.config();
  if (fault == kSlowNode) {
    return config.which() == schema::ServiceConfig::Which::media && config.media().is_biquad();
  }
  return !fault.empty() && config.which() == schema::ServiceConfig::Which::controller;
}

bool is_left_out(schema::Service::Reader service, const std::string& load) {
  const auto config = service.config();
  return config.which() == schema::ServiceConfig::Which::load && !wants(load, config.load().kind());
}

Message adjust(schema::SystemManifest::Reader manifest, const Adjustment& adjustment) {
  return build_message([&](wire::MessageBuilder& message) {
    message.set_root<schema::SystemManifest>(manifest);
    const auto root = message.root<schema::SystemManifest>();
    keep(manifest.init_config(), root.init_config(), what_stays(manifest.init_config(), adjustment));
    if (adjustment.cpus != 0) root.kernel_params().set_cpus(static_cast<std::uint16_t>(adjustment.cpus));
    if (adjustment.cpus == 1) move_to_one_cpu(root.init_config());
    if (adjustment.period_us != 0) set_periods(root.init_config(), adjustment.period_us);
    if (!adjustment.fault.empty()) inject(root.init_config(), adjustment);
  });
}

}  // namespace capos::cli
