// SPDX-License-Identifier: Apache-2.0
// What the cases about sessions and leases share.
#pragma once

#include "authority.hpp"

namespace conformance {

using SessionCap = OwnedCapability<schema::Session>;
using LeaseCap = OwnedCapability<schema::GrantLease>;

inline auto create_session(Guest& guest, std::uint64_t expires_ns, abi::CapId ledger) noexcept {
  return guest.runtime.need<schema::SessionAuthority>("sessions")->create([&](auto params, Transfers& transfers) {
    params.set_expires_ns(expires_ns);
    if (!ledger.is_null()) params.set_ledger(transfers.add(ledger));
  });
}

inline SessionCap make_session(Guest& guest, std::uint64_t expires_ns = 0) noexcept {
  auto made = create_session(guest, expires_ns, own_ledger(guest).cap());
  return made.has_value() ? made->capability<schema::Session>(made->reader().session()) : SessionCap();
}

inline LeaseCap make_lease(SessionCap& session, std::uint64_t expires_ns = 0) noexcept {
  auto made = session->create_lease([&](auto params) { params.set_expires_ns(expires_ns); });
  return made.has_value() ? made->capability<schema::GrantLease>(made->reader().lease()) : LeaseCap();
}

inline auto grant(const LeaseCap& lease, abi::CapId cap) noexcept {
  return lease.borrow()->grant([&](auto params, Transfers& transfers) {
    if (!cap.is_null()) params.init_capability().set_capability(transfers.add(cap));
  });
}

template <typename Interface>
OwnedCapability<Interface> leased(const LeaseCap& lease, abi::CapId cap) noexcept {
  auto made = grant(lease, cap);
  return made.has_value() ? made->template capability<Interface>(made->reader().leased().get_capability())
                          : OwnedCapability<Interface>();
}

}  // namespace conformance
