// SPDX-License-Identifier: Apache-2.0
// One reading of the plant's sensors, as it travels through the shared ring from plant to controller.
#pragma once

#include <cstdint>

#include "capos/robot/controller.hpp"

namespace capos::robot {

// Deep enough for a controller that misses jobs; older samples are of no use to it.
inline constexpr std::uint32_t kSensorRingCapacity = 16;

struct SensorSample {
  std::uint64_t at_ns = 0;  // machine time at which the sensors were read
  double position = 0.0;    // m
  double angle = 0.0;       // rad
};
static_assert(sizeof(SensorSample) == 24);

[[nodiscard]] inline TimedMeasurement to_measurement(const SensorSample& sample) noexcept {
  return {Time::from_ns(sample.at_ns), {sample.position, sample.angle}};
}

}  // namespace capos::robot
