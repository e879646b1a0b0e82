// SPDX-License-Identifier: Apache-2.0
// What a boot spends its instructions on: the lines of bench/tcg-plugin/boot.cpp, told apart by program and function.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "elf.hpp"

namespace capos::cli {

inline constexpr std::array kBootPhases{"firmware", "kernel", "init", "first job"};
using PhaseCounts = std::array<std::uint64_t, kBootPhases.size()>;

struct Contributor {
  std::string program;   // "kernel", a program of the manifest, or "?" where the code is none of theirs
  std::string function;  // "" where no symbol covers it
  std::uint64_t instructions = 0;
};

struct BootProfile {
  PhaseCounts phases{};
  std::vector<Contributor> contributors;  // most first; the firmware's instructions are in none
};

using NamedElf = std::pair<std::string, ElfFile>;
// `text`: the plug-in's file. Code of the lower half is that program's which has its bytes at its address; where several have,
// the other code of its page decides. Errors: a line of another shape, a phase without an instruction.
[[nodiscard]] Outcome<BootProfile> boot_profile(std::string_view text, const ElfFile& kernel, const std::vector<NamedElf>& programs);

}  // namespace capos::cli
