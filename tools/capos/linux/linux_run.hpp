// SPDX-License-Identifier: Apache-2.0
// One boot of Linux PREEMPT_RT in capOS's machine, with the stock cyclictest as its only realtime program.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "../latency/cyclictest.hpp"
#include "../machine/machine.hpp"
#include "../support/paths.hpp"

namespace capos::cli {

struct LinuxRequest {
  Accelerator accelerator = Accelerator::tcg;
  std::filesystem::path kernel, initrd;
  std::filesystem::path directory;  // console.log, command.txt and cyclictest.json are left there
  std::string options = "default";  // or "tuned"
  std::string load = "none";        // cpu, memory, ipc, all: Linux's equivalents of capOS's load service
  std::uint64_t samples = 0;
  std::uint64_t period_us = 1000;
  int host_cpu = -1;
};

struct LinuxRun {
  CyclictestResult result;
  MachineSpec spec;
};

// cyclictest as it is started in the guest, and on the host for its noise; its result goes to the file `json`.
[[nodiscard]] std::vector<std::string> cyclictest_command(Accelerator accelerator, std::uint64_t samples, std::uint64_t period_us,
                                                          const std::string& json);
[[nodiscard]] MachineSpec linux_machine(const LinuxRequest& request);
// Errors: the machine did not end in order, its result is missing or has fewer samples; its last words are on stderr.
[[nodiscard]] Outcome<LinuxRun> run_linux(const LinuxRequest& request);

// For people: what stands for a kind of load in Linux.
[[nodiscard]] std::string linux_load_text(const std::string& load);
// The boot options of a set, "" for the default.
[[nodiscard]] std::string linux_options_text(const std::string& options);

}  // namespace capos::cli
