// SPDX-License-Identifier: Apache-2.0
// Integers that are not interchangeable: CPUs, priorities, identifiers, addresses.
#pragma once

#include <compare>
#include <cstdint>

namespace capos {

template <typename Tag, typename Representation>
class Strong {
 public:
  constexpr Strong() noexcept = default;
  explicit constexpr Strong(Representation value) noexcept : value_(value) {}
  [[nodiscard]] constexpr Representation value() const noexcept { return value_; }
  constexpr auto operator<=>(const Strong&) const noexcept = default;

 private:
  Representation value_{};
};

// A logical CPU, 0 to kMaxCpus-1; 0 is the boot CPU.
using CpuId = Strong<struct CpuIdTag, std::uint16_t>;
inline constexpr std::uint16_t kMaxCpus = 16;

// 255 is the most urgent. Threads without a scheduling context have none.
using Priority = Strong<struct PriorityTag, std::uint8_t>;

// An island's number, unique while the machine runs; 0 is "no island".
using IslandId = Strong<struct IslandIdTag, std::uint32_t>;

}  // namespace capos
