// SPDX-License-Identifier: Apache-2.0
// devices.hpp of the contract on the simulated machine: 24 lines, ports that keep what is written, registers above
// memory, and the entropy that the driver has put there. PCI is pci.cpp's; raise_line() is machine.cpp's.
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
  if (host::is_out_of_reach(cpu)) return false;
  simulation().lines[line] = {.cpu = cpu, .level = is_level(trigger), .masked = true};
  return true;
}
bool redirect_line(std::uint8_t line, CpuId cpu) noexcept {
  if (host::is_out_of_reach(cpu)) return false;
  simulation().lines[line].cpu = cpu;
  if (simulation().at_redirection) simulation().at_redirection();
  return true;
}
void mask_line(std::uint8_t line) noexcept { simulation().lines[line].masked = true; }
void unmask_line(std::uint8_t line) noexcept { simulation().lines[line].masked = false; }

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

EntropyKind entropy_kind() noexcept { return simulation().entropy_kind; }
bool entropy_word(std::uint64_t& word) noexcept {
  auto& words = simulation().entropy;
  if (words.empty()) return false;
  word = words.front();
  words.pop_front();
  return true;
}

}  // namespace capos::hal
