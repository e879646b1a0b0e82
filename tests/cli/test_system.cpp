// SPDX-License-Identifier: Apache-2.0
// What the other verbs promise of the booted system.
#include <gtest/gtest.h>

#include <algorithm>
#include <map>

#include "support/files.hpp"
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
  for (const char* manifest : {"configs/examples/minimal.capnp", "configs/examples/two-rate.capnp", "configs/examples/edf.capnp",
                               "configs/examples/triggered.capnp"}) {
    const SystemRun run = run_command({"run", manifest, "--accel", "tcg", "--seconds", "0.5"}, "run");
    EXPECT_TRUE(run.process.state.exited(0)) << manifest << ": " << run.text();
  }
}

// A desk's answers while an island runs; and init starts a service again that has ended, as often as it may.
TEST(Run, HasAPolicyServiceAndStartsServicesAgain) {
  auto text = read_text(CAPOS_SOURCE_DIR "/configs/examples/policy.capnp").value();
  const std::string first = "(name = \"first\", binary = \"load\", ";
  ASSERT_NE(text.find(first), std::string::npos);
  // Without its configuration it ends at once.
  text.insert(text.find(first), "(name = \"flaky\", binary = \"load\", restarts = 2, grants = [(name = \"console\", kernel = console)]),\n      ");
  const auto scratch = TemporaryDirectory::make();
  ASSERT_TRUE(scratch.has_value());
  const std::string manifest = (scratch->path() / "policy.capnp").string();
  ASSERT_TRUE(write_text(manifest, text).has_value());
  const SystemRun run = run_command({"run", manifest, "--accel", "tcg", "--seconds", "0.1"}, "run");
  ASSERT_TRUE(run.process.state.exited(0)) << run.text();
  for (const char* line : {"policy-ask: weight 400 instead of 100: done", "policy-ask: CPU 1 free of best effort: taken",
                           "policy-ask: CPU 2 free of best effort: done"}) {
    EXPECT_NE(run.console.find(line), std::string::npos) << line << " is not in\n" << run.console;
  }
  std::size_t starts = 0;
  for (std::size_t at = 0; (at = run.console.find("panic: load", at)) != std::string::npos; ++at) ++starts;
  EXPECT_EQ(starts, 3u) << run.console;
}

// A look from another process while the machine runs; when it has ended, nothing runs.
TEST(Top, ShowsARunWhileItRuns) {
  const auto scratch = TemporaryDirectory::make();
  ASSERT_TRUE(scratch.has_value());
  SpawnOptions options;
  options.directory = CAPOS_SOURCE_DIR;
  options.environment = {{"CAPOS_ROOT", CAPOS_SOURCE_DIR}, {"CAPOS_OUT", scratch->path().string()}};
  const auto look = [&] { return capture({CAPOS_COMMAND, "top", "--interval", "0.3", "--json"}, std::chrono::minutes(1), options); };
  SpawnOptions silent = options;
  silent.stdout_file = silent.stderr_file = "/dev/null";
  auto machine = Process::start({CAPOS_COMMAND, "run", "configs/examples/two-rate.capnp", "--accel", "tcg", "--seconds", "600"}, silent);
  ASSERT_TRUE(machine.has_value());
  json seen;
  for (int tries = 0; tries < 100 && (!seen.contains("tasks") || seen["tasks"].empty() || seen["tasks"][0]["new_jobs"] == 0); ++tries) {
    if (machine->wait_for(std::chrono::milliseconds(200))) break;
    const auto run = look();
    if (run && run->state.exited(0)) seen = json::parse(run->out, nullptr, false);
  }
  EXPECT_FALSE(machine->wait_for(std::chrono::milliseconds(0)).has_value());  // it went on
  EXPECT_EQ(seen["state"], "running") << seen;
  for (const auto& task : seen["tasks"]) {
    EXPECT_GT(task["jobs"], 0) << task;
    EXPECT_GE(task["jobs"], task["new_jobs"]) << task;
    EXPECT_GT(task["response_max_ns"], 0) << task;
    EXPECT_NE(task["name"], "") << task;
  }
  EXPECT_GT(seen["window_ns"], 0);
  // Each program has a ring, and init has called by its own.
  EXPECT_EQ(seen["rings_hidden"], "");
  std::map<std::string, json> rings;
  for (const auto& ring : seen["rings"]) rings[ring["program"].get<std::string>()] = ring;
  for (const char* program : {"init", "admission", "telemetry"}) {
    ASSERT_TRUE(rings.contains(program)) << program << " is not in " << seen["rings"];
    EXPECT_EQ(rings[program]["entries"], 16) << program;
    EXPECT_GT(rings[program]["submitted"], 0) << program;
    EXPECT_EQ(rings[program]["thread"], 0) << program;
  }
  EXPECT_GT(rings["init"]["completed"], 10);
  EXPECT_EQ(seen["channel"]["dropped"], 0);
  machine->end();
  const auto after = look();
  ASSERT_TRUE(after.has_value());
  EXPECT_TRUE(after->state.exited(1)) << after->out;
  EXPECT_NE(after->err.find("nothing runs"), std::string::npos) << after->err;
}

TEST(Trace, WritesATimelineOfTheRun) {
  const auto scratch = TemporaryDirectory::make();
  ASSERT_TRUE(scratch.has_value());
  const auto file = scratch->path() / "demo.pftrace";
  const SystemRun run = run_command({"trace", "configs/demo.capnp", "-o", file.string(), "--seconds", "0.1", "--load", "none",
                                     "--cpus", "1", "--accel", "tcg", "--json"},
                                    "trace");
  ASSERT_TRUE(run.process.state.exited(0)) << run.text();
  const json told = json::parse(run.process.out, nullptr, false);
  ASSERT_TRUE(told.is_object()) << run.process.out;
  EXPECT_EQ(told["file"], file.string());
  EXPECT_GE(told["events"], 200);  // two tasks at 1 kHz
  EXPECT_EQ(told["dropped_events"], 0);
  EXPECT_EQ(told["verdict"], "pass");
  EXPECT_GE(told["switches"], 400);  // to each job and from it
  EXPECT_GE(told["lent"], 100);      // control calls the actuator's guard
  EXPECT_EQ(told["bytes"], std::filesystem::file_size(file));
}

// Two runs of one build differ in nothing, and the history holds both.
TEST(BenchAll, IsKeptAndComparedToTheInstruction) {
  const auto scratch = TemporaryDirectory::make();
  ASSERT_TRUE(scratch.has_value());
  SpawnOptions options;
  options.directory = CAPOS_SOURCE_DIR;
  options.environment = {{"CAPOS_ROOT", CAPOS_SOURCE_DIR}, {"CAPOS_OUT", scratch->path().string()}};
  const auto call = [&](std::vector<std::string> words) {
    words.insert(words.begin(), CAPOS_COMMAND);
    return capture(words, std::chrono::minutes(10), options).value_or(Captured{});
  };
  // The same suites, named in both ways.
  for (const std::vector<std::string>& which : {std::vector<std::string>{"--without", "linux", "--without", "host", "--without", "sched"},
                                                {"--only", "ipc", "--only", "wakeup", "--only", "noise", "--only", "boot"}}) {
    std::vector<std::string> words{"bench", "--samples", "20"};
    words.insert(words.end(), which.begin(), which.end());
    const Captured run = call(words);
    ASSERT_TRUE(run.state.exited(0)) << run.out << run.err;
  }
  const Captured compared = call({"bench", "compare", "last~1", "last", "--json"});
  ASSERT_TRUE(compared.state.exited(0)) << compared.err;
  const json rows = json::parse(compared.out, nullptr, false);
  ASSERT_TRUE(rows.is_array()) << compared.out;
  for (const char* const name : {"ipc.null_syscall", "noise.CPU 1, leased, one task that computes", "boot.boot kernel"}) {
    EXPECT_TRUE(std::ranges::any_of(rows, [name](const json& row) { return row["name"] == name; })) << name << " is not in " << rows;
  }
  for (const auto& row : rows) {
    EXPECT_EQ(row["moved"], false) << row;
    EXPECT_FALSE(row["median_before"].is_null() || row["median_after"].is_null()) << row;
  }
  EXPECT_TRUE(call({"bench", "--only", "ipc", "--without", "boot"}).state.exited(1));
  EXPECT_TRUE(call({"bench", "compare", "1", "3"}).state.exited(1));
}

TEST(Gdb, StopsAtTheKernelsEntry) {
  const SystemRun run = run_command({"gdb", "--batch", "--ex", "info program"}, "gdb");
  if (run.process.err.find("cannot run gdb") != std::string::npos) GTEST_SKIP() << "gdb is not installed";
  EXPECT_TRUE(run.process.state.exited(0)) << run.text();
  EXPECT_NE(run.process.out.find("kernel_main"), std::string::npos) << run.text();
}

// At the end of a task's first job: what the printers make of contexts, queues, threads, tables and rings.
TEST(Gdb, ShowsContextsThreadsTablesAndRings) {
  std::vector<std::string> words{"gdb", "configs/examples/minimal.capnp", "--batch"};
  for (const char* command : {"hbreak capos::kernel::end_job", "continue", "set language c++", "print context",
                              "print *context.thread", "print $capos_cpu().id", "print $capos_cpu().scheduler.ready_",
                              "print context.thread->process.capabilities_",
                              "print *(capos::abi::RingHeader*)context.thread->ring_address_"}) {
    words.insert(words.end(), {"--ex", command});
  }
  const SystemRun run = run_command(words, "gdb");
  if (run.process.err.find("cannot run gdb") != std::string::npos) GTEST_SKIP() << "gdb is not installed";
  for (const char* shown : {"context: 50 000 ns of each 1/100 s (100 Hz), Priority ", " refills: ",
                            "thread 0 of process 2, CPU 1, await_release, on a context", "= CpuId 1", "= 0 ready",
                            " slots = {slot 1 = interface 0x", "ring: 0 of 16 entries submitted and not taken"}) {
    EXPECT_NE(run.process.out.find(shown), std::string::npos) << shown << "\n" << run.text();
  }
}

}  // namespace
}  // namespace capos::cli
