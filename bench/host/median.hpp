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
  [[nodiscard]] double median() { return one_of(2); }
  // A tenth of the passes took less: where a pass needs two CPUs of a busy host at once, what it takes if it has them.
  [[nodiscard]] double fast() { return one_of(10); }
  // How many times as long as `ours`.
  [[nodiscard]] double by(Passes& ours) { return ours.median() == 0 ? 0 : median() / ours.median(); }

 private:
  [[nodiscard]] double one_of(std::size_t parts) {
    if (seconds_.empty()) return 0;
    const auto place = seconds_.begin() + static_cast<std::ptrdiff_t>(seconds_.size() / parts);
    std::ranges::nth_element(seconds_, place);
    return *place;
  }
  std::vector<double> seconds_;
};

}  // namespace capos
