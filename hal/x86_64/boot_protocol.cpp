// SPDX-License-Identifier: Apache-2.0
// PVH's start_info and Multiboot2's tags, read with bounds and copied. Both lie below 4 GiB, mapped by the
// first tables.
#include <algorithm>
#include <array>

#include "internal.hpp"

namespace capos::hal::x86 {
namespace {

constexpr std::uint64_t kEarlyEnd = std::uint64_t{4} << 30;
std::array<char, 4096> command_line;
LoaderInfo loader;
RangeSet reserved;

template <typename T>
[[nodiscard]] T load(std::uint64_t address) noexcept {
  T value{};
  if (address > kEarlyEnd - sizeof(T)) return value;
  __builtin_memcpy(&value, physmap(address), sizeof(T));
  return value;
}

void take_command_line(std::uint64_t address, std::size_t limit) noexcept {
  std::size_t n = 0;
  for (; n < limit && address + n < kEarlyEnd; ++n) {
    const char c = load<char>(address + n);
    if (c == 0) break;
    if (n == command_line.size()) {
      loader.cut_short = true;
      break;
    }
    command_line[n] = c;
  }
  loader.command_line = {command_line.data(), n};
}

void take_range(std::uint64_t base, std::uint64_t size, std::uint32_t type) noexcept {
  constexpr std::uint32_t kRam = 1;
  if (!(type == kRam ? loader.ram : reserved).add(base, size)) loader.cut_short = true;
}

void read_pvh(std::uint64_t info) noexcept {
  constexpr std::uint32_t kMagic = 0x336ec578;
  if (load<std::uint32_t>(info) != kMagic) refuse("the PVH start_info has a wrong magic number", kExitPanic);
  if (load<std::uint32_t>(info + 4) < 1)
    refuse("this PVH loader gives no memory map (version 0)", kExitPanic);
  if (load<std::uint32_t>(info + 12) >= 1) {
    const auto list = load<std::uint64_t>(info + 16);
    loader.module = {PhysicalAddress{load<std::uint64_t>(list)}, load<std::uint64_t>(list + 8)};
  }
  if (const auto text = load<std::uint64_t>(info + 24); text != 0)
    take_command_line(text, command_line.size() + 1);
  loader.rsdp = load<std::uint64_t>(info + 32);
  const auto map = load<std::uint64_t>(info + 40);
  const auto entries = std::min<std::uint32_t>(load<std::uint32_t>(info + 48), 1024);
  for (std::uint64_t at = map; at < map + entries * 24; at += 24)
    take_range(load<std::uint64_t>(at), load<std::uint64_t>(at + 8), load<std::uint32_t>(at + 16));
}

void read_multiboot_map(std::uint64_t tag, std::uint32_t size) noexcept {
  const auto entry_bytes = load<std::uint32_t>(tag + 8);
  if (entry_bytes < 24) return;
  for (std::uint64_t at = tag + 16; at + entry_bytes <= tag + size; at += entry_bytes)
    take_range(load<std::uint64_t>(at), load<std::uint64_t>(at + 8), load<std::uint32_t>(at + 16));
}

void read_multiboot_tag(std::uint64_t tag, std::uint32_t type, std::uint32_t size) noexcept {
  if (type == 1 && size > 8) take_command_line(tag + 8, size - 8);
  if (type == 3 && size >= 16 && loader.module.size == 0) {
    const auto from = load<std::uint32_t>(tag + 8), to = load<std::uint32_t>(tag + 12);
    if (to > from) loader.module = {PhysicalAddress{from}, to - from};
  }
  if (type == 6 && size >= 16) read_multiboot_map(tag, size);
  // Copies of the RSDP, by value: the new one (15) is preferred over the old (14).
  if ((type == 14 && loader.rsdp == 0) || type == 15) loader.rsdp = tag + 8;
}

void read_multiboot2(std::uint64_t info) noexcept {
  const std::uint64_t end = info + load<std::uint32_t>(info);
  for (std::uint64_t tag = info + 8; tag + 8 <= end;) {
    const auto type = load<std::uint32_t>(tag), size = load<std::uint32_t>(tag + 4);
    if (type == 0 || size < 8 || size > end - tag) break;
    read_multiboot_tag(tag, type, size);
    tag += (std::uint64_t{size} + 7) & ~std::uint64_t{7};
  }
}

}  // namespace

const LoaderInfo& read_loader(std::uint32_t protocol, std::uint32_t info) noexcept {
  if (protocol == CAPOS_PROTOCOL_PVH) {
    read_pvh(info);
  } else {
    read_multiboot2(info);
  }
  for (const MemoryRange& range : reserved.ranges())
    loader.cut_short |= !loader.ram.remove(range.base.value(), range.size);
  if (loader.ram.total() == 0) refuse("the boot loader names no RAM", kExitPanic);
  return loader;
}

}  // namespace capos::hal::x86
