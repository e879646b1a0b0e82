// SPDX-License-Identifier: Apache-2.0
// From the words of the command line to one verb with its options.
#pragma once

#include <expected>
#include <functional>

#include "support/paths.hpp"
#include "support/problem.hpp"

namespace capos::cli {

using Action = std::function<Outcome<int>(const Paths&)>;

// What to run; or, when there is nothing to run, the exit status: help and version are printed, mistakes are
// told.
[[nodiscard]] std::expected<Action, int> parse_command_line(int count, const char* const* words);

// A problem on stderr: one line of cause, one of remedy. Gives its exit status.
int report(const Problem& problem);

}  // namespace capos::cli
