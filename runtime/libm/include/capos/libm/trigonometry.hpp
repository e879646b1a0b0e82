// SPDX-License-Identifier: Apache-2.0
// Sine, cosine and tangent in double precision, without thread-local storage.
//
// Error below 1 unit in the last place for |x| <= kLargestAngle. A larger |x| gives NaN: correct reduction
// there needs a thousand bits of 2/pi, and an angle of a million turns is a fault to be seen, not a number.
// Needs the default rounding mode (to nearest). Cost: about 60 instructions, no loop.
#pragma once

namespace capos::libm {

inline constexpr double kLargestAngle = 1'647'099.0;  // just below 2^20 * pi/2

[[nodiscard]] double sine(double x) noexcept;
[[nodiscard]] double cosine(double x) noexcept;
[[nodiscard]] double tangent(double x) noexcept;

}  // namespace capos::libm
