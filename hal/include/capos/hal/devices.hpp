// SPDX-License-Identifier: Apache-2.0
// Devices as the kernel sees them: interrupt numbers, I/O ports, device memory, PCI configuration space, entropy.
//
// An interrupt number, below kInterruptNumbers, is what on_device_interrupt() carries. Numbers below interrupt_lines()
// are lines of the machine's interrupt controllers; the others are for messages (MSI). A number goes to one CPU at a
// time. All lines are masked at boot. A level line arrives masked: unmask_line() lets it interrupt again; an edge line or
// a message arrives as it is. Bounds: every function is a few device accesses; those that share a register window with
// other CPUs (mask_line, unmask_line, route_line, redirect_line, and PCI without ECAM) take a lock held for two of them.
#pragma once

#include <cstdint>

#include "capos/hal/machine.hpp"

namespace capos::hal {

inline constexpr unsigned kInterruptNumbers = 128;

enum class Trigger : std::uint8_t { edge_high, edge_low, level_high, level_low };
[[nodiscard]] constexpr bool is_level(Trigger trigger) noexcept { return trigger >= Trigger::level_high; }

struct LegacyLine {
  std::uint8_t line = 0;
  Trigger trigger = Trigger::edge_high;
};

// --- Interrupts.
// Lines are numbered from 0; at most 96.
[[nodiscard]] unsigned interrupt_lines() noexcept;
// Whether a controller serves this line.
[[nodiscard]] bool line_exists(std::uint8_t line) noexcept;
// Where the ISA interrupt `source` (0 to 15) really arrives, and how: the firmware's word, else its own number.
[[nodiscard]] LegacyLine legacy_line(std::uint8_t source) noexcept;
// How the firmware says that `line` is triggered; edge below 16, level and active low above, where it says nothing.
[[nodiscard]] Trigger default_trigger(std::uint8_t line) noexcept;
// Sends `line` to `cpu`, masked. False if the controller cannot reach that CPU.
[[nodiscard]] bool route_line(std::uint8_t line, CpuId cpu, Trigger trigger) noexcept;
// The same of a line that has been routed, which stays what it was: masked or not, and no interrupt is lost. What is on its way to
// the CPU before still arrives there. One write of the controller's.
[[nodiscard]] bool redirect_line(std::uint8_t line, CpuId cpu) noexcept;
void mask_line(std::uint8_t line) noexcept;
void unmask_line(std::uint8_t line) noexcept;

// What a device writes, and where, to interrupt `cpu` with `number`. address 0: that CPU cannot be reached. Of one number, messages to
// two CPUs differ in the address's lower word alone.
struct InterruptMessage {
  std::uint64_t address = 0;
  std::uint32_t data = 0;
};
[[nodiscard]] InterruptMessage message_for(std::uint8_t number, CpuId cpu) noexcept;

// --- I/O ports. width: 1, 2 or 4 bytes; port: a multiple of it.
[[nodiscard]] std::uint32_t read_port(std::uint16_t port, unsigned width) noexcept;
void write_port(std::uint16_t port, unsigned width, std::uint32_t value) noexcept;
// False if there are no such ports, or if the kernel itself needs one of them (console, interrupt controllers, PCI
// configuration, power).
[[nodiscard]] bool ports_available(std::uint32_t first, std::uint32_t count) noexcept;

// --- Device memory: true if no byte of the range is RAM or firmware's, or a register that the kernel itself needs.
[[nodiscard]] bool is_device_memory(MemoryRange range) noexcept;

// --- PCI configuration space. Bus 0 only: elsewhere there is nothing. offset: a multiple of 4.
struct PciAddress {
  std::uint8_t bus = 0, device = 0, function = 0;
};
// All ones where there is nothing.
[[nodiscard]] std::uint32_t pci_read(PciAddress address, std::uint16_t offset) noexcept;
void pci_write(PciAddress address, std::uint16_t offset, std::uint32_t value) noexcept;
// Bytes of configuration space that can be reached: 4096, or 256 without ECAM.
[[nodiscard]] std::uint16_t pci_config_size() noexcept;

// --- Entropy: the processor's own source, or none. A word is never made up.
enum class EntropyKind : std::uint8_t { none, generator, seed };  // RDRAND, RDSEED on x86
[[nodiscard]] EntropyKind entropy_kind() noexcept;
// False if the source had nothing after a bounded number of tries (at most 64).
[[nodiscard]] bool entropy_word(std::uint64_t& word) noexcept;

}  // namespace capos::hal
