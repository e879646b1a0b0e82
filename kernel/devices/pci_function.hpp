// SPDX-License-Identifier: Apache-2.0
// One PCI function in somebody's hands: its registers, its message, its reach into memory.
//
// Invariants: claimed while it lives; when it dies it is no bus master any more, and sends no message, whoever holds that still. Memory of DMA buffers made for it is
// kept here until it is no bus master, whatever becomes of the buffers: it is never reused while the function may still
// write to it. There is no IOMMU: this guards against accidents of life times, not against a driver that means harm.
// Bounds: kMaxDmaBuffers buffers; each method O(kMaxDmaBuffers), a few configuration accesses. Any CPU, under a lock.
#pragma once

#include <array>

#include "capos/hal/devices.hpp"
#include "capos/schema/devices.hpp"
#include "core/spin_lock.hpp"
#include "devices/claim.hpp"
#include "devices/interrupt.hpp"
#include "memory/memory_object.hpp"

namespace capos::kernel {

class PciFunction final : public TypedObject<PciFunction, schema::PciFunction> {
 public:
  static constexpr ObjectType kType = ObjectType::pci_function;
  static constexpr unsigned kMaxDmaBuffers = 16;
  using Interface = schema::PciFunction;
  // Errors: not_found, overlap, out_of_memory.
  [[nodiscard]] static ResultOf<Ref<PciFunction>, schema::KernelError> create(Ledger& payer, hal::PciAddress address) noexcept;

  // A portion: kBuffersPerPortion buffers of DMA, the function silent already.
  static constexpr unsigned kBuffersPerPortion = 4;
  [[nodiscard]] bool wind_down() noexcept override;

  Outcome describe(CallContext&, const Interface::Describe::Params::Value&,
                   Interface::Describe::Results::Value&) noexcept;
  Outcome read_config(CallContext&, const Interface::ReadConfig::Params::Value&,
                      Interface::ReadConfig::Results::Value&) noexcept;
  Outcome memory(CallContext&, Interface::Memory::Params::Reader, Interface::Memory::Results::Builder) noexcept;
  Outcome ports(CallContext&, Interface::Ports::Params::Reader, Interface::Ports::Results::Builder) noexcept;
  Outcome message(CallContext&, Interface::Message::Params::Reader, Interface::Message::Results::Builder) noexcept;
  Outcome set_bus_master(CallContext&, const Interface::SetBusMaster::Params::Value&,
                         Interface::SetBusMaster::Results::Value&) noexcept;
  Outcome create_dma_buffer(CallContext&, Interface::CreateDmaBuffer::Params::Reader,
                            Interface::CreateDmaBuffer::Results::Builder) noexcept;

 private:
  template <typename T, typename... Arguments>
  friend T* heap_new(Arguments&&...) noexcept;
  template <typename T>
  friend void heap_delete(T*) noexcept;
  using Buffers = std::array<Ref<MemoryObject>, kMaxDmaBuffers>;

  PciFunction(Claim claim, hal::PciAddress address) noexcept;
  ~PciFunction() = default;
  void destroy() noexcept override;
  static void silence(void* function) noexcept;
  // Drops memory that nobody but this holds; the function must be no bus master.
  static void drop_unused(Buffers& buffers) noexcept;

  Claim claim_;
  const hal::PciAddress address_;
  const std::uint16_t message_at_;
  Locked<Buffers, LockRank::dma_buffers> buffers_;
};

}  // namespace capos::kernel
