// SPDX-License-Identifier: Apache-2.0
// The authority over devices: checked against what the machine has and what has been handed out.
#include "devices/services.hpp"

#include "capos/hal/devices.hpp"
#include "devices/give.hpp"
#include "devices/interrupt.hpp"
#include "devices/io_ports.hpp"
#include "devices/mmio.hpp"
#include "devices/pci_function.hpp"

namespace capos::kernel {
namespace {

using schema::InterruptTrigger;
using schema::KernelError;

struct LineRequest {
  std::uint8_t line;
  bool legacy;
  CpuId cpu;
  bool stays;  // there
  InterruptTrigger trigger;
};

ResultOf<hal::LegacyLine, KernelError> find_line(const LineRequest& request) noexcept {
  constexpr std::uint8_t kLegacyLines = 16;
  if (request.legacy && request.line >= kLegacyLines) return fail(KernelError::not_found);
  hal::LegacyLine found = request.legacy ? hal::legacy_line(request.line) : hal::LegacyLine{request.line};
  if (!hal::line_exists(found.line)) return fail(KernelError::not_found);
  switch (request.trigger) {
    case InterruptTrigger::firmware: found.trigger = request.legacy ? found.trigger : hal::default_trigger(found.line); return found;
    case InterruptTrigger::edge_high: found.trigger = hal::Trigger::edge_high; return found;
    case InterruptTrigger::edge_low: found.trigger = hal::Trigger::edge_low; return found;
    case InterruptTrigger::level_high: found.trigger = hal::Trigger::level_high; return found;
    case InterruptTrigger::level_low: found.trigger = hal::Trigger::level_low; return found;
  }
  return fail(KernelError::bad_range);
}

ResultOf<Ref<Interrupt>, KernelError> open_line(Ledger& payer, const LineRequest& request) noexcept {
  const hal::LegacyLine line = TRY(find_line(request));
  if (Cpu::find(request.cpu) == nullptr) return fail(KernelError::bad_cpu);
  Claim claim = TRY(Claim::take(DeviceKind::interrupt, line.line, 1));
  InterruptSource source;
  source.number = line.line;
  source.level = hal::is_level(line.trigger);
  if (!hal::route_line(line.line, request.cpu, line.trigger)) return fail(KernelError::bad_cpu);
  return Interrupt::create(payer, std::move(claim), Claim(), source, request.cpu, request.stays);
}

class DeviceManagerService final : public SingletonObject<DeviceManagerService, schema::DeviceManager> {
 public:
  using Interface = schema::DeviceManager;
  Outcome interrupt(CallContext& call, Interface::Interrupt::Params::Reader params,
                    Interface::Interrupt::Results::Builder results) noexcept {
    const bool stays = CpuId(params.cpu()) != kDriversCpu;
    const LineRequest request{params.line(), params.legacy(), stays ? CpuId(params.cpu()) : call.cpu.id, stays, params.trigger()};
    return give_device(call, open_line(call.process().ledger(), request), [&](std::uint32_t index) { results.set_interrupt(index); });
  }
  Outcome ports(CallContext& call, Interface::Ports::Params::Reader params,
                Interface::Ports::Results::Builder results) noexcept {
    return give_device(call, IoPorts::create(call.process().ledger(), params.first(), params.count()),
                       [&](std::uint32_t index) { results.set_ports(index); });
  }
  Outcome memory(CallContext& call, Interface::Memory::Params::Reader params,
                 Interface::Memory::Results::Builder results) noexcept {
    return give_device(call, Mmio::create(call.process().ledger(), {hal::PhysicalAddress(params.base()), params.size()}),
                       [&](std::uint32_t index) { results.set_memory(index); });
  }
  Outcome pci_function(CallContext& call, Interface::PciFunction::Params::Reader params,
                       Interface::PciFunction::Results::Builder results) noexcept {
    return give_device(call, PciFunction::create(call.process().ledger(), {params.bus(), params.device(), params.function()}),
                       [&](std::uint32_t index) { results.set_function(index); });
  }
  Outcome describe(CallContext&, const Interface::Describe::Params::Value&,
                   Interface::Describe::Results::Value& results) noexcept {
    results.lines = static_cast<std::uint16_t>(hal::interrupt_lines());
    results.messages = static_cast<std::uint16_t>(hal::kInterruptNumbers - hal::interrupt_lines());
    return Outcome::done();
  }
};

constinit DeviceManagerService g_device_manager;

}  // namespace

Object& device_manager_service() noexcept { return g_device_manager; }

}  // namespace capos::kernel
