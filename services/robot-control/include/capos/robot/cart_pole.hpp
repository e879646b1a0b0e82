// SPDX-License-Identifier: Apache-2.0
// The cart-pole's equations of motion: a uniform rod hinged on a cart, both with viscous friction.
//
// State: cart position x (m) and velocity v (m/s), pole angle (rad, 0 upright, positive towards +x) and
// angular velocity (rad/s). From the Lagrangian, with l the distance from pivot to centre of mass and I = 4/3
// m l^2:
//   (M+m) x'' + m l cos(a) a'' - m l sin(a) a'^2 = F + T - b x'
//   m l cos(a) x'' + I a'' - m g l sin(a)        = 2 l cos(a) T - c a'
// F is the drive's force on the cart, T a horizontal force on the pole's tip.
#pragma once

#include "capos/robot/discretise.hpp"
#include "capos/robot/linear_algebra.hpp"

namespace capos::robot {

inline constexpr double kGravity = 9.80665;  // m/s^2, standard gravity

struct CartPoleParameters {
  double cart_mass = 1.0;        // kg, > 0
  double pole_mass = 0.2;        // kg, > 0
  double pole_length = 0.5;      // m, pivot to centre of mass, > 0
  double cart_friction = 0.1;    // N s/m, >= 0
  double pole_friction = 0.002;  // N m s, >= 0

  [[nodiscard]] bool valid() const noexcept;
};

struct CartPoleState {
  double position = 0.0;
  double velocity = 0.0;
  double angle = 0.0;
  double angular_velocity = 0.0;
};

struct CartPoleForces {
  double cart = 0.0;  // N
  double tip = 0.0;   // N
};

// Kinetic plus potential energy, J; zero at rest with the pole's centre of mass level with the pivot.
[[nodiscard]] double energy(const CartPoleParameters& parameters, const CartPoleState& state) noexcept;

// One classical Runge-Kutta step of `step` seconds with the forces held. Cost: four evaluations of sine and
// cosine.
[[nodiscard]] CartPoleState runge_kutta_step(const CartPoleParameters& parameters, const CartPoleState& state,
                                             const CartPoleForces& forces, double step) noexcept;

// The motion about the upright rest: state (x, v, angle, angular velocity), inputs one column each.
struct CartPoleLinearModel {
  Matrix<4, 4> dynamics;
  Matrix<4, 1> drive;  // of F
  Matrix<4, 1> tip;    // of T
};
[[nodiscard]] CartPoleLinearModel linearise_upright(const CartPoleParameters& parameters) noexcept;

}  // namespace capos::robot
