// SPDX-License-Identifier: Apache-2.0
#include "kinds.hpp"

namespace capos::load {

void compute(Random random) noexcept {
  double x = 1;
  for (;;) {
    const std::uint64_t rounds = 1'000 + random.below(10'000);
    for (std::uint64_t i = 0; i < rounds; ++i) x = x * 1.000000119 + 1e-9;
    if (x > 1e6) x = 1;
    asm volatile("" : "+x"(x));  // the work has a use that the compiler cannot see
  }
}

}  // namespace capos::load
