// SPDX-License-Identifier: Apache-2.0
// PCI configuration space, and the host channel found in it: ivshmem-plain (1af4:1110), whose BAR 2 is the shared
// memory.
//
// By ECAM where MCFG names it, else by ports 0xcf8/0xcfc. Bus 0 only, which is where QEMU puts its devices; bounds of
// the search: 32 devices, function 0.
#include <atomic>

#include "boot/text.hpp"
#include "capos/hal/devices.hpp"
#include "capos/hal/relax.hpp"
#include "instructions.hpp"
#include "internal.hpp"

namespace capos::hal::x86 {
namespace {

constexpr std::uint32_t kIvshmem = 0x1110'1af4;
constexpr unsigned kDevices = 32, kCommand = 0x04, kBar2 = 0x18, kBar3 = 0x1c;
constexpr std::uint32_t kMemoryEnable = 2;

constinit volatile std::uint8_t* bus_zero = nullptr;  // ECAM; nullptr: by ports
constinit std::atomic_flag port_pair = ATOMIC_FLAG_INIT;

class PortPair {
 public:
  explicit PortPair(PciAddress address, unsigned offset) noexcept {
    while (port_pair.test_and_set(std::memory_order_acquire)) cpu_relax();
    out32(0xcf8, 0x8000'0000 | unsigned{address.device} << 11 | unsigned{address.function} << 8 | offset);
  }
  ~PortPair() { port_pair.clear(std::memory_order_release); }
  PortPair(const PortPair&) = delete;
  PortPair& operator=(const PortPair&) = delete;
};

volatile std::uint32_t& at(PciAddress address, unsigned offset) noexcept {
  const unsigned place = unsigned{address.device} << 15 | unsigned{address.function} << 12 | offset;
  return *reinterpret_cast<volatile std::uint32_t*>(bus_zero + place);
}

// Function 0 of a device of bus 0.
struct Space {
  static std::uint32_t read(unsigned device, unsigned offset) noexcept {
    return pci_read({0, static_cast<std::uint8_t>(device), 0}, static_cast<std::uint16_t>(offset));
  }
  static void write(unsigned device, unsigned offset, std::uint32_t value) noexcept {
    pci_write({0, static_cast<std::uint8_t>(device), 0}, static_cast<std::uint16_t>(offset), value);
  }
};

// The size is what the BAR's address bits decode; decoding is off meanwhile.
MemoryRange read_bar2(unsigned device) noexcept {
  const std::uint32_t command = Space::read(device, kCommand) & 0xffff;
  Space::write(device, kCommand, command & ~kMemoryEnable);
  const std::uint32_t low = Space::read(device, kBar2), high = Space::read(device, kBar3);
  const bool wide = (low & 6) == 4;
  Space::write(device, kBar2, ~0u);
  if (wide) Space::write(device, kBar3, ~0u);
  std::uint64_t mask = Space::read(device, kBar2) & ~std::uint32_t{15};
  mask |= (wide ? std::uint64_t{Space::read(device, kBar3)} : 0xffff'ffff) << 32;
  Space::write(device, kBar2, low);
  if (wide) Space::write(device, kBar3, high);
  Space::write(device, kCommand, command | kMemoryEnable);
  const std::uint64_t base = (wide ? std::uint64_t{high} << 32 : 0) | (low & ~std::uint32_t{15});
  return {PhysicalAddress{base}, ~mask + 1};
}

}  // namespace

void start_pci(const AcpiInfo& acpi) noexcept {
  for (const EcamSegment& segment : acpi.ecam.span())
    if (segment.segment == 0 && segment.first_bus == 0)
      bus_zero = static_cast<volatile std::uint8_t*>(map_device(segment.base, std::uint64_t{kDevices} << 15));
}

MemoryRange find_host_channel() noexcept {
  for (unsigned device = 0; device < kDevices; ++device) {
    if (Space::read(device, 0) != kIvshmem) continue;
    const MemoryRange bar = read_bar2(device);
    if (bar.base.value() != 0 && bar.size >= kPageSize) return bar;
    say("the shared-memory device has no address (firmware did not place it); no host channel");
  }
  return {};
}

}  // namespace capos::hal::x86

namespace capos::hal {

using namespace x86;

std::uint16_t pci_config_size() noexcept { return bus_zero != nullptr ? 4096 : 256; }

std::uint32_t pci_read(PciAddress address, std::uint16_t offset) noexcept {
  if (address.bus != 0 || address.device >= kDevices || address.function > 7 || offset >= pci_config_size()) return ~0u;
  if (bus_zero != nullptr) return at(address, offset);
  const PortPair pair(address, offset);
  return in32(0xcfc);
}

void pci_write(PciAddress address, std::uint16_t offset, std::uint32_t value) noexcept {
  if (address.bus != 0 || address.device >= kDevices || address.function > 7 || offset >= pci_config_size()) return;
  if (bus_zero != nullptr) {
    at(address, offset) = value;
    return;
  }
  const PortPair pair(address, offset);
  out32(0xcfc, value);
}

}  // namespace capos::hal
