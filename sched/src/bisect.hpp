// SPDX-License-Identifier: Apache-2.0
// Between `good`, which fits, and `bad`, which does not, in either order: the last whole number that fits, if fitting is
// monotone between them. Cost: at most 63 calls of fits(). Pure.
#pragma once

#include <cstdint>

namespace capos::sched {

template <typename Fits>
std::int64_t bisect(std::int64_t good, std::int64_t bad, Fits&& fits) noexcept {
  while (good - bad > 1 || bad - good > 1) {
    const std::int64_t middle = good + (bad - good) / 2;
    (fits(middle) ? good : bad) = middle;
  }
  return good;
}

}  // namespace capos::sched
