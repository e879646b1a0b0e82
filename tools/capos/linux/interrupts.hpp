// SPDX-License-Identifier: Apache-2.0
// How many interrupts an isolated CPU takes under a program that computes: what bench/linux's `interrupts` counts in Linux.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "linux_boot.hpp"

namespace capos::cli {

struct InterruptCounts {
  std::vector<std::pair<std::string, std::uint64_t>> causes;  // those that came at all
  [[nodiscard]] std::uint64_t total() const;
  [[nodiscard]] std::string text() const;  // "LOC 2500, RES 3"; "none"
};

inline constexpr unsigned kIsolatedCpu = 1;  // of two, in both systems

// `text` may be anything. Errors: no JSON, another shape.
[[nodiscard]] Outcome<InterruptCounts> parse_interrupts(std::string_view text);
[[nodiscard]] LinuxProgram interrupts_program(unsigned seconds);

}  // namespace capos::cli
