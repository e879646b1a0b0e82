// SPDX-License-Identifier: Apache-2.0
// The islands of the noise bench, with certificates by hand, and their tasks.
#pragma once

#include <array>
#include <span>
#include <string_view>

#include "capos/runtime/runtime.hpp"
#include "noise_page.hpp"

namespace noise_bench {

using namespace capos;

// The number a noise-task is started with.
enum class Part : std::uint32_t { compute, periodic, gaps };

struct Task {
  std::string_view name;
  std::uint64_t period_us = 0;
  std::uint64_t budget_ns = 0;
  std::uint8_t priority = 0;
};
inline constexpr std::size_t kMostTasks = 2;

struct Island {
  runtime::OwnedCapability<schema::RealtimeIsland> island;
  std::array<abi::CapId, kMostTasks> contexts{};
};

struct Grant {
  std::string_view name;
  abi::CapId cap;
};

// Says why and ends the machine.
[[noreturn]] void give_up(runtime::Runtime& runtime, std::string_view why) noexcept;
// `slack`: of best effort. The program ends if it is refused.
[[nodiscard]] Island admit(runtime::Runtime& runtime, std::string_view name, std::uint16_t cpu, bool slack, std::span<const Task> tasks) noexcept;
// Starts a task on the context, and waits until it has come to its first wait.
void start(runtime::Runtime& runtime, Part part, abi::CapId context, std::span<const Grant> grants = {}) noexcept;

}  // namespace noise_bench
