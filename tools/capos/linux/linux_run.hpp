// SPDX-License-Identifier: Apache-2.0
// A boot of Linux PREEMPT_RT with the stock cyclictest as its only realtime program.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "../latency/cyclictest.hpp"
#include "linux_boot.hpp"

namespace capos::cli {

struct LinuxRequest : LinuxMachine {  // cyclictest.json is left in its directory too
  std::uint64_t samples = 0;
  std::uint64_t period_us = 1000;
};

struct LinuxRun {
  CyclictestResult result;
  MachineSpec spec;
  std::uint64_t first_user_ticks = 0;  // as in LinuxEnd
};

// cyclictest as it is started in the guest, and on the host for its noise; its result goes to the file `json`.
[[nodiscard]] std::vector<std::string> cyclictest_command(Accelerator accelerator, std::uint64_t samples, std::uint64_t period_us,
                                                          const std::string& json);
[[nodiscard]] MachineSpec linux_machine(const LinuxRequest& request);
// Errors: as boot_linux(); its result is missing or has fewer samples.
[[nodiscard]] Outcome<LinuxRun> run_linux(const LinuxRequest& request);

}  // namespace capos::cli
