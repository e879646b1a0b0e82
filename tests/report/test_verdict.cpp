// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <string>

#include "capos/report/analyse.hpp"
#include "capos/report/render.hpp"
#include "synthetic.hpp"

namespace capos::report {
namespace {

using synthetic::demo_inputs;
using synthetic::demo_recording;

bool has_reason(const Result& result, const std::string& part) {
  return std::any_of(result.reasons.begin(), result.reasons.end(),
                     [&](const std::string& reason) { return reason.find(part) != std::string::npos; });
}

// The one thing that is wrong is the one reason.
void expect_only(const Recording& recording, const RunInputs& inputs, const std::string& part) {
  const Result result = analyse(recording, inputs);
  EXPECT_FALSE(result.passed);
  EXPECT_EQ(result.reasons.size(), 1u) << verdict_line(result);
  EXPECT_TRUE(has_reason(result, part)) << verdict_line(result);
}

TEST(Verdict, IsPassWhenEveryPromiseWasKept) {
  const Result result = analyse(demo_recording(100), demo_inputs());
  EXPECT_TRUE(result.passed);
  EXPECT_TRUE(result.reasons.empty());
  EXPECT_EQ(verdict_line(result),
            "PASS: 200 jobs, every deadline met, every response within its admitted bound, pendulum upright");
}

TEST(Verdict, NeedsAnOrderlyEnd) {
  Recording recording = demo_recording(100);
  recording.header.state = RunState::running;
  expect_only(recording, demo_inputs(), "the recording is not complete");
}

TEST(Verdict, NeedsTheMachineToEndWell) {
  RunInputs inputs = demo_inputs();
  inputs.end.exit_code = 3;
  inputs.end.note = "kernel panic: test";
  expect_only(demo_recording(100), inputs, "the machine ended with code 3: kernel panic: test");
  inputs = demo_inputs();
  inputs.end.timed_out = true;
  expect_only(demo_recording(100), inputs, "did not end in time");
  inputs = demo_inputs();
  inputs.end.interrupted = true;
  expect_only(demo_recording(100), inputs, "interrupted");
}

TEST(Verdict, NeedsTheWholeDuration) {
  RunInputs inputs = demo_inputs();
  inputs.duration_ns = 100 * synthetic::kMs;
  EXPECT_TRUE(analyse(demo_recording(100), inputs).passed);
  inputs.duration_ns = 200 * synthetic::kMs;
  expect_only(demo_recording(100), inputs, "asked were 200 ms");
}

TEST(Verdict, NeedsEveryEvent) {
  Recording recording = demo_recording(100);
  recording.header.cpus[0].lost_events = 2;
  expect_only(recording, demo_inputs(), "2 telemetry events were lost");
}

TEST(Verdict, NeedsResponsesWithinTheBound) {
  RunInputs inputs = demo_inputs();
  inputs.islands[0].tasks[0].response_bound_ns = 40'990;
  EXPECT_TRUE(analyse(demo_recording(100), inputs).passed);
  inputs.islands[0].tasks[0].response_bound_ns = 40'989;
  expect_only(demo_recording(100), inputs, "balance.simulate: a response of 40.99 us exceeds");
}

TEST(Verdict, NeedsTheChainsBound) {
  RunInputs inputs = demo_inputs();
  inputs.islands[0].chains[0].bound_ns = 101'979;
  expect_only(demo_recording(100), inputs, "chain balance.angle-to-force");
}

TEST(Verdict, NeedsJobsOfEveryTask) {
  Recording recording = demo_recording(100);
  std::erase_if(recording.events,
                [](const Event& event) { return event.kind == Kind::job && event.source == 1; });
  const Result result = analyse(recording, demo_inputs());
  EXPECT_TRUE(has_reason(result, "balance.control: no job was recorded")) << verdict_line(result);
}

TEST(Verdict, NeedsARecordOfEveryRelease) {
  Recording recording = demo_recording(100);
  std::erase_if(recording.events, [](const Event& event) {
    return event.kind == Kind::job && event.source == 0 && Job::from_event(event).index == 50;
  });
  expect_only(recording, demo_inputs(), "balance.simulate: 1 releases left no record");
  recording = demo_recording(100);
  std::erase_if(recording.events, [](const Event& event) {
    return event.kind == Kind::job && event.source == 0 && Job::from_event(event).index >= 90;
  });
  const Result cut = analyse(recording, demo_inputs());
  EXPECT_TRUE(has_reason(cut, "balance.simulate: 90 jobs were recorded, 100 were due")) << verdict_line(cut);
}

TEST(Verdict, NeedsThePlantToSpeak) {
  Recording recording = demo_recording(100);
  std::erase_if(recording.events, [](const Event& event) { return event.kind == Kind::user; });
  expect_only(recording, demo_inputs(), "the plant reported nothing");
}

TEST(Verdict, NeedsAnIsland) {
  RunInputs inputs;
  inputs.end.exit_code = 0;
  EXPECT_FALSE(analyse(demo_recording(10), inputs).passed);
}

}  // namespace
}  // namespace capos::report
