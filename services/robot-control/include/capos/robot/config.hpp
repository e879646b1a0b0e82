// SPDX-License-Identifier: Apache-2.0
// From the manifest's messages (schema/capos/robot.capnp) to what the cores take.
//
// Nothing is checked here but lengths: the cores check the values, and refuse with their own errors.
#pragma once

#include <array>
#include <span>

#include "capos/robot/control_design.hpp"
#include "capos/robot/drive.hpp"
#include "capos/robot/plant.hpp"
#include "capos/schema/robot.hpp"

namespace capos::robot {

// What was said, in whole nanoseconds; `unset` is zero; more than a year is a year.
[[nodiscard]] Duration to_duration(schema::Time::Reader time) noexcept;

[[nodiscard]] DriveLimits to_drive_limits(schema::ActuatorConfig::Reader config) noexcept;
[[nodiscard]] CartPoleParameters to_parameters(schema::CartPoleConfig::Reader config) noexcept;
[[nodiscard]] SensorNoise to_sensor_noise(schema::CartPoleConfig::Reader config) noexcept;
[[nodiscard]] ControlWeights to_weights(schema::ControllerConfig::Reader config) noexcept;

// Errors: those of Plant::create.
[[nodiscard]] ResultOf<Plant, PlantError> make_plant(schema::CartPoleConfig::Reader config) noexcept;

}  // namespace capos::robot
