// SPDX-License-Identifier: Apache-2.0
// The steps of a counterexample as SPIN prints them: "step ACTOR WHAT [VALUE]", an access or the begin of something.
#pragma once

#include <istream>
#include <sstream>
#include <string>
#include <vector>

namespace capos::ktest {

struct TrailStep {
  std::string actor, what;
  unsigned value = 0;
};

inline std::vector<TrailStep> read_trail(std::istream& from) {
  std::vector<TrailStep> steps;
  for (std::string line; std::getline(from, line);) {
    std::istringstream words(line);
    std::string step;
    TrailStep made;
    if (!(words >> step >> made.actor >> made.what) || step != "step") continue;
    words >> made.value;
    steps.push_back(made);
  }
  return steps;
}

}  // namespace capos::ktest
