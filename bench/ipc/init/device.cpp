// SPDX-License-Identifier: Apache-2.0
#include "cast.hpp"

namespace ipc_bench {
namespace {

constexpr std::uint32_t kVendor = 0x1234, kDevice = 0x11e8;
constexpr std::uint8_t kPlaces = 32;  // devices of bus 0

OwnedCapability<schema::PciFunction> find(runtime::Runtime& runtime) noexcept {
  auto manager = runtime.need<schema::DeviceManager>("devices");
  for (std::uint8_t place = 0; place < kPlaces; ++place) {
    auto opened = manager->pci_function([&](auto params) { params.set_device(place); });
    if (!opened.has_value()) continue;
    auto function = opened->capability<schema::PciFunction>(opened->reader().function());
    const auto found = function->describe();
    if (found.has_value() && found->vendor == kVendor && found->device == kDevice) return function;
  }
  give_up(runtime, "ipc-bench: the machine has no edu device");
}

}  // namespace

Device open_device(runtime::Runtime& runtime) noexcept {
  Device device{.function = find(runtime), .registers = {}, .interrupt = {}};
  auto memory = device.function->memory([](auto) {});
  if (!memory.has_value()) give_up(runtime, "ipc-bench: the device has no registers");
  device.registers = memory->capability<schema::Mmio>(memory->reader().memory());
  auto message = device.function->message([](auto) {});
  if (!message.has_value()) give_up(runtime, "ipc-bench: the device has no message");
  device.interrupt = message->capability<schema::Interrupt>(message->reader().interrupt());
  if (!device.function->set_bus_master(true).has_value()) give_up(runtime, "ipc-bench: bus mastering");
  return device;
}

}  // namespace ipc_bench
