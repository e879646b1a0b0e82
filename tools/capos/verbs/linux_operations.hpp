// SPDX-License-Identifier: Apache-2.0
// The parts of ./capos bench linux beside its wake-ups: round trips of both systems, and how long each took to boot.
//
// They are counted in the deterministic machine, whichever the wake-ups ran in.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "../support/paths.hpp"
#include "../support/problem.hpp"
#include "capos/report/comparison.hpp"

namespace capos::cli {

struct LinuxOperations {
  std::filesystem::path kernel, initrd;
  std::filesystem::path directory;   // out/bench/linux
  std::vector<std::string> options;  // of Linux
  std::uint64_t samples = 0;         // of each row
};

// From reset to the first process's first instruction.
struct BootTime {
  std::string system, options;
  std::uint64_t ticks = 0;
};

// Boots capOS once and Linux once for each set of options; adds a table, rows and commands to `comparison`, and to `boots` what
// they took. Returns Linux's release and version, as uname says. Errors: one of the machines did not end in order; what was measured before is kept.
[[nodiscard]] Outcome<std::string> measure_round_trips(const Paths& paths, const LinuxOperations& operations,
                                                       report::Comparison& comparison, std::vector<BootTime>& boots);

// The least of each system and set of options; a capOS that has not booted yet is booted. Adds a table and rows.
[[nodiscard]] Outcome<void> add_boot_times(const Paths& paths, std::vector<BootTime> boots, report::Comparison& comparison);

}  // namespace capos::cli
