// SPDX-License-Identifier: Apache-2.0
// The simulated machine's PCI functions: three on bus 0, of which each shows other things. Their configuration space keeps
// what may be written there (PCI Local Bus 3.0, chapter 6 and 6.8); behind it is nothing but registers that keep theirs.
#include <algorithm>

#include "simulation.hpp"

namespace capos::host {
namespace {

constexpr unsigned kCommand = 1, kClass = 2, kBars = 4, kCapabilities = 13, kMessage = 0x50 / 4;  // words
constexpr std::uint32_t kDecodes = 3, kHasCapabilities = 1u << 20, kMessageOn = 1u << 16, kMessageWide = 1u << 23;

PciState function_at(std::uint8_t device, std::uint8_t function, std::uint32_t id, std::uint32_t kind) {
  PciState made;
  made.address = {0, device, function};
  made.words[0] = id;
  made.words[kClass] = kind;
  made.writable[kCommand] = 0x0407;  // ports, memory, bus master, interrupt pin
  return made;
}

void set_bar(PciState& function, unsigned bar, std::uint32_t value, std::uint32_t size) {
  function.words[kBars + bar] = value;
  function.writable[kBars + bar] = ~(size - 1);
}

void set_message(PciState& function, bool wide) {
  function.words[kCommand] |= kHasCapabilities;
  function.words[kCapabilities] = 0x40;
  function.words[0x40 / 4] = 0x5001;  // power management, and the next at 0x50
  function.words[kMessage] = 5 | (wide ? kMessageWide : 0);
  function.writable[kMessage] = kMessageOn | 7u << 20;
  for (unsigned i = 1; i <= (wide ? 3u : 2u); ++i) function.writable[kMessage + i] = ~0u;
}

PciState* find(hal::PciAddress address) noexcept {
  auto& all = simulation().pci;
  const auto found = std::ranges::find_if(all, [&](const PciState& each) {
    return each.address.bus == address.bus && each.address.device == address.device && each.address.function == address.function;
  });
  return found == all.end() ? nullptr : &*found;
}

}  // namespace

// One with every kind of base register and a 64-bit message, one whose registers the firmware has not placed and which has
// no message, one with a 32-bit message.
std::array<PciState, kPciFunctions> make_pci_functions() {
  std::array<PciState, kPciFunctions> made = {function_at(2, 0, 0x0001'ca05, 0x0200'0001), function_at(3, 0, 0x0002'ca05, 0x0100'0002),
                                              function_at(3, 1, 0x0003'ca05, 0x0c03'0003)};
  set_bar(made[0], 0, 0xd000'0000, 0x4000);
  set_bar(made[0], 1, 0xc001, 0x20);          // ports
  set_bar(made[0], 2, 0xd001'0004, 0x2000);   // 64 bits, with the next
  made[0].writable[kBars + 3] = ~0u;
  set_bar(made[0], 4, 0xd002'0000, 0x100);    // less than a page
  set_message(made[0], true);
  set_bar(made[1], 0, 0, 0x1000);
  set_bar(made[1], 1, 1, 0x20);
  set_bar(made[2], 0, 0xd003'0000, 0x1000);
  set_message(made[2], false);
  return made;
}

bool Machine::send_message(hal::PciAddress address) {
  const PciState* const function = find(address);
  if (function == nullptr || (function->words[kMessage] & kMessageOn) == 0) return false;
  const bool wide = (function->words[kMessage] & kMessageWide) != 0;
  const std::uint32_t cpu = function->words[kMessage + 1] - kMessageBase;
  (void)device_interrupt(CpuId(static_cast<std::uint16_t>(cpu)),
                         static_cast<std::uint8_t>(function->words[kMessage + (wide ? 3 : 2)]));
  return true;
}

}  // namespace capos::host

namespace capos::hal {

std::uint32_t pci_read(PciAddress address, std::uint16_t offset) noexcept {
  const host::PciState* const function = host::find(address);
  return function == nullptr ? ~0u : function->words[offset / 4 % function->words.size()];
}

void pci_write(PciAddress address, std::uint16_t offset, std::uint32_t value) noexcept {
  host::PciState* const function = host::find(address);
  if (function == nullptr) return;
  const std::size_t at = offset / 4 % function->words.size();
  const bool base = at >= host::kBars && at < host::kBars + 6;
  if (base && (function->words[host::kCommand] & host::kDecodes) != 0) host::simulation().note("a base register is changed while it is decoded");
  function->words[at] = (function->words[at] & ~function->writable[at]) | (value & function->writable[at]);
}

std::uint16_t pci_config_size() noexcept { return 256; }

InterruptMessage message_for(std::uint8_t number, CpuId cpu) noexcept {
  if (host::is_out_of_reach(cpu)) return {};
  return {host::kMessageBase + cpu.value(), number};
}

}  // namespace capos::hal
