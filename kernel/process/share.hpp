// SPDX-License-Identifier: Apache-2.0
// What a process is given of the time that no context uses (sched/fair_queue.hpp).
#pragma once

#include <cstdint>

#include "capos/base/time.hpp"
#include "capos/sched/fair_queue.hpp"

namespace capos::kernel {

struct Share {
  std::uint16_t weight = 100;  // 1 to sched::kMaxWeight
  sched::LatencyClass latency = sched::LatencyClass::normal;

  // How long it runs at a time: by the boot's bestEffortSlice, which is the request of class normal.
  [[nodiscard]] Duration request() const noexcept;
};

}  // namespace capos::kernel
