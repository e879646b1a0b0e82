// SPDX-License-Identifier: Apache-2.0
#include "capos/media/sine.hpp"

#include <numbers>

namespace capos::media {
namespace {

// 1 - x^2/(n+1)(n+2) (1 - x^2/(n+3)(n+4) (...)): the series of cos for n = 0, of sin(x)/x for n = 1, in Horner's form.
double series(double square, double n) noexcept {
  double sum = 1.0;
  for (int term = 9; term >= 0; --term) {
    const double at = n + 2.0 * term;
    sum = 1.0 - square / ((at + 1.0) * (at + 2.0)) * sum;
  }
  return sum;
}

// 0 to pi/4.
SineCosine small(double x) noexcept { return {x * series(x * x, 1.0), series(x * x, 0.0)}; }

}  // namespace

SineCosine sine_cosine(double angle) noexcept {
  constexpr double kPi = std::numbers::pi;
  if (!(angle > 0.0)) return {};
  if (angle >= kPi) return {0.0, -1.0};
  const bool obtuse = angle > kPi / 2;
  const double folded = obtuse ? kPi - angle : angle;
  const bool steep = folded > kPi / 4;
  const SineCosine part = small(steep ? kPi / 2 - folded : folded);
  const SineCosine whole = steep ? SineCosine{part.cosine, part.sine} : part;
  return {whole.sine, obtuse ? -whole.cosine : whole.cosine};
}

}  // namespace capos::media
