// SPDX-License-Identifier: Apache-2.0
// Reads what the HAL needs from ACPI tables: processors, interrupt controllers, HPET, ECAM, timers, reset.
//
// Tables are firmware's word and are not trusted: every length is checked against its container, every
// address goes through the reader, which refuses what is not there. A table with a fault is left out and
// noted; the rest is used. Bounds: at most kMaxTables tables of at most kMaxTableBytes each are looked at.
// Pure: no machine access, no allocation. Layouts after ACPI specification 6.5, chapter 5.2, and IA-PC
// HPET 1.0a, 3.2.4.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

namespace capos::hal {

// Copies physical memory; false if the range is not readable memory.
class PhysicalReader {
 public:
  [[nodiscard]] virtual bool read(std::uint64_t address, std::span<std::uint8_t> into) noexcept = 0;

 protected:
  ~PhysicalReader() = default;
};

struct IoApic {
  std::uint8_t id = 0;
  std::uint32_t address = 0;
  std::uint32_t first_line = 0;
};

// Where a legacy interrupt really arrives.
struct LineOverride {
  std::uint8_t source = 0;
  std::uint32_t line = 0;
  std::uint16_t flags = 0;
};

struct EcamSegment {
  std::uint64_t base = 0;
  std::uint16_t segment = 0;
  std::uint8_t first_bus = 0, last_bus = 0;
};

// A register as ACPI's Generic Address Structure names it. bits 0: absent.
struct AcpiRegister {
  std::uint8_t space = 0;  // 0 memory, 1 I/O port
  std::uint8_t bits = 0;
  std::uint64_t address = 0;
};

// What was wrong with the tables; each is a fallback taken, none stops the parse.
enum class AcpiNote : std::uint8_t {
  no_rsdp,
  bad_rsdp,
  bad_root,   // RSDT or XSDT: unreadable, bad length or checksum
  bad_table,  // some other table likewise; left out
  too_many,   // more entries than the fixed arrays hold; the rest left out
  bad_entry,  // an entry with an impossible length; the rest of its table left out
  no_madt,
};
[[nodiscard]] std::string_view name_of(AcpiNote note) noexcept;

template <typename T, std::size_t N>
struct BoundedList {
  std::array<T, N> items{};
  std::size_t count = 0;
  [[nodiscard]] bool push(const T& item) noexcept {
    if (count == N) return false;
    items[count++] = item;
    return true;
  }
  [[nodiscard]] std::span<const T> span() const noexcept { return {items.data(), count}; }
};

struct AcpiInfo {
  static constexpr std::size_t kMaxTables = 64;
  static constexpr std::uint32_t kMaxTableBytes = 1u << 20;

  BoundedList<std::uint32_t, 64> apic_ids;  // enabled processors, in table order
  BoundedList<IoApic, 8> io_apics;
  BoundedList<LineOverride, 16> overrides;
  BoundedList<EcamSegment, 4> ecam;
  std::uint64_t local_apic = 0;     // address; 0: not said
  std::uint64_t hpet = 0;           // address; 0: none
  std::uint16_t pm_timer_port = 0;  // 3.579545 MHz counter; 0: none
  AcpiRegister reset;
  std::uint8_t reset_value = 0;
  std::uint32_t notes = 0;  // bits of AcpiNote
  [[nodiscard]] bool has(AcpiNote note) const noexcept {
    return (notes >> static_cast<unsigned>(note) & 1u) != 0;
  }
};

// Everything reachable from the RSDP at `rsdp`; 0: looks for it in the BIOS areas (5.2.5.1).
[[nodiscard]] AcpiInfo parse_acpi(PhysicalReader& memory, std::uint64_t rsdp) noexcept;

}  // namespace capos::hal
