// SPDX-License-Identifier: Apache-2.0
// Admission of all islands of a manifest on one machine, by the same code that runs in the guest.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "../support/paths.hpp"
#include "capos/admission/admit.hpp"
#include "capos/schema/bootpack.hpp"
#include "capos/schema/manifest.hpp"
#include "message.hpp"

namespace capos::cli {

struct IslandVerdict {
  std::unique_ptr<admission::IslandAdmission> admission;
  std::vector<std::uint16_t> cpus;  // leased
  std::string refusal;              // empty: admitted
  [[nodiscard]] bool admitted() const { return refusal.empty(); }
};

// The messages must outlive the verdicts: names are views into them. The manifest must be valid. `runs`: the
// KernelFeatures that it was allowed to ask for.
[[nodiscard]] std::vector<IslandVerdict> admit_islands(schema::SystemManifest::Reader manifest,
                                                       schema::MachineParams::Reader machine,
                                                       std::uint32_t runs = sched::kKernelRuns);

// One island as a table, with its chains, and its refusal if it has one. Ends with a newline.
[[nodiscard]] std::string render_island(const IslandVerdict& verdict);
[[nodiscard]] nlohmann::ordered_json island_json(const IslandVerdict& verdict);

// "1 240 us": microseconds, exact.
[[nodiscard]] std::string exact_us(std::uint64_t ns);

// The manifest with every default filled in, as text that compiles to it.
[[nodiscard]] Outcome<std::string> show_elaborated(const Paths& paths,
                                                   schema::SystemManifest::Reader manifest,
                                                   const std::string& name);

}  // namespace capos::cli
