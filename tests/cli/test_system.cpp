// SPDX-License-Identifier: Apache-2.0
// What the other verbs promise of the booted system.
#include <gtest/gtest.h>

#include "system.hpp"

namespace capos::cli {
namespace {

using nlohmann::json;

constexpr std::uint64_t kMostMedian = 900;
constexpr std::uint64_t kMostMaximum = 1500;

TEST(BenchWakeup, StaysBelowItsBudgetUnderLoad) {
  const SystemRun run =
      run_command({"bench", "wakeup", "--samples", "2000", "--json", "-"}, "bench-wakeup-all");
  ASSERT_TRUE(run.process.state.exited(0)) << run.text();
  const json lines = json::parse(run.process.out, nullptr, false);
  ASSERT_EQ(lines.size(), 2u) << run.process.out;
  EXPECT_EQ(lines[0]["name"], "release_idle");
  EXPECT_EQ(lines[1]["name"], "release_loaded");
  for (const auto& line : lines) {
    EXPECT_EQ(line["samples"], 2000);
    EXPECT_LE(line["p50"], kMostMedian) << line;
    EXPECT_LE(line["max"], kMostMaximum) << line;
    EXPECT_GT(line["min"], 0) << line;
  }
}

TEST(Refusal, OfTheGuestHasTheSameReason) {
  const char* const manifest = "configs/examples/too-much.capnp";
  const json host = json::parse(run_command({"admit", manifest, "--json"}, "-").process.out, nullptr, false);
  ASSERT_EQ(host["verdict"], "refused");
  const std::string reason = host["islands"][0]["refusal"];
  const SystemRun run = run_command({"run", manifest, "--force", "--accel", "tcg", "--seconds", "1"}, "run");
  EXPECT_TRUE(run.process.state.exited(1)) << run.text();
  EXPECT_NE(run.console.find(reason), std::string::npos) << run.text();
}

TEST(Run, BootsTheExamples) {
  for (const char* manifest : {"configs/examples/minimal.capnp", "configs/examples/two-rate.capnp"}) {
    const SystemRun run = run_command({"run", manifest, "--accel", "tcg", "--seconds", "1"}, "run");
    EXPECT_TRUE(run.process.state.exited(0)) << manifest << ": " << run.text();
  }
}

TEST(Gdb, StopsAtTheKernelsEntry) {
  const SystemRun run = run_command({"gdb", "--batch", "--ex", "info program"}, "gdb");
  if (run.process.err.find("cannot run gdb") != std::string::npos) GTEST_SKIP() << "gdb is not installed";
  EXPECT_TRUE(run.process.state.exited(0)) << run.text();
  EXPECT_NE(run.process.out.find("kernel_main"), std::string::npos) << run.text();
}

}  // namespace
}  // namespace capos::cli
