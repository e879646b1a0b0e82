// SPDX-License-Identifier: Apache-2.0
// The part `isolated` of ./capos bench linux: interrupts on a CPU that computes, capOS's leased one beside Linux's.
//
// Both in QEMU with two CPUs and without instruction counting: with it, QEMU 7.2 lets a CPU that computes keep the machine to
// itself, and Linux does not boot. So the clock is the host's, and only counts are shown, no times.
#pragma once

#include <filesystem>

#include "../support/paths.hpp"
#include "../support/problem.hpp"
#include "capos/report/comparison.hpp"

namespace capos::cli {

struct IsolatedCpuRequest {
  std::filesystem::path kernel, initrd;
  std::filesystem::path directory;  // out/bench/linux
  unsigned seconds = 10;            // counted; the machine's boot and a second to settle come before
};

// Adds a table, rows (one sample each, unit "interrupts") and commands. Errors: a machine did not end in order, or not in time.
[[nodiscard]] Outcome<void> measure_isolated_cpu(const Paths& paths, const IsolatedCpuRequest& request, report::Comparison& comparison);

}  // namespace capos::cli
