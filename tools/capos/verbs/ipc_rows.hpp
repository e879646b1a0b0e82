// SPDX-License-Identifier: Apache-2.0
// The rows of bench/ipc and bench/scale as their guests measure them, in the deterministic machine.
#pragma once

#include <string>
#include <vector>

#include "capos/abi/bench.hpp"
#include "capos/report/analyse.hpp"
#include "verbs.hpp"

namespace capos::cli {

struct IpcRows {
  abi::BenchHeader header{};
  std::vector<report::BenchLine> lines;  // in the order in which they were measured
};

// Boots a machine. With `plugin`, it runs under that: another machine, whose figures of time are not used. Errors: it did not
// end in order, a row is not complete, there is no memory for the population; the machine's last words are on stderr then.
[[nodiscard]] Outcome<IpcRows> measure_ipc(const Paths& paths, const BenchIpcOptions& options, const std::string& plugin = "");

// The rows of bench/scale, in the same way and with the same errors.
[[nodiscard]] Outcome<IpcRows> measure_scale(const Paths& paths, std::uint64_t samples, bool verbose);

}  // namespace capos::cli
