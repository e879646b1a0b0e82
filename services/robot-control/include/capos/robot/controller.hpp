// SPDX-License-Identifier: Apache-2.0
// The balancing controller's step: correct the estimate by a measurement, choose a force, predict.
//
// Realtime path: straight-line arithmetic on 4-vectors, no allocation, at most kMaxCatchUp extra predictions
// when measurements were missed. The force never exceeds the limit and is always finite: an estimate that is
// not finite is reported and answered with no force.
#pragma once

#include <cstdint>
#include <optional>

#include "capos/base/time.hpp"
#include "capos/robot/control_design.hpp"

namespace capos::robot {

inline constexpr int kMaxCatchUp = 16;  // periods

struct TimedMeasurement {
  Time at;  // when the sensors were read
  Measurement values;
};

class Controller {
 public:
  Controller(const ControlDesign& design, double max_force, Duration period) noexcept
      : design_(design), max_force_(max_force), period_(period) {}

  // The force for this period, N, within +-max_force. Without a measurement it acts on the prediction alone.
  [[nodiscard]] double decide(const std::optional<TimedMeasurement>& measurement) noexcept;

  // Tells what force was really applied; predicts the state at the next period.
  void applied(double force) noexcept;
  // The same, when the actuator could not be reached: the drive then holds what it had.
  void coast() noexcept { predict(); }

  [[nodiscard]] const Vector<4>& estimate() const noexcept { return estimate_; }
  // Measurements that were not finite or not newer than the one before, and so not used.
  [[nodiscard]] std::uint64_t rejected() const noexcept { return rejected_; }
  // Decisions made without a usable measurement.
  [[nodiscard]] std::uint64_t blind() const noexcept { return blind_; }

 private:
  [[nodiscard]] bool usable(const TimedMeasurement& measurement) const noexcept;
  void catch_up(Time at) noexcept;
  void correct(const Measurement& values) noexcept;
  void predict() noexcept;

  ControlDesign design_;
  double max_force_;
  Duration period_;
  Vector<4> estimate_ = Vector<4>::Zero();
  double last_force_ = 0.0;
  std::optional<Time> last_measured_;
  int predictions_ = 0;  // since the last measurement
  std::uint64_t rejected_ = 0;
  std::uint64_t blind_ = 0;
};

}  // namespace capos::robot
