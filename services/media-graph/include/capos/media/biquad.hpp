// SPDX-License-Identifier: Apache-2.0
// A second-order filter of both channels, in double precision inside (transposed direct form II).
//
// Coefficients: R. Bristow-Johnson, "Cookbook formulae for audio equalizer biquad filter coefficients". Invariant: the state
// is finite, and zero once it is below what a float could show: no denormal numbers, which are slow on real processors, and a
// NaN in one block does not outlive it.
#pragma once

#include <array>

#include "capos/media/block.hpp"

namespace capos::media {

struct BiquadCoefficients {
  double b0 = 1.0, b1 = 0.0, b2 = 0.0, a1 = 0.0, a2 = 0.0;  // a0 = 1
};

// Ranges: those of schema::BiquadConfig.
[[nodiscard]] BiquadCoefficients design_biquad(schema::BiquadKind kind, double frequency, double q) noexcept;

class Biquad {
 public:
  explicit Biquad(const BiquadCoefficients& coefficients) noexcept : c_(coefficients) {}
  // Bound: kSamples steps.
  void process(Samples& samples) noexcept;

 private:
  struct State {
    double first = 0.0, second = 0.0;
  };
  BiquadCoefficients c_;
  std::array<State, kChannels> state_{};
};

}  // namespace capos::media
