// SPDX-License-Identifier: Apache-2.0
// What the flags of a command change in a manifest before it boots: load, CPUs, an injected fault.
#pragma once

#include <cstdint>
#include <string>

#include "capos/schema/manifest.hpp"
#include "message.hpp"

namespace capos::cli {

struct Adjustment {
  std::string load = "all";       // none, cpu, memory, ipc, all: which load services stay
  unsigned cpus = 0;              // 0: as the manifest says
  std::string fault{};            // "", controller-hang, controller-crash
  std::uint64_t fault_at_ns = 0;  // after the islands' start
  std::uint64_t period_us = 0;    // of every task; 0: as the manifest says
};

// The manifest with the adjustment made. With one CPU, islands move to CPU 0 and let best effort have their
// slack.
[[nodiscard]] Message adjust(schema::SystemManifest::Reader manifest, const Adjustment& adjustment);

// True if the service is load, and of a kind that `load` leaves out.
[[nodiscard]] bool is_left_out(schema::Service::Reader service, const std::string& load);

}  // namespace capos::cli
