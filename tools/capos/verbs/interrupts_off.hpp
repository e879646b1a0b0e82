// SPDX-License-Identifier: Apache-2.0
// How long the kernel keeps interrupts off, over the conformance program: each kind of section, by what it does.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "../boot/elf.hpp"
#include "../support/paths.hpp"

namespace capos::cli {

// Sections of fewer instructions are counted, not named.
inline constexpr std::uint64_t kLongSection = 1000;

struct Section {
  std::uint64_t longest = 0, times = 0;  // instructions; how many of at least kLongSection
  std::string entry;                     // how the kernel was entered, or where it went on after an interrupt window
  std::string most;                      // the function that took most of the longest one
};

struct InterruptsOff {
  std::uint64_t sections = 0, longest = 0;
  std::vector<Section> kinds;  // at least kLongSection long; longest first
};

// `text`: the file of bench/tcg-plugin/sections.cpp. Errors: a line of another shape.
[[nodiscard]] Outcome<InterruptsOff> read_sections(std::string_view text, const ElfFile& kernel);
// Boots the conformance program on one CPU, in the deterministic machine. Errors: a case fails, the build lacks something.
[[nodiscard]] Outcome<InterruptsOff> measure_interrupts_off(const Paths& paths, bool verbose);

}  // namespace capos::cli
