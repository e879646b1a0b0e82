// SPDX-License-Identifier: Apache-2.0
// From Google Benchmark's JSON to ratios: how many times as long the peer took as capOS's code did, in the same run.
//
// A benchmark says so itself by a counter named PEER/OURS, or is one of several called CASE/capos and CASE/PEER, whose
// medians are compared.
#pragma once

#include <string>
#include <vector>

#include "../support/problem.hpp"

namespace capos::cli {

struct HostRatio {
  std::string name;  // the case
  std::string peer;
  double ratio = 0;       // above 1: capOS's code is faster
  double ours_ns = 0;     // for orientation: noise on a shared machine
  std::string skipped{};  // why there is no ratio; empty if there is one
};

// Errors: not the JSON of Google Benchmark.
[[nodiscard]] Outcome<std::vector<HostRatio>> host_ratios(const std::string& json);

}  // namespace capos::cli
