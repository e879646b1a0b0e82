// SPDX-License-Identifier: Apache-2.0
// Device registers in memory, for their driver's address space alone.
//
// Invariants: never RAM, never the kernel's; mapped uncached and not executable; claimed until the object and every
// mapping of it are gone. The kernel itself has no mapping of it: the memory object below is handed to nobody.
// Bounds: map O(pages).
#pragma once

#include "capos/schema/devices.hpp"
#include "memory/memory_object.hpp"

namespace capos::kernel {

class Mmio final : public TypedObject<Mmio, schema::Mmio> {
 public:
  static constexpr ObjectType kType = ObjectType::mmio;
  static constexpr bool kPortionsByRegisters = true;
  using Interface = schema::Mmio;
  // Errors: bad_address, bad_range, overlap, out_of_memory.
  [[nodiscard]] static ResultOf<Ref<Mmio>, schema::KernelError> create(Ledger& payer, hal::MemoryRange range) noexcept;

  Outcome map(CallContext&, const Interface::Map::Params::Value&, Interface::Map::Results::Value&) noexcept;
  Outcome describe(CallContext&, const Interface::Describe::Params::Value&,
                   Interface::Describe::Results::Value&) noexcept;

 private:
  template <typename T, typename... Arguments>
  friend T* heap_new(Arguments&&...) noexcept;
  template <typename T>
  friend void heap_delete(T*) noexcept;

  explicit Mmio(Ref<MemoryObject> registers) noexcept : TypedObject(kType), registers_(std::move(registers)) {}
  ~Mmio() = default;
  void destroy() noexcept override;
  Ref<MemoryObject> registers_;
};

}  // namespace capos::kernel
