// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "capos/report/analyse.hpp"
#include "capos/report/render.hpp"
#include "synthetic.hpp"

namespace capos::report {
namespace {

using synthetic::demo_inputs;
using synthetic::demo_recording;
using synthetic::job_of;
using synthetic::kMs;

struct CauseCase {
  Cause cause;
  std::uint32_t by_whom;
  const char* reason;
};

class MissCauses : public ::testing::TestWithParam<CauseCase> {};

// The demo with control's job 5 late by 30 us.
Recording with_late_job(const CauseCase& given) {
  Recording recording = demo_recording(20);
  for (Event& event : recording.events) {
    if (event.kind != Kind::job || event.source != task_source(0, 1)) continue;
    Job job = Job::from_event(event);
    if (job.index != 5) continue;
    job.finish_ns = job.deadline_ns + 30'000;
    job.cause = given.cause;
    job.by_whom = given.by_whom;
    event = job.to_event();
  }
  return recording;
}

TEST_P(MissCauses, AreCountedAndNamed) {
  const Result result = analyse(with_late_job(GetParam()), demo_inputs());
  const TaskResult& control = result.islands[0].tasks[1];
  EXPECT_EQ(control.misses, 1u);
  ASSERT_EQ(control.miss_details.size(), 1u);
  EXPECT_EQ(control.miss_details[0].index, 5u);
  EXPECT_EQ(control.miss_details[0].late_by_ns, 30'000u);
  EXPECT_TRUE(control.miss_details[0].finished);
  EXPECT_EQ(control.miss_details[0].cause, GetParam().cause);
  EXPECT_EQ(control.misses_by_cause[static_cast<std::size_t>(GetParam().cause)], 1u);
  EXPECT_FALSE(result.passed);
  ASSERT_FALSE(result.reasons.empty());
  EXPECT_EQ(result.reasons[0], GetParam().reason);
  EXPECT_NE(verdict_line(result).find("FAIL: balance.control: 1 of 20 jobs missed"), std::string::npos);
}

INSTANTIATE_TEST_SUITE_P(
    Every, MissCauses,
    ::testing::Values(
        CauseCase{Cause::none, kNobody,
                  "balance.control: 1 of 20 jobs missed the deadline; the first, job 5: none, 30 us late"},
        CauseCase{
            Cause::budget_spent, kNobody,
            "balance.control: 1 of 20 jobs missed the deadline; the first, job 5: budget spent, 30 us late"},
        CauseCase{
            Cause::late_wakeup, kNobody,
            "balance.control: 1 of 20 jobs missed the deadline; the first, job 5: late wake-up, 30 us late"},
        CauseCase{Cause::preempted, 0,
                  "balance.control: 1 of 20 jobs missed the deadline; the first, job 5: preempted by "
                  "balance.simulate, 30 us late"},
        CauseCase{Cause::preempted, kProgramBit | 2,
                  "balance.control: 1 of 20 jobs missed the deadline; the first, job 5: preempted by plant, "
                  "30 us late"},
        CauseCase{
            Cause::ran_long, kNobody,
            "balance.control: 1 of 20 jobs missed the deadline; the first, job 5: ran long, 30 us late"},
        CauseCase{Cause::previous_job_late, kNobody,
                  "balance.control: 1 of 20 jobs missed the deadline; the first, job 5: previous job late, "
                  "30 us late"},
        CauseCase{Cause::input_late, kNobody,
                  "balance.control: 1 of 20 jobs missed the deadline; the first, job 5: input late, 30 us late"},
        CauseCase{Cause::no_input, kNobody,
                  "balance.control: 1 of 20 jobs missed the deadline; the first, job 5: no input, 30 us late"}));

Event miss_event(std::uint64_t index, Cause cause) {
  const Job job = job_of(1, index);
  return {job.deadline_ns,
          Kind::miss,
          1,
          task_source(0, 1),
          {job.deadline_ns, index, static_cast<std::uint64_t>(cause), task_source(0, 0), 0, 0}};
}

TEST(Misses, AreCountedOncePerJob) {
  Recording recording = with_late_job({Cause::preempted, 0, ""});
  recording.events.push_back(miss_event(5, Cause::late_wakeup));
  const Result result = analyse(recording, demo_inputs());
  const TaskResult& control = result.islands[0].tasks[1];
  EXPECT_EQ(control.misses, 1u);
  EXPECT_EQ(control.miss_details[0].cause, Cause::preempted) << "the job's own record knows best";
}

TEST(Misses, OfAJobThatNeverFinishedAreCounted) {
  Recording recording = demo_recording(20);
  std::erase_if(recording.events, [](const Event& event) {
    return event.kind == Kind::job && event.source == task_source(0, 1) && Job::from_event(event).index == 19;
  });
  recording.events.push_back(miss_event(19, Cause::late_wakeup));
  const Result result = analyse(recording, demo_inputs());
  const TaskResult& control = result.islands[0].tasks[1];
  EXPECT_EQ(control.jobs, 19u);
  EXPECT_EQ(control.misses, 1u);
  EXPECT_FALSE(control.miss_details[0].finished);
  EXPECT_EQ(control.miss_details[0].by_whom, "balance.simulate");
}

TEST(Misses, TellTheCauseInTheTimeline) {
  const Result result = analyse(with_late_job({Cause::preempted, 0, ""}), demo_inputs());
  const auto item = std::find_if(result.timeline.begin(), result.timeline.end(),
                                 [](const TimelineItem& i) { return i.what == "miss"; });
  ASSERT_NE(item, result.timeline.end());
  EXPECT_EQ(item->who, "balance.control");
  EXPECT_EQ(item->text, "deadline missed: preempted by balance.simulate");
  EXPECT_EQ(item->severity, Severity::bad);
}

TEST(Overruns, AreCountedOncePerJob) {
  Recording recording = demo_recording(20);
  for (Event& event : recording.events) {
    if (event.kind != Kind::job || event.source != task_source(0, 1)) continue;
    Job job = Job::from_event(event);
    job.overran = job.index == 3;
    event = job.to_event();
  }
  const std::uint64_t at = job_of(1, 3).release_ns + 500'000;
  recording.events.push_back({at, Kind::overrun, 1, task_source(0, 1), {3, 120'000, 0, 0, 0, 0}});
  const Result result = analyse(recording, demo_inputs());
  EXPECT_EQ(result.islands[0].tasks[1].overruns, 1u);
  EXPECT_EQ(result.islands[0].tasks[1].consumed_max_ns, 120'000u);
  EXPECT_FALSE(result.passed);
}

Event decision_event(std::uint64_t time, schema::ActuatorRefusal refusal, bool limited) {
  schema::ActuatorDecision::Value decision;
  decision.refusal = refusal;
  decision.limited = limited;
  Event event{time, Kind::user, 1, user_source(kUserCodeDecision, synthetic::kPlantProgram), {}};
  decision.to_words(event.values.data());
  return event;
}

TEST(Timeline, TellsWhatTheActuatorRefused) {
  Recording recording = demo_recording(10);
  const std::uint64_t start = synthetic::kStart;
  recording.events.push_back(decision_event(start + 1 * kMs, schema::ActuatorRefusal::none, false));
  recording.events.push_back(decision_event(start + 2 * kMs, schema::ActuatorRefusal::too_long, false));
  recording.events.push_back(decision_event(start + 3 * kMs, schema::ActuatorRefusal::none, true));
  std::vector<std::string> texts;
  for (const TimelineItem& item : analyse(recording, demo_inputs()).timeline) {
    if (item.what == "decision") texts.push_back(item.text);
  }
  EXPECT_EQ(texts, (std::vector<std::string>{"refused a command: tooLong",
                                             "limited a command to its greatest effort"}));
}

// After a controller has been replaced its task's jobs are still its task's; who runs them stands in the timeline.
TEST(Timeline, TellsWhoRunsATaskFromNowOn) {
  Recording recording = demo_recording(10);
  const auto add = [&](std::uint64_t ms, std::uint64_t program, std::uint64_t thread) {
    recording.events.push_back({synthetic::kStart + ms * kMs, Kind::binding, 1, task_source(0, 1), {program, thread, 0, 0, 0, 0}});
  };
  add(2, kNobody, 0);
  add(3, kProgramBit | synthetic::kPlantProgram, 0);
  add(4, kProgramBit | synthetic::kControllerProgram, 2);
  const Result result = analyse(recording, demo_inputs());
  std::vector<std::string> texts;
  for (const TimelineItem& item : result.timeline) {
    if (item.what == "binding") texts.push_back(item.who + " " + item.text);
  }
  EXPECT_EQ(texts, (std::vector<std::string>{"balance.control no thread runs on its context any more", "balance.control runs in plant from now on",
                                             "balance.control runs in thread 2 of controller from now on"}));
  EXPECT_EQ(result.islands[0].tasks[1].jobs, 10u);
}

TEST(Timeline, GathersWhatRepeats) {
  Recording recording = demo_recording(600);
  for (std::uint64_t k = 0; k < 500; ++k) {
    recording.events.push_back(
        {synthetic::kStart + k * kMs, Kind::overrun, 1, task_source(0, 1), {k, 120'000, 0, 0, 0, 0}});
  }
  const Result result = analyse(recording, demo_inputs());
  const auto item = std::find_if(result.timeline.begin(), result.timeline.end(),
                                 [](const TimelineItem& i) { return i.what == "overrun"; });
  ASSERT_NE(item, result.timeline.end());
  EXPECT_EQ(item->count, 500u);
  EXPECT_EQ(item->until_ns, synthetic::kStart + 499 * kMs);
}

TEST(Timeline, KeepsWhatMattersWhenItIsCut) {
  Recording recording = demo_recording(10);
  for (std::uint64_t i = 0; i < 1000; ++i) {
    recording.events.push_back({synthetic::kStart + i * 100 * kMs, Kind::island, 0, 0, {1, 0, 0, 0, 0, 0}});
  }
  recording.events.push_back({synthetic::kStart + kMs, Kind::fault, 0, kProgramBit | 2, {13, 0, 1, 0, 0, 0}});
  const Result result = analyse(recording, demo_inputs());
  EXPECT_EQ(result.timeline.size(), kMaxTimeline);
  EXPECT_GT(result.timeline_left_out, 500u);
  EXPECT_TRUE(std::any_of(result.timeline.begin(), result.timeline.end(), [](const TimelineItem& item) {
    return item.what == "fault" && item.who == "plant";
  }));
}

}  // namespace
}  // namespace capos::report
