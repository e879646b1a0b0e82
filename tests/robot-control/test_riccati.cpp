// SPDX-License-Identifier: Apache-2.0
// The Riccati solver against closed forms, against plain iteration, and on systems that have no solution.
#include "capos/robot/riccati.hpp"

#include <gtest/gtest.h>
#include <Eigen/Cholesky>
#include <Eigen/Eigenvalues>

#include <random>

namespace capos::robot {
namespace {

template <int N, int M>
Matrix<N, M> random_matrix(std::mt19937_64& random) {
  std::normal_distribution<double> normal;
  Matrix<N, M> matrix;
  for (int i = 0; i < N; ++i) {
    for (int j = 0; j < M; ++j) matrix(i, j) = normal(random);
  }
  return matrix;
}

// x = a^2 x r / (r + b^2 x) + q is a quadratic in x.
TEST(Riccati, ScalarMatchesTheQuadraticFormula) {
  for (const double a : {0.5, 1.0, 1.7}) {
    const double b = 0.8, q = 2.0, r = 0.3;
    const double p = r - a * a * r - q * b * b;
    const double expected = (-p + std::sqrt(p * p + 4.0 * b * b * q * r)) / (2.0 * b * b);
    const auto solution =
        solve_riccati<1, 1>(Matrix<1, 1>(a), Matrix<1, 1>(b), Matrix<1, 1>(q), Matrix<1, 1>(r));
    ASSERT_TRUE(solution.has_value());
    EXPECT_NEAR(solution->cost.value(), expected, 1e-12 * expected);
    EXPECT_NEAR(solution->gain.value(), a * b * expected / (r + b * b * expected), 1e-12);
    EXPECT_NEAR(solution->closed_loop_radius, std::abs(a - b * solution->gain.value()), 1e-9);
  }
}

// The double integrator with unit step, q = diag(1, 0), r = 1 has a published gain: the closed loop's
// characteristic polynomial follows from spectral factorisation, r + |B(z)|^2-symmetric = det |p(z)|^2.
TEST(Riccati, DoubleIntegratorPolesSolveTheSymmetricRootLocus) {
  const Matrix<2, 2> a{{1.0, 1.0}, {0.0, 1.0}};
  const Matrix<2, 1> b(0.5, 1.0);
  const Matrix<2, 2> q{{1.0, 0.0}, {0.0, 0.0}};
  const auto solution = solve_riccati<2, 1>(a, b, q, Matrix<1, 1>(1.0));
  ASSERT_TRUE(solution.has_value());
  const Matrix<2, 2> loop = a - b * solution->gain;
  const auto poles = Eigen::EigenSolver<Matrix<2, 2>>(loop).eigenvalues();
  for (int i = 0; i < 2; ++i) {
    // Position response 0.5 (z+1) / (z-1)^2, so at a pole: 1 + G(z) G(1/z) = 0.
    const std::complex<double> z = poles[i], w = 1.0 / z;
    const auto g = [](std::complex<double> s) { return 0.5 * (s + 1.0) / ((s - 1.0) * (s - 1.0)); };
    EXPECT_LT(std::abs(1.0 + g(z) * g(w)), 1e-9);
    EXPECT_LT(std::abs(z), 1.0);
  }
}

TEST(Riccati, RandomSystemsAgreeWithPlainIteration) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 200; ++round) {
    const auto a = random_matrix<4, 4>(random);
    const auto b = random_matrix<4, 2>(random);
    const auto root = random_matrix<4, 4>(random);
    const Matrix<4, 4> q = root * root.transpose();
    const Matrix<2, 2> r = Vector<2>(0.5, 2.0).asDiagonal();
    const auto solution = solve_riccati<4, 2>(a, b, q, r);
    ASSERT_TRUE(solution.has_value()) << "round " << round;
    Matrix<4, 4> x = q;
    for (int i = 0; i < 3000; ++i) {
      const Matrix<2, 4> k = (r + b.transpose() * x * b).llt().solve(Matrix<2, 4>(b.transpose() * x * a));
      const Matrix<4, 4> loop = a - b * k;  // the form that keeps x symmetric under rounding
      x = (loop.transpose() * x * loop + k.transpose() * r * k + q).eval();
    }
    EXPECT_LT((solution->cost - x).norm() / x.norm(), 1e-9) << "round " << round;
    EXPECT_LT(solution->closed_loop_radius, 1.0);
    EXPECT_LT(solution->relative_residual, 1e-10);
    EXPECT_LE(solution->doublings, 12);
  }
}

TEST(Riccati, RefusesWhatHasNoAnswer) {
  const Matrix<2, 2> identity = Matrix<2, 2>::Identity();
  const Matrix<1, 1> one(1.0);
  const Matrix<2, 1> b(1.0, 0.0);
  const Matrix<2, 2> unstable_apart = Vector<2>(0.5, 1.2).asDiagonal();  // the input does not reach state 2
  const auto error = [&](const auto& result) { return result ? DesignError{} : result.error(); };
  EXPECT_EQ(error(solve_riccati<2, 1>(unstable_apart, b, identity, one)), DesignError::not_converged);
  EXPECT_EQ(error(solve_riccati<2, 1>(identity, b, identity, Matrix<1, 1>(0.0))),
            DesignError::weight_not_positive);
  EXPECT_EQ(error(solve_riccati<2, 1>(identity, b, identity, Matrix<1, 1>(-1.0))),
            DesignError::weight_not_positive);
  const Matrix<2, 2> nan = Matrix<2, 2>::Constant(std::nan(""));
  EXPECT_EQ(error(solve_riccati<2, 1>(nan, b, identity, one)), DesignError::not_converged);
  // Unseen unstable state: the cost is finite without touching it, so the loop it promises is not stable.
  const Matrix<2, 2> unseen = Vector<2>(1.0, 0.0).asDiagonal();
  EXPECT_NE(error(solve_riccati<2, 1>(Matrix<2, 2>(Vector<2>(0.5, 1.2).asDiagonal()), Matrix<2, 1>(1.0, 1.0),
                                      unseen, one)),
            DesignError{});
}

TEST(SmallSolve, SolvesWithPivotingAndSeesSingularity) {
  std::mt19937_64 random(3);
  for (int round = 0; round < 500; ++round) {
    const auto matrix = random_matrix<4, 4>(random);
    const auto expected = random_matrix<4, 2>(random);
    const Matrix<4, 2> solved = solve_linear<4, 2>(matrix, matrix * expected);
    EXPECT_LT((matrix * (solved - expected)).norm(), 1e-12 * (1.0 + expected.norm())) << "round " << round;
  }
  const Matrix<2, 2> needs_pivot{{0.0, 1.0}, {1.0, 0.0}};
  EXPECT_EQ((solve_linear<2, 1>(needs_pivot, Matrix<2, 1>(2.0, 3.0))), (Matrix<2, 1>(3.0, 2.0)));
  EXPECT_FALSE((solve_linear<2, 1>(Matrix<2, 2>::Ones(), Matrix<2, 1>(1.0, 2.0))).allFinite());
}

TEST(SmallSolve, KnowsPositiveDefinite) {
  EXPECT_TRUE(is_positive_definite<2>(Matrix<2, 2>{{2.0, 1.0}, {1.0, 2.0}}));
  EXPECT_FALSE(is_positive_definite<2>(Matrix<2, 2>{{1.0, 2.0}, {2.0, 1.0}}));
  EXPECT_FALSE(is_positive_definite<2>(Matrix<2, 2>::Zero()));
  EXPECT_FALSE(is_positive_definite<2>(Matrix<2, 2>::Constant(std::nan(""))));
}

TEST(SpectralRadius, AgreesWithTheEigenvalues) {
  std::mt19937_64 random(11);
  for (int round = 0; round < 500; ++round) {
    const auto matrix = random_matrix<4, 4>(random);
    const double expected = Eigen::EigenSolver<Matrix<4, 4>>(matrix).eigenvalues().cwiseAbs().maxCoeff();
    EXPECT_NEAR(spectral_radius<4>(matrix), expected, 1e-9 * expected);
  }
  EXPECT_EQ(spectral_radius<2>(Matrix<2, 2>::Zero()), 0.0);
  EXPECT_NEAR(spectral_radius<2>(Matrix<2, 2>{{1.0, 1.0}, {0.0, 1.0}}), 1.0, 1e-9) << "a defective matrix";
  EXPECT_FALSE(spectral_radius<2>(Matrix<2, 2>::Constant(std::nan(""))) < 1.0);
}

}  // namespace
}  // namespace capos::robot
