// SPDX-License-Identifier: Apache-2.0
// The JSON of rt-tests' cyclictest 2.x (`--json`), read and written: capOS's samples in the same shape, for the same tools.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "../support/problem.hpp"
#include "capos/report/distribution.hpp"

namespace capos::cli {

struct CyclictestResult {
  report::Distribution distribution;  // of all its threads; in ns when it ran with -N
  std::string release, version;       // of the kernel, as uname says
};

// `text` may be anything. What its histogram leaves out of its cycles overflowed. Errors: no JSON, another shape, more
// in a histogram than there were cycles, no cycle at all.
[[nodiscard]] Outcome<CyclictestResult> parse_cyclictest(std::string_view text);

struct CyclictestRun {
  std::string command, system, release;
  report::Distribution distribution;  // ns
};
// Ends with a newline.
[[nodiscard]] std::string render_cyclictest(const CyclictestRun& run);

// What bench/linux/init.cpp sent of `file` over the console. Errors: it is not there, or not to its end.
[[nodiscard]] Outcome<std::string> sent_file(std::string_view console, std::string_view file);

}  // namespace capos::cli
