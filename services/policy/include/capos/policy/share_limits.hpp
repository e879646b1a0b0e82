// SPDX-License-Identifier: Apache-2.0
// What a desk allows for the share of one service.
#pragma once

#include <cstdint>

#include "capos/schema/policy.hpp"
#include "capos/schema/units.hpp"

namespace capos::policy {

struct ShareLimits {
  std::uint16_t min_weight = 1, max_weight = 1;
  schema::LatencyClass most_urgent = schema::LatencyClass::batch;  // the classes are in the order of urgency

  [[nodiscard]] constexpr bool allow(std::uint16_t weight, schema::LatencyClass latency) const noexcept {
    return weight >= min_weight && weight <= max_weight && latency >= most_urgent && latency <= schema::LatencyClass::batch;
  }
};

}  // namespace capos::policy
