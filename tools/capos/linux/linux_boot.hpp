// SPDX-License-Identifier: Apache-2.0
// One boot of Linux PREEMPT_RT in capOS's machine, which runs one program to its end and gives the file that it wrote.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

#include "../machine/machine.hpp"

namespace capos::cli {

struct LinuxMachine {
  Accelerator accelerator = Accelerator::tcg;
  std::filesystem::path kernel, initrd;
  std::filesystem::path directory;  // console.log and command.txt are left there
  std::string options = "default";  // or "tuned", "isolated" (CPU 1 of two)
  std::string load = "none";        // cpu, memory, ipc, all: Linux's equivalents of capOS's load service
  int host_cpu = -1;
  unsigned cpus = 1;
};

struct LinuxProgram {
  std::vector<std::string> command;  // words without commas and spaces
  std::string file;                  // what it writes, in the guest
  std::chrono::seconds wall{900};    // of real time, the boot included
};

struct LinuxEnd {
  MachineSpec spec;
  std::string file;                    // what the program wrote
  std::uint64_t first_user_ticks = 0;  // the time stamp counter, zero at reset, at the first process's first instruction
};

[[nodiscard]] MachineSpec spec_of(const LinuxMachine& machine, const LinuxProgram& program);
// Errors: interrupted; the machine or the program did not end in order (its last words are on stderr); no such file.
[[nodiscard]] Outcome<LinuxEnd> boot_linux(const LinuxMachine& machine, const LinuxProgram& program);
// What bench/linux/init.cpp says of its first instruction. Errors: it does not.
[[nodiscard]] Outcome<std::uint64_t> first_user_ticks(std::string_view console);

// For people: what stands for a kind of load in Linux.
[[nodiscard]] std::string linux_load_text(const std::string& load);
// The boot options of a set, "" for the default.
[[nodiscard]] std::string linux_options_text(const std::string& options);

}  // namespace capos::cli
