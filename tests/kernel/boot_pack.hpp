// SPDX-License-Identifier: Apache-2.0
// Boot packs for the simulated machine, made with the generated builders.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "elf_image.hpp"

namespace capos::ktest {

struct NamedProgram {
  std::string name;
  Image image;
};

// The simulated machine's overheads: small, none zero, so that forging any of them shows.
struct PackOverheads {
  std::uint64_t release = 500, context_switch = 400, blocking = 2'000, jitter = 100;
};

struct PackOptions {
  std::uint16_t cpus = 1;
  std::uint32_t trace_events = 256;
  std::uint64_t quantum_ns = 0;
  std::uint64_t slice_us = 1'000;
  PackOverheads overheads{};
  std::vector<NamedProgram> programs{};  // besides "init" and "program", which are minimal
};

// Framed, as the loader hands it over.
[[nodiscard]] std::vector<std::uint64_t> boot_pack(const PackOptions& options);

}  // namespace capos::ktest
