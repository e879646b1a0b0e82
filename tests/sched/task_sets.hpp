// SPDX-License-Identifier: Apache-2.0
// Random task sets whose hyperperiod is short enough to be simulated whole.
//
// Utilisations by UUniFast, which is uniform over all that sum to the wanted one: E. Bini, G. Buttazzo, "Measuring
// the performance of schedulability tests", Real-Time Systems 30 (2005). Periods are divisors of kHyperperiod, so that
// the hyperperiod of any set divides it, drawn so that each order of magnitude is as likely (R. Davis et al.).
#pragma once

#include <cmath>
#include <cstdint>
#include <vector>

#include "random.hpp"

namespace capos::sched::test {

inline constexpr std::int64_t kHyperperiodNs = 36'000'000;

// `count` shares that sum to `utilisation`. Doubles are used for nothing that is compared afterwards: the budgets are
// whole nanoseconds.
[[nodiscard]] inline std::vector<double> uunifast(Random& random, std::size_t count, double utilisation) {
  std::vector<double> shares;
  double rest = utilisation;
  for (std::size_t i = 1; i < count; ++i) {
    const double uniform = static_cast<double>(random.between(0, (std::int64_t{1} << 53) - 1)) / 0x1p53;
    const double next = rest * std::pow(uniform, 1.0 / static_cast<double>(count - i));
    shares.push_back(rest - next);
    rest = next;
  }
  shares.push_back(rest);
  return shares;
}

// A divisor of kHyperperiod of 100 us to 36 ms, in ns.
[[nodiscard]] inline std::int64_t random_period(Random& random) {
  static const std::vector<std::int64_t> divisors = [] {
    std::vector<std::int64_t> found;
    for (std::int64_t d = 100'000; d <= kHyperperiodNs; d += 1'000) {
      if (kHyperperiodNs % d == 0) found.push_back(d);
    }
    return found;
  }();
  const double octave = static_cast<double>(random.between(0, 1'000'000)) / 1e6;
  const double wanted = 100'000.0 * std::pow(static_cast<double>(kHyperperiodNs) / 100'000.0, octave);
  std::size_t best = 0;
  for (std::size_t i = 1; i < divisors.size(); ++i) {
    if (std::abs(std::log(static_cast<double>(divisors[i]) / wanted)) <
        std::abs(std::log(static_cast<double>(divisors[best]) / wanted)))
      best = i;
  }
  return divisors[best];
}

}  // namespace capos::sched::test
