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

// What CTest's properties say a pass is, for programs that count no cases. All empty: exit status 0.
struct Expectation {
  std::vector<std::string>
      pass_if;  // ECMAScript expressions: any in the output makes a pass, whatever the status
  std::vector<std::string> fail_if;  // any in the output makes a failure
  bool will_fail = false;            // turned round
};

struct Suite {
  std::string name;
  std::vector<std::string> command;
  std::filesystem::path directory;
  std::vector<std::pair<std::string, std::string>> environment;
  std::chrono::seconds limit{600};
  Expectation expectation;
  bool slow = false;  // labelled "slow" or "guest": boots machines, or takes more than some seconds
};

// All suites of a build, quick ones first, each kind in CTest's order. Errors: no build there, none
// registered.
[[nodiscard]] Outcome<std::vector<Suite>> find_suites(const std::filesystem::path& build);

// The suites in the text of `ctest --show-only=json-v1`.
[[nodiscard]] Outcome<std::vector<Suite>> parse_suites(const std::string& text);

}  // namespace capos::cli
