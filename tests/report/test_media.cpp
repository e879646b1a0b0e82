// SPDX-License-Identifier: Apache-2.0
// The media graph's part of a report, on recordings made up: source -> tone -> driver.
#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <nlohmann/json.hpp>

#include "capos/media/render.hpp"
#include "capos/media/wav_writer.hpp"
#include "capos/report/analyse.hpp"
#include "capos/report/render.hpp"

namespace capos::report {
namespace {

constexpr std::uint64_t kStart = 40'000'000, kPeriod = 1'333'333, kBlocks = 200;
constexpr std::uint32_t kSource = 4, kTone = 5, kDriver = 6;  // programs
enum Task : std::uint32_t { play, read_file, filter };

std::vector<std::byte> tune() {
  std::vector<std::int16_t> samples;
  for (int i = 0; i < 2 * 1000; ++i) samples.push_back(static_cast<std::int16_t>(9000 * std::sin(i * 0.01)));
  return media::pcm_wav(samples);
}

std::vector<media::Filter> filters() {
  std::array<wire::Word, 64> words{};
  wire::MessageBuilder message{std::span(words)};
  message.init_root<schema::NodeConfig>().init_biquad().set_frequency(900);
  wire::MessageReader reader(message.words());
  return {*media::Filter::make(reader.root<schema::NodeConfig>())};
}

TaskInput task_input(const char* name, const char* service, Task task) {
  TaskInput input;
  input.name = name;
  input.service = service;
  input.source = task_source(0, task);
  input.cpu = 1;
  input.period_numerator = 1;
  input.period_denominator = 750;
  input.deadline_ns = kPeriod;
  input.budget_ns = 30'000;
  input.response_bound_ns = 100'000;
  return input;
}

RunInputs inputs() {
  RunInputs inputs;
  inputs.services = {{"source", kSource}, {"tone", kTone}, {"driver", kDriver}};
  IslandInput island;
  island.name = "audio";
  island.cpus = {1};
  island.tasks = {task_input("play", "driver", play), task_input("read", "source", read_file),
                  task_input("filter", "tone", filter)};
  island.chains = {{"tune-to-device", {"read", "filter", "play"}, 4'000'000, 3'000'000, false}};
  inputs.islands = {island};
  MediaInput media;
  media.nodes = {{"source", kSource, "audio.read", task_source(0, read_file)},
                 {"tone", kTone, "audio.filter", task_source(0, filter)},
                 {"driver", kDriver, "audio.play", task_source(0, play)}};
  media.wav = tune();
  media.filters = filters();
  media.chain = "audio.tune-to-device";
  media.chain_admitted_ns = 3'000'000;
  media.chain_bound_ns = 4'000'000;
  inputs.media = media;
  inputs.end.exit_code = 0;
  return inputs;
}

Job job_of(Task task, std::uint64_t index) {
  Job job;
  job.source = task_source(0, task);
  job.cpu = 1;
  job.index = static_cast<std::uint32_t>(index);
  job.release_ns = kStart + index * kPeriod;
  job.deadline_ns = job.release_ns + kPeriod;
  job.start_ns = job.release_ns + 1'000 + task * 3'000;
  job.finish_ns = job.start_ns + 2'500;
  job.consumed_ns = 2'400;
  return job;
}

media::PlayedBlock played(const media::Samples& samples, std::uint64_t number) {
  return {kStart + number * kPeriod, static_cast<std::uint32_t>(kPeriod + 1'000), 0, samples};
}

void add_block(Recording& recording, std::uint64_t number, const media::PlayedBlock& block) {
  std::array<std::byte, sizeof block> bytes{};
  std::memcpy(bytes.data(), &block, sizeof block);
  for (std::uint16_t part = 0; part < abi::kRecordedParts; ++part) {
    Event event{number, Kind::block, part, kProgramBit | kDriver, {}};
    std::memcpy(event.values.data(), bytes.data() + part * abi::kRecordedPartBytes, abi::kRecordedPartBytes);
    recording.blocks.push_back(event);
  }
}

void add_xrun(Recording& recording, std::uint32_t program, std::uint64_t cycle, schema::XrunKind kind, schema::XrunCause cause) {
  const schema::Xrun::Value value{.cycle = cycle, .kind = kind, .cause = cause, .dropped = 0};
  Event event{kStart + cycle * kPeriod + 7'000, Kind::user, 1, user_source(kUserCodeXrun, program), {}};
  value.to_words(event.values.data());
  recording.events.push_back(event);
}

Event& job_event(Recording& recording, Task task, std::uint64_t index) {
  for (Event& event : recording.events) {
    if (event.kind == Kind::job && event.source == task_source(0, task) && Job::from_event(event).index == index) return event;
  }
  throw std::out_of_range("no such job");
}

void spoil(Recording& recording, std::uint64_t number) {
  for (Event& part : recording.blocks) {
    if (part.time_ns == number && part.cpu == 2) part.values[1] ^= 3;
  }
}

template <typename Change>
void change_job(Recording& recording, Task task, std::uint64_t index, Change&& change) {
  Event& event = job_event(recording, task, index);
  Job job = Job::from_event(event);
  change(job);
  event = job.to_event();
}

Recording recording() {
  Recording made;
  const auto file = tune();
  media::OfflineGraph graph(*media::parse_wav(file), true, filters());
  for (std::uint64_t k = 0; k <= kBlocks; ++k) {
    for (const Task task : {play, read_file, filter}) made.events.push_back(job_of(task, k).to_event());
    if (k > 0) add_block(made, k - 1, played(graph.next(), k - 1));
  }
  made.header.state = RunState::finished;
  made.header.islands_start_ns = kStart;
  made.header.now_ns = kStart + kBlocks * kPeriod + 500'000;
  made.header.cpus.resize(2);
  return made;
}

std::string reasons(const Result& result) {
  std::string text;
  for (const std::string& reason : result.reasons) text += reason + "\n";
  return text;
}

TEST(Media, PassesWhenEveryBlockIsTheOfflineRenders) {
  const Result result = analyse(recording(), inputs());
  EXPECT_TRUE(result.passed) << reasons(result);
  ASSERT_TRUE(result.media.has_value());
  EXPECT_EQ(result.media->blocks, kBlocks);
  EXPECT_TRUE(result.media->equal());
  EXPECT_EQ(result.media->samples.size(), kBlocks * media::kSamples);
  EXPECT_EQ(result.media->latency.max, kPeriod + 1'000);
  const auto json = nlohmann::json::parse(render_json(result));
  EXPECT_EQ(json["media"]["xruns"], 0);
  EXPECT_EQ(json["media"]["wav"]["equal"], true);
  EXPECT_EQ(json["media"]["path"], (std::vector<std::string>{"source", "tone", "driver"}));
  EXPECT_EQ(json["islands"][0]["chains"][0]["max_ns"], json["islands"][0]["chains"][0]["latency_ns"]["max"]);
  EXPECT_NE(render_html(result).find("The sound"), std::string::npos);
  EXPECT_NE(render_table(result).find("equal to the offline render"), std::string::npos);
}

TEST(Media, FindsTheFirstDifferentSample) {
  Recording made = recording();
  // One bit of a sample in block 120.
  made.blocks[120 * abi::kRecordedParts + 4].values[2] ^= 1;
  const Result result = analyse(made, inputs());
  EXPECT_FALSE(result.passed);
  EXPECT_EQ(result.media->different, 1u);
  EXPECT_EQ(result.media->first_different, 120u);
  EXPECT_NE(reasons(result).find("the first is block 120"), std::string::npos) << reasons(result);
  EXPECT_EQ(nlohmann::json::parse(render_json(result))["media"]["wav"]["first_different_frame"], 120 * 64);
}

TEST(Media, CountsBlocksThatWereNotRecorded) {
  Recording made = recording();
  std::erase_if(made.blocks, [](const Event& part) { return part.time_ns == 7 && part.cpu == 3; });
  std::erase_if(made.blocks, [](const Event& part) { return part.time_ns >= 198; });
  const Result result = analyse(made, inputs());
  EXPECT_FALSE(result.passed);
  EXPECT_EQ(result.media->missing, 3u);
  EXPECT_FALSE(result.media->equal());
}

TEST(Media, IsNotMovedByWhatNoDriverWrote) {
  Recording made = recording();
  for (const std::uint64_t number : {std::uint64_t{1} << 60, std::uint64_t{100'000}}) {
    made.blocks.push_back({number, Kind::block, 0, kProgramBit | kDriver, {}});
  }
  made.blocks.push_back({3, Kind::block, 60'000, kProgramBit | kDriver, {}});
  made.blocks.push_back({3, Kind::block, 3, kProgramBit | kTone, {1, 2, 3, 4, 5, 6}});
  EXPECT_TRUE(analyse(made, inputs()).passed);
}

TEST(Media, JudgesTheLatencyByTheAdmittedChain) {
  RunInputs late = inputs();
  late.media->chain_admitted_ns = kPeriod + 999;
  EXPECT_NE(reasons(analyse(recording(), late)).find("exceeds the admitted"), std::string::npos);
}

XrunItem only_xrun(const Recording& made) {
  const Result result = analyse(made, inputs());
  EXPECT_FALSE(result.passed);
  EXPECT_EQ(result.media->xruns.size(), 1u);
  return result.media->xruns.empty() ? XrunItem{} : result.media->xruns.front();
}

TEST(Media, FindsWhoIsToBlameForAnXrun) {
  using schema::XrunCause;
  using schema::XrunKind;
  const auto late = [](std::uint32_t node) {
    Recording made = recording();
    add_xrun(made, node, 50, XrunKind::underrun, XrunCause::upstream_late);
    return made;
  };
  XrunItem xrun = only_xrun(late(kDriver));
  EXPECT_EQ(xrun.node, "driver");
  EXPECT_EQ(xrun.culprit, "tone");
  EXPECT_EQ(xrun.cause, XrunCause::upstream_late);  // nothing is wrong with tone's job

  Recording made = late(kTone);
  change_job(made, read_file, 50, [](Job& job) { job.overran = job.abandoned = true; });
  xrun = only_xrun(made);
  EXPECT_EQ(xrun.culprit, "source");
  EXPECT_EQ(xrun.cause, XrunCause::budget_spent);

  made = late(kTone);
  change_job(made, read_file, 49, [](Job& job) { job.overran = job.abandoned = true; });  // the job before
  EXPECT_EQ(only_xrun(made).cause, XrunCause::budget_spent);

  made = late(kTone);
  change_job(made, read_file, 50, [](Job& job) {
    job.cause = Cause::preempted;
    job.by_whom = task_source(0, play);
  });
  xrun = only_xrun(made);
  EXPECT_EQ(xrun.cause, XrunCause::preempted);
  EXPECT_EQ(xrun.by_whom, "audio.play");

  made = late(kTone);
  change_job(made, read_file, 50, [](Job& job) { job.cause = Cause::ran_long; });
  EXPECT_EQ(only_xrun(made).cause, XrunCause::deadline_missed);

  made = late(kTone);
  std::erase_if(made.events, [](const Event& event) {
    return event.kind == Kind::job && event.source == task_source(0, read_file) && Job::from_event(event).index == 50;
  });
  EXPECT_EQ(only_xrun(made).cause, XrunCause::skipped);

  made = recording();
  add_xrun(made, kSource, 50, XrunKind::overrun, XrunCause::downstream_late);
  change_job(made, filter, 49, [](Job& job) { job.overran = true; });
  xrun = only_xrun(made);
  EXPECT_EQ(xrun.culprit, "tone");
  EXPECT_EQ(xrun.cause, XrunCause::budget_spent);

  // The block was made, and found no room since tone was slow: tone's own fault that it has none.
  add_xrun(made, kTone, 50, XrunKind::underrun, XrunCause::upstream_late);
  const Result both = analyse(made, inputs());
  ASSERT_EQ(both.media->xruns.size(), 2u);
  EXPECT_EQ(both.media->xruns[1].node, "tone");
  EXPECT_EQ(both.media->xruns[1].culprit, "tone");
  EXPECT_EQ(both.media->xruns[1].cause, XrunCause::budget_spent);

  made = recording();
  add_xrun(made, kTone, 50, XrunKind::underrun, XrunCause::upstream_gone);
  xrun = only_xrun(made);
  EXPECT_EQ(xrun.culprit, "source");
  EXPECT_EQ(xrun.cause, XrunCause::upstream_gone);
}

// Tone computes too long in cycles 80 to 89: nothing from it for the driver, and other samples for three blocks more.
Recording slow_recording() {
  Recording made = recording();
  for (std::uint64_t k = 80; k < 90; ++k) {
    change_job(made, filter, k, [](Job& job) { job.overran = job.abandoned = true; });
    made.events.push_back({kStart + k * kPeriod + 35'000, Kind::overrun, 1, task_source(0, filter), {k, 30'000, 0, 0, 0, 0}});
    add_xrun(made, kDriver, k, schema::XrunKind::underrun, schema::XrunCause::upstream_late);
    std::erase_if(made.blocks, [&](const Event& part) { return part.time_ns == k; });
    add_block(made, k, {.silent = 1});
  }
  for (std::uint64_t k = 90; k < 93; ++k) spoil(made, k);
  return made;
}

RunInputs slow_inputs() {
  RunInputs slow = inputs();
  slow.fault = FaultInput{"slow-node", "tone", 80 * kPeriod};
  return slow;
}

TEST(Media, ContainsASlowNode) {
  const Result result = analyse(slow_recording(), slow_inputs());
  EXPECT_TRUE(result.passed) << reasons(result);
  EXPECT_EQ(result.media->xruns.size(), 10u);
  EXPECT_EQ(result.media->silent, 10u);
  const auto json = nlohmann::json::parse(render_json(result));
  EXPECT_EQ(json["media"]["xruns_by_cause"]["budgetSpent"], 10);
  EXPECT_EQ(json["media"]["first_xruns"][0]["culprit"], "tone");
  EXPECT_EQ(json["media"]["wav"]["last_different_frame"], 93 * 64 - 1);
  EXPECT_EQ(json["fault"]["observed"], true);
  // The same without a fault that was asked for is no pass.
  EXPECT_FALSE(analyse(slow_recording(), inputs()).passed);
}

TEST(Media, DoesNotExcuseOthersByASlowNode) {
  Recording made = slow_recording();
  add_xrun(made, kTone, 150, schema::XrunKind::underrun, schema::XrunCause::upstream_late);
  EXPECT_NE(reasons(analyse(made, slow_inputs())).find("that the slow node does not explain"), std::string::npos);
  made = slow_recording();
  spoil(made, 195);  // never right again
  EXPECT_NE(reasons(analyse(made, slow_inputs())).find("still unequal"), std::string::npos);
}

}  // namespace
}  // namespace capos::report
