// SPDX-License-Identifier: Apache-2.0
// A running system seen in looks: what is counted for good, what for the last window, and what a hostile guest may write.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "capos/report/live.hpp"
#include "synthetic.hpp"

namespace capos::report {
namespace {

using synthetic::kMs;
using synthetic::kStart;

LiveMeter meter() {
  return LiveMeter({{task_source(0, 0), "balance", "simulate", kMs, 100'000, kMs}, {task_source(0, 1), "balance", "control", kMs, 200'000, kMs}});
}

TEST(Live, CountsForGoodAndForTheWindow) {
  const Recording recording = synthetic::demo_recording(200);
  LiveMeter live = meter();
  ChannelSnapshot snapshot = recording.header;
  const auto half = recording.events.size() / 2;
  snapshot.now_ns = kStart + 100 * kMs;
  live.look(snapshot, std::span(recording.events).first(half));
  const auto first = live.view().tasks[0].jobs;
  EXPECT_EQ(live.view().since_start_ns, 100 * kMs);
  EXPECT_EQ(live.view().tasks[0].new_jobs, first);
  EXPECT_GT(first, 0U);
  snapshot.now_ns = kStart + 200 * kMs;
  snapshot.cpus[0].idle_ns += 50 * kMs;
  live.look(snapshot, std::span(recording.events).subspan(half));
  const auto& view = live.view();
  EXPECT_EQ(view.window_ns, 100 * kMs);
  EXPECT_EQ(view.cpus[0].idle_ns, 50 * kMs);
  EXPECT_EQ(view.tasks[0].jobs, 200U);
  EXPECT_EQ(view.tasks[0].new_jobs, 200U - first);
  EXPECT_EQ(view.tasks[0].response_max_ns, 40'990U);
  EXPECT_EQ(view.tasks[1].response_max_ns, 101'980U);
  EXPECT_EQ(view.tasks[0].misses, 0U);
  live.look(snapshot, {});
  EXPECT_EQ(live.view().window_ns, 0U);
  EXPECT_EQ(live.view().tasks[0].new_jobs, 0U);
  EXPECT_EQ(live.view().tasks[0].jobs, 200U);
}

TEST(Live, TellsMissesAndOverruns) {
  const Recording recording = synthetic::demo_recording(500, synthetic::Story::hang);
  LiveMeter live = meter();
  live.look(recording.header, recording.events);
  EXPECT_EQ(live.view().tasks[0].overruns, 0U);
  EXPECT_GT(live.view().tasks[1].overruns, 10U);
}

TEST(Live, TakesNothingForProgressThatWentBack) {
  Recording recording = synthetic::demo_recording(10);
  LiveMeter live = meter();
  live.look(recording.header, recording.events);
  ChannelSnapshot back = recording.header;
  back.now_ns = 0;
  for (auto& cpu : back.cpus) cpu = {};
  Event stranger = recording.events.front();
  stranger.source = 0xffff'0000;
  const auto others = live.view().other_events;
  live.look(back, std::span(&stranger, 1));
  EXPECT_EQ(live.view().window_ns, 0U);
  EXPECT_EQ(live.view().since_start_ns, 0U);
  EXPECT_EQ(live.view().cpus[0].interrupts, 0U);
  EXPECT_EQ(live.view().other_events, others + 1);
}

TEST(Live, IsShown) {
  const Recording recording = synthetic::demo_recording(200);
  LiveMeter live = meter();
  live.look(recording.header, recording.events);
  const std::string text = render_live_text(live.view());
  EXPECT_NE(text.find("simulate"), std::string::npos) << text;
  EXPECT_NE(text.find("control"), std::string::npos) << text;
  EXPECT_NE(text.find("0 dropped"), std::string::npos) << text;
  const auto json = nlohmann::json::parse(render_live_json(live.view()));
  ASSERT_EQ(json["tasks"].size(), 2U);
  EXPECT_EQ(json["tasks"][1]["name"], "control");
  EXPECT_EQ(json["tasks"][1]["jobs"], 200);
  EXPECT_EQ(json["cpus"].size(), recording.header.cpus.size());
  EXPECT_EQ(json["channel"]["written"], recording.header.written);
}

}  // namespace
}  // namespace capos::report
