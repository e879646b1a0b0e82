// SPDX-License-Identifier: Apache-2.0
// How a holder holds a capability: how far it may travel, what a call through it tells the server, until when it holds.
#pragma once

#include "capos/schema/authority.hpp"

namespace capos::kernel {

using schema::DisclosureScope;
using schema::TransferScope;

class Liveness;

struct HoldEdge {
  Liveness* lease = nullptr;  // kept by the entry that this comes from, and by every entry made with it
  TransferScope transfer = TransferScope::any;
  DisclosureScope disclosure = DisclosureScope::process;
};

// Both scopes as numbers that the schema knows: the highest is the strictest.
[[nodiscard]] constexpr bool is_known(TransferScope scope) noexcept { return scope <= TransferScope::none; }
[[nodiscard]] constexpr bool is_known(DisclosureScope scope) noexcept { return scope <= DisclosureScope::nothing; }

}  // namespace capos::kernel
