// SPDX-License-Identifier: Apache-2.0
// Memory that a PCI function reads and writes: contiguous, pinned, its physical address told.
//
// Invariant: its function holds the memory too, until it can write no more (pci_function.hpp).
// Bounds: map O(pages), at most 1024.
#pragma once

#include "capos/schema/devices.hpp"
#include "memory/memory_object.hpp"

namespace capos::kernel {

class DmaBuffer final : public TypedObject<DmaBuffer, schema::DmaBuffer> {
 public:
  static constexpr ObjectType kType = ObjectType::dma_buffer;
  static constexpr bool kPortionsByRegisters = true;
  using Interface = schema::DmaBuffer;
  explicit DmaBuffer(Ref<MemoryObject> memory) noexcept : TypedObject(kType), memory_(std::move(memory)) {}

  Outcome describe(CallContext&, const Interface::Describe::Params::Value&,
                   Interface::Describe::Results::Value&) noexcept;
  Outcome map(CallContext&, const Interface::Map::Params::Value&, Interface::Map::Results::Value&) noexcept;

 private:
  void destroy() noexcept override;
  Ref<MemoryObject> memory_;
};

}  // namespace capos::kernel
