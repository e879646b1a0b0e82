// SPDX-License-Identifier: Apache-2.0
// What passes from the actuator service to the drive, and what the drive does with it at any time.
//
// A command drives until it expires, its effort is then held for the hold time, then released: a pure
// function of the command and the time, so that service, plant and report agree without talking. The drive
// trusts nothing in the cell: it applies its own limits.
#pragma once

#include <cstdint>

#include "capos/base/time.hpp"

namespace capos::robot {

// The values of schema/capos/robot.capnp's ActuatorState.
enum class DriveState : std::uint16_t { idle = 0, driving = 1, holding = 2, released = 3, stopped = 4 };

// Shared through a SharedCell; all zero means "no command yet".
struct DriveCommand {
  double effort = 0.0;  // N
  std::uint64_t valid_until_ns = 0;
  std::uint64_t number = 0;   // of the accepted commands, from 1; 0: none yet
  std::uint64_t stopped = 0;  // not 0: emergency stop
};
static_assert(sizeof(DriveCommand) == 32);

struct DriveLimits {
  double max_effort = 0.0;    // N, >= 0
  double max_slew = 0.0;      // N/s; 0: not limited
  Duration command_expiry{};  // the longest validity a command may claim
  Duration hold{};            // after expiry, before release

  [[nodiscard]] bool valid() const noexcept;
};

struct DriveOutput {
  DriveState state = DriveState::idle;
  double effort = 0.0;  // N, within the limit, finite; 0 unless driving or holding
};

// What the drive does at `now`. Beyond a command's plain life it refuses to believe a validity that is
// further ahead than command_expiry: then it releases.
[[nodiscard]] DriveOutput drive_output(const DriveCommand& command, const DriveLimits& limits,
                                       Time now) noexcept;

}  // namespace capos::robot
