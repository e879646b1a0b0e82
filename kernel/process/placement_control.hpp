// SPDX-License-Identifier: Apache-2.0
// Where best effort may be started, for as long as somebody holds this: one for the machine at a time. With its last reference
// the placement is all CPUs again. Any CPU; O(1).
#pragma once

#include "capos/base/result.hpp"
#include "objects/object.hpp"

namespace capos::kernel {

class PlacementControl final : public TypedObject<PlacementControl, schema::PlacementControl> {
 public:
  static constexpr ObjectType kType = ObjectType::placement_control;
  using Interface = schema::PlacementControl;
  // Errors: busy (there is one), quota_exceeded, out_of_memory.
  [[nodiscard]] static ResultOf<Ref<PlacementControl>, schema::KernelError> create(Ledger& payer) noexcept;

  Outcome set(CallContext&, const Interface::Set::Params::Value&, Interface::Set::Results::Value&) noexcept;
  Outcome get(CallContext&, const Interface::Get::Params::Value&, Interface::Get::Results::Value&) noexcept;
  Outcome cpu(CallContext&, const Interface::Cpu::Params::Value&, Interface::Cpu::Results::Value&) noexcept;

 private:
  template <typename T, typename... Arguments>
  friend T* heap_new(Arguments&&...) noexcept;
  PlacementControl() noexcept : TypedObject(kType) {}
  void destroy() noexcept override;
};

}  // namespace capos::kernel
