// SPDX-License-Identifier: Apache-2.0
// DeviceManager, IoPorts, Mmio: what there is is handed out once, and nothing of the kernel's.
#include "device_harness.hpp"

namespace conformance {
namespace {

void describes_lines(Guest& guest) noexcept {
  const auto found = manager_of(guest)->describe();
  CHECK(found.has_value() && found->lines == 24 && found->messages == 104);
}

void unknown_lines(Guest& guest) noexcept {
  CHECK(invalid(open_line(guest, {.line = 24}), KernelError::not_found));
  CHECK(invalid(open_line(guest, {.line = 255}), KernelError::not_found));
  CHECK(invalid(open_line(guest, {.line = 16, .legacy = true}), KernelError::not_found));
}

void line_to_no_cpu(Guest& guest) noexcept {
  CHECK(invalid(open_line(guest, {.line = 8, .cpu = static_cast<std::uint16_t>(guest.cpus)}), KernelError::bad_cpu));
  CHECK(invalid(open_line(guest, {.line = 8, .cpu = 0xfffe}), KernelError::bad_cpu));
}

void line_with_bad_trigger(Guest& guest) noexcept {
  CHECK(invalid(open_line(guest, {.line = 8, .trigger = static_cast<schema::InterruptTrigger>(5)}), KernelError::bad_range));
  const auto after = open_line(guest, {.line = 8});
  CHECK(after.has_value());
}

void line_once(Guest& guest) noexcept {
  {
    const auto first = open_line(guest, {.line = 8, .legacy = true});
    CHECK(first.has_value());
    CHECK(refused(open_line(guest, {.line = 8}), ExceptionType::overloaded, KernelError::overlap));
  }
  CHECK(open_line(guest, {.line = 8}).has_value());  // given back with the last capability
}

// The timer's interrupt, ISA 0, arrives at line 2 on this machine.
void legacy_line_is_moved(Guest& guest) noexcept {
  const auto timer = open_line(guest, {.line = 0, .legacy = true});
  CHECK(timer.has_value());
  CHECK(refused(open_line(guest, {.line = 2}), ExceptionType::overloaded, KernelError::overlap));
  CHECK(open_line(guest, {.line = 0}).has_value());
}

void ports_of_the_kernel(Guest& guest) noexcept {
  constexpr std::uint16_t kKept[] = {0x20, 0xa1, 0x3f8, 0x3ff, 0xcf8, 0xcf9, 0xcff, 0xf4, 0x92, 0xb2, 0x604};
  for (const std::uint16_t port : kKept) CHECK(invalid(open_ports(guest, port, 1), KernelError::bad_range));
  CHECK(invalid(open_ports(guest, 0x3f0, 16), KernelError::bad_range));  // around the console
  CHECK(invalid(open_ports(guest, 0, 0x10000), KernelError::bad_range));
}

void ports_out_of_range(Guest& guest) noexcept {
  CHECK(invalid(open_ports(guest, 0x70, 0), KernelError::bad_range));
  CHECK(invalid(open_ports(guest, 0xffff, 2), KernelError::bad_range));
  CHECK(invalid(open_ports(guest, 0xffff, 0xffff'ffff), KernelError::bad_range));
  CHECK(open_ports(guest, 0xffff, 1).has_value());
}

void ports_once(Guest& guest) noexcept {
  const auto clock = open_ports(guest, 0x70, 2);
  CHECK(clock.has_value());
  CHECK(refused(open_ports(guest, 0x71, 1), ExceptionType::overloaded, KernelError::overlap));
  CHECK(refused(open_ports(guest, 0x6f, 2), ExceptionType::overloaded, KernelError::overlap));
  CHECK(open_ports(guest, 0x72, 1).has_value());
}

void ports_describe(Guest& guest) noexcept {
  const auto serial = open_ports(guest, 0x2f8, 8);
  CHECK(serial.has_value());
  const auto found = (*serial).borrow()->describe();
  CHECK(found.has_value() && found->first == 0x2f8 && found->count == 8);
}

// The second serial port's scratch register keeps what is written.
void ports_read_and_write(Guest& guest) noexcept {
  const auto serial = open_ports(guest, 0x2f8, 8);
  CHECK(serial.has_value());
  auto ports = serial->borrow();
  for (const std::uint8_t value : {std::uint8_t{0x5a}, std::uint8_t{0xa5}}) {
    CHECK(ports->write8(7, value).has_value());
    const auto back = ports->read8(7);
    CHECK(back.has_value() && back->value == value);
  }
  // Byte-wide registers answer wider accesses one after the other.
  CHECK(ports->write16(6, 0x3c00).has_value());
  const auto wide = ports->read16(6);
  CHECK(wide.has_value() && wide->value >> 8 == 0x3c);
  CHECK(ports->write32(4, 0x7e00'0000).has_value());
  const auto widest = ports->read32(4);
  CHECK(widest.has_value() && widest->value >> 24 == 0x7e);
}

void ports_beyond(Guest& guest) noexcept {
  const auto serial = open_ports(guest, 0x2f8, 8);
  CHECK(serial.has_value());
  auto ports = serial->borrow();
  CHECK(invalid(ports->read8(8), KernelError::bad_range) && invalid(ports->write8(8, 0), KernelError::bad_range));
  CHECK(invalid(ports->read16(7), KernelError::bad_range) && invalid(ports->write16(7, 0), KernelError::bad_range));
  CHECK(invalid(ports->read16(8), KernelError::bad_range) && invalid(ports->write16(3, 0), KernelError::bad_range));
  CHECK(invalid(ports->read32(6), KernelError::bad_range) && invalid(ports->write32(2, 0), KernelError::bad_range));
  CHECK(invalid(ports->read8(0xffff), KernelError::bad_range));
}

void memory_that_is_none(Guest& guest) noexcept {
  CHECK(invalid(open_memory(guest, kHpet + 8, kPage), KernelError::bad_address));
  CHECK(invalid(open_memory(guest, kHpet, 100), KernelError::bad_address));
  CHECK(invalid(open_memory(guest, kHpet, 0), KernelError::bad_address));
  CHECK(invalid(open_memory(guest, 0xffff'ffff'ffff'f000, 2 * kPage), KernelError::bad_range));
}

void memory_of_the_kernel(Guest& guest) noexcept {
  constexpr std::uint64_t kRam[] = {0, 0x1000, 0x9f000, 0xf0000, 0x100000, 0x200000, 0x8000000, 0xffff000};
  for (const std::uint64_t base : kRam) CHECK(invalid(open_memory(guest, base, kPage), KernelError::bad_range));
  // Across the end of RAM; I/O APIC; local APIC; messages; configuration space.
  CHECK(invalid(open_memory(guest, 0x8000000, 0xf0000000), KernelError::bad_range));
  constexpr std::uint64_t kRegisters[] = {0xfec00000, 0xfee00000, 0xfee01000, 0xb0000000, 0xbff00000};
  for (const std::uint64_t base : kRegisters) CHECK(invalid(open_memory(guest, base, kPage), KernelError::bad_range));
}

void memory_once(Guest& guest) noexcept {
  auto first = open_memory(guest, kHpet, kPage);
  CHECK(first.has_value());
  CHECK(refused(open_memory(guest, kHpet, kPage), ExceptionType::overloaded, KernelError::overlap));
  CHECK(refused(open_memory(guest, kHpet - kPage, 3 * kPage), ExceptionType::overloaded, KernelError::overlap));
  const auto found = (*first)->describe();
  CHECK(found.has_value() && found->physical == kHpet && found->size == kPage);
  const auto mapped = (*first)->map(0, 0, kPage, false);
  CHECK(mapped.has_value());
  *first = Registers();
  // The mapping is left.
  CHECK(refused(open_memory(guest, kHpet, kPage), ExceptionType::overloaded, KernelError::overlap));
  CHECK(*reinterpret_cast<volatile std::uint32_t*>(mapped->addr) >> 16 == 0x8086);
  CHECK(guest.memory->unmap(mapped->addr, kPage).has_value());
  CHECK(open_memory(guest, kHpet, kPage).has_value());
}

void memory_map_errors(Guest& guest) noexcept {
  auto opened = open_memory(guest, kHpet, kPage);
  CHECK(opened.has_value());
  auto registers = opened->borrow();
  CHECK(invalid(registers->map(0, 1, kPage, false), KernelError::bad_range));
  CHECK(invalid(registers->map(0, 0, 8, false), KernelError::bad_range));
  CHECK(invalid(registers->map(0, 0, 0, false), KernelError::bad_range));
  CHECK(invalid(registers->map(0, kPage, kPage, false), KernelError::bad_range));
  CHECK(invalid(registers->map(0, 0, 2 * kPage, false), KernelError::bad_range));
  CHECK(invalid(registers->map(0x123, 0, kPage, false), KernelError::bad_address));
  CHECK(invalid(registers->map(kKernelAddress, 0, kPage, false), KernelError::bad_address));
  CHECK(invalid(registers->map(abi::kRingBase, 0, kPage, false), KernelError::overlap));
}

// Registers stay registers: neither executable nor, unless asked for, writable; protect() knows it too.
void memory_protection(Guest& guest) noexcept {
  auto opened = open_memory(guest, kHpet, kPage);
  CHECK(opened.has_value());
  const auto mapped = (*opened)->map(0x1234'5000, 0, kPage, false);
  CHECK(mapped.has_value() && mapped->addr == 0x1234'5000);
  CHECK(invalid(guest.memory->protect(mapped->addr, kPage, 5), KernelError::bad_protection));
  CHECK(guest.memory->protect(mapped->addr, kPage, 3).has_value());
  CHECK(*reinterpret_cast<volatile std::uint32_t*>(mapped->addr) >> 16 == 0x8086);
  CHECK(guest.memory->unmap(mapped->addr, kPage).has_value());
}

constexpr Case kCases[] = {
    {"devices describe", describes_lines},
    {"devices unknown line", unknown_lines},
    {"devices line to no CPU", line_to_no_cpu},
    {"devices line with bad trigger", line_with_bad_trigger},
    {"devices line handed out once", line_once},
    {"devices legacy line is where the firmware put it", legacy_line_is_moved},
    {"devices ports of the kernel", ports_of_the_kernel},
    {"devices ports out of range", ports_out_of_range},
    {"devices ports handed out once", ports_once},
    {"ports.describe", ports_describe},
    {"ports read and write", ports_read_and_write},
    {"ports beyond their range", ports_beyond},
    {"devices memory that is none", memory_that_is_none},
    {"devices memory of the kernel", memory_of_the_kernel},
    {"devices memory handed out once", memory_once},
    {"mmio.map errors", memory_map_errors},
    {"mmio protection", memory_protection},
};

}  // namespace

std::span<const Case> device_manager_cases() noexcept { return kCases; }

}  // namespace conformance
