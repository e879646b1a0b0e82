// SPDX-License-Identifier: Apache-2.0
#include "objects/table_service.hpp"

#include "ipc/call_context.hpp"

namespace capos::kernel {
namespace {

using schema::KernelError;

bool is_stricter_or_same(HoldEdge wanted, HoldEdge own) noexcept {
  return is_known(wanted.transfer) && is_known(wanted.disclosure) && wanted.transfer >= own.transfer &&
         wanted.disclosure >= own.disclosure;
}

class CapabilityTableService final : public SingletonObject<CapabilityTableService, schema::CapabilityTable> {
 public:
  using Interface = schema::CapabilityTable;

  Outcome narrow(CallContext& call, Interface::Narrow::Params::Reader params,
                 Interface::Narrow::Results::Builder results) noexcept {
    CapabilityEntry* const entry = call.argument_entry(params.capability().get_capability());
    if (entry == nullptr) return Outcome::invalid(KernelError::bad_capability);
    const std::uint64_t interface_id = params.interface_id();
    if (!entry->permits(interface_id)) return Outcome::invalid(KernelError::mismatch);
    HoldEdge edge = entry->edge();
    const HoldEdge wanted{nullptr, params.transfer(), params.disclosure()};
    if (!is_stricter_or_same(wanted, edge)) return Outcome::invalid(KernelError::bad_range);
    edge.transfer = wanted.transfer;
    edge.disclosure = wanted.disclosure;
    const auto index = call.give(Ref<Object>::share(*entry->object()), interface_id, edge);
    if (!index.has_value()) return Outcome::overloaded(index.error());
    results.init_narrowed().set_capability(*index);
    return Outcome::done();
  }

  Outcome describe(CallContext& call, const Interface::Describe::Params::Value& params,
                   Interface::Describe::Results::Value& results) noexcept {
    const CapabilityEntry* const entry = call.process().capabilities().find(abi::CapId{params.cap});
    if (entry == nullptr) return Outcome::invalid(KernelError::bad_capability);
    results.interface_id = entry->interface_id();
    results.transfer = entry->edge().transfer;
    results.disclosure = entry->edge().disclosure;
    results.leased = entry->lease() != nullptr;
    return Outcome::done();
  }

  Outcome count(CallContext& call, const Interface::Count::Params::Value&,
                Interface::Count::Results::Value& results) noexcept {
    results.in_use = call.process().capabilities().in_use();
    return Outcome::done();
  }
};

constinit CapabilityTableService g_table;

}  // namespace

Object& capability_table_service() noexcept { return g_table; }

}  // namespace capos::kernel
