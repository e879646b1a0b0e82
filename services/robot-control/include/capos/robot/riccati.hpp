// SPDX-License-Identifier: Apache-2.0
// The discrete algebraic Riccati equation, its optimal gain, and a bound on a matrix's spectral radius.
//
// Bounds: at most kMaxDoublings steps of a few N x N products and one N x N factorisation; no allocation.
// A solution is returned only after its residual and the stability it promises have been checked.
#pragma once

#include <cmath>
#include <cstdint>
#include <string_view>

#include "capos/base/result.hpp"
#include "capos/robot/linear_algebra.hpp"
#include "capos/robot/small_solve.hpp"

namespace capos::robot {

enum class DesignError : std::uint8_t {
  bad_parameter = 1,    // a mass, length, noise or step that is not finite or not in range
  weight_not_positive,  // the input weight (measurement noise) is not positive definite
  not_converged,        // no fixed point: not stabilisable or not detectable
  residual_too_large,   // the fixed point does not solve the equation
  not_stabilising,      // the closed loop's spectral radius is not below 1
};

[[nodiscard]] constexpr std::string_view name_of(DesignError error) noexcept {
  switch (error) {
    case DesignError::bad_parameter:
      return "bad parameter";
    case DesignError::weight_not_positive:
      return "weight not positive";
    case DesignError::not_converged:
      return "not converged";
    case DesignError::residual_too_large:
      return "residual too large";
    case DesignError::not_stabilising:
      return "not stabilising";
  }
  return "unknown";
}

inline constexpr int kMaxDoublings = 64;
inline constexpr double kDoublingTolerance = 1e-13;  // relative change at which the iteration ends
inline constexpr double kResidualTolerance = 1e-8;   // relative to the solution
inline constexpr int kRadiusSquarings = 40;

// An upper bound on the spectral radius, within a factor of about 1 + 2^-40 * log(condition): Gelfand's
// formula |A^k|^(1/k) with k = 2^40, by repeated squaring with the norms kept as logarithms.
template <int N>
[[nodiscard]] double spectral_radius(const Matrix<N, N>& matrix) noexcept {
  Matrix<N, N> power = matrix;
  double log_norm = 0.0;  // of matrix^(2^i), `power` being that scaled to norm 1
  double exponent = 1.0;
  for (int i = 0; i <= kRadiusSquarings; ++i) {
    const double norm = power.norm();
    if (norm == 0.0) return 0.0;
    if (!std::isfinite(norm)) return norm;
    log_norm = 2.0 * log_norm + std::log(norm);
    if (i == kRadiusSquarings) break;
    power /= norm;
    power = (power * power).eval();
    exponent *= 2.0;
  }
  return std::exp(log_norm / exponent);
}

template <int N, int M>
struct RiccatiSolution {
  Matrix<N, N> cost;  // X = A'XA - A'XB (R + B'XB)^-1 B'XA + Q, symmetric
  Matrix<M, N> gain;  // K = (R + B'XB)^-1 B'XA
  double relative_residual;
  double closed_loop_radius;  // of A - BK
  int doublings;
};

namespace detail {

template <int N, int M>
[[nodiscard]] Matrix<M, N> optimal_gain(const Matrix<N, N>& a, const Matrix<N, M>& b, const Matrix<M, M>& r,
                                        const Matrix<N, N>& x) noexcept {
  const Matrix<M, M> weight = r + b.transpose() * x * b;
  const Matrix<M, N> right = b.transpose() * x * a;
  return solve_linear<M, N>(weight, right);
}

// Structure-preserving doubling (Chu, Fan, Lin, Wang, "Structure-preserving algorithms for periodic
// discrete-time algebraic Riccati equations", 2004): X is the limit of h, quadratically.
template <int N>
struct Doubling {
  Matrix<N, N> a, g, h;

  // One step; returns the relative change of h, or a value that is not finite.
  [[nodiscard]] double step() noexcept {
    const Matrix<N, N> w = Matrix<N, N>::Identity() + g * h;
    const Matrix<N, N> wa = solve_linear<N, N>(w, a);
    const Matrix<N, N> wg = solve_linear<N, N>(w, g);
    const Matrix<N, N> dh = a.transpose() * h * wa;
    const Matrix<N, N> dg = a * wg * a.transpose();
    a = (a * wa).eval();
    g += 0.5 * (dg + dg.transpose());
    h += 0.5 * (dh + dh.transpose());
    return dh.norm() / h.norm();
  }
};

}  // namespace detail

// Solves the equation for state weight q (symmetric, not negative) and input weight r (symmetric, positive).
// Errors: weight_not_positive, not_converged, residual_too_large, not_stabilising.
template <int N, int M>
[[nodiscard]] ResultOf<RiccatiSolution<N, M>, DesignError> solve_riccati(const Matrix<N, N>& a,
                                                                         const Matrix<N, M>& b,
                                                                         const Matrix<N, N>& q,
                                                                         const Matrix<M, M>& r) noexcept {
  if (!is_positive_definite<M>(r)) return fail(DesignError::weight_not_positive);
  const Matrix<M, N> r_inverse_b = solve_linear<M, N>(r, b.transpose());
  detail::Doubling<N> doubling{a, b * r_inverse_b, q};
  RiccatiSolution<N, M> solution{};
  double change = 1.0;
  while (change > kDoublingTolerance) {
    if (solution.doublings == kMaxDoublings) return fail(DesignError::not_converged);
    change = doubling.step();
    if (!std::isfinite(change)) return fail(DesignError::not_converged);
    ++solution.doublings;
  }
  const Matrix<N, N>& x = doubling.h;
  solution.cost = x;
  solution.gain = detail::optimal_gain<N, M>(a, b, r, x);
  const Matrix<N, N> residual = a.transpose() * x * (a - b * solution.gain) - x + q;
  solution.relative_residual = residual.norm() / x.norm();
  if (!(solution.relative_residual <= kResidualTolerance)) return fail(DesignError::residual_too_large);
  solution.closed_loop_radius = spectral_radius<N>(a - b * solution.gain);
  if (!(solution.closed_loop_radius < 1.0)) return fail(DesignError::not_stabilising);
  return solution;
}

}  // namespace capos::robot
