// SPDX-License-Identifier: Apache-2.0
// What the flags of a command change in a manifest before it boots: load, CPUs, an injected fault.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "capos/schema/manifest.hpp"
#include "message.hpp"

namespace capos::cli {

struct Adjustment {
  std::string load = "all";       // none, cpu, memory, ipc, all: which load services stay
  unsigned cpus = 0;              // 0: as the manifest says
  std::string fault{};            // "", controller-hang, controller-crash, slow-node
  std::uint64_t fault_at_ns = 0;  // after the islands' start
  std::uint64_t period_us = 0;    // of every task; 0: as the manifest says
};

// The manifest with the adjustment made. Islands that lease a CPU which the machine has not are left out, with the services of
// their tasks and the rings of those; with one CPU the first island moves to CPU 0 and lets best effort have its slack.
[[nodiscard]] Message adjust(schema::SystemManifest::Reader manifest, const Adjustment& adjustment);

inline constexpr std::string_view kSlowNode = "slow-node";
inline constexpr std::uint32_t kSlowCycles = 60;  // 80 ms

// True if this is the service that is told to have the fault: the controller, or the graph's biquad.
[[nodiscard]] bool has_fault(schema::Service::Reader service, std::string_view fault);

// True if the service is load, and of a kind that `load` leaves out.
[[nodiscard]] bool is_left_out(schema::Service::Reader service, const std::string& load);

}  // namespace capos::cli
