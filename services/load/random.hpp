// SPDX-License-Identifier: Apache-2.0
// A stream of pseudo-random numbers, so that a load's phases differ and yet repeat: SplitMix64 (Steele, Lea,
// Flood, "Fast splittable pseudorandom number generators", 2014).
#pragma once

#include <cstdint>

namespace capos::load {

class Random {
 public:
  explicit constexpr Random(std::uint64_t seed) noexcept : state_(seed) {}
  constexpr std::uint64_t next() noexcept {
    std::uint64_t z = state_ += 0x9e3779b97f4a7c15;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
    z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
    return z ^ (z >> 31);
  }
  // Below `bound`, which is not 0.
  constexpr std::uint64_t below(std::uint64_t bound) noexcept { return next() % bound; }

 private:
  std::uint64_t state_;
};

}  // namespace capos::load
