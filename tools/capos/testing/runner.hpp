// SPDX-License-Identifier: Apache-2.0
// Runs suites, several at a time, and tells each one's result as it ends.
#pragma once

#include <filesystem>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "suite.hpp"
#include "tally.hpp"

namespace capos::cli {

struct SuiteResult {
  const Suite* suite = nullptr;
  Tally tally;
  double seconds = 0;
  std::filesystem::path log;  // what it printed
};

// Called in the order of the ends, by one thread at a time.
using SuiteEnded = std::function<void(const SuiteResult&)>;

// `case_filter`: GoogleTest's --gtest_filter, or "". Output goes to `directory`/SUITE.log. Stops starting
// suites after Ctrl-C. The results are in the order of the suites; those not run are left out.
[[nodiscard]] std::vector<SuiteResult> run_suites(std::span<const Suite> suites,
                                                  const std::filesystem::path& directory,
                                                  const std::string& case_filter, unsigned jobs,
                                                  const SuiteEnded& ended);

}  // namespace capos::cli
