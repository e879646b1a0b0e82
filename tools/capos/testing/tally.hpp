// SPDX-License-Identifier: Apache-2.0
// The cases of one run of a suite, whatever kind of program it is:
//   GoogleTest programs write their JSON report where GTEST_OUTPUT says;
//   others print a line "ok NAME" or "FAILED NAME: why" for each case (guests do, on their console);
//   a program that does neither is one case, judged by its exit status, or as CTest's properties say.
// A bad end (a crash, a time-out, a status that is not 0 although no case failed) is a failed case of its
// own.
#pragma once

#include <string>
#include <vector>

#include "../support/process.hpp"
#include "suite.hpp"

namespace capos::cli {

struct FailedCase {
  std::string name;
  std::string why;  // the first line or lines
};

struct Tally {
  unsigned passed = 0;
  unsigned skipped = 0;
  std::vector<FailedCase> failed;
};

// What a suite's run left: the GoogleTest JSON, or ""; what it printed; how it ended.
struct SuiteRun {
  std::string report;
  std::string output;
  std::string errors;
  ExitState state;
  bool timed_out = false;
};

[[nodiscard]] Tally tally(const Suite& suite, const SuiteRun& run);

}  // namespace capos::cli
