// SPDX-License-Identifier: Apache-2.0
// Curves over one horizontal axis as an SVG picture.
#pragma once

#include <string>
#include <vector>

namespace capos::bench {

struct Curve {
  std::string name;
  std::string colour;
  bool dashed = false;
  std::vector<double> y;  // 0 to 1, one for each x
};

// `x` in ascending order; both axes in percent.
[[nodiscard]] std::string plot(const std::string& title, const std::string& subtitle, const std::vector<double>& x,
                               const std::vector<Curve>& curves);

}  // namespace capos::bench
