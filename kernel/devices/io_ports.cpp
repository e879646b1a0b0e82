// SPDX-License-Identifier: Apache-2.0
#include "devices/io_ports.hpp"

#include "capos/hal/devices.hpp"
#include "resources/charged.hpp"

namespace capos::kernel {

using schema::KernelError;

ResultOf<Ref<IoPorts>, KernelError> IoPorts::create(Ledger& payer, std::uint32_t first, std::uint32_t count) noexcept {
  if (!hal::ports_available(first, count)) return fail(KernelError::bad_range);
  Claim claim = TRY(Claim::take(DeviceKind::ports, first, count));
  return new_object<IoPorts>(payer, std::move(claim), first, count);
}

void IoPorts::destroy() noexcept { delete_object(this); }

template <typename Value>
Outcome IoPorts::read(std::uint16_t offset, Value& value) noexcept {
  if (!holds(offset, sizeof(Value))) return Outcome::invalid(KernelError::bad_range);
  value = static_cast<Value>(hal::read_port(static_cast<std::uint16_t>(first_ + offset), sizeof(Value)));
  return Outcome::done();
}

template <typename Value>
Outcome IoPorts::write(std::uint16_t offset, Value value) noexcept {
  if (!holds(offset, sizeof(Value))) return Outcome::invalid(KernelError::bad_range);
  hal::write_port(static_cast<std::uint16_t>(first_ + offset), sizeof(Value), value);
  return Outcome::done();
}

Outcome IoPorts::read8(CallContext&, const Interface::Read8::Params::Value& params,
                       Interface::Read8::Results::Value& results) noexcept {
  return read(params.offset, results.value);
}
Outcome IoPorts::read16(CallContext&, const Interface::Read16::Params::Value& params,
                        Interface::Read16::Results::Value& results) noexcept {
  return read(params.offset, results.value);
}
Outcome IoPorts::read32(CallContext&, const Interface::Read32::Params::Value& params,
                        Interface::Read32::Results::Value& results) noexcept {
  return read(params.offset, results.value);
}
Outcome IoPorts::write8(CallContext&, const Interface::Write8::Params::Value& params,
                        Interface::Write8::Results::Value&) noexcept {
  return write(params.offset, params.value);
}
Outcome IoPorts::write16(CallContext&, const Interface::Write16::Params::Value& params,
                         Interface::Write16::Results::Value&) noexcept {
  return write(params.offset, params.value);
}
Outcome IoPorts::write32(CallContext&, const Interface::Write32::Params::Value& params,
                         Interface::Write32::Results::Value&) noexcept {
  return write(params.offset, params.value);
}

Outcome IoPorts::describe(CallContext&, const Interface::Describe::Params::Value&,
                          Interface::Describe::Results::Value& results) noexcept {
  results.first = static_cast<std::uint16_t>(first_);
  results.count = count_;
  return Outcome::done();
}

}  // namespace capos::kernel
