// SPDX-License-Identifier: Apache-2.0
// Page-table entries of four-level paging (Intel SDM vol. 3, 4.5).
#pragma once

#include <cstdint>

#include "internal.hpp"

namespace capos::hal::x86 {

inline constexpr std::uint64_t kPresent = 1, kWritable = 2, kUser = 4, kWriteThrough = 8, kCacheDisable = 16,
                               kAccessed = 32, kDirty = 64, kLarge = 128, kGlobal = 256,
                               kNoExecute = std::uint64_t{1} << 63;
inline constexpr std::uint64_t kFrameMask = 0x000f'ffff'ffff'f000;
inline constexpr unsigned kEntries = 512;
inline constexpr unsigned kTopLevel = 3;  // levels 3 (PML4) to 0 (page table)

using Table = std::uint64_t[kEntries];

[[nodiscard]] inline Table& table_at(std::uint64_t entry_or_root) noexcept {
  return *reinterpret_cast<Table*>(physmap(entry_or_root & kFrameMask));
}
[[nodiscard]] constexpr unsigned index_of(std::uint64_t address, unsigned level) noexcept {
  return static_cast<unsigned>(address >> (12 + 9 * level)) & (kEntries - 1);
}
[[nodiscard]] constexpr std::uint64_t span_of(unsigned level) noexcept {
  return std::uint64_t{1} << (12 + 9 * level);
}

}  // namespace capos::hal::x86
