// SPDX-License-Identifier: Apache-2.0
// The gains: stable, optimal, and refused with the right error when there are none.
#include "capos/robot/control_design.hpp"

#include <gtest/gtest.h>

namespace capos::robot {
namespace {

constexpr SensorNoise kNoise{.position = 0.0005, .angle = 0.001};

ResultOf<ControlDesign, DesignError> design(const CartPoleParameters& p = {}, const ControlWeights& w = {},
                                            const SensorNoise& n = kNoise,
                                            Duration period = Duration::ms(1)) {
  return design_control(p, w, n, {}, period);
}

TEST(ControlDesign, BothLoopsAreStableAndTheEquationsSolved) {
  const auto d = design();
  ASSERT_TRUE(d.has_value());
  EXPECT_LT(d->regulator_radius, 1.0);
  EXPECT_LT(d->estimator_radius, 1.0);
  EXPECT_LT(d->regulator_residual, kResidualTolerance);
  EXPECT_LT(d->estimator_residual, kResidualTolerance);
  const Matrix<4, 4> regulated = d->model.a - d->model.b * d->regulator_gain;
  EXPECT_NEAR(spectral_radius<4>(regulated), d->regulator_radius, 1e-12);
  Matrix<2, 4> c = Matrix<2, 4>::Zero();
  c(0, 0) = c(1, 2) = 1.0;
  const Matrix<4, 4> estimated = d->model.a - d->model.a * d->estimator_gain * c;
  EXPECT_NEAR(spectral_radius<4>(estimated), d->estimator_radius, 1e-9);
  EXPECT_GT(spectral_radius<4>(d->model.a), 1.0) << "without control the pole falls";
}

// The optimal gain is a minimum: the cost of a run from any start rises when any entry of the gain is
// changed.
TEST(ControlDesign, NoNeighbouringGainIsCheaper) {
  const ControlWeights w;
  const auto d = design({}, w);
  ASSERT_TRUE(d.has_value());
  const Matrix<4, 4> q = Vector<4>(w.position, w.velocity, w.angle, w.angular_velocity).asDiagonal();
  const auto cost = [&](const Matrix<1, 4>& gain, const Vector<4>& start) {
    Vector<4> x = start;
    double sum = 0.0;
    for (int i = 0; i < 30'000; ++i) {
      const double u = -(gain * x).value();
      sum += x.dot(q * x) + w.effort * u * u;
      x = (d->model.a * x + d->model.b * u).eval();
    }
    return sum;
  };
  const Vector<4> start(0.1, -0.2, 0.05, 0.3);
  const double best = cost(d->regulator_gain, start);
  for (int i = 0; i < 4; ++i) {
    for (const double factor : {0.98, 1.02}) {
      Matrix<1, 4> other = d->regulator_gain;
      other(i) *= factor;
      EXPECT_GT(cost(other, start), best) << "entry " << i << " times " << factor;
    }
  }
}

TEST(ControlDesign, FollowsTheModelAndThePeriod) {
  for (const double length : {0.1, 0.5, 2.0}) {
    for (const std::int64_t us : {100, 1000, 10'000}) {
      EXPECT_TRUE(design({.pole_length = length}, {}, kNoise, Duration::us(us)).has_value())
          << length << " m, " << us << " us";
    }
  }
}

TEST(ControlDesign, WorksWithoutSensorNoise) { EXPECT_TRUE(design({}, {}, {}).has_value()); }

TEST(ControlDesign, RefusesWithTheReason) {
  const auto error = [](const auto& result) { return result ? DesignError{} : result.error(); };
  EXPECT_EQ(error(design({.pole_mass = -1.0})), DesignError::bad_parameter);
  EXPECT_EQ(error(design({}, {}, kNoise, Duration::us(1))), DesignError::bad_parameter);
  EXPECT_EQ(error(design({}, {}, kNoise, Duration::s(2))), DesignError::bad_parameter);
  EXPECT_EQ(error(design({}, {.angle = -1.0})), DesignError::bad_parameter);
  EXPECT_EQ(error(design({}, {.effort = 0.0})), DesignError::weight_not_positive);
  EXPECT_EQ(error(design({}, {}, {.position = std::nan("")})), DesignError::bad_parameter);
}

}  // namespace
}  // namespace capos::robot
