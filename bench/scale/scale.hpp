// SPDX-License-Identifier: Apache-2.0
// The parts of scale-bench, and the page that its tasks write.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "bench.hpp"

namespace scale_bench {

using namespace capos;
using ipc_bench::Bench;
using ipc_bench::stamp;

[[noreturn]] void give_up(runtime::Runtime& runtime, std::string_view why) noexcept;
// Memory of so many pages, mapped, and the capability that others are given.
struct Room {
  std::span<std::byte> bytes;
  abi::CapId cap;
};
[[nodiscard]] Room make_room(runtime::Runtime& runtime, std::uint64_t pages) noexcept;

// Rows of sched/ alone.
void scheduler_rows(Bench& bench) noexcept;
// Rows of an island of 100 tasks.
void island_rows(Bench& bench) noexcept;

}  // namespace scale_bench
