// SPDX-License-Identifier: Apache-2.0
// Linear equations of a few unknowns, without the blocked kernels and work buffers of a general library.
//
// Eigen's factorisations instantiate cache-blocking code that refers to the heap even at sizes that never use
// it; these do the textbook loops. Bounds: N^3/3 + N^2 M multiplications, no allocation.
#pragma once

#include <cmath>
#include <utility>

#include "capos/robot/linear_algebra.hpp"

namespace capos::robot {

// Solves matrix * x = right by elimination with partial pivoting (Golub and Van Loan, algorithm 3.4.1).
// A singular matrix gives entries that are not finite.
template <int N, int M>
[[nodiscard]] Matrix<N, M> solve_linear(Matrix<N, N> matrix, Matrix<N, M> right) noexcept {
  for (int column = 0; column < N; ++column) {
    int pivot = column;
    for (int row = column + 1; row < N; ++row) {
      if (std::fabs(matrix(row, column)) > std::fabs(matrix(pivot, column))) pivot = row;
    }
    for (int i = 0; i < N; ++i) std::swap(matrix(column, i), matrix(pivot, i));
    for (int i = 0; i < M; ++i) std::swap(right(column, i), right(pivot, i));
    for (int row = column + 1; row < N; ++row) {
      const double factor = matrix(row, column) / matrix(column, column);
      for (int i = column + 1; i < N; ++i) matrix(row, i) -= factor * matrix(column, i);
      for (int i = 0; i < M; ++i) right(row, i) -= factor * right(column, i);
    }
  }
  for (int row = N - 1; row >= 0; --row) {
    for (int i = 0; i < M; ++i) {
      for (int k = row + 1; k < N; ++k) right(row, i) -= matrix(row, k) * right(k, i);
      right(row, i) /= matrix(row, row);
    }
  }
  return right;
}

// Whether a symmetric matrix is positive definite: whether its Cholesky factor exists. Reads the lower
// triangle.
template <int N>
[[nodiscard]] bool is_positive_definite(Matrix<N, N> matrix) noexcept {
  for (int j = 0; j < N; ++j) {
    for (int k = 0; k < j; ++k) matrix(j, j) -= matrix(j, k) * matrix(j, k);
    if (!(matrix(j, j) > 0.0) || !std::isfinite(matrix(j, j))) return false;
    matrix(j, j) = std::sqrt(matrix(j, j));
    for (int i = j + 1; i < N; ++i) {
      for (int k = 0; k < j; ++k) matrix(i, j) -= matrix(i, k) * matrix(j, k);
      matrix(i, j) /= matrix(j, j);
    }
  }
  return true;
}

}  // namespace capos::robot
