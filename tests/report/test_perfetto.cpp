// SPDX-License-Identifier: Apache-2.0
// The timeline, read back by the stock protocol compiler with the messages of perfetto.proto.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <map>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

#include "capos/report/perfetto.hpp"
#include "synthetic.hpp"

namespace capos::report {
namespace {

using synthetic::Story;

// Text as `protoc --decode` writes it; a test fails if protoc does.
std::string decoded(const std::string& bytes) {
  const auto directory = std::filesystem::path(testing::TempDir()) /
                         (std::string("perfetto-") + testing::UnitTest::GetInstance()->current_test_info()->name());
  std::filesystem::create_directories(directory);
  const auto file = directory / "trace.pftrace", text = directory / "trace.txt";
  std::ofstream(file, std::ios::binary) << bytes;
  const std::string command = std::string(CAPOS_PROTOC) + " --decode=perfetto.protos.Trace -I" CAPOS_REPORT_TESTS
                              " perfetto.proto <" + file.string() + " >" + text.string();
  EXPECT_EQ(std::system(command.c_str()), 0);
  std::ifstream in(text);
  std::stringstream all;
  all << in.rdbuf();
  std::filesystem::remove_all(directory);
  return all.str();
}

std::size_t count(const std::string& text, const std::string& line) {
  std::size_t found = 0;
  for (auto at = text.find(line); at != std::string::npos; at = text.find(line, at + 1)) ++found;
  return found;
}

// Values of a field, in the text's order.
std::vector<std::uint64_t> values(const std::string& text, const std::string& field) {
  std::vector<std::uint64_t> found;
  const std::string key = field + ": ";
  for (auto at = text.find(key); at != std::string::npos; at = text.find(key, at + 1)) {
    if (at > 0 && text[at - 1] != ' ') continue;  // a longer field's end
    found.push_back(std::stoull(text.substr(at + key.size()), nullptr, 10));
  }
  return found;
}

std::string trace_of(std::uint64_t periods, Story story = Story::good) {
  return decoded(render_perfetto(synthetic::demo_recording(periods, story), synthetic::demo_inputs()));
}

TEST(Perfetto, EveryJobIsASliceWithItsReleaseAndItsDeadline) {
  const std::string text = trace_of(20);
  EXPECT_EQ(count(text, "type: TYPE_SLICE_BEGIN"), 40u);
  EXPECT_EQ(count(text, "type: TYPE_SLICE_END"), 40u);
  EXPECT_EQ(count(text, "name: \"release\""), 40u);
  EXPECT_EQ(count(text, "name: \"deadline\""), 40u);
  EXPECT_EQ(count(text, "name: \"balance.control 7\""), 1u);
}

// protoc writes a field that it does not know as its number.
TEST(Perfetto, HasNoFieldThatItsMessagesDoNot) {
  const std::string text = trace_of(20, Story::good) + trace_of(420, Story::hang) + trace_of(420, Story::crash);
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    const auto first = line.find_first_not_of(' ');
    ASSERT_TRUE(first == std::string::npos || std::isdigit(static_cast<unsigned char>(line[first])) == 0) << line;
  }
}

TEST(Perfetto, IsInTimeOrderAndNamesEveryTrack) {
  const std::string text = trace_of(20);
  const auto times = values(text, "timestamp");
  EXPECT_TRUE(std::ranges::is_sorted(times));
  EXPECT_GE(times.size(), 160u);
  const auto known = values(text, "uuid");
  for (const std::uint64_t track : values(text, "track_uuid")) {
    ASSERT_TRUE(std::ranges::find(known, track) != known.end()) << track;
  }
  for (const char* name : {"CPU 0", "CPU 1", "balance.simulate", "balance.control"}) {
    EXPECT_EQ(count(text, std::string("name: \"") + name + "\""), 1u) << name;
  }
}

// The chain's data: each flow begins in one job and ends in one, later.
TEST(Perfetto, ChainsAreFlowsFromTheWriterToTheReader) {
  const std::string text = trace_of(20);
  auto from = values(text, "flow_ids"), to = values(text, "terminating_flow_ids");
  EXPECT_EQ(from.size(), to.size());
  EXPECT_GE(from.size(), 19u);
  std::ranges::sort(from);
  std::ranges::sort(to);
  EXPECT_EQ(from, to);
  EXPECT_TRUE(std::ranges::adjacent_find(from) == from.end());
}

TEST(Perfetto, WhatWentWrongIsOnTheTaskOrTheProgram) {
  const std::string hang = trace_of(420, Story::hang), crash = trace_of(420, Story::crash);
  EXPECT_GE(count(hang, "name: \"budget spent\""), 1u);
  EXPECT_EQ(count(trace_of(20), "name: \"budget spent\""), 0u);
  EXPECT_GE(count(crash, "name: \"fault\""), 1u);
}

TEST(Perfetto, AnotherThreadIsAnInstantOfItsTask) {
  Recording recording = synthetic::demo_recording(20);
  recording.events.push_back({synthetic::kStart + 500, Kind::binding, 1, 1, {kProgramBit | synthetic::kPlantProgram, 0, 0, 0, 0, 0}});
  recording.events.push_back({synthetic::kStart + 900, Kind::binding, 1, 1, {kNobody, 0, 0, 0, 0, 0}});
  const std::string text = decoded(render_perfetto(recording, synthetic::demo_inputs()));
  EXPECT_EQ(count(text, "name: \"another thread\""), 1u);
  EXPECT_EQ(count(text, "name: \"no thread\""), 1u);
}

// Program 2 calls 3, whose time it lends; an interrupt and a release on the way.
Recording with_switches() {
  constexpr std::uint32_t kCaller = kProgramBit | synthetic::kPlantProgram, kServer = kProgramBit | synthetic::kControllerProgram;
  Recording recording = synthetic::demo_recording(1);
  const std::uint64_t at = synthetic::kStart;
  const auto add = [&](std::uint64_t time, Kind kind, std::uint32_t source, std::array<std::uint64_t, 6> values) {
    recording.events.push_back({.time_ns = at + time, .kind = kind, .cpu = 1, .source = source, .values = values});
  };
  add(10, Kind::interrupt, static_cast<std::uint32_t>(schema::InterruptCause::timer_release), {});
  add(11, Kind::release, 0, {at, 0});
  add(12, Kind::dispatch, kCaller, {0, 0});
  add(50, Kind::lend, kCaller, {kServer, 0, 0, 1});
  add(51, Kind::dispatch, kServer, {0, 1});
  add(90, Kind::give_back, kCaller, {kServer, 0, 0, 1});
  add(91, Kind::dispatch, kCaller, {0, 0});
  add(99, Kind::dispatch, kNobody, {kNobody});
  return recording;
}

TEST(Perfetto, WhoRunsAndWhatInterruptsAreSlicesAndInstants) {
  const RunInputs inputs = synthetic::demo_inputs();
  const std::string text = decoded(render_perfetto(with_switches(), inputs));
  EXPECT_EQ(count(text, "categories: \"dispatch\""), 3u);
  EXPECT_EQ(count(text, "name: \"timer: release\""), 1u);
  EXPECT_EQ(count(text, "categories: \"interrupt\""), 1u);
  EXPECT_EQ(count(text, "type: TYPE_SLICE_BEGIN"), count(text, "type: TYPE_SLICE_END"));
  EXPECT_EQ(count(text, "name: \"interrupts and releases\""), 1u);
}

// There and back: the server's slice lies between, and each flow begins and ends once.
TEST(Perfetto, ACallThatLendsIsASliceBetweenTwoFlows) {
  const std::string text = decoded(render_perfetto(with_switches(), synthetic::demo_inputs()));
  EXPECT_EQ(count(text, "categories: \"donation\""), 4u);
  EXPECT_EQ(count(text, "name: \"has its time again\""), 1u);
  auto from = values(text, "flow_ids"), to = values(text, "terminating_flow_ids");
  std::ranges::sort(from);
  std::ranges::sort(to);
  EXPECT_EQ(from, to);
  EXPECT_EQ(std::ranges::count_if(from, [](std::uint64_t flow) { return flow >= std::uint64_t{1} << 32; }), 2);
}

// What began before the recording, and what had not ended with it.
TEST(Perfetto, HalfACallIsTaken) {
  Recording first = with_switches(), last = with_switches();
  std::erase_if(first.events, [](const Event& event) { return event.kind == Kind::lend; });
  std::erase_if(last.events, [](const Event& event) { return event.kind == Kind::give_back || event.source == kNobody; });
  for (const Recording& recording : {first, last}) {
    const std::string text = decoded(render_perfetto(recording, synthetic::demo_inputs()));
    EXPECT_EQ(count(text, "type: TYPE_SLICE_BEGIN"), count(text, "type: TYPE_SLICE_END"));
  }
}

TEST(Perfetto, XrunsAreAtTheirNodeWithTheReason) {
  XrunItem xrun;
  xrun.time_ns = synthetic::kStart + 5;
  xrun.cycle = 7;
  xrun.cause = schema::XrunCause::budget_spent;
  xrun.node = "nobody's";
  xrun.culprit = "filter";
  const std::string text = decoded(render_perfetto(synthetic::demo_recording(1), synthetic::demo_inputs(), std::span(&xrun, 1)));
  EXPECT_EQ(count(text, "categories: \"xrun\""), 1u);
  EXPECT_EQ(count(text, "no block in time: filter had spent its budget"), 1u);
}

TEST(Perfetto, AnyRecordingIsTaken) {
  Recording odd = synthetic::demo_recording(3);
  for (Event& event : odd.events) std::swap(event.values[0], event.values[2]);
  odd.events.push_back({.time_ns = ~0ull, .kind = static_cast<Kind>(77), .cpu = 900, .source = 123, .values = {}});
  odd.events.push_back({.time_ns = 5, .kind = Kind::boot, .cpu = 0, .source = 0, .values = {99, 0, 0, 0, 0, 0}});
  EXPECT_NE(decoded(render_perfetto(odd, {})), "");
}

}  // namespace
}  // namespace capos::report
