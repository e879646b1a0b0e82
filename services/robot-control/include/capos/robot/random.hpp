// SPDX-License-Identifier: Apache-2.0
// Reproducible pseudo-random numbers for sensor noise: xoshiro256** seeded by splitmix64, and normal
// deviates.
//
// Sources: Blackman and Vigna, "Scrambled Linear Pseudorandom Number Generators" (2021); Box and Muller
// (1958). Not for secrets. Each draw is a bounded number of operations.
#pragma once

#include <array>
#include <bit>
#include <cmath>
#include <cstdint>
#include <numbers>

namespace capos::robot {

class Random {
 public:
  explicit constexpr Random(std::uint64_t seed) noexcept {
    for (std::uint64_t& word : state_) word = splitmix(seed);
  }

  [[nodiscard]] constexpr std::uint64_t next() noexcept {
    const std::uint64_t result = std::rotl(state_[1] * 5, 7) * 9;
    const std::uint64_t shifted = state_[1] << 17;
    state_[2] ^= state_[0];
    state_[3] ^= state_[1];
    state_[1] ^= state_[2];
    state_[0] ^= state_[3];
    state_[2] ^= shifted;
    state_[3] = std::rotl(state_[3], 45);
    return result;
  }

  // Uniform in (0, 1]: never 0, so its logarithm is finite.
  [[nodiscard]] constexpr double uniform() noexcept {
    return (static_cast<double>(next() >> 11) + 1.0) * 0x1p-53;
  }

  // Normal with mean 0 and standard deviation 1.
  [[nodiscard]] double normal() noexcept {
    const double radius = std::sqrt(-2.0 * std::log(uniform()));
    return radius * std::cos(2.0 * std::numbers::pi * uniform());
  }

 private:
  static constexpr std::uint64_t splitmix(std::uint64_t& seed) noexcept {
    seed += 0x9e37'79b9'7f4a'7c15;
    std::uint64_t z = seed;
    z = (z ^ (z >> 30)) * 0xbf58'476d'1ce4'e5b9;
    z = (z ^ (z >> 27)) * 0x94d0'49bb'1331'11eb;
    return z ^ (z >> 31);
  }
  std::array<std::uint64_t, 4> state_{};
};

}  // namespace capos::robot
