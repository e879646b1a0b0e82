// SPDX-License-Identifier: Apache-2.0
#include "format.hpp"

#include <fmt/format.h>

#include "capos/report/render.hpp"

namespace capos::report {
namespace {

// value / unit with at most four digits, and no trailing zeros after the point.
std::string four_digits(std::uint64_t value, std::uint64_t unit) {
  const double x = static_cast<double>(value) / static_cast<double>(unit);
  const int decimals = x >= 1000 ? 0 : x >= 100 ? 1 : x >= 10 ? 2 : 3;
  std::string text = fmt::format("{:.{}f}", x, decimals);
  if (text.find('.') != std::string::npos) {
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') text.pop_back();
  }
  return text;
}

}  // namespace

std::string format_ns(std::uint64_t ns) {
  if (ns < 1'000) return fmt::format("{} ns", ns);
  // Thresholds lie below the unit so that rounding never shows "1000 us".
  if (ns < 999'950) return four_digits(ns, 1'000) + " us";
  if (ns < 999'950'000) return four_digits(ns, 1'000'000) + " ms";
  return four_digits(ns, 1'000'000'000) + " s";
}

std::string group_digits(std::uint64_t value) {
  const std::string digits = std::to_string(value);
  std::string text;
  for (std::size_t i = 0; i < digits.size(); ++i) {
    if (i != 0 && (digits.size() - i) % 3 == 0) text += ' ';
    text += digits[i];
  }
  return text;
}

std::string format_percent(double part, double whole) {
  return whole > 0 ? fmt::format("{:.1f} %", 100.0 * part / whole) : "-";
}

std::string format_bytes(std::uint64_t bytes) {
  constexpr std::uint64_t kMib = 1u << 20;
  if (bytes >= 1024 * kMib && bytes % (1024 * kMib) == 0) return fmt::format("{} GiB", bytes / (1024 * kMib));
  return bytes >= kMib ? fmt::format("{} MiB", bytes / kMib) : fmt::format("{} KiB", bytes / 1024);
}

std::string format_rate(std::uint32_t period_numerator, std::uint32_t period_denominator) {
  if (period_numerator == 0) return {};
  const double hz = static_cast<double>(period_denominator) / period_numerator;
  return hz >= 1000 ? fmt::format("{:.4g} kHz", hz / 1000) : fmt::format("{:.4g} Hz", hz);
}

}  // namespace capos::report
