// SPDX-License-Identifier: Apache-2.0
#include "capos/robot/config.hpp"

#include <algorithm>

namespace capos::robot {
namespace {

constexpr std::uint64_t kYear = 365ull * 24 * 3600 * 1'000'000'000;  // ns

Duration scaled(std::uint64_t count, std::uint64_t unit_ns) noexcept {
  return Duration::ns(static_cast<std::int64_t>(count > kYear / unit_ns ? kYear : count * unit_ns));
}

}  // namespace

Duration to_duration(schema::Time::Reader time) noexcept {
  switch (time.which()) {
    case schema::Time::Which::ns:
      return scaled(time.ns(), 1);
    case schema::Time::Which::us:
      return scaled(time.us(), 1'000);
    case schema::Time::Which::ms:
      return scaled(time.ms(), 1'000'000);
    case schema::Time::Which::s:
      return scaled(time.s(), 1'000'000'000);
    case schema::Time::Which::unset:
      break;
  }
  return Duration{};
}

DriveLimits to_drive_limits(schema::ActuatorConfig::Reader config) noexcept {
  return {.max_effort = config.max_effort(),
          .max_slew = config.max_slew(),
          .command_expiry = to_duration(config.command_expiry()),
          .hold = to_duration(config.hold())};
}

CartPoleParameters to_parameters(schema::CartPoleConfig::Reader config) noexcept {
  return {.cart_mass = config.cart_mass(),
          .pole_mass = config.pole_mass(),
          .pole_length = config.pole_length(),
          .cart_friction = config.cart_friction(),
          .pole_friction = config.pole_friction()};
}

SensorNoise to_sensor_noise(schema::CartPoleConfig::Reader config) noexcept {
  return {.position = config.position_noise(), .angle = config.angle_noise()};
}

ControlWeights to_weights(schema::ControllerConfig::Reader config) noexcept {
  return {.position = config.position_weight(),
          .velocity = config.velocity_weight(),
          .angle = config.angle_weight(),
          .angular_velocity = config.angular_velocity_weight(),
          .effort = config.effort_weight()};
}

ResultOf<Plant, PlantError> make_plant(schema::CartPoleConfig::Reader config) noexcept {
  const auto listed = config.pushes();
  if (listed.size() > kMaxPushes) return fail(PlantError::too_many_pushes);
  std::array<Push, kMaxPushes> pushes;
  std::size_t count = 0;
  for (const auto push : listed) {
    pushes[count++] = {to_duration(push.at()), push.force(), to_duration(push.duration())};
  }
  const PlantSetup setup{.parameters = to_parameters(config),
                         .initial = {.angle = config.initial_angle()},
                         .noise = to_sensor_noise(config),
                         .seed = config.seed()};
  return Plant::create(setup, std::span(pushes).first(count));
}

}  // namespace capos::robot
