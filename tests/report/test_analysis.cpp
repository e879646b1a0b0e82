// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <bit>
#include <cmath>

#include "capos/report/analyse.hpp"
#include "capos/report/render.hpp"
#include "synthetic.hpp"

namespace capos::report {
namespace {

using synthetic::demo_inputs;
using synthetic::demo_recording;
using synthetic::job_of;
using synthetic::kMs;
using synthetic::kStart;

TEST(Analysis, FindsTheKnownStatistics) {
  const Result result = analyse(demo_recording(1000), demo_inputs());
  ASSERT_EQ(result.islands.size(), 1u);
  const TaskResult& simulate = result.islands[0].tasks[0];
  EXPECT_EQ(simulate.jobs, 1000u);
  EXPECT_EQ(simulate.expected_jobs, 1000u);
  EXPECT_EQ(simulate.missing_jobs, 0u);
  EXPECT_EQ(simulate.misses, 0u);
  EXPECT_EQ(simulate.overruns, 0u);
  // Response 40 000 + 10 * (k % 100), wake-up 1 000 + k.
  EXPECT_EQ(simulate.response.min, 40'000u);
  EXPECT_EQ(simulate.response.p50, 40'490u);
  EXPECT_EQ(simulate.response.p99, 40'980u);
  EXPECT_EQ(simulate.response.max, 40'990u);
  EXPECT_EQ(simulate.wakeup.min, 1'000u);
  EXPECT_EQ(simulate.wakeup.p50, 1'499u);
  EXPECT_EQ(simulate.wakeup.max, 1'999u);
  EXPECT_EQ(simulate.consumed_max_ns, 38'990u);
  const TaskResult& control = result.islands[0].tasks[1];
  EXPECT_EQ(control.response.max, 101'980u);
  EXPECT_TRUE(result.passed) << verdict_line(result);
}

TEST(Analysis, DoesNotDependOnTheOrderOfDraining) {
  Recording shuffled = demo_recording(50);
  std::stable_sort(shuffled.events.begin(), shuffled.events.end(),
                   [](const Event& a, const Event& b) { return a.source < b.source; });
  EXPECT_EQ(render_json(analyse(shuffled, demo_inputs())),
            render_json(analyse(demo_recording(50), demo_inputs())));
}

TEST(Analysis, CountsInterruptsOfTheIsolatedCpuByCause) {
  const Result result = analyse(demo_recording(100), demo_inputs());
  ASSERT_EQ(result.isolated_cpus.size(), 1u);
  const IsolatedCpu& cpu = result.isolated_cpus[0];
  EXPECT_EQ(cpu.cpu, 1u);
  EXPECT_EQ(cpu.interrupts[0], 100u);
  EXPECT_EQ(cpu.interrupts[5], 2u);
  EXPECT_EQ(cpu.total, 102u);
  EXPECT_EQ(cpu.jobs, 200u);
}

TEST(Analysis, MeasuresTheAgeOfDataThroughAChain) {
  Recording recording = demo_recording(10);
  const Result in_step = analyse(recording, demo_inputs());
  ASSERT_TRUE(in_step.islands[0].chains[0].latency.has_value());
  // Control works on what simulate finished in the same period.
  EXPECT_EQ(in_step.islands[0].chains[0].latency->max, 100'180u);

  // A control job that starts before simulate of its period has finished works on the data before.
  recording.events.clear();
  for (std::uint64_t k = 0; k < 10; ++k) {
    recording.events.push_back(job_of(0, k).to_event());
    Job early = job_of(1, k);
    early.start_ns = early.release_ns + 10'000;
    recording.events.push_back(early.to_event());
  }
  const Result out_of_step = analyse(recording, demo_inputs());
  ASSERT_TRUE(out_of_step.islands[0].chains[0].latency.has_value());
  EXPECT_EQ(out_of_step.islands[0].chains[0].latency->samples, 9u);
  EXPECT_EQ(out_of_step.islands[0].chains[0].latency->max, kMs + 100'180u);
}

TEST(Analysis, FollowsThePendulum) {
  const Result result = analyse(demo_recording(3000), demo_inputs());
  ASSERT_TRUE(result.pendulum.has_value());
  EXPECT_EQ(result.pendulum->points.size(), 3000u);
  EXPECT_NEAR(result.pendulum->max_abs_angle, 0.05, 1e-3);
  EXPECT_FALSE(result.pendulum->fell);
  EXPECT_TRUE(result.pendulum->settled);
  ASSERT_EQ(result.pendulum->drive_changes.size(), 1u);
  EXPECT_EQ(result.pendulum->drive_changes[0].to, DriveState::driving);
  EXPECT_FALSE(analyse(demo_recording(1000), demo_inputs()).pendulum->settled);
}

Recording with_angle(double angle) {
  Recording recording = demo_recording(100);
  for (Event& event : recording.events) {
    if (event.kind == Kind::user && event.time_ns > kStart + 50 * kMs) {
      event.values[2] = std::bit_cast<std::uint64_t>(angle);
    }
  }
  return recording;
}

TEST(Analysis, TellsAFallenPendulum) {
  EXPECT_FALSE(analyse(with_angle(0.499), demo_inputs()).pendulum->fell);
  const Result fallen = analyse(with_angle(-0.501), demo_inputs());
  EXPECT_TRUE(fallen.pendulum->fell);
  ASSERT_TRUE(fallen.pendulum->fell_at_ns.has_value());
  EXPECT_NEAR(static_cast<double>(*fallen.pendulum->fell_at_ns), 50e6, 1e6);
  EXPECT_FALSE(fallen.passed);
  EXPECT_TRUE(analyse(with_angle(std::nan("")), demo_inputs()).pendulum->fell);
}

TEST(Analysis, IgnoresSamplesOfOtherPrograms) {
  Recording recording = demo_recording(10);
  for (Event& event : recording.events) {
    if (event.kind == Kind::user) event.source = user_source(kUserCodePlant, 9);
  }
  EXPECT_TRUE(analyse(recording, demo_inputs()).pendulum->points.empty());
  RunInputs anyone = demo_inputs();
  anyone.pendulum->service = "";
  EXPECT_EQ(analyse(recording, anyone).pendulum->points.size(), 10u);
}

TEST(Analysis, CountsBootWorkWithoutCalibration) {
  const Result result = analyse(demo_recording(1), demo_inputs());
  EXPECT_EQ(result.boot.work_ticks(), 12'300'000u - 100'000u - 10'000'000u);
  Recording headless = demo_recording(1);
  headless.events.erase(headless.events.begin());
  EXPECT_FALSE(analyse(headless, demo_inputs()).boot.work_ticks().has_value());
}

TEST(Analysis, CollectsTheWakeupBenchsSamples) {
  Recording recording;
  for (std::uint64_t i = 1; i <= 4; ++i) {
    recording.events.push_back({i, Kind::user, 0, user_source(kUserCodeWakeup, 5), {100 * i, 0, 0, 0, 0, 0}});
    recording.events.push_back({i, Kind::user, 0, user_source(7, 5), {1, 0, 0, 0, 0, 0}});
  }
  EXPECT_EQ(user_values(recording, kUserCodeWakeup), (std::vector<std::uint64_t>{100, 200, 300, 400}));
}

TEST(Event, KeepsAJobsRecord) {
  Job job = job_of(1, 77);
  job.overran = true;
  job.abandoned = true;
  job.cause = Cause::preempted;
  job.preemptions = 0xdeadbeef;
  job.by_whom = task_source(3, 9);
  const Job back = Job::from_event(Event::from_words(job.to_event().to_words()));
  EXPECT_EQ(back.index, 77u);
  EXPECT_EQ(back.release_ns, job.release_ns);
  EXPECT_EQ(back.start_ns, job.start_ns);
  EXPECT_EQ(back.finish_ns, job.finish_ns);
  EXPECT_EQ(back.deadline_ns, job.deadline_ns);
  EXPECT_EQ(back.consumed_ns, job.consumed_ns);
  EXPECT_EQ(back.cause, Cause::preempted);
  EXPECT_EQ(back.preemptions, 0xdeadbeef);
  EXPECT_EQ(back.by_whom, task_source(3, 9));
  EXPECT_TRUE(back.overran);
  EXPECT_TRUE(back.abandoned);
}

}  // namespace
}  // namespace capos::report
