// SPDX-License-Identifier: Apache-2.0
#include "pendulum.hpp"

#include <algorithm>
#include <cmath>

namespace capos::report {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;

std::optional<std::uint32_t> plant_number(const RunInputs& inputs) {
  for (const ServiceInput& service : inputs.services) {
    if (service.name == inputs.pendulum->service) return service.number;
  }
  return std::nullopt;
}

PlantPoint to_point(const Event& event, std::uint64_t start_ns) {
  const auto sample =
      schema::PlantSample::Value::from_words(event.values.data(), static_cast<unsigned>(event.values.size()));
  return {event.time_ns - start_ns, sample.position, sample.velocity, sample.angle,
          sample.angular_velocity,  sample.effort,   sample.state};
}

bool finite(const PlantPoint& p) {
  return std::isfinite(p.position) && std::isfinite(p.velocity) && std::isfinite(p.angle) &&
         std::isfinite(p.angular_velocity) && std::isfinite(p.effort);
}

void note_fall(PendulumResult& result, std::uint64_t time_ns) {
  result.fell = true;
  if (!result.fell_at_ns) result.fell_at_ns = time_ns;
}

void add_point(PendulumResult& result, const PlantPoint& point) {
  if (!finite(point)) return note_fall(result, point.time_ns);
  result.max_abs_angle = std::max(result.max_abs_angle, std::abs(point.angle));
  result.max_abs_position = std::max(result.max_abs_position, std::abs(point.position));
  result.max_abs_effort = std::max(result.max_abs_effort, std::abs(point.effort));
  if (std::abs(point.angle) > kFallenAngle) note_fall(result, point.time_ns);
  const DriveState before = result.points.empty() ? DriveState::idle : result.points.back().state;
  if (point.state != before) result.drive_changes.push_back({point.time_ns, before, point.state});
  result.points.push_back(point);
}

bool is_settled(const PendulumResult& result) {
  if (result.points.empty() || result.fell) return false;
  const std::uint64_t end = result.points.back().time_ns;
  const std::uint64_t since = end > kSecond ? end - kSecond : 0;
  return std::all_of(result.points.begin(), result.points.end(), [&](const PlantPoint& p) {
    return p.time_ns < since || std::abs(p.angle) <= kSettledAngle;
  });
}

}  // namespace

std::optional<PendulumResult> follow_pendulum(const std::vector<Event>& events, const RunInputs& inputs,
                                              std::uint64_t start_ns) {
  if (!inputs.pendulum) return std::nullopt;
  PendulumResult result;
  result.input = *inputs.pendulum;
  const std::optional<std::uint32_t> plant = plant_number(inputs);
  for (const Event& event : events) {
    if (event.kind != Kind::user || event.user_code() != kUserCodePlant || event.time_ns < start_ns) continue;
    if (plant && event.program() != *plant) continue;
    add_point(result, to_point(event, start_ns));
  }
  if (!result.points.empty()) result.final_angle = result.points.back().angle;
  result.settled = is_settled(result);
  return result;
}

}  // namespace capos::report
