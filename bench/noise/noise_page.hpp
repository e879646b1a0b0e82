// SPDX-License-Identifier: Apache-2.0
// What the noise bench leaves in the memory shared with the host, and what the host tells it there before it boots: a page, then
// gaps. A reader bounds every count by the memory's size before it uses it.
#pragma once

#include <cstddef>
#include <cstdint>

#include "capos/abi/trace.hpp"

namespace noise_bench {

inline constexpr std::uint64_t kMagic = 0x455349'4f4e5343;  // "CSNOISE"
inline constexpr std::size_t kMostCpus = 4;

struct Request {
  std::uint64_t window_ns;
};

enum class Use : std::uint64_t { clock, loop, periodic, idle };

struct CpuNoise {
  Use use;
  std::uint64_t interrupts[capos::abi::kInterruptCauses];  // in the window, by InterruptCause
  std::uint64_t jobs;                                      // `periodic`: that ended in it
  [[nodiscard]] std::uint64_t all() const noexcept {
    std::uint64_t sum = 0;
    for (const std::uint64_t count : interrupts) sum += count;
    return sum;
  }
};

struct Gap {
  std::uint64_t at_ns;       // since the loop's begin
  std::uint64_t length_ns;
  std::uint64_t causes;      // bit c: InterruptCause c was counted on this CPU meanwhile; 0: nothing was
};

struct Page {
  Request request;
  std::uint64_t magic;
  std::uint64_t cpus;
  CpuNoise cpu[kMostCpus];
  // Of a machine of one CPU.
  std::uint64_t threshold_ns;  // what is longer than this between two looks at the clock is a gap
  std::uint64_t turns;         // of the loop
  std::uint64_t loop_ns;
  std::uint64_t gaps_ns;       // all of them, those that found no room, too
  std::uint64_t gaps;
  std::uint64_t gaps_recorded;
};
inline constexpr std::size_t kGapsOffset = 4096;
static_assert(sizeof(Page) <= kGapsOffset);

}  // namespace noise_bench
