// SPDX-License-Identifier: Apache-2.0
// A machine's description, and the exact QEMU command that is it.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "accelerator.hpp"

namespace capos::cli {

struct MachineSpec {
  Accelerator accelerator = Accelerator::tcg;
  bool microvm = false;  // no PCI, so no channel
  unsigned cpus = 1;
  std::uint64_t memory_bytes = 256 << 20;
  std::filesystem::path kernel;
  std::filesystem::path pack;
  std::filesystem::path console;    // the serial port's text
  bool visible_memory = false;      // other processes of the same user can read it while it runs: GuestMemory
  std::filesystem::path channel;    // file behind the shared memory; empty: none
  std::uint64_t channel_bytes = 0;  // a power of two
  std::string channel_head;         // bytes it begins with; the rest is zero
  bool educational_device = false;  // QEMU's "edu": a PCI function that interrupts when it is told to
  bool second_serial = false;       // a second serial port that nobody reads
  std::string gdb;                  // QEMU's -gdb argument; empty: none
  std::string arguments;            // the kernel's command line; empty: none
  int host_cpu = -1;                // the only CPU of the host that QEMU may use; -1: any
  std::string plugin;               // QEMU's -plugin argument; empty: none
  bool stopped = false;             // waits for the debugger before the first instruction
};

// QEMU's name for memory that is visible, and for the file descriptor behind it.
inline constexpr const char* kMemoryBackend = "memory-backend-memfd";

// Equal specifications give equal commands; on TCG equal commands give equal runs, to the instruction.
[[nodiscard]] std::vector<std::string> qemu_command(const MachineSpec& spec);

// For people: "QEMU q35, 2 CPUs, 256 MiB, TCG with instruction counting".
[[nodiscard]] std::string describe(const MachineSpec& spec);

// "QEMU emulator version 7.2.22 (Debian ...)"; empty if it cannot be run.
[[nodiscard]] std::string qemu_version();

}  // namespace capos::cli
