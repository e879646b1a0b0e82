// SPDX-License-Identifier: Apache-2.0
// The controller's gains, computed at start from the model: LQR and the steady-state Kalman filter.
//
// Nothing here runs on the realtime path. A design is returned only if both Riccati equations are solved to
// kResidualTolerance and both loops, regulator and estimator, are stable.
#pragma once

#include "capos/base/time.hpp"
#include "capos/robot/cart_pole.hpp"
#include "capos/robot/plant.hpp"
#include "capos/robot/riccati.hpp"

namespace capos::robot {

struct ControlWeights {
  double position = 10.0;
  double velocity = 1.0;
  double angle = 100.0;
  double angular_velocity = 1.0;
  double effort = 0.1;
};

// What the filter expects to disturb the model: white-noise forces with these intensities, N^2 s. A push of F
// newtons for t seconds is about F^2 t.
struct ExpectedDisturbance {
  double cart = 0.01;
  double tip = 0.003;
};

struct ControlDesign {
  SampledModel<4, 1> model;
  Matrix<1, 4> regulator_gain;  // force = -regulator_gain * estimate
  Matrix<4, 2> estimator_gain;  // on (position, angle) innovations
  double regulator_residual;
  double estimator_residual;
  double regulator_radius;  // spectral radii, < 1
  double estimator_radius;
};

// Errors: bad_parameter, and those of solve_riccati for either equation. `period` is 10 us to 1 s. A sensor
// without noise is taken as one with a very small noise, since the filter's equation needs it positive.
[[nodiscard]] ResultOf<ControlDesign, DesignError> design_control(const CartPoleParameters& parameters,
                                                                  const ControlWeights& weights,
                                                                  const SensorNoise& noise,
                                                                  const ExpectedDisturbance& disturbance,
                                                                  Duration period) noexcept;

}  // namespace capos::robot
