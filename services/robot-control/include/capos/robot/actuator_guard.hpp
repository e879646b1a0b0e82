// SPDX-License-Identifier: Apache-2.0
// The authority check in front of an actuator: limits, freshness, emergency stop. Pure; time is passed in.
//
// Invariants: a refused command changes nothing but the count; after emergency_stop() no command is accepted
// and no effort is given, for good; the effort given is finite and within the limits. Each call is a handful
// of comparisons.
#pragma once

#include <cstdint>

#include "capos/robot/drive.hpp"

namespace capos::robot {

// The values of schema/capos/robot.capnp's ActuatorRefusal.
enum class Refusal : std::uint16_t { none = 0, stale = 1, too_long = 2, not_finite = 3, stopped = 4 };

struct CommandAnswer {
  double applied = 0.0;  // N: the effort after limits, or what the drive gives now if refused
  DriveState state = DriveState::idle;
  Refusal refusal = Refusal::none;
  bool limited = false;  // the effort asked for was cut by the effort or slew limit
};

class ActuatorGuard {
 public:
  // `limits` must be valid().
  explicit ActuatorGuard(const DriveLimits& limits) noexcept : limits_(limits) {}

  // Drives with `effort` until `valid_until`, if that is in the future and no further than the command
  // expiry.
  [[nodiscard]] CommandAnswer command(double effort, Time valid_until, Time now) noexcept;

  // Latches: idempotent.
  void emergency_stop() noexcept { drive_.stopped = 1; }

  [[nodiscard]] DriveOutput output(Time now) const noexcept { return drive_output(drive_, limits_, now); }
  // What belongs in the cell that the drive reads, after each call.
  [[nodiscard]] const DriveCommand& drive() const noexcept { return drive_; }
  [[nodiscard]] std::uint64_t accepted() const noexcept { return drive_.number; }
  [[nodiscard]] std::uint64_t refused() const noexcept { return refused_; }

 private:
  [[nodiscard]] Refusal judge(double effort, Time valid_until, Time now) const noexcept;
  [[nodiscard]] double limit(double effort, Time now) const noexcept;

  DriveLimits limits_;
  DriveCommand drive_{};
  Time last_change_{};
  std::uint64_t refused_ = 0;
};

}  // namespace capos::robot
