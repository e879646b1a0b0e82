// SPDX-License-Identifier: Apache-2.0
#include "capos/robot/drive.hpp"

#include <algorithm>
#include <cmath>

namespace capos::robot {

bool DriveLimits::valid() const noexcept {
  return std::isfinite(max_effort) && max_effort >= 0.0 && std::isfinite(max_slew) && max_slew >= 0.0 &&
         command_expiry > Duration{} && command_expiry <= Duration::s(60) && hold >= Duration{} &&
         hold <= Duration::s(60);
}

DriveOutput drive_output(const DriveCommand& command, const DriveLimits& limits, Time now) noexcept {
  if (command.stopped != 0) return {DriveState::stopped, 0.0};
  if (command.number == 0) return {DriveState::idle, 0.0};
  const Time valid_until = Time::from_ns(command.valid_until_ns);
  // compared as unsigned: a validity centuries ahead would overflow a Duration
  const bool near = valid_until <= now ||
                    valid_until.ns() - now.ns() <= static_cast<std::uint64_t>(limits.command_expiry.ns());
  const bool believable = near && std::isfinite(command.effort);
  if (!believable) return {DriveState::released, 0.0};
  const double effort = std::clamp(command.effort, -limits.max_effort, limits.max_effort);
  if (now < valid_until) return {DriveState::driving, effort};
  if (now - valid_until < limits.hold) return {DriveState::holding, effort};
  return {DriveState::released, 0.0};
}

}  // namespace capos::robot
