// SPDX-License-Identifier: Apache-2.0
// devices.hpp of the contract on the simulated machine: 24 lines, ports that keep what is written, registers above
// memory, no PCI and no entropy. A driver raises a line by Machine::raise_line (machine.cpp).
#include "capos/hal/devices.hpp"

#include "simulation.hpp"

namespace capos::hal {

using host::simulation;

namespace {

constexpr std::uint64_t kFourGib = std::uint64_t{4} << 30;
constexpr std::uint16_t kConsole = 0x3f8, kConsolePorts = 8;

}  // namespace

unsigned interrupt_lines() noexcept { return host::kLines; }
bool line_exists(std::uint8_t line) noexcept { return line < host::kLines; }
LegacyLine legacy_line(std::uint8_t source) noexcept { return {source, Trigger::edge_high}; }
Trigger default_trigger(std::uint8_t line) noexcept { return line < 16 ? Trigger::edge_high : Trigger::level_low; }

bool route_line(std::uint8_t line, CpuId cpu, Trigger trigger) noexcept {
  simulation().lines[line] = {.cpu = cpu, .level = is_level(trigger), .masked = true};
  return true;
}
void mask_line(std::uint8_t line) noexcept { simulation().lines[line].masked = true; }
void unmask_line(std::uint8_t line) noexcept { simulation().lines[line].masked = false; }

InterruptMessage message_for(std::uint8_t number, CpuId cpu) noexcept { return {0xfee0'0000u + cpu.value(), number}; }

std::uint32_t read_port(std::uint16_t port, unsigned width) noexcept {
  std::uint32_t value = 0;
  for (unsigned i = width; i-- > 0;) value = value << 8 | simulation().ports[port + i];
  return value;
}
void write_port(std::uint16_t port, unsigned width, std::uint32_t value) noexcept {
  for (unsigned i = 0; i < width; ++i) simulation().ports[port + i] = static_cast<std::uint8_t>(value >> 8 * i);
}
bool ports_available(std::uint32_t first, std::uint32_t count) noexcept {
  if (count == 0 || first > 0xffff || count > 0x10000 - first) return false;
  return first >= kConsole + kConsolePorts || first + count <= kConsole;
}

bool is_device_memory(MemoryRange range) noexcept {
  const std::uint64_t end = host::kMemoryBase + simulation().memory.size, base = range.base.value();
  return range.size != 0 && base >= end && base < kFourGib && range.size <= kFourGib - base;
}

std::uint32_t pci_read(PciAddress, std::uint16_t) noexcept { return ~0u; }
void pci_write(PciAddress, std::uint16_t, std::uint32_t) noexcept {}
std::uint16_t pci_config_size() noexcept { return 256; }

EntropyKind entropy_kind() noexcept { return EntropyKind::none; }
bool entropy_word(std::uint64_t&) noexcept { return false; }

}  // namespace capos::hal
