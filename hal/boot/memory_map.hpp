// SPDX-License-Identifier: Apache-2.0
// A set of physical memory ranges: what firmware says, minus what is taken.
//
// Invariant: ranges are sorted, apart (never touching) and not empty; ends do not overflow. At most kCapacity
// ranges; an operation that needs more keeps the set smaller than asked for, never larger, and says so.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "capos/hal/machine.hpp"

namespace capos::hal {

class RangeSet {
 public:
  static constexpr std::size_t kCapacity = 128;

  // Adds [base, base + size), cut at 2^64. False if there was no room for it (nothing changed).
  [[nodiscard]] bool add(std::uint64_t base, std::uint64_t size) noexcept;
  // Removes [base, base + size). False if a range had to be dropped because its two rests did not fit.
  [[nodiscard]] bool remove(std::uint64_t base, std::uint64_t size) noexcept;
  // Shrinks each range to multiples of `alignment` (a power of two); what becomes empty goes.
  void shrink_to(std::uint64_t alignment) noexcept;
  // Takes `size` bytes aligned to `alignment` from the highest range that ends at or below `limit` after
  // cutting. Returns 0 if there is none.
  [[nodiscard]] std::uint64_t take(std::uint64_t size, std::uint64_t alignment, std::uint64_t limit) noexcept;

  [[nodiscard]] std::span<const MemoryRange> ranges() const noexcept { return {ranges_.data(), count_}; }
  [[nodiscard]] std::uint64_t total() const noexcept;
  [[nodiscard]] bool contains(std::uint64_t base, std::uint64_t size) const noexcept;

 private:
  void erase(std::size_t index) noexcept;
  [[nodiscard]] bool insert(std::size_t index, std::uint64_t base, std::uint64_t end) noexcept;
  [[nodiscard]] std::uint64_t base(std::size_t i) const noexcept { return ranges_[i].base.value(); }
  [[nodiscard]] std::uint64_t end(std::size_t i) const noexcept { return base(i) + ranges_[i].size; }
  void set(std::size_t i, std::uint64_t from, std::uint64_t to) noexcept {
    ranges_[i] = {PhysicalAddress{from}, to - from};
  }

  std::array<MemoryRange, kCapacity> ranges_{};
  std::size_t count_ = 0;
};

}  // namespace capos::hal
