// SPDX-License-Identifier: Apache-2.0
// What a command reports when it cannot go on: one line of cause, one of remedy, and its exit status.
#pragma once

#include <expected>
#include <string>
#include <utility>

namespace capos::cli {

inline constexpr int kExitFine = 0;
inline constexpr int kExitFailed = 1;   // also: the file is wrong
inline constexpr int kExitRefused = 2;  // admission said no

struct Problem {
  std::string cause;
  std::string remedy;
  int exit_code = kExitFailed;
  bool shown = false;  // its text is on stderr already
};

template <typename T>
using Outcome = std::expected<T, Problem>;

[[nodiscard]] inline std::unexpected<Problem> problem(std::string cause, std::string remedy) {
  return std::unexpected(Problem{std::move(cause), std::move(remedy)});
}

}  // namespace capos::cli
