// SPDX-License-Identifier: Apache-2.0
#include "devices/mmio.hpp"

#include "capos/hal/devices.hpp"
#include "ipc/call_context.hpp"
#include "resources/charged.hpp"

namespace capos::kernel {

using schema::KernelError;

ResultOf<Ref<Mmio>, KernelError> Mmio::create(Ledger& payer, hal::MemoryRange range) noexcept {
  const std::uint64_t base = range.base.value();
  if (base % hal::kPageSize != 0 || range.size % hal::kPageSize != 0 || range.size == 0) {
    return fail(KernelError::bad_address);
  }
  if (!hal::is_device_memory(range)) return fail(KernelError::bad_range);
  Claim claim = TRY(Claim::take(DeviceKind::memory, base, range.size));
  Ref<MemoryObject> registers = TRY(MemoryObject::wrap_device(payer, range, std::move(claim)));
  return new_object<Mmio>(payer, std::move(registers));
}

void Mmio::destroy() noexcept { delete_object(this); }

Outcome Mmio::map(CallContext& call, const Interface::Map::Params::Value& params,
                  Interface::Map::Results::Value& results) noexcept {
  if (params.offset % hal::kPageSize != 0 || params.size % hal::kPageSize != 0 || params.size == 0) {
    return Outcome::invalid(KernelError::bad_range);
  }
  return place(call, {.hint = params.hint, .object = registers_, .first_page = params.offset / hal::kPageSize,
                      .pages = params.size / hal::kPageSize, .protection = {.write = params.writable}}, results.addr);
}

Outcome Mmio::describe(CallContext&, const Interface::Describe::Params::Value&,
                       Interface::Describe::Results::Value& results) noexcept {
  results.physical = registers_->frame_at(0).value();
  results.size = registers_->pages() * hal::kPageSize;
  return Outcome::done();
}

}  // namespace capos::kernel
