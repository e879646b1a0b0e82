// SPDX-License-Identifier: Apache-2.0
// Marks for the counting plug-ins (bench/tcg-plugin): long NOPs whose displacement says what they mark.
//
// The processor ignores the displacement (Intel SDM, NOP: the memory operand is not accessed), so a mark costs one
// instruction and nothing else, with the plug-in or without; it stands outside what is timed.
#pragma once

#include <cstdint>

namespace capos::abi {

enum class BenchMark : std::uint32_t {
  row = 1,    // the next row begins
  start = 2,  // an operation begins: what is executed from here on is counted
  stop = 3,   // it ends
  islands_started = 4,  // init has activated the islands
  first_job = 5,        // the wake-up bench's task was released
};
inline constexpr std::uint32_t kBenchMarkBase = 0x43504d00;  // "CPM"

template <BenchMark mark>
inline void bench_mark() noexcept {
  asm volatile("nopl %c0(%%rax)" : : "i"(kBenchMarkBase | static_cast<std::uint32_t>(mark)) : "memory");
}

}  // namespace capos::abi
