// SPDX-License-Identifier: Apache-2.0
#include "devices/pci_function.hpp"

#include <bit>

#include "devices/dma_buffer.hpp"
#include "devices/give.hpp"
#include "devices/io_ports.hpp"
#include "devices/mmio.hpp"
#include "devices/pci_config.hpp"

namespace capos::kernel {

using schema::KernelError;

namespace {

constexpr unsigned kBars = 6;

std::uint64_t number_of(hal::PciAddress address) noexcept {
  return std::uint64_t{address.bus} << 8 | unsigned{address.device} << 3 | address.function;
}

// The message's claim is on its number; that of the function's one message is on a place beside all numbers.
std::uint64_t message_place(hal::PciAddress address) noexcept { return (std::uint64_t{1} << 32) + number_of(address); }

ResultOf<Ref<Mmio>, KernelError> open_memory(Ledger& payer, hal::PciAddress address, unsigned index) noexcept {
  if (index >= kBars) return fail(KernelError::bad_range);
  const PciBar bar = read_bar(address, index);
  if (bar.kind != PciBar::Kind::memory || bar.base == 0) return fail(KernelError::not_found);
  Ref<Mmio> registers = TRY(Mmio::create(payer, {hal::PhysicalAddress(bar.base), bar.size}));
  enable_decode(address, PciDecode::memory);
  return registers;
}

ResultOf<Ref<IoPorts>, KernelError> open_ports(Ledger& payer, hal::PciAddress address, unsigned index) noexcept {
  if (index >= kBars) return fail(KernelError::bad_range);
  const PciBar bar = read_bar(address, index);
  if (bar.kind != PciBar::Kind::ports || bar.base == 0) return fail(KernelError::not_found);
  Ref<IoPorts> ports =
      TRY(IoPorts::create(payer, static_cast<std::uint32_t>(bar.base), static_cast<std::uint32_t>(bar.size)));
  enable_decode(address, PciDecode::ports);
  return ports;
}

ResultOf<Ref<Interrupt>, KernelError> open_message(Ledger& payer, const Claim& function, hal::PciAddress address,
                                                   std::uint16_t at, CpuId cpu, bool stays) noexcept {
  if (at == 0) return fail(KernelError::not_found);
  if (Cpu::find(cpu) == nullptr) return fail(KernelError::bad_cpu);
  Claim once = TRY(Claim::take(DeviceKind::interrupt, message_place(address), 1));
  Claim number = TRY(Claim::take_any(DeviceKind::interrupt, hal::interrupt_lines(), hal::kInterruptNumbers));
  const InterruptSource source{.number = static_cast<std::uint8_t>(number.first()),
                               .level = false,
                               .is_message = true,
                               .function = address,
                               .message_at = at,
                               .handed_out = function.identity()};
  const hal::InterruptMessage message = hal::message_for(source.number, cpu);
  if (message.address == 0) return fail(KernelError::bad_cpu);
  set_message(address, at, message);
  return Interrupt::create(payer, std::move(number), std::move(once), source, cpu, stays);
}

}  // namespace

PciFunction::PciFunction(Claim claim, hal::PciAddress address) noexcept
    : TypedObject(kType), claim_(std::move(claim)), address_(address), message_at_(find_message(address)) {}

ResultOf<Ref<PciFunction>, KernelError> PciFunction::create(Ledger& payer, hal::PciAddress address) noexcept {
  if (!pci_present(address)) return fail(KernelError::not_found);
  Claim claim = TRY(Claim::take(DeviceKind::pci_function, number_of(address), 1));
  return new_object<PciFunction>(payer, std::move(claim), address);
}

// Silent before anybody else can have it.
void PciFunction::destroy() noexcept {
  claim_.give_back(silence, this);
  delete_object(this);
}

void PciFunction::silence(void* subject) noexcept {
  const auto& function = *static_cast<const PciFunction*>(subject);
  kernel::set_bus_master(function.address_, false);
  if (function.message_at_ != 0) set_message_masked(function.address_, function.message_at_, true);
}

bool PciFunction::wind_down() noexcept {
  auto buffers = buffers_.lock();
  unsigned left = kBuffersPerPortion;
  for (Ref<MemoryObject>& buffer : *buffers) {
    if (!buffer) continue;
    if (left-- == 0) return false;
    if (left == kBuffersPerPortion - 1) silence(this);
    buffer = {};
  }
  return true;
}

void PciFunction::drop_unused(Buffers& buffers) noexcept {
  for (Ref<MemoryObject>& buffer : buffers) {
    if (buffer && buffer->is_sole_reference()) buffer = {};
  }
}

Outcome PciFunction::describe(CallContext&, const Interface::Describe::Params::Value&,
                              Interface::Describe::Results::Value& results) noexcept {
  const std::uint32_t id = hal::pci_read(address_, 0), kind = hal::pci_read(address_, 8);
  results.vendor = static_cast<std::uint16_t>(id);
  results.device = static_cast<std::uint16_t>(id >> 16);
  results.class_code = kind >> 8;
  results.revision = static_cast<std::uint8_t>(kind);
  results.has_message = message_at_ != 0;
  results.bus_master = is_bus_master(address_);
  return Outcome::done();
}

Outcome PciFunction::read_config(CallContext&, const Interface::ReadConfig::Params::Value& params,
                                 Interface::ReadConfig::Results::Value& results) noexcept {
  if (params.offset % 4 != 0 || params.offset >= hal::pci_config_size()) return Outcome::invalid(KernelError::bad_range);
  results.value = hal::pci_read(address_, params.offset);
  return Outcome::done();
}

Outcome PciFunction::memory(CallContext& call, Interface::Memory::Params::Reader params,
                            Interface::Memory::Results::Builder results) noexcept {
  return give_device(call, open_memory(call.process().ledger(), address_, params.bar()), [&](std::uint32_t index) { results.set_memory(index); });
}

Outcome PciFunction::ports(CallContext& call, Interface::Ports::Params::Reader params,
                           Interface::Ports::Results::Builder results) noexcept {
  return give_device(call, open_ports(call.process().ledger(), address_, params.bar()), [&](std::uint32_t index) { results.set_ports(index); });
}

Outcome PciFunction::message(CallContext& call, Interface::Message::Params::Reader params,
                             Interface::Message::Results::Builder results) noexcept {
  const bool stays = CpuId(params.cpu()) != kDriversCpu;
  const CpuId cpu = stays ? CpuId(params.cpu()) : call.cpu.id;
  auto opened = open_message(call.process().ledger(), claim_, address_, message_at_, cpu, stays);
  if (!opened.has_value() && opened.error() == KernelError::overlap) return Outcome::overloaded(KernelError::busy);
  return give_device(call, std::move(opened), [&](std::uint32_t index) { results.set_interrupt(index); });
}

Outcome PciFunction::set_bus_master(CallContext&, const Interface::SetBusMaster::Params::Value& params,
                                    Interface::SetBusMaster::Results::Value&) noexcept {
  auto buffers = buffers_.lock();
  kernel::set_bus_master(address_, params.enabled);
  if (!params.enabled) drop_unused(*buffers);
  return Outcome::done();
}

Outcome PciFunction::create_dma_buffer(CallContext& call, Interface::CreateDmaBuffer::Params::Reader params,
                                       Interface::CreateDmaBuffer::Results::Builder results) noexcept {
  constexpr std::uint64_t kMostPages = std::uint64_t{1} << kMaxOrder;
  const std::uint64_t pages = params.pages();
  if (pages == 0 || pages > kMostPages) return Outcome::invalid(KernelError::bad_range);
  const auto order = static_cast<unsigned>(std::bit_width(pages - 1));
  if (!clean_ahead(std::uint64_t{1} << order, order)) return Outcome::unfinished();
  auto buffers = buffers_.lock();
  if (!is_bus_master(address_)) drop_unused(*buffers);
  Ref<MemoryObject>* place = nullptr;
  for (Ref<MemoryObject>& each : *buffers) place = each ? place : &each;
  if (place == nullptr) return Outcome::overloaded(KernelError::quota_exceeded);
  auto memory = MemoryObject::create_contiguous(call.process(), pages);
  if (!memory.has_value()) return Outcome::overloaded(memory.error());
  auto buffer = new_object<DmaBuffer>(call.process().ledger(), *memory);
  if (!buffer.has_value()) return Outcome::overloaded(buffer.error());
  *place = *std::move(memory);
  return give_device(call, std::move(buffer),
                     [&](std::uint32_t index) { results.set_buffer(index); });
}

}  // namespace capos::kernel
