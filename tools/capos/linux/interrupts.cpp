// SPDX-License-Identifier: Apache-2.0
#include "interrupts.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

namespace capos::cli {
namespace {

constexpr const char* kResult = "/tmp/interrupts.json";

}  // namespace

std::uint64_t InterruptCounts::total() const {
  std::uint64_t sum = 0;
  for (const auto& [cause, count] : causes) sum += count;
  return sum;
}

std::string InterruptCounts::text() const {
  std::string text;
  for (const auto& [cause, count] : causes) text += fmt::format("{}{} {}", text.empty() ? "" : ", ", cause, count);
  return text.empty() ? "none" : text;
}

LinuxProgram interrupts_program(unsigned seconds) {
  return {{"/usr/bin/interrupts", fmt::format("{}", kIsolatedCpu), fmt::format("{}", seconds), kResult}, kResult,
          std::chrono::seconds(300 + 3 * seconds)};
}

Outcome<InterruptCounts> parse_interrupts(std::string_view text) {
  InterruptCounts counts;
  try {
    const auto json = nlohmann::ordered_json::parse(text);
    const auto& interrupts = json.at("interrupts");
    if (!interrupts.is_object() || interrupts.empty()) return problem("the interrupt counts cannot be read: there are none", "see the console.log of that run");
    for (const auto& [cause, count] : interrupts.items()) {
      if (const auto number = count.get<std::uint64_t>(); number != 0) counts.causes.emplace_back(cause, number);
    }
  } catch (const nlohmann::ordered_json::exception& error) {
    return problem(fmt::format("the interrupt counts cannot be read: {}", error.what()), "see the console.log of that run");
  }
  return counts;
}

}  // namespace capos::cli
