// SPDX-License-Identifier: Apache-2.0
// The kernel half of every address space: built once at boot, verified, then left alone.
#include <algorithm>

#include "boot/text.hpp"
#include "instructions.hpp"
#include "page_table.hpp"

namespace capos::hal {

void* to_kernel(PhysicalAddress address) noexcept { return x86::physmap(address.value()); }

PhysicalAddress to_physical(const void* kernel_address) noexcept {
  const auto address = reinterpret_cast<std::uint64_t>(kernel_address);
  return PhysicalAddress{address >= CAPOS_KERNEL_BASE ? address - CAPOS_KERNEL_BASE
                                                      : address - CAPOS_PHYSMAP_BASE};
}

namespace x86 {
namespace {

std::uint64_t root;
std::uint64_t next_device = CAPOS_DEVICE_BASE;

unsigned largest_level(std::uint64_t address, std::uint64_t physical, std::uint64_t size) noexcept {
  for (unsigned level = has(MachineFeature::page_1g) ? 2 : 1; level > 0; --level)
    if (((address | physical) & (span_of(level) - 1)) == 0 && size >= span_of(level)) return level;
  return 0;
}

void place(std::uint64_t address, std::uint64_t entry, unsigned level) noexcept {
  Table* table = &table_at(root);
  for (unsigned at = kTopLevel; at > level; --at) {
    std::uint64_t& slot = (*table)[index_of(address, at)];
    if ((slot & kPresent) == 0) slot = boot_frame().value() | kPresent | kWritable | kAccessed;
    if ((slot & kLarge) != 0) refuse("two kernel mappings overlap", kExitPanic);
    table = &table_at(slot);
  }
  (*table)[index_of(address, level)] = entry | (level > 0 ? kLarge : 0);
}

std::uint64_t flags_of(KernelMapping how) noexcept {
  std::uint64_t flags = kPresent | kAccessed | kGlobal;
  if (how.write) flags |= kWritable | kDirty;
  if (!how.execute) flags |= kNoExecute;
  if (how.uncached) flags |= kWriteThrough | kCacheDisable;
  return flags;
}

void map_image() noexcept {
  const auto part = [](const char* from, const char* to, KernelMapping how) {
    map_kernel(reinterpret_cast<std::uint64_t>(from), image_physical(from),
               static_cast<std::uint64_t>(to - from), how);
  };
  part(hal_image_start, hal_text_end, {.execute = true});
  part(hal_text_end, hal_rodata_end, {});
  part(hal_rodata_end, hal_image_end, {.write = true});
}

// All RAM; what the image holds of text and constants is not writable here either.
void map_all_ram(const RangeSet& ram) noexcept {
  const std::uint64_t low = image_physical(hal_image_start), high = image_physical(hal_rodata_end);
  const auto part = [](std::uint64_t from, std::uint64_t to, bool write) {
    if (from < to) map_kernel(CAPOS_PHYSMAP_BASE + from, from, to - from, {.write = write});
  };
  for (const MemoryRange& range : ram.ranges()) {
    const std::uint64_t from = range.base.value(), to = from + range.size;
    part(from, std::min(to, low), true);
    part(std::max(from, low), std::min(to, high), false);
    part(std::max(from, high), to, true);
  }
}

void map_window(unsigned cpu) noexcept {
  const std::uint64_t window = CAPOS_PER_CPU_BASE + std::uint64_t{cpu} * CAPOS_PER_CPU_STRIDE;
  constexpr std::uint64_t kParts[][2] = {{0, CAPOS_BLOCK_PAGES * kPageSize},
                                         {CAPOS_STACK_BOTTOM, CAPOS_STACK_TOP},
                                         {CAPOS_DOUBLE_FAULT_BOTTOM, CAPOS_DOUBLE_FAULT_TOP},
                                         {CAPOS_NMI_BOTTOM, CAPOS_NMI_TOP},
                                         {CAPOS_MACHINE_CHECK_BOTTOM, CAPOS_MACHINE_CHECK_TOP}};
  for (const auto& [from, to] : kParts)
    for (std::uint64_t at = from; at < to; at += kPageSize)
      map_kernel(window + at, boot_frame().value(), kPageSize, {.write = true});
}

// One leaf of the walk: what it allows must be what its place allows.
void judge(std::uint64_t address, std::uint64_t entry, unsigned level, TableCensus& census) noexcept {
  const bool writes = (entry & kWritable) != 0, executes = (entry & kNoExecute) == 0;
  const std::uint64_t from = entry & kFrameMask & ~(span_of(level) - 1), to = from + span_of(level);
  const std::uint64_t text = image_physical(hal_image_start), text_end = image_physical(hal_text_end);
  bool wrong = (writes && executes) || (entry & kUser) != 0;
  if (executes) wrong |= from < text || to > text_end || address != from + CAPOS_KERNEL_BASE;
  if (writes) wrong |= from < image_physical(hal_rodata_end) && to > text;
  if (wrong) {
    TextBuffer<120> report;
    report << "kernel page at ";
    report.hex(address) << " has protection ";
    report.hex(entry);
    refuse(report.view(), kExitPanic);
  }
  ++(writes ? census.writable : executes ? census.executable : census.read_only);
}

void walk(const Table& table, unsigned level, std::uint64_t base, TableCensus& census) noexcept {
  for (unsigned i = level == kTopLevel ? kEntries / 2 : 0; i < kEntries; ++i) {
    const std::uint64_t entry = table[i];
    if ((entry & kPresent) == 0) continue;
    std::uint64_t address = base + i * span_of(level);
    if (level == kTopLevel) address |= 0xffff'0000'0000'0000;
    if (level == 0 || (entry & kLarge) != 0) {
      judge(address, entry, level, census);
    } else {
      walk(table_at(entry), level - 1, address, census);
    }
  }
}

}  // namespace

std::uint64_t kernel_root() noexcept { return root; }

void map_kernel(std::uint64_t address, std::uint64_t physical, std::uint64_t size,
                KernelMapping how) noexcept {
  const std::uint64_t flags = flags_of(how);
  while (size > 0) {
    const unsigned level = largest_level(address, physical, size);
    place(address, physical | flags, level);
    address += span_of(level);
    physical += span_of(level);
    size -= std::min(size, span_of(level));
  }
}

volatile void* map_device(std::uint64_t physical, std::uint64_t size) noexcept {
  const std::uint64_t offset = physical & (kPageSize - 1);
  const std::uint64_t bytes = (offset + size + kPageSize - 1) & ~(kPageSize - 1);
  if (size == 0 || bytes < size || bytes > CAPOS_DEVICE_END - next_device) return nullptr;
  const std::uint64_t at = next_device;
  next_device += bytes;
  map_kernel(at, physical - offset, bytes, {.write = true, .uncached = true});
  return reinterpret_cast<volatile void*>(at + offset);
}

void build_kernel_tables(const RangeSet& ram, unsigned cpus) noexcept {
  root = boot_frame().value();
  map_image();
  map_all_ram(ram);
  for (unsigned cpu = 0; cpu < cpus; ++cpu) map_window(cpu);
}

TableCensus verify_kernel_tables() noexcept {
  TableCensus census;
  const Table& top = table_at(root);
  for (unsigned i = 0; i < kEntries / 2; ++i)
    if (top[i] != 0) refuse("the kernel's tables map user addresses", kExitPanic);
  walk(top, kTopLevel, 0, census);
  return census;
}

}  // namespace x86
}  // namespace capos::hal
