// SPDX-License-Identifier: Apache-2.0
#include "internal.hpp"

namespace capos::hal::x86 {

// Device registers in those 4 GiB are readable too; a table that points there yields nonsense that a checksum
// rejects, not a fault.
bool EarlyMemory::read(std::uint64_t address, std::span<std::uint8_t> into) noexcept {
  constexpr std::uint64_t kEnd = std::uint64_t{4} << 30;
  if (address > kEnd || into.size() > kEnd - address) return false;
  __builtin_memcpy(into.data(), physmap(address), into.size());
  return true;
}

}  // namespace capos::hal::x86
