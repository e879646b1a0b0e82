// SPDX-License-Identifier: Apache-2.0
// Seeded random numbers, the same on every machine (std::uniform_int_distribution is not).
#pragma once

#include <cstdint>
#include <random>

#include "capos/base/time.hpp"

namespace capos::sched::test {

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  // Uniform enough in [low, high].
  std::int64_t between(std::int64_t low, std::int64_t high) {
    return low + static_cast<std::int64_t>(engine_() % static_cast<std::uint64_t>(high - low + 1));
  }
  Duration duration(Duration low, Duration high) { return Duration::ns(between(low.ns(), high.ns())); }
  bool chance(int percent) { return between(0, 99) < percent; }

 private:
  std::mt19937_64 engine_;
};

}  // namespace capos::sched::test
