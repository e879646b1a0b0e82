// SPDX-License-Identifier: Apache-2.0
// Just enough PCI to find the host channel: ivshmem-plain (1af4:1110), whose BAR 2 is the shared memory.
//
// Configuration space by ECAM where MCFG names it, else by ports 0xcf8/0xcfc. Bus 0 only, which is where QEMU
// puts it; bounds: 32 devices, function 0.
#include "boot/text.hpp"
#include "instructions.hpp"
#include "internal.hpp"

namespace capos::hal::x86 {
namespace {

constexpr std::uint32_t kIvshmem = 0x1110'1af4;
constexpr unsigned kDevices = 32, kCommand = 0x04, kBar2 = 0x18, kBar3 = 0x1c;
constexpr std::uint32_t kMemoryEnable = 2;

class ConfigurationSpace {
 public:
  explicit ConfigurationSpace(const AcpiInfo& acpi) noexcept {
    for (const EcamSegment& segment : acpi.ecam.span())
      if (segment.segment == 0 && segment.first_bus == 0)
        bus_zero_ =
            static_cast<volatile std::uint8_t*>(map_device(segment.base, std::uint64_t{kDevices} << 15));
  }
  [[nodiscard]] std::uint32_t read(unsigned device, unsigned offset) const noexcept {
    if (bus_zero_ != nullptr) return at(device, offset);
    select(device, offset);
    return in32(0xcfc);
  }
  void write(unsigned device, unsigned offset, std::uint32_t value) const noexcept {
    if (bus_zero_ != nullptr) {
      at(device, offset) = value;
    } else {
      select(device, offset);
      out32(0xcfc, value);
    }
  }

 private:
  [[nodiscard]] volatile std::uint32_t& at(unsigned device, unsigned offset) const noexcept {
    return *reinterpret_cast<volatile std::uint32_t*>(bus_zero_ + (device << 15) + offset);
  }
  static void select(unsigned device, unsigned offset) noexcept {
    out32(0xcf8, 0x8000'0000 | device << 11 | offset);
  }
  volatile std::uint8_t* bus_zero_ = nullptr;
};

// The size is what the BAR's address bits decode; decoding is off meanwhile.
MemoryRange read_bar2(const ConfigurationSpace& space, unsigned device) noexcept {
  const std::uint32_t command = space.read(device, kCommand) & 0xffff;
  space.write(device, kCommand, command & ~kMemoryEnable);
  const std::uint32_t low = space.read(device, kBar2), high = space.read(device, kBar3);
  const bool wide = (low & 6) == 4;
  space.write(device, kBar2, ~0u);
  if (wide) space.write(device, kBar3, ~0u);
  std::uint64_t mask = space.read(device, kBar2) & ~std::uint32_t{15};
  mask |= (wide ? std::uint64_t{space.read(device, kBar3)} : 0xffff'ffff) << 32;
  space.write(device, kBar2, low);
  if (wide) space.write(device, kBar3, high);
  space.write(device, kCommand, command | kMemoryEnable);
  const std::uint64_t base = (wide ? std::uint64_t{high} << 32 : 0) | (low & ~std::uint32_t{15});
  return {PhysicalAddress{base}, ~mask + 1};
}

}  // namespace

MemoryRange find_host_channel(const AcpiInfo& acpi) noexcept {
  const ConfigurationSpace space(acpi);
  for (unsigned device = 0; device < kDevices; ++device) {
    if (space.read(device, 0) != kIvshmem) continue;
    const MemoryRange bar = read_bar2(space, device);
    if (bar.base.value() != 0 && bar.size >= kPageSize) return bar;
    say("the shared-memory device has no address (firmware did not place it); no host channel");
  }
  return {};
}

}  // namespace capos::hal::x86
