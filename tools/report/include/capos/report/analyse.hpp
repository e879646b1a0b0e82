// SPDX-License-Identifier: Apache-2.0
// From a recording to a result: statistics from raw samples, causes with names, and the verdict.
//
// Pure: the same recording and inputs give the same result, byte for byte. Any recording is accepted; what
// does not fit the inputs (an unknown source, a job before the start) is ignored or reported, never trusted
// as an index. Cost: O(n log n) in the events.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "capos/report/channel.hpp"
#include "capos/report/inputs.hpp"
#include "capos/report/result.hpp"

namespace capos::report {

[[nodiscard]] Result analyse(const Recording& recording, const RunInputs& inputs);

// Values `a` of all `user` events of this code, from every program, in the recording's order: the wake-up
// bench's samples are user_values(recording, kUserCodeWakeup).
[[nodiscard]] std::vector<std::uint64_t> user_values(const Recording& recording, std::uint32_t code);

// One line of a bench: `{name, unit, min, p50, p99, max, samples}`.
struct BenchLine {
  std::string name, unit;
  Summary summary;
};

}  // namespace capos::report
