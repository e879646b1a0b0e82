// SPDX-License-Identifier: Apache-2.0
// Which CPU a process and each of its threads live on: one at any instant, or on the way from one to another (process/moving.hpp).
//
// Invariants: only the CPU where they live sends them off, only the one that they go to takes them in; on the way they are nobody's:
// is() holds of no CPU. Any CPU may ask; what it hears may be old by then, unless it is the CPU's own that asks of itself. So mail
// goes to cpu(), and whoever takes out mail for what does not live there sends it on (post_to). O(1).
#pragma once

#include <cstdint>

#include "capos/base/strong.hpp"

namespace capos::kernel {

class Home {
 public:
  explicit Home(CpuId cpu) noexcept : where_(cpu.value()) {}
  Home(const Home&) = delete;
  Home& operator=(const Home&) = delete;

  [[nodiscard]] bool is(CpuId cpu) const noexcept { return load() == cpu.value(); }
  // The same of what runs here, whose place nobody else writes.
  [[nodiscard]] bool of_running_is(CpuId cpu) const noexcept { return where_ == cpu.value(); }
  // Where they live or, on the way, where they go.
  [[nodiscard]] CpuId cpu() const noexcept {
    return CpuId(static_cast<std::uint16_t>(load() & ~kOnTheWay));
  }

  // By the CPU where they live.
  void leave_for(CpuId to) noexcept { store(static_cast<std::uint16_t>(to.value() | kOnTheWay)); }
  // By the one they go to.
  void arrive_at(CpuId cpu) noexcept { store(cpu.value()); }

 private:
  static constexpr std::uint16_t kOnTheWay = 0x8000;
  static_assert(kMaxCpus <= kOnTheWay);
  [[nodiscard]] std::uint16_t load() const noexcept { return __atomic_load_n(&where_, __ATOMIC_ACQUIRE); }
  void store(std::uint16_t where) noexcept { __atomic_store_n(&where_, where, __ATOMIC_RELEASE); }
  std::uint16_t where_;  // no std::atomic, for of_running_is() is to be one comparison with memory
};

}  // namespace capos::kernel
