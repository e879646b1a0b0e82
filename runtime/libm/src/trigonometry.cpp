// SPDX-License-Identifier: Apache-2.0
#include "capos/libm/trigonometry.hpp"

#include <bit>
#include <cstdint>
#include <limits>

// musl's polynomials on [-pi/4, pi/4]: x is the argument, y the part of it below x's last place.
extern "C" {
double __sin(double x, double y, int has_y);
double __cos(double x, double y);
double __tan(double x, double y, int odd);
}

namespace capos::libm {
namespace {

// pi/2 in three parts of 33 bits and the rest, so that quadrant * part is exact for quadrants below 2^20
// (Cody and Waite, "Software Manual for the Elementary Functions", 1980).
constexpr double kTwoOverPi = 0x1.45f306dc9c883p-1;
constexpr double kPart1 = 0x1.921fb544p+0;
constexpr double kPart2 = 0x1.0b4611a6p-34;
constexpr double kPart3 = 0x1.3198a2ep-69;
constexpr double kRest3 = 0x1.b839a252049c1p-104;
constexpr double kRoundToInteger = 0x1.8p52;  // adding it leaves the nearest integer in the low bits
constexpr double kQuarterPi = 0x1.921fb54442d18p-1;

// x = quadrant * pi/2 + high + low, with |high| <= pi/4 (1 + 2^-52) and low below high's last place.
struct Reduced {
  double high;
  double low;
  unsigned quadrant;  // modulo 4
};

// a - b with the rounding error of the difference (Knuth's two-sum).
struct Exact {
  double value;
  double error;
};
Exact subtract(double a, double b) noexcept {
  const double value = a - b;
  const double virtual_b = a - value;
  const double error = (a - (value + virtual_b)) + (virtual_b - b);
  return {value, error};
}

Reduced reduce(double x) noexcept {
  if (x >= -kQuarterPi && x <= kQuarterPi) return {x, 0.0, 0};
  const double shifted = x * kTwoOverPi + kRoundToInteger;
  const double n = shifted - kRoundToInteger;
  const auto quadrant = static_cast<unsigned>(std::bit_cast<std::uint64_t>(shifted) & 3);
  // Three exact products; the errors of the subtractions are carried along, so that cancellation near a
  // multiple of pi/2, at most 2^-60 away for any double in range, leaves more than 53 good bits.
  const double first = x - n * kPart1;  // exact: both are multiples of the same small unit
  const Exact second = subtract(first, n * kPart2);
  const Exact third = subtract(second.value, n * kPart3);
  const double low = (second.error + third.error) - n * kRest3;
  const double high = third.value + low;
  return {high, (third.value - high) + low, quadrant};
}

bool in_range(double x) noexcept { return x >= -kLargestAngle && x <= kLargestAngle; }

// So near 0 that sine and tangent are x itself: the sign of zero survives, the smallest numbers stay exact.
bool is_tiny(double x) noexcept { return x > -0x1p-27 && x < 0x1p-27; }

constexpr double kNotANumber = std::numeric_limits<double>::quiet_NaN();

}  // namespace

double sine(double x) noexcept {
  if (!in_range(x)) return kNotANumber;
  if (is_tiny(x)) return x;
  const Reduced r = reduce(x);
  switch (r.quadrant) {
    case 0:
      return __sin(r.high, r.low, 1);
    case 1:
      return __cos(r.high, r.low);
    case 2:
      return -__sin(r.high, r.low, 1);
    default:
      return -__cos(r.high, r.low);
  }
}

double cosine(double x) noexcept {
  if (!in_range(x)) return kNotANumber;
  const Reduced r = reduce(x);
  switch (r.quadrant) {
    case 0:
      return __cos(r.high, r.low);
    case 1:
      return -__sin(r.high, r.low, 1);
    case 2:
      return -__cos(r.high, r.low);
    default:
      return __sin(r.high, r.low, 1);
  }
}

double tangent(double x) noexcept {
  if (!in_range(x)) return kNotANumber;
  if (is_tiny(x)) return x;
  const Reduced r = reduce(x);
  return __tan(r.high, r.low, static_cast<int>(r.quadrant & 1));
}

}  // namespace capos::libm
