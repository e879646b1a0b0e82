// SPDX-License-Identifier: Apache-2.0
// Plant, guard and controller in one loop at 1 kHz, as the three programs run it.
#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <vector>

#include "capos/robot/actuator_guard.hpp"
#include "capos/robot/controller.hpp"
#include "capos/robot/plant.hpp"

namespace capos::robot {
namespace {

constexpr Duration kPeriod = Duration::ms(1);
constexpr DriveLimits kLimits{.max_effort = 20.0, .command_expiry = Duration::ms(3), .hold = Duration::ms(5)};
constexpr SensorNoise kNoise{.position = 0.0005, .angle = 0.001};

const std::vector<Push> kPushes{{Duration::s(2), 3.0, Duration::ms(50)},
                                {Duration::s(5), -4.0, Duration::ms(50)},
                                {Duration::s(20), 5.0, Duration::ms(30)},
                                {Duration::s(40), -1.0, Duration::ms(150)}};

struct Loop {
  explicit Loop(std::uint64_t seed = 1, const std::vector<Push>& pushes = kPushes)
      : plant(*Plant::create({.initial = {.angle = 0.05}, .noise = kNoise, .seed = seed}, pushes)),
        controller(*design_control({}, {}, kNoise, {}, kPeriod), kLimits.max_effort, kPeriod),
        guard(kLimits) {}

  void plant_job() {
    output = drive_output(guard.drive(), kLimits, now);
    plant.step(output.effort, kPeriod);
    now += kPeriod;
    sample = TimedMeasurement{now, plant.measure()};
    largest_angle = std::max(largest_angle, std::abs(plant.state().angle));
  }
  void control_job() {
    const double force = controller.decide(sample);
    const CommandAnswer answer = guard.command(force, now + Duration::us(2500), now);
    EXPECT_EQ(answer.refusal, Refusal::none);
    controller.applied(answer.applied);
  }
  void run(Duration length) {
    for (const Time end = now + length; now < end;) {
      plant_job();
      control_job();
    }
  }

  Plant plant;
  Controller controller;
  ActuatorGuard guard;
  DriveOutput output;
  Time now = Time::from_ns(1'000'000'000);
  std::optional<TimedMeasurement> sample;
  double largest_angle = 0.0;
};

TEST(Balance, SixtySecondsThroughPushesAndNoise) {
  for (const std::uint64_t seed : {1u, 2u, 3u}) {
    Loop loop(seed);
    loop.run(Duration::s(60));
    EXPECT_LT(loop.largest_angle, 0.6) << "seed " << seed;
    EXPECT_GT(loop.largest_angle, 0.2) << "the pushes were felt";
    EXPECT_LT(std::abs(loop.plant.state().angle), 0.02) << "settled";
    EXPECT_LT(std::abs(loop.plant.state().position), 0.1) << "and back in the middle";
    EXPECT_EQ(loop.controller.blind(), 0u);
  }
}

TEST(Balance, TheEstimateIsBetterThanTheSensors) {
  Loop loop(1, {});
  loop.run(Duration::s(5));
  double estimate_error = 0.0, sensor_error = 0.0;
  for (int i = 0; i < 5000; ++i) {
    loop.plant_job();
    const double truth = loop.plant.state().angle;
    (void)loop.controller.decide(loop.sample);
    estimate_error += std::pow(loop.controller.estimate()(2) - truth, 2);
    sensor_error += std::pow(loop.sample->values.angle - truth, 2);
    const double force = -(*design_control({}, {}, kNoise, {}, kPeriod))
                              .regulator_gain.dot(loop.controller.estimate().transpose());
    loop.controller.applied(loop.guard.command(force, loop.now + Duration::ms(2), loop.now).applied);
  }
  EXPECT_LT(estimate_error, 0.25 * sensor_error) << "less than half the sensor's deviation";
}

TEST(Balance, WithoutControlItFalls) {
  Loop loop(1, {});
  for (int i = 0; i < 3000; ++i) loop.plant_job();
  EXPECT_GT(loop.largest_angle, 1.5);
}

// The controller stops at 3 s: driven to the expiry of its last command, held, then released; then it falls.
TEST(Balance, AHungControllerLeavesTheActuatorSafeInItsTime) {
  Loop loop(1, {});
  loop.run(Duration::s(3));
  const Time last_command = loop.now;
  std::vector<DriveState> states;
  for (int i = 0; i < 12; ++i) {
    loop.plant_job();
    states.push_back(loop.output.state);
  }
  using enum DriveState;
  // Jobs at 0, 1, 2 ms are within 2.5 ms of the last command; 3 to 7 within the 5 ms hold; then released.
  const std::vector<DriveState> expected{driving, driving, driving,  holding,  holding,  holding,
                                         holding, holding, released, released, released, released};
  EXPECT_EQ(states, expected);
  EXPECT_EQ(drive_output(loop.guard.drive(), kLimits, last_command + Duration::us(7500)).state, released);
  for (int i = 0; i < 5000; ++i) loop.plant_job();
  EXPECT_GT(loop.largest_angle, 1.5);
}

TEST(Balance, SurvivesMissedJobsOnBothSides) {
  Loop loop;
  for (int i = 1; i < 30'000; ++i) {
    if (i % 97 != 0) loop.plant_job();
    if (i % 97 == 0) loop.plant_job();
    if (i % 53 > 1) loop.control_job();  // two of 53 jobs do not happen
  }
  EXPECT_LT(loop.largest_angle, 0.6);
}

TEST(Balance, RunsRepeatToTheBit) {
  const auto run = [] {
    Loop loop(9);
    loop.run(Duration::s(10));
    const CartPoleState& s = loop.plant.state();
    return std::vector{std::bit_cast<std::uint64_t>(s.position), std::bit_cast<std::uint64_t>(s.velocity),
                       std::bit_cast<std::uint64_t>(s.angle),
                       std::bit_cast<std::uint64_t>(s.angular_velocity)};
  };
  EXPECT_EQ(run(), run());
}

TEST(Controller, RejectsWhatIsNotAMeasurement) {
  Controller controller(*design_control({}, {}, kNoise, {}, kPeriod), 20.0, kPeriod);
  const auto at = [](int ms) { return Time::from_ns(static_cast<std::uint64_t>(ms) * 1'000'000u); };
  (void)controller.decide(TimedMeasurement{at(1), {0.0, 0.1}});
  controller.applied(0.0);
  (void)controller.decide(TimedMeasurement{at(1), {0.0, 0.1}});
  EXPECT_EQ(controller.rejected(), 1u) << "not newer";
  EXPECT_TRUE(std::isfinite(controller.decide(TimedMeasurement{at(2), {std::nan(""), 0.1}})));
  EXPECT_EQ(controller.rejected(), 2u);
  EXPECT_EQ(controller.blind(), 2u);
  const double force = controller.decide(TimedMeasurement{at(3), {0.0, 1e9}});
  EXPECT_LE(std::abs(force), 20.0);
  (void)controller.decide(
      TimedMeasurement{Time::never(), {0.0, 0.0}});  // far in the future: bounded catching up
}

}  // namespace
}  // namespace capos::robot
