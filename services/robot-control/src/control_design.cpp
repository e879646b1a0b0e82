// SPDX-License-Identifier: Apache-2.0
#include "capos/robot/control_design.hpp"

#include <algorithm>

namespace capos::robot {
namespace {

constexpr double kLeastSensorNoise = 1e-6;  // m or rad

Matrix<2, 4> sensor_matrix() noexcept {
  Matrix<2, 4> c = Matrix<2, 4>::Zero();
  c(0, 0) = 1.0;
  c(1, 2) = 1.0;
  return c;
}

bool in_range(const CartPoleParameters& parameters, const SensorNoise& noise,
              const ExpectedDisturbance& expected, Duration period) noexcept {
  const bool noise_ok = std::isfinite(noise.position) && std::isfinite(noise.angle);
  const bool expected_ok = std::isfinite(expected.cart) && std::isfinite(expected.tip) &&
                           expected.cart > 0.0 && expected.tip > 0.0;
  return parameters.valid() && noise_ok && expected_ok && period >= Duration::us(10) &&
         period <= Duration::s(1);
}

Matrix<2, 2> measurement_noise(const SensorNoise& noise) noexcept {
  const double position = std::max(noise.position, kLeastSensorNoise);
  const double angle = std::max(noise.angle, kLeastSensorNoise);
  return Vector<2>(position * position, angle * angle).asDiagonal();
}

ResultOf<RiccatiSolution<4, 1>, DesignError> regulator(const SampledModel<4, 1>& model,
                                                       const ControlWeights& weights) noexcept {
  const Matrix<4, 4> state_weight =
      Vector<4>(weights.position, weights.velocity, weights.angle, weights.angular_velocity).asDiagonal();
  if (!(state_weight.minCoeff() >= 0.0) || !state_weight.allFinite()) return fail(DesignError::bad_parameter);
  const Matrix<1, 1> effort_weight(weights.effort);
  return solve_riccati<4, 1>(model.a, model.b, state_weight, effort_weight);
}

}  // namespace

ResultOf<ControlDesign, DesignError> design_control(const CartPoleParameters& parameters,
                                                    const ControlWeights& weights, const SensorNoise& noise,
                                                    const ExpectedDisturbance& disturbance,
                                                    Duration period) noexcept {
  if (!in_range(parameters, noise, disturbance, period)) return fail(DesignError::bad_parameter);
  const double step = static_cast<double>(period.ns()) * 1e-9;
  const CartPoleLinearModel linear = linearise_upright(parameters);
  const auto model = sample_model<4, 1>(linear.dynamics, linear.drive, step);
  const RiccatiSolution<4, 1> control = TRY(regulator(model, weights));

  const Matrix<4, 4> intensity = disturbance.cart * linear.drive * linear.drive.transpose() +
                                 disturbance.tip * linear.tip * linear.tip.transpose();
  const Matrix<4, 4> process = sample_noise<4>(linear.dynamics, intensity, step);
  const Matrix<2, 4> sensors = sensor_matrix();
  // The filter is the regulator of the transposed system; its gain there is (A L)', L being the gain that
  // corrects a prediction by its innovation. The radius is that of A - (A L) C.
  const auto filter =
      TRY(solve_riccati<4, 2>(Matrix<4, 4>(model.a.transpose()), Matrix<4, 2>(sensors.transpose()), process,
                              measurement_noise(noise)));
  const Matrix<2, 2> innovation = sensors * filter.cost * sensors.transpose() + measurement_noise(noise);
  const Matrix<2, 4> gain_transposed = solve_linear<2, 4>(innovation, sensors * filter.cost);
  return ControlDesign{model,
                       control.gain,
                       gain_transposed.transpose(),
                       control.relative_residual,
                       filter.relative_residual,
                       control.closed_loop_radius,
                       filter.closed_loop_radius};
}

}  // namespace capos::robot
