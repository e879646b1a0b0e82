// SPDX-License-Identifier: Apache-2.0
// What a boot loader says of the machine: PVH's start_info and Multiboot2's tags, copied out of its memory.
//
// Pure: no machine access, no allocation. What the loader wrote is not trusted: addresses go through the reader, and what
// cannot be read counts as zero. Bounds: kMaxMapEntries memory ranges and kMaxTags tags are looked at, the rest is left
// out (`cut_short`). Layouts after Xen's PVH interface (xen/include/public/arch-x86/hvm/start_info.h) and the Multiboot2
// specification 2.0, 3.6.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "acpi/acpi.hpp"
#include "boot/memory_map.hpp"

namespace capos::hal {

struct LoaderInfo {
  static constexpr std::uint32_t kMaxMapEntries = 1024, kMaxTags = 4096;

  RangeSet ram;  // as given, minus everything that is given as reserved
  MemoryRange module;
  std::uint64_t rsdp = 0;  // 0: not said
  bool cut_short = false;  // more ranges, tags or a longer command line than there is room for
  std::array<char, 4096> text{};
  std::size_t text_size = 0;

  [[nodiscard]] std::string_view command_line() const noexcept { return {text.data(), text_size}; }
};

enum class LoaderFault : std::uint8_t { none, bad_magic, no_memory_map, no_ram };
[[nodiscard]] std::string_view text_of(LoaderFault fault) noexcept;

// `info`: where the loader's structure lies. `into` is new.
[[nodiscard]] LoaderFault read_pvh(PhysicalReader& memory, std::uint64_t info, LoaderInfo& into) noexcept;
[[nodiscard]] LoaderFault read_multiboot2(PhysicalReader& memory, std::uint64_t info, LoaderInfo& into) noexcept;

}  // namespace capos::hal
