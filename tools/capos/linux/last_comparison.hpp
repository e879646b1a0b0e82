// SPDX-License-Identifier: Apache-2.0
// Linux's wake-ups as ./capos bench linux last measured them on this machine, for the tables of other benches.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "capos/report/result.hpp"

namespace capos::cli {

struct LinuxWakeups {
  std::string options, load;
  report::Summary summary;
};

// `text`: the comparison.json that it left; may be anything. What is not counted in instructions, or is no wake-up of Linux, is
// left out; rows that are not complete too.
[[nodiscard]] std::vector<LinuxWakeups> linux_wakeups(std::string_view text);

}  // namespace capos::cli
