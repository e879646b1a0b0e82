// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "capos/report/analyse.hpp"
#include "capos/report/render.hpp"
#include "synthetic.hpp"

namespace capos::report {
namespace {

using synthetic::demo_recording;
using synthetic::kMs;
using synthetic::kStart;
using synthetic::Story;

RunInputs faulty_inputs(const char* kind) {
  RunInputs inputs = synthetic::demo_inputs();
  inputs.fault = FaultInput{kind, "controller", 400 * kMs};
  return inputs;
}

TEST(Fault, OfAHangIsContained) {
  const Result result = analyse(demo_recording(1000, Story::hang), faulty_inputs("controller-hang"));
  ASSERT_TRUE(result.fault.has_value());
  EXPECT_TRUE(result.fault->observed);
  EXPECT_EQ(result.fault->onset_ns, 400 * kMs + 165'000);
  EXPECT_TRUE(result.fault->budget_enforced);
  EXPECT_TRUE(result.fault->others_unharmed);
  EXPECT_TRUE(result.fault->held_first);
  EXPECT_TRUE(result.fault->safe_state_reached);
  // Expiry 3 ms + hold 5 ms + one plant period 1 ms + the plant's response bound 95 us.
  EXPECT_EQ(result.fault->safe_limit_ns, 9'095'000u);
  EXPECT_LE(result.fault->safe_after_ns, result.fault->safe_limit_ns);
  EXPECT_TRUE(result.passed) << verdict_line(result);
  const TaskResult& control = result.islands[0].tasks[1];
  EXPECT_EQ(control.misses, 600u);
  EXPECT_EQ(control.overruns, 600u);
  EXPECT_EQ(control.abandoned, 600u);
  EXPECT_EQ(control.response.samples, 400u);
}

TEST(Fault, OfACrashIsContained) {
  const Result result = analyse(demo_recording(1000, Story::crash), faulty_inputs("controller-crash"));
  ASSERT_TRUE(result.fault.has_value());
  EXPECT_TRUE(result.fault->observed);
  EXPECT_EQ(result.fault->onset_ns, 400 * kMs + 50'000);
  EXPECT_NE(result.fault->onset_text.find("vector 14"), std::string::npos);
  EXPECT_TRUE(result.passed) << verdict_line(result);
  EXPECT_TRUE(result.islands[0].tasks[1].stopped);
  EXPECT_FALSE(result.islands[0].tasks[0].stopped);
}

TEST(Fault, ThatNeverHappenedFails) {
  const Result result = analyse(demo_recording(1000), faulty_inputs("controller-hang"));
  EXPECT_FALSE(result.passed);
  EXPECT_EQ(result.reasons[0], "the fault controller-hang was not observed");
}

TEST(Fault, ThatHarmsAnotherTaskFails) {
  Recording recording = demo_recording(1000, Story::hang);
  const std::uint64_t deadline = kStart + 501 * kMs;
  recording.events.push_back({deadline,
                              Kind::miss,
                              1,
                              task_source(0, 0),
                              {deadline, 500, static_cast<std::uint64_t>(Cause::preempted), 1, 0, 0}});
  const Result result = analyse(recording, faulty_inputs("controller-hang"));
  EXPECT_FALSE(result.fault->others_unharmed);
  EXPECT_FALSE(result.passed);
}

TEST(Fault, ThatRunsBeyondItsBudgetFails) {
  Recording recording = demo_recording(1000, Story::hang);
  for (Event& event : recording.events) {
    if (event.kind == Kind::overrun) event.values[1] = 124'001;  // budget 120 us, tolerance 4 us
  }
  const Result result = analyse(recording, faulty_inputs("controller-hang"));
  EXPECT_FALSE(result.fault->budget_enforced);
  EXPECT_FALSE(result.passed);
}

// Rewrites the drive's state from a time on.
Recording with_state(Story story, std::uint64_t from_ms, std::uint64_t to_ms, DriveState state) {
  Recording recording = demo_recording(1000, story);
  for (Event& event : recording.events) {
    if (event.kind != Kind::user || event.time_ns < kStart + from_ms * kMs) continue;
    if (event.time_ns < kStart + to_ms * kMs) event.values[5] = static_cast<std::uint64_t>(state);
  }
  return recording;
}

TEST(Fault, NeedsTheActuatorReleasedInTime) {
  const Result late =
      analyse(with_state(Story::hang, 405, 411, DriveState::holding), faulty_inputs("controller-hang"));
  EXPECT_TRUE(late.fault->safe_state_reached);
  EXPECT_GT(late.fault->safe_after_ns, late.fault->safe_limit_ns);
  EXPECT_FALSE(late.passed);
}

TEST(Fault, NeedsTheActuatorToStayReleased) {
  const Result again =
      analyse(with_state(Story::hang, 700, 702, DriveState::driving), faulty_inputs("controller-hang"));
  EXPECT_FALSE(again.fault->safe_state_reached);
  EXPECT_FALSE(again.passed);
}

TEST(Fault, NeedsTheActuatorToHoldFirst) {
  const Result at_once =
      analyse(with_state(Story::hang, 403, 420, DriveState::released), faulty_inputs("controller-hang"));
  EXPECT_FALSE(at_once.fault->held_first);
  EXPECT_FALSE(at_once.passed);
}

TEST(Fault, WithoutBeingAskedForIsAFailure) {
  EXPECT_FALSE(analyse(demo_recording(1000, Story::hang), synthetic::demo_inputs()).passed);
  EXPECT_FALSE(analyse(demo_recording(1000, Story::crash), synthetic::demo_inputs()).passed);
}

}  // namespace
}  // namespace capos::report
