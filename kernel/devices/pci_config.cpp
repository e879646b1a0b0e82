// SPDX-License-Identifier: Apache-2.0
#include "devices/pci_config.hpp"

namespace capos::kernel {
namespace {

constexpr std::uint16_t kCommand = 0x04, kBars = 0x10, kCapabilities = 0x34;
constexpr std::uint32_t kPortsOn = 1, kMemoryOn = 2, kBusMaster = 4, kPinOff = 1u << 10;
constexpr std::uint32_t kHasCapabilities = 1u << 20;
constexpr std::uint32_t kMessageId = 5, kMessageOn = 1u << 16, kMessageWide = 1u << 23, kMessageCount = 7u << 20;

std::uint32_t command_of(hal::PciAddress function) noexcept { return hal::pci_read(function, kCommand) & 0xffff; }

// The upper half is status, whose bits are cleared by writing ones.
void write_command(hal::PciAddress function, std::uint32_t command) noexcept {
  hal::pci_write(function, kCommand, command & 0xffff);
}

// What a register keeps of all ones: its address bits.
std::uint32_t probe(hal::PciAddress function, std::uint16_t at) noexcept {
  const std::uint32_t before = hal::pci_read(function, at);
  hal::pci_write(function, at, ~0u);
  const std::uint32_t mask = hal::pci_read(function, at);
  hal::pci_write(function, at, before);
  return mask;
}

PciBar measure(hal::PciAddress function, std::uint16_t at, bool last) noexcept {
  const std::uint32_t low = hal::pci_read(function, at);
  const std::uint32_t low_mask = probe(function, at);
  if ((low & 1) != 0) {
    const std::uint32_t bits = low_mask & ~3u & 0xffff;
    return bits == 0 ? PciBar{} : PciBar{PciBar::Kind::ports, low & 0xfffcu, std::uint64_t{(~bits & 0xffff) + 1}};
  }
  const bool wide = (low & 6) == 4;
  if (low_mask == 0 || (wide && last)) return {};
  const auto next = static_cast<std::uint16_t>(at + 4);
  const std::uint64_t high = wide ? hal::pci_read(function, next) : 0;
  const std::uint64_t high_mask = wide ? probe(function, next) : 0xffff'ffff;
  const std::uint64_t bits = high_mask << 32 | (low_mask & ~15u);
  return {PciBar::Kind::memory, high << 32 | (low & ~15u), ~bits + 1};
}

}  // namespace

bool pci_present(hal::PciAddress function) noexcept { return (hal::pci_read(function, 0) & 0xffff) != 0xffff; }

PciBar read_bar(hal::PciAddress function, unsigned index) noexcept {
  const auto at = static_cast<std::uint16_t>(kBars + 4 * index);
  // The register before may be a wide one, of which this is the upper half.
  const bool upper = index > 0 && (hal::pci_read(function, static_cast<std::uint16_t>(at - 4)) & 7) == 4;
  if (upper) return {};
  const std::uint32_t command = command_of(function);
  write_command(function, command & ~(kPortsOn | kMemoryOn));
  const PciBar bar = measure(function, at, index == 5);
  write_command(function, command);
  return bar;
}

void enable_decode(hal::PciAddress function, PciDecode what) noexcept {
  write_command(function, command_of(function) | static_cast<std::uint32_t>(what));
}

// Read back, so that what the function had sent before is in memory by then (PCI 3.0, 3.2.5).
void set_bus_master(hal::PciAddress function, bool enabled) noexcept {
  const std::uint32_t command = command_of(function);
  write_command(function, enabled ? command | kBusMaster : command & ~kBusMaster);
  (void)command_of(function);
}

bool is_bus_master(hal::PciAddress function) noexcept { return (command_of(function) & kBusMaster) != 0; }

std::uint16_t find_message(hal::PciAddress function) noexcept {
  constexpr unsigned kMostCapabilities = 48;  // of 4 bytes in 192
  if ((hal::pci_read(function, kCommand) & kHasCapabilities) == 0) return 0;
  auto at = static_cast<std::uint16_t>(hal::pci_read(function, kCapabilities) & 0xfc);
  for (unsigned i = 0; i < kMostCapabilities && at >= 0x40; ++i) {
    const std::uint32_t header = hal::pci_read(function, at);
    if ((header & 0xff) == kMessageId) return at;
    at = static_cast<std::uint16_t>(header >> 8 & 0xfc);
  }
  return 0;
}

void set_message(hal::PciAddress function, std::uint16_t at, hal::InterruptMessage message) noexcept {
  write_command(function, command_of(function) | kPinOff);
  const std::uint32_t header = hal::pci_read(function, at) & ~(kMessageOn | kMessageCount);
  hal::pci_write(function, at, header);
  hal::pci_write(function, static_cast<std::uint16_t>(at + 4), static_cast<std::uint32_t>(message.address));
  const bool wide = (header & kMessageWide) != 0;
  if (wide) hal::pci_write(function, static_cast<std::uint16_t>(at + 8), static_cast<std::uint32_t>(message.address >> 32));
  hal::pci_write(function, static_cast<std::uint16_t>(at + (wide ? 12 : 8)), message.data);
}

void set_message_target(hal::PciAddress function, std::uint16_t at, hal::InterruptMessage message) noexcept {
  hal::pci_write(function, static_cast<std::uint16_t>(at + 4), static_cast<std::uint32_t>(message.address));
}

void set_message_masked(hal::PciAddress function, std::uint16_t at, bool masked) noexcept {
  const std::uint32_t header = hal::pci_read(function, at);
  hal::pci_write(function, at, masked ? header & ~kMessageOn : header | kMessageOn);
}

}  // namespace capos::kernel
