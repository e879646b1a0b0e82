// SPDX-License-Identifier: Apache-2.0
// The matrix exponential and what is built on it, against closed forms and against brute-force integration.
#include "capos/robot/discretise.hpp"

#include <gtest/gtest.h>

#include <limits>

namespace capos::robot {
namespace {

TEST(MatrixExponential, OfARotationIsTheRotation) {
  for (const double angle : {0.0, 0.1, 1.0, 3.0, 30.0}) {
    const Matrix<2, 2> generator{{0.0, -angle}, {angle, 0.0}};
    const Matrix<2, 2> expected{{std::cos(angle), -std::sin(angle)}, {std::sin(angle), std::cos(angle)}};
    EXPECT_LT((matrix_exponential<2>(generator) - expected).norm(), 1e-13 * (1.0 + angle));
  }
}

TEST(MatrixExponential, OfANilpotentMatrixIsItsFiniteSeries) {
  const Matrix<3, 3> n{{0.0, 2.0, 5.0}, {0.0, 0.0, 3.0}, {0.0, 0.0, 0.0}};
  const Matrix<3, 3> expected{{1.0, 2.0, 8.0}, {0.0, 1.0, 3.0}, {0.0, 0.0, 1.0}};
  EXPECT_LT((matrix_exponential<3>(n) - expected).norm(), 1e-13);
}

TEST(MatrixExponential, OfAMatrixTimesThatOfItsNegativeIsOne) {
  const Matrix<3, 3> m{{0.3, -2.0, 1.0}, {1.5, 0.2, -0.7}, {0.1, 0.9, -1.1}};
  const Matrix<3, 3> product = matrix_exponential<3>(m) * matrix_exponential<3>(Matrix<3, 3>(-m));
  EXPECT_LT((product - Matrix<3, 3>::Identity()).norm(), 1e-13);
}

TEST(MatrixExponential, OfNonsenseEndsAndIsNotFinite) {
  Matrix<2, 2> m = Matrix<2, 2>::Constant(std::numeric_limits<double>::infinity());
  EXPECT_FALSE(matrix_exponential<2>(m).allFinite());
  m.setConstant(std::numeric_limits<double>::quiet_NaN());
  EXPECT_FALSE(matrix_exponential<2>(m).allFinite());
}

// A point mass: x'' = u. Held input gives step^2 / 2 and step.
TEST(SampleModel, OfADoubleIntegratorIsExact) {
  const Matrix<2, 2> a{{0.0, 1.0}, {0.0, 0.0}};
  const double h = 0.001;
  const auto model = sample_model<2, 1>(a, Matrix<2, 1>(0.0, 1.0), h);
  EXPECT_LT((model.a - Matrix<2, 2>{{1.0, h}, {0.0, 1.0}}).norm(), 1e-18);
  EXPECT_LT((model.b - Matrix<2, 1>(h * h / 2.0, h)).norm(), 1e-18);
}

TEST(SampleNoise, OfADoubleIntegratorIsTheKnownCovariance) {
  const Matrix<2, 2> a{{0.0, 1.0}, {0.0, 0.0}};
  const Matrix<2, 2> intensity{{0.0, 0.0}, {0.0, 3.0}};
  const double h = 0.5;
  const Matrix<2, 2> expected{{h * h * h, 1.5 * h * h}, {1.5 * h * h, 3.0 * h}};
  EXPECT_LT((sample_noise<2>(a, intensity, h) - expected).norm(), 1e-14);
}

TEST(SampleNoise, AgreesWithTheIntegralSummedUp) {
  const Matrix<3, 3> a{{0.3, -2.0, 1.0}, {1.5, 0.2, -0.7}, {0.1, 0.9, -1.1}};
  const Matrix<3, 3> intensity = Vector<3>(1.0, 0.5, 2.0).asDiagonal();
  constexpr int kParts = 2000;
  constexpr double kStep = 0.4, kPart = kStep / kParts;
  Matrix<3, 3> sum = Matrix<3, 3>::Zero();
  for (int i = 0; i < kParts; ++i) {
    const Matrix<3, 3> transition = matrix_exponential<3>(Matrix<3, 3>(a * ((i + 0.5) * kPart)));
    sum += transition * intensity * transition.transpose() * kPart;
  }
  EXPECT_LT((sample_noise<3>(a, intensity, kStep) - sum).norm() / sum.norm(), 1e-7);
}

}  // namespace
}  // namespace capos::robot
