// SPDX-License-Identifier: Apache-2.0
// Sine, cosine and tangent of the programs' libm against the host's long double, in units in the last place.
#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

#include "capos/libm/trigonometry.hpp"

namespace capos::libm {
namespace {

double ulps(double got, long double want) {
  const double near = std::abs(static_cast<double>(want));
  const double ulp = std::nextafter(near, std::numeric_limits<double>::infinity()) - near;
  return static_cast<double>(std::abs(static_cast<long double>(got) - want) / static_cast<long double>(ulp));
}

struct Worst {
  double sine = 0.0, cosine = 0.0, tangent = 0.0;
  void take(double x) {
    const auto wide = static_cast<long double>(x);
    sine = std::max(sine, ulps(libm::sine(x), std::sin(wide)));
    cosine = std::max(cosine, ulps(libm::cosine(x), std::cos(wide)));
    tangent = std::max(tangent, ulps(libm::tangent(x), std::tan(wide)));
  }
  void expect_below_one() const {
    EXPECT_LT(sine, 1.0);
    EXPECT_LT(cosine, 1.0);
    EXPECT_LT(tangent, 1.0);
  }
};

class Range : public testing::TestWithParam<double> {};

TEST_P(Range, RandomArguments) {
  std::mt19937_64 random(17);
  std::uniform_real_distribution<double> uniform(-GetParam(), GetParam());
  Worst worst;
  for (int i = 0; i < 300'000; ++i) worst.take(uniform(random));
  worst.expect_below_one();
}
INSTANTIATE_TEST_SUITE_P(Sizes, Range, testing::Values(1e-9, 0.7, 4.0, 100.0, 1e4, kLargestAngle));

// Next to multiples of pi/2 nearly all bits cancel.
TEST(Trigonometry, NextToMultiplesOfHalfPi) {
  Worst worst;
  for (int n = 1; n < (1 << 20); n += 1 + n / 1000) {
    double x = static_cast<double>(n * 1.57079632679489661923132169163975144L);
    if (x > kLargestAngle) break;
    worst.take(x);
    worst.take(-x);
    worst.take(std::nextafter(x, 0.0));
    worst.take(std::nextafter(x, 1e9));
  }
  worst.expect_below_one();
}

TEST(Trigonometry, SpecialArguments) {
  const double infinity = std::numeric_limits<double>::infinity();
  for (const double x : {infinity, -infinity, std::nan(""), 1.7e6, -1e300}) {
    EXPECT_TRUE(std::isnan(sine(x)) && std::isnan(cosine(x)) && std::isnan(tangent(x))) << x;
  }
  EXPECT_EQ(sine(0.0), 0.0);
  EXPECT_TRUE(std::signbit(sine(-0.0)));
  EXPECT_TRUE(std::signbit(tangent(-0.0)));
  EXPECT_EQ(cosine(0.0), 1.0);
  EXPECT_EQ(sine(5e-324), 5e-324);
}

}  // namespace
}  // namespace capos::libm
