// SPDX-License-Identifier: Apache-2.0
#include "capos/media/biquad.hpp"

#include <numbers>

#include "capos/media/sine.hpp"

namespace capos::media {
namespace {

constexpr double kTiny = 1e-20;  // -400 dB

// Zero for what is too small to be heard, and for what is no finite number.
double settled(double value) noexcept {
  const bool sound = (value > kTiny || value < -kTiny) && value - value == 0.0;
  return sound ? value : 0.0;
}

}  // namespace

BiquadCoefficients design_biquad(schema::BiquadKind kind, double frequency, double q) noexcept {
  const SineCosine at = sine_cosine(2.0 * std::numbers::pi * frequency / kRate);
  const double alpha = at.sine / (2.0 * q);
  const double a0 = 1.0 + alpha;
  const bool low = kind == schema::BiquadKind::low_pass;
  const double b1 = low ? 1.0 - at.cosine : -(1.0 + at.cosine);
  const double outer = low ? b1 / 2.0 : -b1 / 2.0;
  return {outer / a0, b1 / a0, outer / a0, -2.0 * at.cosine / a0, (1.0 - alpha) / a0};
}

void Biquad::process(Samples& samples) noexcept {
  for (std::uint32_t channel = 0; channel < kChannels; ++channel) {
    State s = state_[channel];
    for (std::uint32_t i = channel; i < kSamples; i += kChannels) {
      const double in = samples[i];
      const double out = c_.b0 * in + s.first;
      s.first = c_.b1 * in - c_.a1 * out + s.second;
      s.second = c_.b2 * in - c_.a2 * out;
      samples[i] = static_cast<float>(out);
    }
    state_[channel] = {settled(s.first), settled(s.second)};
  }
}

}  // namespace capos::media
