// SPDX-License-Identifier: Apache-2.0
// What a policy service is given, in a case's hands.
#pragma once

#include "harness.hpp"

namespace conformance {

using schema::LatencyClass;
using ShareOf = OwnedCapability<schema::ShareControl>;
using PlacementOf = OwnedCapability<schema::PlacementControl>;

[[nodiscard]] runtime::Result<ShareOf> control_share(Guest& guest, abi::CapId process) noexcept;
[[nodiscard]] runtime::Result<PlacementOf> control_placement(Guest& guest) noexcept;
// Declares a share of class normal.
[[nodiscard]] bool declare(Guest& guest, abi::CapId process, std::uint16_t weight) noexcept;
// The weight in force; 0: no answer.
[[nodiscard]] std::uint16_t weight_of(Guest& guest, abi::CapId process) noexcept;
// Until the weight in force is that; false after 100 ms.
[[nodiscard]] bool comes_back_to(Guest& guest, abi::CapId process, std::uint16_t weight) noexcept;

}  // namespace conformance
