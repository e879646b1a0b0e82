// SPDX-License-Identifier: Apache-2.0
// A bench whose guest takes init's place, is told what is wanted at the start of the memory that it shares with the host, and
// leaves its figures there.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "../support/paths.hpp"
#include "../support/problem.hpp"

namespace capos::cli {

struct GuestBench {
  std::string name;      // bench/NAME/NAME.capnp
  std::string out_name;  // directory under out/
  std::string request;   // the bytes that the shared memory begins with
  unsigned cpus = 0;     // 0: the manifest's
  std::uint64_t memory_bytes = 0;  // at least; the manifest's, if that is more. Refused if the host has not so much.
  std::string why_memory{};        // of a refusal: "a population of 1000 needs"
  std::string plugin{};            // as in MachineSpec
  bool educational_device = false;
  bool verbose = false;
};

// Boots it in the deterministic machine and returns the file of the shared memory. Errors: a wrong manifest, too little memory, a
// guest that did not end in order (the console's end is on stderr then).
[[nodiscard]] Outcome<std::filesystem::path> run_guest_bench(const Paths& paths, const GuestBench& bench);

}  // namespace capos::cli
