// SPDX-License-Identifier: Apache-2.0
// The equations of motion: conserved energy, fourth order, the linear model, known special cases.
#include "capos/robot/cart_pole.hpp"

#include <gtest/gtest.h>

#include <limits>
#include <numbers>

namespace capos::robot {
namespace {

CartPoleState run(const CartPoleParameters& parameters, CartPoleState state, double step, int steps,
                  CartPoleForces forces = {}) {
  for (int i = 0; i < steps; ++i) state = runge_kutta_step(parameters, state, forces, step);
  return state;
}

double distance(const CartPoleState& a, const CartPoleState& b) {
  return Vector<4>(a.position - b.position, a.velocity - b.velocity, a.angle - b.angle,
                   a.angular_velocity - b.angular_velocity)
      .norm();
}

constexpr CartPoleParameters kFrictionless{.cart_friction = 0.0, .pole_friction = 0.0};

TEST(CartPole, WithoutFrictionEnergyIsConserved) {
  CartPoleState state{.velocity = 0.3, .angle = 0.2};  // falls and goes round
  const double start = energy(kFrictionless, state);
  for (int second = 0; second < 60; ++second) {
    state = run(kFrictionless, state, 250e-6, 4000);
    ASSERT_NEAR(energy(kFrictionless, state), start, 1e-9) << "after " << second + 1 << " s";
  }
  EXPECT_GT(std::abs(state.angle), 0.5);
}

TEST(CartPole, WithFrictionEnergyOnlyFallsUntilThePoleHangs) {
  const CartPoleParameters parameters{.cart_friction = 1.0, .pole_friction = 0.05};
  CartPoleState state{.angle = 0.2};
  double last = energy(parameters, state);
  for (int i = 0; i < 60'000; ++i) {
    state = runge_kutta_step(parameters, state, {}, 1e-3);
    ASSERT_LE(energy(parameters, state), last + 1e-12);
    last = energy(parameters, state);
  }
  EXPECT_NEAR(std::abs(state.angle), std::numbers::pi, 1e-3);
}

TEST(CartPole, WithoutFrictionMomentumIsTheForcesImpulse) {
  const CartPoleParameters& p = kFrictionless;
  const auto momentum = [&](const CartPoleState& s) {
    return (p.cart_mass + p.pole_mass) * s.velocity +
           p.pole_mass * p.pole_length * std::cos(s.angle) * s.angular_velocity;
  };
  const CartPoleState start{.angle = 0.4};
  const CartPoleState end = run(p, start, 1e-3, 700, {.cart = 2.0, .tip = -0.5});
  EXPECT_NEAR(momentum(end) - momentum(start), 1.5 * 0.7, 1e-9);
}

// A hanging pole on a cart too heavy to move swings as the physical pendulum it is.
TEST(CartPole, SmallSwingsHaveThePendulumsPeriod) {
  const CartPoleParameters p{.cart_mass = 1e9, .cart_friction = 0.0, .pole_friction = 0.0};
  const double expected = 2.0 * std::numbers::pi * std::sqrt(4.0 / 3.0 * p.pole_length / kGravity);
  CartPoleState state{.angle = std::numbers::pi - 0.001};
  const CartPoleState start = state;
  const int steps = 10'000;
  state = run(p, state, expected / steps, steps);
  EXPECT_NEAR(state.angle, start.angle, 1e-7);
  EXPECT_NEAR(state.angular_velocity, 0.0, 1e-6);
}

TEST(CartPole, TheIntegratorIsOfFourthOrder) {
  const CartPoleParameters p;
  const CartPoleState start{.velocity = 0.5, .angle = 0.8, .angular_velocity = 3.0};
  const CartPoleForces forces{.cart = 3.0, .tip = 0.4};
  const CartPoleState truth = run(p, start, 1e-5, 50'000, forces);
  const double coarse = distance(run(p, start, 1e-2, 50, forces), truth);
  const double fine = distance(run(p, start, 5e-3, 100, forces), truth);
  EXPECT_NEAR(std::log2(coarse / fine), 4.0, 0.3);
}

TEST(CartPole, TheLinearModelIsTheDerivativeAtRest) {
  const CartPoleParameters p;
  const CartPoleLinearModel model = linearise_upright(p);
  constexpr double kStep = 1e-4, kSmall = 1e-5;
  const auto response = [&](const Vector<4>& x, const CartPoleForces& f) {
    const CartPoleState s = runge_kutta_step(p, {x(0), x(1), x(2), x(3)}, f, kStep);
    return Vector<4>(s.position, s.velocity, s.angle, s.angular_velocity);
  };
  const auto sampled_drive = sample_model<4, 1>(model.dynamics, model.drive, kStep);
  const auto sampled_tip = sample_model<4, 1>(model.dynamics, model.tip, kStep);
  for (int i = 0; i < 4; ++i) {
    const Vector<4> x = kSmall * Vector<4>::Unit(i);
    EXPECT_LT((response(x, {}) - sampled_drive.a * x).norm(), 1e-12) << "state " << i;
  }
  EXPECT_LT((response(Vector<4>::Zero(), {.cart = kSmall}) - sampled_drive.b * kSmall).norm(), 1e-12);
  EXPECT_LT((response(Vector<4>::Zero(), {.tip = kSmall}) - sampled_tip.b * kSmall).norm(), 1e-12);
}

TEST(CartPole, ParametersAreChecked) {
  EXPECT_TRUE(CartPoleParameters{}.valid());
  EXPECT_TRUE(kFrictionless.valid());
  EXPECT_FALSE((CartPoleParameters{.cart_mass = 0.0}).valid());
  EXPECT_FALSE((CartPoleParameters{.pole_mass = -1.0}).valid());
  EXPECT_FALSE((CartPoleParameters{.pole_length = std::nan("")}).valid());
  EXPECT_FALSE((CartPoleParameters{.cart_friction = -0.1}).valid());
  EXPECT_FALSE((CartPoleParameters{.pole_friction = std::numeric_limits<double>::infinity()}).valid());
}

}  // namespace
}  // namespace capos::robot
