// SPDX-License-Identifier: Apache-2.0
// Sine and cosine by additions and multiplications alone, so that every build computes the same bits: a filter that the host
// renders and one that runs on capOS have the same coefficients.
//
// Taylor's series to the 21st (20th) power after the angle was folded to 0 to pi/4: the rest is below 1e-19, the error of the
// rounding below 4e-16.
#pragma once

namespace capos::media {

struct SineCosine {
  double sine = 0.0, cosine = 1.0;
};

// angle: radians, 0 to pi; what is outside is taken as the nearer end (NaN as 0).
[[nodiscard]] SineCosine sine_cosine(double angle) noexcept;

}  // namespace capos::media
