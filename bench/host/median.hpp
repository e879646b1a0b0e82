// SPDX-License-Identifier: Apache-2.0
// Times of passes that are compared: by their medians, so that what interrupted one of them does not decide.
#pragma once

#include <algorithm>
#include <cstddef>
#include <vector>

namespace capos {

class Passes {
 public:
  void add(double seconds) { seconds_.push_back(seconds); }
  // 0 without a pass.
  [[nodiscard]] double median() {
    if (seconds_.empty()) return 0;
    const auto middle = seconds_.begin() + static_cast<std::ptrdiff_t>(seconds_.size() / 2);
    std::ranges::nth_element(seconds_, middle);
    return *middle;
  }
  // How many times as long as `ours`.
  [[nodiscard]] double by(Passes& ours) { return ours.median() == 0 ? 0 : median() / ours.median(); }

 private:
  std::vector<double> seconds_;
};

}  // namespace capos
