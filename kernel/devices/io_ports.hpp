// SPDX-License-Identifier: Apache-2.0
// A range of I/O ports, reached by typed calls: no program has ports of its own.
//
// Bounds: one port access a call. Any CPU.
#pragma once

#include "capos/schema/devices.hpp"
#include "devices/claim.hpp"
#include "objects/object.hpp"

namespace capos::kernel {

class IoPorts final : public TypedObject<IoPorts, schema::IoPorts> {
 public:
  static constexpr ObjectType kType = ObjectType::io_ports;
  using Interface = schema::IoPorts;
  // Errors: bad_range, overlap, out_of_memory.
  [[nodiscard]] static ResultOf<Ref<IoPorts>, schema::KernelError> create(Ledger& payer, std::uint32_t first,
                                                                          std::uint32_t count) noexcept;

  Outcome read8(CallContext&, const Interface::Read8::Params::Value&, Interface::Read8::Results::Value&) noexcept;
  Outcome read16(CallContext&, const Interface::Read16::Params::Value&, Interface::Read16::Results::Value&) noexcept;
  Outcome read32(CallContext&, const Interface::Read32::Params::Value&, Interface::Read32::Results::Value&) noexcept;
  Outcome write8(CallContext&, const Interface::Write8::Params::Value&, Interface::Write8::Results::Value&) noexcept;
  Outcome write16(CallContext&, const Interface::Write16::Params::Value&, Interface::Write16::Results::Value&) noexcept;
  Outcome write32(CallContext&, const Interface::Write32::Params::Value&, Interface::Write32::Results::Value&) noexcept;
  Outcome describe(CallContext&, const Interface::Describe::Params::Value&,
                   Interface::Describe::Results::Value&) noexcept;

 private:
  template <typename T, typename... Arguments>
  friend T* heap_new(Arguments&&...) noexcept;
  template <typename T>
  friend void heap_delete(T*) noexcept;

  IoPorts(Claim claim, std::uint32_t first, std::uint32_t count) noexcept
      : TypedObject(kType), claim_(std::move(claim)), first_(first), count_(count) {}
  ~IoPorts() = default;
  void destroy() noexcept override;
  // Within the range, and aligned.
  [[nodiscard]] bool holds(std::uint16_t offset, unsigned width) const noexcept {
    return offset + width <= count_ && (first_ + offset) % width == 0;
  }
  template <typename Value>
  Outcome read(std::uint16_t offset, Value& value) noexcept;
  template <typename Value>
  Outcome write(std::uint16_t offset, Value value) noexcept;

  Claim claim_;
  const std::uint32_t first_, count_;
};

}  // namespace capos::kernel
