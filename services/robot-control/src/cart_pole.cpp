// SPDX-License-Identifier: Apache-2.0
#include "capos/robot/cart_pole.hpp"

#include <cmath>

namespace capos::robot {
namespace {

// The parameter combinations that the equations use.
struct Inertia {
  double total_mass;  // M + m
  double coupling;    // m l
  double rotation;    // I
};

Inertia inertia_of(const CartPoleParameters& p) noexcept {
  const double coupling = p.pole_mass * p.pole_length;
  return {p.cart_mass + p.pole_mass, coupling, 4.0 / 3.0 * coupling * p.pole_length};
}

// Time derivative of the state; the 2 x 2 mass matrix is solved by Cramer's rule. Its determinant is positive
// for every angle, since I (M+m) >= 4/3 (m l)^2 > (m l)^2.
CartPoleState derivative(const CartPoleParameters& p, const CartPoleState& s,
                         const CartPoleForces& f) noexcept {
  const Inertia inertia = inertia_of(p);
  const double sine = std::sin(s.angle);
  const double cosine = std::cos(s.angle);
  const double coupled = inertia.coupling * cosine;
  const double push = f.cart + f.tip - p.cart_friction * s.velocity +
                      inertia.coupling * sine * s.angular_velocity * s.angular_velocity;
  const double turn = inertia.coupling * kGravity * sine + 2.0 * p.pole_length * cosine * f.tip -
                      p.pole_friction * s.angular_velocity;
  const double determinant = inertia.total_mass * inertia.rotation - coupled * coupled;
  return {s.velocity, (inertia.rotation * push - coupled * turn) / determinant, s.angular_velocity,
          (inertia.total_mass * turn - coupled * push) / determinant};
}

CartPoleState advance(const CartPoleState& s, const CartPoleState& slope, double step) noexcept {
  return {s.position + step * slope.position, s.velocity + step * slope.velocity,
          s.angle + step * slope.angle, s.angular_velocity + step * slope.angular_velocity};
}

bool positive(double value) noexcept { return std::isfinite(value) && value > 0.0; }
bool not_negative(double value) noexcept { return std::isfinite(value) && value >= 0.0; }

}  // namespace

bool CartPoleParameters::valid() const noexcept {
  return positive(cart_mass) && positive(pole_mass) && positive(pole_length) && not_negative(cart_friction) &&
         not_negative(pole_friction);
}

double energy(const CartPoleParameters& p, const CartPoleState& s) noexcept {
  const Inertia inertia = inertia_of(p);
  const double kinetic = 0.5 * inertia.total_mass * s.velocity * s.velocity +
                         inertia.coupling * std::cos(s.angle) * s.velocity * s.angular_velocity +
                         0.5 * inertia.rotation * s.angular_velocity * s.angular_velocity;
  return kinetic + inertia.coupling * kGravity * std::cos(s.angle);
}

CartPoleState runge_kutta_step(const CartPoleParameters& p, const CartPoleState& s, const CartPoleForces& f,
                               double step) noexcept {
  const CartPoleState k1 = derivative(p, s, f);
  const CartPoleState k2 = derivative(p, advance(s, k1, 0.5 * step), f);
  const CartPoleState k3 = derivative(p, advance(s, k2, 0.5 * step), f);
  const CartPoleState k4 = derivative(p, advance(s, k3, step), f);
  CartPoleState next = advance(s, k1, step / 6.0);
  next = advance(next, k2, step / 3.0);
  next = advance(next, k3, step / 3.0);
  return advance(next, k4, step / 6.0);
}

CartPoleLinearModel linearise_upright(const CartPoleParameters& p) noexcept {
  const Inertia i = inertia_of(p);
  const double determinant = i.total_mass * i.rotation - i.coupling * i.coupling;
  const double weight = i.coupling * kGravity;
  const double lever = 2.0 * p.pole_length;
  CartPoleLinearModel model;
  model.dynamics << 0, 1, 0, 0,  //
      0, -i.rotation * p.cart_friction / determinant, -i.coupling * weight / determinant,
      i.coupling * p.pole_friction / determinant,  //
      0, 0, 0, 1,                                  //
      0, i.coupling * p.cart_friction / determinant, i.total_mass * weight / determinant,
      -i.total_mass * p.pole_friction / determinant;
  model.drive << 0, i.rotation / determinant, 0, -i.coupling / determinant;
  model.tip << 0, (i.rotation - i.coupling * lever) / determinant, 0,
      (i.total_mass * lever - i.coupling) / determinant;
  return model;
}

}  // namespace capos::robot
