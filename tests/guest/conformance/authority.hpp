// SPDX-License-Identifier: Apache-2.0
// What the cases about authority share: narrowing, ledgers, and what they account for.
#pragma once

#include "harness.hpp"

namespace conformance {

using schema::DisclosureScope;
using schema::Resource;
using schema::TransferScope;
using Account = OwnedCapability<schema::ResourceLedger>;

inline constexpr std::uint16_t kResources = 9;

[[nodiscard]] inline Capability<schema::CapabilityTable> own_table(Guest& guest) noexcept {
  return guest.runtime.need<schema::CapabilityTable>("self.capabilities");
}
[[nodiscard]] inline Capability<schema::ResourceLedger> own_ledger(Guest& guest) noexcept {
  return guest.runtime.need<schema::ResourceLedger>("self.ledger");
}

// Enough for a common child.
struct Amounts {
  std::uint64_t frames = 256, table_slots = 65'536, threads = 1, contexts = 0, endpoints = 0, ring_arenas = 1,
                log_bytes = 4096, kernel_bytes = 64 * 1024, cpu_ppm = 0;
};
void write_amounts(schema::ResourceAmounts::Builder to, const Amounts& amounts) noexcept;
// Of the guest's own; null if refused.
[[nodiscard]] Account make_ledger(Guest& guest, const Amounts& amounts) noexcept;

// What is used of everything but the log.
struct Usage {
  std::uint64_t used[kResources] = {};
  bool operator==(const Usage&) const noexcept = default;
};
[[nodiscard]] Usage usage_of(abi::CapId ledger) noexcept;
// Until the guest's usage is `wanted` again, what is dead having been taken apart; notes what differs if it never is.
[[nodiscard]] bool comes_back_to(Guest& guest, const Usage& wanted) noexcept;

template <typename Interface>
[[nodiscard]] OwnedCapability<Interface> narrowed(Guest& guest, abi::CapId cap,
                                                  TransferScope transfer = TransferScope::any,
                                                  DisclosureScope disclosure = DisclosureScope::process) noexcept {
  auto made = own_table(guest)->narrow([&](auto params, Transfers& transfers) {
    params.init_capability().set_capability(transfers.add(cap));
    params.set_interface_id(Interface::kInterfaceId);
    params.set_transfer(transfer);
    params.set_disclosure(disclosure);
  });
  if (!made.has_value()) return {};
  return made->template capability<Interface>(made->reader().narrowed().get_capability());
}

// Is the capability dead for whoever holds it?
[[nodiscard]] inline bool is_dead(Guest& guest, abi::CapId cap) noexcept {
  return invalid(own_table(guest)->describe(cap.raw), KernelError::bad_capability);
}

}  // namespace conformance
