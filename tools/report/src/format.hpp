// SPDX-License-Identifier: Apache-2.0
// Numbers as people read them.
#pragma once

#include <cstdint>
#include <string>

namespace capos::report {

// "12 345": groups of three.
[[nodiscard]] std::string group_digits(std::uint64_t value);
// "34.9 %", one decimal.
[[nodiscard]] std::string format_percent(double part, double whole);
// "256 MiB"
[[nodiscard]] std::string format_bytes(std::uint64_t bytes);
// "1 kHz", "750 Hz", "" for a period of 0.
[[nodiscard]] std::string format_rate(std::uint32_t period_numerator, std::uint32_t period_denominator);

}  // namespace capos::report
