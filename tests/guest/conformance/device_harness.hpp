// SPDX-License-Identifier: Apache-2.0
// The machine's devices as the cases use them: interrupts, registers, QEMU's "edu" PCI function, the HPET.
#pragma once

#include "capos/schema/devices.hpp"
#include "harness.hpp"

namespace conformance {

std::span<const Case> moving_driver_cases() noexcept;

using Manager = Capability<schema::DeviceManager>;
using Line = OwnedCapability<schema::Interrupt>;
using Ports = OwnedCapability<schema::IoPorts>;
using Registers = OwnedCapability<schema::Mmio>;
using Function = OwnedCapability<schema::PciFunction>;

[[nodiscard]] inline Manager manager_of(Guest& guest) noexcept {
  return guest.runtime.need<schema::DeviceManager>("devices");
}

// --- each as the method answers it
struct LineRequest {
  std::uint8_t line = 0;
  bool legacy = false;
  std::uint16_t cpu = 0;
  schema::InterruptTrigger trigger = schema::InterruptTrigger::firmware;
};
[[nodiscard]] runtime::Result<Line> open_line(Guest& guest, const LineRequest& request) noexcept;
[[nodiscard]] runtime::Result<Ports> open_ports(Guest& guest, std::uint16_t first, std::uint32_t count) noexcept;
[[nodiscard]] runtime::Result<Registers> open_memory(Guest& guest, std::uint64_t base, std::uint64_t size) noexcept;
[[nodiscard]] runtime::Result<Function> open_function(Guest& guest, std::uint8_t device) noexcept;
[[nodiscard]] runtime::Result<void> bind(abi::CapId interrupt, abi::CapId notification, std::uint64_t bits) noexcept;

// Registers mapped while this lives.
class Window {
 public:
  Window(Guest& guest, const Registers& registers, std::uint64_t size) noexcept;
  ~Window();
  Window(const Window&) = delete;
  Window& operator=(const Window&) = delete;
  [[nodiscard]] explicit operator bool() const noexcept { return base_ != 0; }
  [[nodiscard]] std::uint64_t base() const noexcept { return base_; }
  [[nodiscard]] std::uint32_t read(std::uint64_t offset) const noexcept {
    return *reinterpret_cast<volatile std::uint32_t*>(base_ + offset);
  }
  void write(std::uint64_t offset, std::uint32_t value) const noexcept {
    *reinterpret_cast<volatile std::uint32_t*>(base_ + offset) = value;
  }

 private:
  Guest& guest_;
  std::uint64_t base_ = 0, size_ = 0;
};

// --- QEMU's educational PCI device (docs/specs/edu.txt).
inline constexpr std::uint64_t kEduSize = 1 << 20;
inline constexpr std::uint64_t kEduId = 0x00, kEduLiveness = 0x04, kEduStatus = 0x24, kEduRaise = 0x60, kEduClear = 0x64;
inline constexpr std::uint32_t kEduVendor = 0x1234, kEduDevice = 0x11e8;
// Its place on bus 0; 32 if the machine has none.
[[nodiscard]] std::uint8_t find_edu(Guest& guest) noexcept;

// --- HPET (IA-PC HPET 1.0a): timer 2, once, to a line.
inline constexpr std::uint64_t kHpet = 0xfed00000;
inline constexpr std::uint8_t kHpetLine = 23;
class Hpet {
 public:
  explicit Hpet(Guest& guest) noexcept;
  [[nodiscard]] explicit operator bool() const noexcept { return static_cast<bool>(window_); }
  // In `ticks` of 10 ns.
  void fire_after(std::uint32_t ticks, bool level) const noexcept;
  void clear() const noexcept { window_.write(0x20, 1u << 2); }
  void stop() const noexcept { window_.write(0x140, 0); }

 private:
  Registers registers_;
  Window window_;
};

}  // namespace conformance
