// SPDX-License-Identifier: Apache-2.0
#include "capos/robot/plant.hpp"

#include <algorithm>
#include <cmath>

namespace capos::robot {
namespace {

bool finite(const CartPoleState& s) noexcept {
  return std::isfinite(s.position) && std::isfinite(s.velocity) && std::isfinite(s.angle) &&
         std::isfinite(s.angular_velocity);
}

bool valid(const Push& push) noexcept {
  return std::isfinite(push.force) && push.at >= Duration{} && push.duration >= Duration{};
}

bool valid(const SensorNoise& noise) noexcept {
  return std::isfinite(noise.position) && std::isfinite(noise.angle) && noise.position >= 0.0 &&
         noise.angle >= 0.0;
}

}  // namespace

ResultOf<Plant, PlantError> Plant::create(const PlantSetup& setup, std::span<const Push> pushes) noexcept {
  if (!setup.parameters.valid() || !finite(setup.initial) || !valid(setup.noise))
    return fail(PlantError::bad_parameters);
  if (pushes.size() > kMaxPushes) return fail(PlantError::too_many_pushes);
  for (const Push& push : pushes) {
    if (!valid(push)) return fail(PlantError::bad_push);
  }
  return Plant(setup, pushes);
}

Plant::Plant(const PlantSetup& setup, std::span<const Push> pushes) noexcept
    : parameters_(setup.parameters),
      state_(setup.initial),
      noise_(setup.noise),
      random_(setup.seed),
      push_count_(pushes.size()) {
  std::ranges::copy(pushes, pushes_.begin());
}

double Plant::push_force() const noexcept {
  double force = 0.0;
  for (std::size_t i = 0; i < push_count_; ++i) {
    const Push& push = pushes_[i];
    // as a difference: at + duration may exceed the range of a Duration
    if (elapsed_ >= push.at && elapsed_ - push.at < push.duration) force += push.force;
  }
  return force;
}

void Plant::step(double drive_force, Duration length) noexcept {
  Duration left = std::clamp(length, Duration{}, kMaxStep);
  while (left > Duration{}) {
    const Duration part = std::min(left, kSubstep);
    const CartPoleForces forces{drive_force, push_force()};
    state_ = runge_kutta_step(parameters_, state_, forces, static_cast<double>(part.ns()) * 1e-9);
    elapsed_ += part;
    left -= part;
  }
}

Measurement Plant::measure() noexcept {
  const double position_noise = noise_.position * random_.normal();
  const double angle_noise = noise_.angle * random_.normal();
  return {state_.position + position_noise, state_.angle + angle_noise};
}

}  // namespace capos::robot
