// SPDX-License-Identifier: Apache-2.0
// One boot of one manifest: packs it, runs the machine, and leaves everything under out/NAME.
#pragma once

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <string>

#include "../manifest/message.hpp"
#include "../support/paths.hpp"
#include "capos/schema/bootpack.hpp"
#include "capos/schema/manifest.hpp"
#include "machine.hpp"
#include "run.hpp"

namespace capos::cli {

struct SessionInputs {
  std::string name;  // of the directory under out/
  schema::SystemManifest::Reader manifest;
  schema::MachineParams::Reader machine;     // as machine_for() gives it
  std::filesystem::path manifest_directory;  // where paths to ELF files start from
  AcceleratorChoice accelerator;
  std::uint64_t duration_ns = 0;
  bool trace_switches = false;   // events of each dispatch, interrupt and call that lends time
  int host_cpu = -1;             // as in MachineSpec
  bool visible_memory = false;   // as in MachineSpec
  std::string plugin{};          // as in MachineSpec
  std::chrono::seconds wall{0};  // 0: from the duration
  bool verbose = false;          // prints the command
  bool progress = true;
};

struct Session {
  std::filesystem::path directory;
  MachineSpec spec;
  MachineEnd end;
};

// The machine of a manifest with its files in `directory`.
[[nodiscard]] MachineSpec spec_of(const Paths& paths, const SessionInputs& inputs,
                                  const std::filesystem::path& directory);
// Makes out/NAME, writes its boot.pack, and gives the machine. Errors: no kernel, a program that is not
// there.
[[nodiscard]] Outcome<MachineSpec> prepare_machine(const Paths& paths, const SessionInputs& inputs);
[[nodiscard]] Outcome<Session> boot(const Paths& paths, const SessionInputs& inputs);

}  // namespace capos::cli
