// SPDX-License-Identifier: Apache-2.0
#include "device_harness.hpp"

namespace conformance {

runtime::Result<Line> open_line(Guest& guest, const LineRequest& request) noexcept {
  auto made = TRY(manager_of(guest)->interrupt([&](auto params) {
    params.set_line(request.line);
    params.set_legacy(request.legacy);
    params.set_cpu(request.cpu);
    params.set_trigger(request.trigger);
  }));
  return made.template capability<schema::Interrupt>(made.reader().interrupt());
}

runtime::Result<Ports> open_ports(Guest& guest, std::uint16_t first, std::uint32_t count) noexcept {
  auto made = TRY(manager_of(guest)->ports([&](auto params) {
    params.set_first(first);
    params.set_count(count);
  }));
  return made.template capability<schema::IoPorts>(made.reader().ports());
}

runtime::Result<Registers> open_memory(Guest& guest, std::uint64_t base, std::uint64_t size) noexcept {
  auto made = TRY(manager_of(guest)->memory([&](auto params) {
    params.set_base(base);
    params.set_size(size);
  }));
  return made.template capability<schema::Mmio>(made.reader().memory());
}

runtime::Result<Function> open_function(Guest& guest, std::uint8_t device) noexcept {
  auto made = TRY(manager_of(guest)->pci_function([&](auto params) { params.set_device(device); }));
  return made.template capability<schema::PciFunction>(made.reader().function());
}

runtime::Result<void> bind(abi::CapId interrupt, abi::CapId notification, std::uint64_t bits) noexcept {
  Capability<schema::Interrupt> capability(interrupt);
  const auto done = capability->bind([&](auto params, Transfers& transfers) {
    params.set_notification(transfers.add(notification));
    params.set_bits(bits);
  });
  if (!done.has_value()) return capos::fail(done.error());
  return {};
}

Window::Window(Guest& guest, const Registers& registers, std::uint64_t size) noexcept : guest_(guest), size_(size) {
  if (!registers) return;
  const auto mapped = registers.borrow()->map(0, 0, size, true);
  if (mapped.has_value()) base_ = mapped->addr;
}

Window::~Window() {
  if (base_ != 0) (void)guest_.memory->unmap(base_, size_);
}

std::uint8_t find_edu(Guest& guest) noexcept {
  for (std::uint8_t device = 0; device < 32; ++device) {
    auto function = open_function(guest, device);
    if (!function.has_value()) continue;
    const auto found = (*function)->describe();
    if (found.has_value() && found->vendor == kEduVendor && found->device == kEduDevice) return device;
  }
  return 32;
}

namespace {

Registers open_hpet(Guest& guest) noexcept {
  auto opened = open_memory(guest, kHpet, kPage);
  return opened.has_value() ? *std::move(opened) : Registers();
}

}  // namespace

Hpet::Hpet(Guest& guest) noexcept : registers_(open_hpet(guest)), window_(guest, registers_, kPage) {}

void Hpet::fire_after(std::uint32_t ticks, bool level) const noexcept {
  constexpr std::uint32_t kEnable = 1u << 2, kLevel = 1u << 1;
  stop();
  clear();
  window_.write(0x10, window_.read(0x10) | 1);  // the counter runs
  window_.write(0x140, (level ? kLevel : 0) | std::uint32_t{kHpetLine} << 9);
  window_.write(0x148, window_.read(0xf0) + ticks);
  window_.write(0x14c, 0);
  window_.write(0x140, kEnable | (level ? kLevel : 0) | std::uint32_t{kHpetLine} << 9);
}

}  // namespace conformance
