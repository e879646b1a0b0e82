// SPDX-License-Identifier: Apache-2.0
// capOS's wake-ups as configs/wakeup.capnp measures them: from a task's release to its first user instruction.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "../machine/session.hpp"
#include "../support/paths.hpp"

namespace capos::cli {

struct WakeupRequest {
  std::string load = "none";  // as in Adjustment
  std::string out_name;       // directory under out/
  std::string accelerator = "tcg";  // a name_of(Accelerator)
  std::uint64_t samples = 0;
  std::uint64_t period_us = 1000;
  int host_cpu = -1;
  std::string plugin{};  // as in MachineSpec
  bool verbose = false, progress = false;
};

// The time stamp counter, zero at reset; 0: not recorded. The first job: its first dispatch to user mode.
struct BootStamps {
  std::uint64_t entry_ticks = 0, first_user_ticks = 0, islands_ticks = 0, first_job_ticks = 0;
};

struct WakeupSamples {
  std::vector<std::uint64_t> values;  // exactly as many as were asked for; ns, on TCG instructions
  MachineSpec spec;
  BootStamps boot;
};

// Boots a machine. Errors: it did not end in order, a sample or an event is missing; the machine's last words are on
// stderr then.
[[nodiscard]] Outcome<WakeupSamples> sample_wakeups(const Paths& paths, const WakeupRequest& request);

}  // namespace capos::cli
