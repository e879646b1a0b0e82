// SPDX-License-Identifier: Apache-2.0
// Where services run.
#include "capos/admission/model.hpp"
#include "check.hpp"

namespace capos::admission {
namespace {

// The CPU of the first task whose calls reach passive service `server`.
std::uint32_t callers_cpu(schema::SystemManifest::Reader manifest, std::uint32_t server) noexcept {
  const auto services = manifest.init_config().services();
  const ServiceSet callers = CallGraph(manifest).callers_of(server);
  for (std::uint32_t i = 0; i < services.size() && i < kMaxServices; ++i) {
    if ((callers >> i & 1u) == 0) continue;
    const TaskRef ref = task_of_service(manifest, services[i].name());
    if (!ref.found()) continue;
    const auto island = manifest.init_config().islands()[ref.island];
    return cpu_of(island, island.tasks()[ref.task]);
  }
  return kNotFound;
}

}  // namespace

Placement place(schema::SystemManifest::Reader manifest, std::uint16_t service) noexcept {
  const auto services = manifest.init_config().services();
  const TaskRef ref = task_of_service(manifest, services[service].name());
  if (ref.found()) {
    const auto island = manifest.init_config().islands()[ref.island];
    return {PlacementKind::task, cpu_of(island, island.tasks()[ref.task]),
            static_cast<std::uint16_t>(ref.island), static_cast<std::uint16_t>(ref.task)};
  }
  if (!services[service].passive()) return {PlacementKind::best_effort, services[service].cpu(), 0, 0};
  const std::uint32_t cpu = callers_cpu(manifest, service);
  const std::uint16_t chosen = cpu == kNotFound ? services[service].cpu() : static_cast<std::uint16_t>(cpu);
  return {PlacementKind::passive, chosen, 0, 0};
}

}  // namespace capos::admission
