// SPDX-License-Identifier: Apache-2.0
// The demo keeps what was admitted, under every load, and shows the same each time.
#include <gtest/gtest.h>

#include <iostream>
#include <string>

#include "system.hpp"

namespace capos::cli {
namespace {

using nlohmann::json;

constexpr std::uint64_t kMostQuantum = 2000;
constexpr std::uint64_t kMostBootWork = 5'000'000;

// Two CPUs under full load, past the first push, once for all tests that look at it: half a minute for a second.
constexpr int kFullSeconds = 4;
const SystemRun& full_run() {
  static const SystemRun run = run_demo({"--seconds", std::to_string(kFullSeconds)});
  return run;
}

// The same on one CPU, where no quantum is needed, as long as ./capos demo takes: past all pushes.
const SystemRun& one_cpu_run() {
  static const SystemRun run = run_demo({"--seconds", "10", "--cpus", "1"});
  return run;
}

TEST(Demo, PassesUnderFullLoad) {
  const SystemRun& run = full_run();
  EXPECT_TRUE(run.process.state.exited(0)) << run.text();
  ASSERT_TRUE(run.result.is_object()) << run.text();
  EXPECT_EQ(run.result["verdict"], "pass");
  EXPECT_EQ(run.result["dropped_events"], 0);
}

TEST(Demo, KeepsEveryDeadlineWithinItsBound) {
  for (const char* name : {"simulate", "control"}) {
    const json task = task_of(full_run().result, name);
    ASSERT_TRUE(task.is_object()) << full_run().text();
    EXPECT_GE(task["jobs"], 1000 * kFullSeconds - 10) << name;
    EXPECT_EQ(task["misses"], 0) << name;
    EXPECT_EQ(task["overruns"], 0) << name;
    EXPECT_LE(task["response_ns"]["max"], task["response_bound_ns"]) << name;
    EXPECT_LE(task["response_bound_ns"], task["deadline_ns"]) << name;
  }
}

TEST(Demo, KeepsThePendulumUpThroughThePushes) {
  for (const SystemRun* run : {&full_run(), &one_cpu_run()}) {
    ASSERT_TRUE(run->result.is_object()) << run->text();
    const json control = run->result["control"];
    EXPECT_EQ(control["fell"], false);
    EXPECT_GT(control["max_abs_angle_rad"], 0.04);  // it starts at 0.05: it was there
  }
  EXPECT_EQ(one_cpu_run().result["control"]["settled"], true);  // the shorter run ends too soon after its push
}

TEST(Demo, StatesASmallQuantumAndAShortBoot) {
  ASSERT_TRUE(full_run().result.is_object()) << full_run().text();
  EXPECT_LE(full_run().result["machine"]["quantum_ns"], kMostQuantum);
  EXPECT_EQ(full_run().result["machine"]["accel"], "tcg");
  EXPECT_LE(full_run().result["boot"]["work_ticks"], kMostBootWork);
}

TEST(Demo, WakesOnTwoCpusNoLaterThanAQuantumAfterOneCpu) {
  for (const char* name : {"simulate", "control"}) {
    const json two = task_of(full_run().result, name);
    const json one = task_of(one_cpu_run().result, name);
    ASSERT_TRUE(two.is_object() && one.is_object()) << full_run().text() << one_cpu_run().text();
    const std::int64_t later =
        two["wakeup_ns"]["max"].get<std::int64_t>() - one["wakeup_ns"]["max"].get<std::int64_t>();
    std::cout << name << ": longest wake-up " << two["wakeup_ns"]["max"] << " ns, " << later
              << " ns after one CPU's\n";
    EXPECT_LE(later, full_run().result["machine"]["quantum_ns"].get<std::int64_t>()) << name;
  }
}

TEST(Demo, LoadChangesTheControllersWorstResponseByLessThanAFifth) {
  const SystemRun idle = run_demo({"--seconds", "3", "--load", "none"});
  const SystemRun& loaded = full_run();  // --load all
  const json before = task_of(idle.result, "control");
  const json after = task_of(loaded.result, "control");
  ASSERT_TRUE(before.is_object() && after.is_object()) << idle.text() << loaded.text();
  const double none = before["response_ns"]["max"];
  const double all = after["response_ns"]["max"];
  EXPECT_LT(all, none * 1.2);
  EXPECT_GT(all, none * 0.8);
}

TEST(Demo, RepeatsToTheDigit) {
  SystemRun first = run_demo({"--seconds", "0.5"});
  SystemRun second = run_demo({"--seconds", "0.5"});
  ASSERT_TRUE(first.result.is_object()) << first.text();
  ASSERT_TRUE(second.result.is_object()) << second.text();
  first.result.erase("host");
  second.result.erase("host");
  EXPECT_EQ(first.result.dump(), second.result.dump());
}

TEST(Demo, RunsOnOneAndOnFourCpus) {
  EXPECT_TRUE(one_cpu_run().process.state.exited(0)) << one_cpu_run().text();
  const SystemRun four = run_demo({"--seconds", "1", "--cpus", "4"});
  EXPECT_TRUE(four.process.state.exited(0)) << four.text();
}

class DemoFault : public testing::TestWithParam<const char*> {};

TEST_P(DemoFault, IsContained) {
  const SystemRun run = run_demo({"--seconds", "1.5", "--fault", GetParam()});
  EXPECT_TRUE(run.process.state.exited(0)) << run.text();
  ASSERT_TRUE(run.result.contains("fault")) << run.text();
  const json fault = run.result["fault"];
  EXPECT_EQ(fault["observed"], true);
  EXPECT_EQ(fault["budget_enforced"], true);
  EXPECT_EQ(fault["others_unharmed"], true);
  EXPECT_EQ(fault["safe_state_reached"], true);
  EXPECT_LE(fault["safe_after_ns"], fault["safe_limit_ns"]);
  EXPECT_EQ(task_of(run.result, "simulate")["misses"], 0);
}

INSTANTIATE_TEST_SUITE_P(Kinds, DemoFault, testing::Values("controller-hang", "controller-crash"),
                         [](const auto& given) { return std::string(given.param).substr(11); });

}  // namespace
}  // namespace capos::cli
