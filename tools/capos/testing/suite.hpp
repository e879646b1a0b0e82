// SPDX-License-Identifier: Apache-2.0
// A test program of the build, as CTest knows it: CMake's add_test and gtest_discover_tests are the one list.
//
// The cases that gtest_discover_tests makes of one program are one suite again: it runs once, not once a
// case.
#pragma once

#include <chrono>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "../support/problem.hpp"

namespace capos::cli {

struct Suite {
  std::string name;
  std::vector<std::string> command;
  std::filesystem::path directory;
  std::vector<std::pair<std::string, std::string>> environment;
  std::chrono::seconds limit{600};
  bool slow = false;  // labelled "slow" or "guest": boots machines, or takes more than some seconds
};

// All suites of a build, quick ones first, each kind in CTest's order. Errors: no build there, none
// registered.
[[nodiscard]] Outcome<std::vector<Suite>> find_suites(const std::filesystem::path& build);

// The suites in the text of `ctest --show-only=json-v1`.
[[nodiscard]] Outcome<std::vector<Suite>> parse_suites(const std::string& text);

}  // namespace capos::cli
