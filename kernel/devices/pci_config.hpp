// SPDX-License-Identifier: Apache-2.0
// What the kernel reads and writes of a PCI function's configuration space (PCI Local Bus 3.0, chapter 6 and 6.8).
//
// The function is its holder's; only the kernel writes here. Bounds: a few accesses; find_message at most 48 steps.
#pragma once

#include "capos/hal/devices.hpp"

namespace capos::kernel {

struct PciBar {
  enum class Kind : std::uint8_t { none, memory, ports };
  Kind kind = Kind::none;
  std::uint64_t base = 0, size = 0;  // base 0: the firmware has not placed it
};

[[nodiscard]] bool pci_present(hal::PciAddress function) noexcept;
// index: 0 to 5. Decoding is off while it is measured.
[[nodiscard]] PciBar read_bar(hal::PciAddress function, unsigned index) noexcept;
enum class PciDecode : std::uint8_t { ports = 1, memory = 2 };
void enable_decode(hal::PciAddress function, PciDecode what) noexcept;
void set_bus_master(hal::PciAddress function, bool enabled) noexcept;
[[nodiscard]] bool is_bus_master(hal::PciAddress function) noexcept;

// Where its MSI capability is; 0 if it has none.
[[nodiscard]] std::uint16_t find_message(hal::PciAddress function) noexcept;
// Sets it up, masked, one message; the interrupt pin is switched off.
void set_message(hal::PciAddress function, std::uint16_t at, hal::InterruptMessage message) noexcept;
// To another CPU, as it stands: the lower word of its address, written as one. A message that goes out meanwhile is whole, to one or the other.
void set_message_target(hal::PciAddress function, std::uint16_t at, hal::InterruptMessage message) noexcept;
// Masked: the capability is off, and so is the pin. What the device would have sent meanwhile is lost.
void set_message_masked(hal::PciAddress function, std::uint16_t at, bool masked) noexcept;

}  // namespace capos::kernel
