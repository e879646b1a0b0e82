// SPDX-License-Identifier: Apache-2.0
// The guard's rules one by one, and a random walk against the invariants.
#include "capos/robot/actuator_guard.hpp"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>

namespace capos::robot {
namespace {

constexpr DriveLimits kLimits{.max_effort = 20.0, .command_expiry = Duration::ms(3), .hold = Duration::ms(5)};

Time ns(std::uint64_t value) { return Time::from_ns(1'000'000'000 + value); }

TEST(ActuatorGuard, IsIdleUntilTheFirstCommand) {
  const ActuatorGuard guard(kLimits);
  EXPECT_EQ(guard.output(ns(0)).state, DriveState::idle);
  EXPECT_EQ(guard.output(ns(0)).effort, 0.0);
}

TEST(ActuatorGuard, DrivesHoldsAndReleasesToTheNanosecond) {
  ActuatorGuard guard(kLimits);
  const CommandAnswer answer = guard.command(7.0, ns(2'000'000), ns(0));
  EXPECT_EQ(answer.refusal, Refusal::none);
  EXPECT_EQ(answer.applied, 7.0);
  EXPECT_FALSE(answer.limited);
  const auto expect = [&](std::uint64_t at, DriveState state, double effort) {
    EXPECT_EQ(guard.output(ns(at)).state, state) << at;
    EXPECT_EQ(guard.output(ns(at)).effort, effort) << at;
  };
  expect(0, DriveState::driving, 7.0);
  expect(1'999'999, DriveState::driving, 7.0);
  expect(2'000'000, DriveState::holding, 7.0);
  expect(6'999'999, DriveState::holding, 7.0);
  expect(7'000'000, DriveState::released, 0.0);
  EXPECT_EQ(guard.command(1.0, ns(9'000'000), ns(8'000'000)).state, DriveState::driving);
  expect(8'000'000, DriveState::driving, 1.0);
}

TEST(ActuatorGuard, RefusesWithTheReasonAndChangesNothing) {
  ActuatorGuard guard(kLimits);
  (void)guard.command(5.0, ns(2'000'000), ns(0));
  const auto refusal = [&](double effort, Time until, std::uint64_t now) {
    const CommandAnswer answer = guard.command(effort, until, ns(now));
    EXPECT_EQ(answer.applied, 5.0) << "what stands";
    return answer.refusal;
  };
  EXPECT_EQ(refusal(1.0, ns(1'000), 1'000), Refusal::stale);
  EXPECT_EQ(refusal(1.0, Time{}, 1'000), Refusal::stale);
  EXPECT_EQ(refusal(1.0, ns(3'001'001), 1'000), Refusal::too_long);
  EXPECT_EQ(refusal(1.0, Time::never(), 1'000), Refusal::too_long);
  EXPECT_EQ(refusal(std::nan(""), ns(2'000'000), 1'000), Refusal::not_finite);
  EXPECT_EQ(refusal(-std::numeric_limits<double>::infinity(), ns(2'000'000), 1'000), Refusal::not_finite);
  EXPECT_EQ(guard.refused(), 6u);
  EXPECT_EQ(guard.accepted(), 1u);
  EXPECT_EQ(guard.command(1.0, ns(3'001'000), ns(1'000)).refusal, Refusal::none)
      << "exactly the expiry is allowed";
}

TEST(ActuatorGuard, ClampsToTheLimitAndSaysSo) {
  ActuatorGuard guard(kLimits);
  EXPECT_EQ(guard.command(21.0, ns(1'000), ns(0)).applied, 20.0);
  EXPECT_TRUE(guard.command(-1e300, ns(1'000), ns(0)).limited);
  EXPECT_EQ(guard.output(ns(0)).effort, -20.0);
  EXPECT_FALSE(guard.command(-20.0, ns(1'000), ns(0)).limited);
}

TEST(ActuatorGuard, LimitsTheSlewFromWhatTheDriveGives) {
  DriveLimits limits = kLimits;
  limits.max_slew = 1000.0;  // N/s: 1 N in 1 ms
  ActuatorGuard guard(limits);
  (void)guard.command(20.0, ns(3'000'000), ns(0));
  EXPECT_NEAR(guard.output(ns(0)).effort, 0.001, 1e-12) << "from rest";
  const CommandAnswer next = guard.command(20.0, ns(4'000'000), ns(1'000'000));
  EXPECT_NEAR(next.applied, 1.001, 1e-12);
  EXPECT_TRUE(next.limited);
  EXPECT_NEAR(guard.command(0.5, ns(5'000'000), ns(2'000'000)).applied, 0.5, 1e-12) << "within reach";
}

TEST(ActuatorGuard, EmergencyStopLatches) {
  ActuatorGuard guard(kLimits);
  (void)guard.command(5.0, ns(2'000'000), ns(0));
  guard.emergency_stop();
  EXPECT_EQ(guard.output(ns(1)).state, DriveState::stopped);
  EXPECT_EQ(guard.output(ns(1)).effort, 0.0);
  const CommandAnswer answer = guard.command(1.0, ns(2'000'000), ns(2));
  EXPECT_EQ(answer.refusal, Refusal::stopped);
  EXPECT_EQ(answer.applied, 0.0);
  guard.emergency_stop();
  EXPECT_EQ(guard.output(Time::never()).state, DriveState::stopped);
}

// The drive reads the cell from shared memory: whatever stands there, its own limits hold.
TEST(Drive, BelievesNothingInTheCell) {
  const auto output = [](const DriveCommand& command) { return drive_output(command, kLimits, ns(0)); };
  EXPECT_EQ(output({}).state, DriveState::idle);
  EXPECT_EQ(output({1e9, ns(1'000).ns(), 1, 0}).effort, 20.0);
  EXPECT_EQ(output({std::nan(""), ns(1'000).ns(), 1, 0}).state, DriveState::released);
  EXPECT_EQ(output({5.0, ns(3'000'001).ns(), 1, 0}).state, DriveState::released) << "too far ahead";
  EXPECT_EQ(output({5.0, ~std::uint64_t{0}, 1, 0}).state, DriveState::released);
  EXPECT_EQ(output({5.0, 0, 1, 0}).state, DriveState::released) << "expired long ago";
  EXPECT_EQ(output({5.0, ns(1'000).ns(), 1, 77}).state, DriveState::stopped);
}

TEST(Drive, RandomCellsNeverGiveMoreThanTheLimit) {
  std::mt19937_64 random(5);
  for (int i = 0; i < 1'000'000; ++i) {
    const DriveCommand command{std::bit_cast<double>(random()), random() >> (random() % 64), random() % 3,
                               random() % 4 == 0};
    const DriveOutput output = drive_output(command, kLimits, Time::from_ns(random() >> (random() % 64)));
    ASSERT_LE(std::abs(output.effort), 20.0);
    const bool may_push = output.state == DriveState::driving || output.state == DriveState::holding;
    ASSERT_TRUE(may_push || output.effort == 0.0);
  }
}

TEST(DriveLimits, AreChecked) {
  EXPECT_TRUE(kLimits.valid());
  EXPECT_FALSE((DriveLimits{.max_effort = -1.0, .command_expiry = Duration::ms(1)}).valid());
  EXPECT_FALSE((DriveLimits{.max_effort = 1.0}).valid()) << "no expiry";
  EXPECT_FALSE((DriveLimits{.max_effort = 1.0, .command_expiry = Duration::s(61)}).valid());
  EXPECT_FALSE(
      (DriveLimits{.max_effort = 1.0, .command_expiry = Duration::s(1), .hold = Duration::s(61)}).valid());
}

}  // namespace
}  // namespace capos::robot
