// SPDX-License-Identifier: Apache-2.0
#include "capos/robot/controller.hpp"

#include <algorithm>
#include <cmath>

namespace capos::robot {

double Controller::decide(const std::optional<TimedMeasurement>& measurement) noexcept {
  if (measurement && usable(*measurement)) {
    catch_up(measurement->at);
    correct(measurement->values);
    last_measured_ = measurement->at;
    predictions_ = 0;
  } else {
    rejected_ += measurement.has_value() ? 1 : 0;
    ++blind_;
  }
  const double force = -(design_.regulator_gain * estimate_).value();
  return std::isfinite(force) ? std::clamp(force, -max_force_, max_force_) : 0.0;
}

void Controller::applied(double force) noexcept {
  last_force_ = std::isfinite(force) ? force : 0.0;
  predict();
}

bool Controller::usable(const TimedMeasurement& measurement) const noexcept {
  const bool finite = std::isfinite(measurement.values.position) && std::isfinite(measurement.values.angle);
  return finite && (!last_measured_ || measurement.at > *last_measured_);
}

// Each decision has predicted one period ahead. If more periods lie between the two measurements, because
// this task was late or stopped, the rest is predicted now under the force that stood meanwhile.
void Controller::catch_up(Time at) noexcept {
  if (!last_measured_) return;
  const std::int64_t periods = (at - *last_measured_ + period_ / 2) / period_;
  const int wanted = static_cast<int>(std::min<std::int64_t>(periods, kMaxCatchUp));
  while (predictions_ < wanted) predict();
}

void Controller::correct(const Measurement& values) noexcept {
  const Vector<2> innovation(values.position - estimate_(0), values.angle - estimate_(2));
  estimate_ += design_.estimator_gain * innovation;
}

void Controller::predict() noexcept {
  estimate_ = (design_.model.a * estimate_ + design_.model.b * last_force_).eval();
  ++predictions_;
}

}  // namespace capos::robot
