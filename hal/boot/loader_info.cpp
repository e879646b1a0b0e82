// SPDX-License-Identifier: Apache-2.0
#include "boot/loader_info.hpp"

#include <algorithm>

namespace capos::hal {
namespace {

constexpr std::uint32_t kRam = 1;  // both protocols' type of usable memory

class Loader {
 public:
  Loader(PhysicalReader& memory, LoaderInfo& into) noexcept : memory_(memory), into_(into) {}

  [[nodiscard]] LoaderFault pvh(std::uint64_t info) noexcept;
  [[nodiscard]] LoaderFault multiboot2(std::uint64_t info) noexcept;

 private:
  template <typename T>
  [[nodiscard]] T load(std::uint64_t address) noexcept {
    std::array<std::uint8_t, sizeof(T)> bytes{};
    if (!memory_.read(address, bytes)) return T{};
    T value;
    __builtin_memcpy(&value, bytes.data(), sizeof value);
    return value;
  }
  void take_command_line(std::uint64_t address, std::uint64_t limit) noexcept;
  void take_range(std::uint64_t entry) noexcept;
  void take_map(std::uint64_t tag, std::uint32_t size) noexcept;
  void take_tag(std::uint64_t tag, std::uint32_t type, std::uint32_t size) noexcept;
  [[nodiscard]] LoaderFault finish() noexcept;

  PhysicalReader& memory_;
  LoaderInfo& into_;
  RangeSet reserved_;
  std::uint32_t entries_ = 0;
};

void Loader::take_command_line(std::uint64_t address, std::uint64_t limit) noexcept {
  into_.text_size = 0;
  for (std::uint64_t n = 0; n < limit; ++n) {
    const char c = load<char>(address + n);
    if (c == 0) return;
    if (n == into_.text.size()) {
      into_.cut_short = true;
      return;
    }
    into_.text[into_.text_size++] = c;
  }
}

// Base, size and type, as both protocols write them.
void Loader::take_range(std::uint64_t entry) noexcept {
  if (entries_++ >= LoaderInfo::kMaxMapEntries) {
    into_.cut_short = true;
    return;
  }
  RangeSet& set = load<std::uint32_t>(entry + 16) == kRam ? into_.ram : reserved_;
  if (!set.add(load<std::uint64_t>(entry), load<std::uint64_t>(entry + 8))) into_.cut_short = true;
}

LoaderFault Loader::pvh(std::uint64_t info) noexcept {
  constexpr std::uint32_t kMagic = 0x336ec578, kEntryBytes = 24;
  if (load<std::uint32_t>(info) != kMagic) return LoaderFault::bad_magic;
  if (load<std::uint32_t>(info + 4) < 1) return LoaderFault::no_memory_map;
  if (load<std::uint32_t>(info + 12) >= 1) {
    const auto list = load<std::uint64_t>(info + 16);
    into_.module = {PhysicalAddress{load<std::uint64_t>(list)}, load<std::uint64_t>(list + 8)};
  }
  if (const auto text = load<std::uint64_t>(info + 24); text != 0) take_command_line(text, into_.text.size() + 1);
  into_.rsdp = load<std::uint64_t>(info + 32);
  const auto map = load<std::uint64_t>(info + 40);
  const auto entries = load<std::uint32_t>(info + 48);
  into_.cut_short |= entries > LoaderInfo::kMaxMapEntries;
  for (std::uint32_t i = 0; i < std::min(entries, LoaderInfo::kMaxMapEntries); ++i) take_range(map + i * kEntryBytes);
  return finish();
}

void Loader::take_map(std::uint64_t tag, std::uint32_t size) noexcept {
  const auto entry_bytes = load<std::uint32_t>(tag + 8);
  if (entry_bytes < 24) return;
  const std::uint32_t entries = std::min((size - 16) / entry_bytes, LoaderInfo::kMaxMapEntries + 1);
  for (std::uint32_t i = 0; i < entries; ++i) take_range(tag + 16 + std::uint64_t{i} * entry_bytes);
}

void Loader::take_tag(std::uint64_t tag, std::uint32_t type, std::uint32_t size) noexcept {
  if (type == 1 && size > 8) take_command_line(tag + 8, size - 8);
  if (type == 3 && size >= 16 && into_.module.size == 0) {
    const auto from = load<std::uint32_t>(tag + 8), to = load<std::uint32_t>(tag + 12);
    if (to > from) into_.module = {PhysicalAddress{from}, to - from};
  }
  if (type == 6 && size >= 16) take_map(tag, size);
  // Copies of the RSDP, by value: the new one (15) is preferred over the old (14).
  if ((type == 14 && into_.rsdp == 0) || type == 15) into_.rsdp = tag + 8;
}

LoaderFault Loader::multiboot2(std::uint64_t info) noexcept {
  const std::uint64_t end = info + load<std::uint32_t>(info);
  std::uint64_t tag = info + 8;
  for (std::uint32_t i = 0; tag + 8 <= end; ++i) {
    const auto type = load<std::uint32_t>(tag), size = load<std::uint32_t>(tag + 4);
    if (type == 0 || size < 8 || size > end - tag) break;
    if (i == LoaderInfo::kMaxTags) {
      into_.cut_short = true;
      break;
    }
    take_tag(tag, type, size);
    tag += (std::uint64_t{size} + 7) & ~std::uint64_t{7};
  }
  return finish();
}

LoaderFault Loader::finish() noexcept {
  for (const MemoryRange& range : reserved_.ranges())
    into_.cut_short |= !into_.ram.remove(range.base.value(), range.size);
  return into_.ram.total() == 0 ? LoaderFault::no_ram : LoaderFault::none;
}

}  // namespace

std::string_view text_of(LoaderFault fault) noexcept {
  switch (fault) {
    case LoaderFault::none: return "no fault";
    case LoaderFault::bad_magic: return "the PVH start_info has a wrong magic number";
    case LoaderFault::no_memory_map: return "this PVH loader gives no memory map (version 0)";
    case LoaderFault::no_ram: return "the boot loader names no RAM";
  }
  return "a fault that is none";
}

LoaderFault read_pvh(PhysicalReader& memory, std::uint64_t info, LoaderInfo& into) noexcept {
  return Loader(memory, into).pvh(info);
}

LoaderFault read_multiboot2(PhysicalReader& memory, std::uint64_t info, LoaderInfo& into) noexcept {
  return Loader(memory, into).multiboot2(info);
}

}  // namespace capos::hal
