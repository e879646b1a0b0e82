// SPDX-License-Identifier: Apache-2.0
// From a continuous linear model to the exact sampled one: matrix exponential, zero-order hold, process
// noise.
//
// Bounds: every function does a fixed number of products of fixed-size matrices, at most kMaxSquarings more.
#pragma once

#include <cmath>

#include "capos/robot/linear_algebra.hpp"

namespace capos::robot {

inline constexpr int kMaxSquarings = 32;
inline constexpr int kTaylorTerms = 18;

// e^matrix by scaling and squaring of the Taylor series (Moler and Van Loan, "Nineteen Dubious Ways", method
// 3). With the scaled norm at most 1/2 the remainder after 18 terms is below 2^-19/19! < 2e-23, less than
// rounding. Range: norm up to 2^31; what is larger or not finite gives entries that are not finite.
template <int N>
[[nodiscard]] Matrix<N, N> matrix_exponential(const Matrix<N, N>& matrix) noexcept {
  Matrix<N, N> scaled = matrix;
  int squarings = 0;
  while (scaled.cwiseAbs().rowwise().sum().maxCoeff() > 0.5 && squarings < kMaxSquarings) {
    scaled *= 0.5;
    ++squarings;
  }
  Matrix<N, N> sum = Matrix<N, N>::Identity();
  Matrix<N, N> term = Matrix<N, N>::Identity();
  for (int k = 1; k <= kTaylorTerms; ++k) {
    term = (term.lazyProduct(scaled) / static_cast<double>(k)).eval();
    sum += term;
  }
  for (int i = 0; i < squarings; ++i) sum = sum.lazyProduct(sum).eval();
  return sum;
}

template <int N, int M>
struct SampledModel {
  Matrix<N, N> a;
  Matrix<N, M> b;
};

// x' = a x + b u with u held over `step` seconds, exactly: the exponential of [[a, b], [0, 0]].
template <int N, int M>
[[nodiscard]] SampledModel<N, M> sample_model(const Matrix<N, N>& a, const Matrix<N, M>& b,
                                              double step) noexcept {
  Matrix<N + M, N + M> block = Matrix<N + M, N + M>::Zero();
  block.template topLeftCorner<N, N>() = a * step;
  block.template topRightCorner<N, M>() = b * step;
  const Matrix<N + M, N + M> exponential = matrix_exponential<N + M>(block);
  return {exponential.template topLeftCorner<N, N>(), exponential.template topRightCorner<N, M>()};
}

// Covariance gathered over `step` seconds by white noise of intensity `noise` that drives x' = a x + w
// (Van Loan, "Computing Integrals Involving the Matrix Exponential", 1978).
template <int N>
[[nodiscard]] Matrix<N, N> sample_noise(const Matrix<N, N>& a, const Matrix<N, N>& noise,
                                        double step) noexcept {
  Matrix<2 * N, 2 * N> block = Matrix<2 * N, 2 * N>::Zero();
  block.template topLeftCorner<N, N>() = -a * step;
  block.template topRightCorner<N, N>() = noise * step;
  block.template bottomRightCorner<N, N>() = a.transpose() * step;
  const Matrix<2 * N, 2 * N> exponential = matrix_exponential<2 * N>(block);
  const Matrix<N, N> covariance = exponential.template bottomRightCorner<N, N>().transpose() *
                                  exponential.template topRightCorner<N, N>();
  return 0.5 * (covariance + covariance.transpose());
}

}  // namespace capos::robot
