// SPDX-License-Identifier: Apache-2.0
// Ports and memory of devices: what may be handed out, and what the kernel keeps.
#include <algorithm>

#include "capos/hal/devices.hpp"
#include "capos/hal/relax.hpp"
#include "instructions.hpp"
#include "internal.hpp"

namespace capos::hal {
namespace {

using namespace x86;

constexpr std::uint64_t kMib = std::uint64_t{1} << 20, kFourGib = std::uint64_t{4} << 30;

// Registers in memory that are the kernel's: APICs, configuration space, the host channel.
constinit BoundedList<MemoryRange, 24> kept;
constinit RangeSet ram;

struct Ports {
  std::uint16_t first, count;
};
// 8259s, their edge registers, the system control port with its reset bit, SMI commands, debug exit, console, PCI
// configuration with the reset register in its midst. ICH's power management block is added where ACPI names it.
constexpr Ports kKernelPorts[] = {{0x20, 2}, {0xa0, 2},  {0x4d0, 2}, {0x92, 1},
                                  {0xb2, 2}, {CAPOS_DEBUG_EXIT_PORT, 4}, {0x3f8, 8}, {0xcf8, 8}};
constexpr std::uint32_t kPowerBlock = 128;
constinit std::uint32_t power_first = 0x10000;

bool overlap(std::uint64_t a, std::uint64_t a_size, std::uint64_t b, std::uint64_t b_size) noexcept {
  return a < b + b_size && b < a + a_size;
}

}  // namespace

std::uint32_t read_port(std::uint16_t port, unsigned width) noexcept {
  if (width == 1) return in8(port);
  if (width == 2) return in16(port);
  return in32(port);
}

void write_port(std::uint16_t port, unsigned width, std::uint32_t value) noexcept {
  if (width == 1) return out8(port, static_cast<std::uint8_t>(value));
  if (width == 2) return out16(port, static_cast<std::uint16_t>(value));
  out32(port, value);
}

bool ports_available(std::uint32_t first, std::uint32_t count) noexcept {
  if (count == 0 || first > 0xffff || count > 0x10000 - first) return false;
  if (overlap(first, count, power_first, kPowerBlock)) return false;
  return std::none_of(std::begin(kKernelPorts), std::end(kKernelPorts),
                      [&](const Ports& own) { return overlap(first, count, own.first, own.count); });
}

// Firmware keeps its tables at the end of RAM below 4 GiB and below 1 MiB, in ranges that the memory map does not call
// RAM: each range counts as one from the MiB it begins in to the MiB it ends in, the legacy video window apart.
bool is_device_memory(MemoryRange range) noexcept {
  const std::uint64_t base = range.base.value();
  if (range.size == 0 || base + range.size < base) return false;
  constexpr std::uint64_t kVideo = 0xa0000, kVideoSize = 0x20000;
  if (base >= kVideo && base + range.size <= kVideo + kVideoSize) return true;
  if (base < kMib) return false;
  for (const MemoryRange& part : ram.ranges()) {
    const std::uint64_t from = part.base.value() & ~(kMib - 1);
    const std::uint64_t to = (part.base.value() + part.size + kMib - 1) & ~(kMib - 1);
    if (overlap(base, range.size, from, to - from)) return false;
  }
  return std::none_of(kept.span().begin(), kept.span().end(), [&](const MemoryRange& own) {
    return overlap(base, range.size, own.base.value(), own.size);
  });
}

namespace x86 {

void keep_device_memory(MemoryRange range) noexcept {
  if (range.size != 0 && !kept.push(range)) say("more device ranges of the kernel's than there is room for");
}

void start_device_access(const RangeSet& all_ram, const AcpiInfo& acpi) noexcept {
  ram = all_ram;
  constexpr std::uint32_t kApicBase = 0x1b;
  keep_device_memory({PhysicalAddress{read_msr(kApicBase) & 0x000f'ffff'ffff'f000}, kPageSize});
  // Where devices send their messages: an address range of the processors, not memory (SDM 11.11).
  keep_device_memory({PhysicalAddress{0xfee0'0000}, kMib});
  for (const EcamSegment& segment : acpi.ecam.span()) {
    const std::uint64_t buses = static_cast<std::uint64_t>(segment.last_bus) - segment.first_bus + 1;
    keep_device_memory({PhysicalAddress{segment.base}, buses << 20});
  }
  // The timer is 8 bytes into the block (ACPI 6.5, 4.8.3: laid out so on ICH9).
  if (acpi.pm_timer_port >= 8) power_first = acpi.pm_timer_port - 8u;
}

}  // namespace x86

// --- Entropy (Intel SDM vol. 1, 7.3.17). Bits of CPUID leaves 1 and 7.
namespace {

constexpr unsigned kTries = 64;

EntropyKind find_entropy() noexcept {
  if (cpuid(0).eax >= 7 && (cpuid(7).ebx >> 18 & 1) != 0) return EntropyKind::seed;
  return (cpuid(1).ecx >> 30 & 1) != 0 ? EntropyKind::generator : EntropyKind::none;
}

bool draw(EntropyKind kind, std::uint64_t& word) noexcept {
  bool good = false;
  if (kind == EntropyKind::seed) {
    asm volatile("rdseed %0" : "=r"(word), "=@ccc"(good));
  } else {
    asm volatile("rdrand %0" : "=r"(word), "=@ccc"(good));
  }
  return good;
}

}  // namespace

EntropyKind entropy_kind() noexcept {
  static constinit EntropyKind kind = EntropyKind::none;
  static constinit bool known = false;
  if (!known) {
    kind = find_entropy();
    known = true;
  }
  return kind;
}

bool entropy_word(std::uint64_t& word) noexcept {
  const EntropyKind kind = entropy_kind();
  if (kind == EntropyKind::none) return false;
  for (unsigned i = 0; i < kTries; ++i) {
    if (draw(kind, word)) return true;
    cpu_relax();
  }
  return false;
}

}  // namespace capos::hal
