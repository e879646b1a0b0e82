// SPDX-License-Identifier: Apache-2.0
// How a run ends: SystemControl.shutdown's code, which QEMU hands to the launcher as (code << 1) | 1.
#pragma once

#include <cstdint>

namespace capos::abi {

enum class RunOutcome : std::uint8_t {
  finished = 0,        // the run's time is over, or a service ended it in order
  island_refused = 2,  // the console says which and why
  start_failed = 3,    // a service could not be made; the console says which and why
  refused_pack = 0x7d,
  refused_cpu = 0x7e,
  panic = 0x7f,
};

}  // namespace capos::abi
