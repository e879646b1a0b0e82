// SPDX-License-Identifier: Apache-2.0
// ./capos bench linux as a person calls it: both systems give samples, and what is cut short is told all the same.
#include <gtest/gtest.h>

#include <algorithm>
#include <csignal>
#include <nlohmann/json.hpp>

#include "support/files.hpp"
#include "support/process.hpp"
#include "support/temporary.hpp"

namespace capos::cli {
namespace {

using nlohmann::json;
namespace fs = std::filesystem;

constexpr unsigned kSamples = 200;

struct Place {
  TemporaryDirectory scratch;
  SpawnOptions options;
  [[nodiscard]] fs::path out() const { return scratch.path() / "bench" / "linux"; }
};

Place make_place() {
  auto scratch = TemporaryDirectory::make();
  EXPECT_TRUE(scratch.has_value());
  Place place{std::move(*scratch), {}};
  place.options.directory = CAPOS_SOURCE_DIR;
  place.options.environment = {{"CAPOS_ROOT", CAPOS_SOURCE_DIR}, {"CAPOS_OUT", place.scratch.path().string()}};
  return place;
}

void expect_row(const json& row, const std::string& system, const std::string& load) {
  EXPECT_EQ(row["system"], system);
  EXPECT_EQ(row["options"], "default");
  EXPECT_EQ(row["load"], load);
  EXPECT_EQ(row["unit"], "instructions");
  EXPECT_EQ(row["samples"], kSamples);
  EXPECT_EQ(row["overflow"], 0);
  EXPECT_GT(row["min"], 100);
  EXPECT_LE(row["min"], row["p50"]);
  EXPECT_LE(row["p50"], row["p99"]);
  EXPECT_LE(row["p99"], row["p999"]);
  EXPECT_LE(row["p999"], row["max"]);
  EXPECT_LT(row["max"], 100'000);
}

// Every operation of Linux was measured, and both systems' boots.
void expect_operations(const json& rows, std::size_t from) {
  std::vector<std::string> seen;
  for (std::size_t i = from; i < rows.size(); ++i) {
    const auto& row = rows[i];
    seen.push_back(row.value("system", "") + " " + row.value("operation", ""));
    EXPECT_GT(row["min"], 100) << row;
    if (row["operation"] != "boot") {
      EXPECT_EQ(row["samples"], kSamples) << row;
      EXPECT_LT(row["p50"], 100'000) << row;
    }
  }
  for (const char* const name : {"linux getppid", "linux futex", "linux eventfd", "linux pipe", "linux message_queue", "linux futex_to_urgent",
                                 "linux uring_nop_1", "linux uring_nop_8", "linux uring_nop_32", "linux uring_nop_256", "linux uring_message_1",
                                 "linux uring_message_32", "linux boot", "capos boot"}) {
    EXPECT_EQ(std::ranges::count(seen, name), 1) << name;
  }
}

TEST(BenchLinux, MeasuresBothSystemsInTurns) {
  const Place place = make_place();
  const auto run = capture({CAPOS_COMMAND, "bench", "linux", "--accel", "tcg", "--samples", std::to_string(kSamples), "--rounds", "1", "--options",
                            "default", "--load", "ipc", "--json", "-"}, std::chrono::minutes(15), place.options);
  ASSERT_TRUE(run && run->state.exited(0)) << (run ? run->err : run.error().cause);
  const auto rows = json::parse(run->out, nullptr, false);
  ASSERT_GT(rows.size(), 4U) << run->out;
  expect_row(rows[0], "capos", "none");
  expect_row(rows[1], "linux", "none");
  expect_row(rows[2], "capos", "ipc");
  expect_row(rows[3], "linux", "ipc");
  expect_operations(rows, 4);
  EXPECT_LT(rows[0]["max"], rows[1]["min"]);
  EXPECT_LT(rows[2]["max"], rows[3]["min"]);
  for (const char* const file : {"report.html", "comparison.json", "commands.txt", "capos-default-ipc-1/cyclictest.json", "linux-default-ipc-1/cyclictest.json",
                                 "linux-default-round-trips/round_trips.json"}) {
    EXPECT_TRUE(fs::exists(place.out() / file)) << file;
  }
  EXPECT_NE(read_text(place.out() / "report.html").value_or("").find("PREEMPT_RT"), std::string::npos);
}

// On the host's clock, pinned, with what the host itself shows: the way that KVM takes, in emulation.
TEST(BenchLinux, MeasuresInRealTime) {
  constexpr unsigned kFew = 20;
  const Place place = make_place();
  const auto run = capture({CAPOS_COMMAND, "bench", "linux", "--accel", "tcg-real-time", "--part", "wakeups", "--samples", std::to_string(kFew), "--rounds", "1",
                            "--options", "default", "--load", "none", "--json", "-"}, std::chrono::minutes(15), place.options);
  ASSERT_TRUE(run && run->state.exited(0)) << (run ? run->err : run.error().cause);
  const auto rows = json::parse(run->out, nullptr, false);
  std::vector<std::string> systems;
  for (const auto& row : rows) {
    systems.push_back(row.value("system", ""));
    EXPECT_EQ(row["unit"], "ns") << row;
    EXPECT_EQ(row["samples"], kFew) << row;
    EXPECT_GT(row["max"], 100) << row;
  }
  std::erase(systems, "host");  // absent where cyclictest may not use realtime priorities
  EXPECT_EQ(systems, (std::vector<std::string>{"capos", "linux"})) << run->out;
  const auto commands = read_text(place.out() / "commands.txt").value_or("");
  EXPECT_NE(commands.find("taskset -c "), std::string::npos) << commands;
  EXPECT_EQ(commands.find("-icount"), std::string::npos) << commands;
}

TEST(BenchLinux, CountsInterruptsOnAnIsolatedCpu) {
  const Place place = make_place();
  const auto run = capture({CAPOS_COMMAND, "bench", "linux", "--part", "isolated", "--seconds", "1", "--json", "-"}, std::chrono::minutes(10), place.options);
  ASSERT_TRUE(run && run->state.exited(0)) << (run ? run->err : run.error().cause);
  const auto rows = json::parse(run->out, nullptr, false);
  ASSERT_EQ(rows.size(), 3U) << run->out;
  for (const auto& row : rows) {
    EXPECT_EQ(row["operation"], "isolated CPU");
    EXPECT_EQ(row["unit"], "interrupts");
  }
  EXPECT_EQ(rows[0]["system"], "capos");
  EXPECT_EQ(rows[0]["max"], 0);
  EXPECT_EQ(rows[1]["options"], "default");
  EXPECT_GT(rows[1]["max"], 10);  // its tick
  EXPECT_EQ(rows[2]["options"], "isolated");
  EXPECT_LT(rows[2]["max"], rows[1]["max"]);
}

TEST(BenchLinux, TellsWhatItHasWhenItIsCutShort) {
  Place place = make_place();
  place.options.stderr_file = place.scratch.path() / "stderr";
  place.options.stdout_file = place.scratch.path() / "stdout";
  auto process = Process::start({CAPOS_COMMAND, "bench", "linux", "--accel", "tcg", "--samples", "50", "--rounds", "1", "--load", "none"}, place.options);
  ASSERT_TRUE(process.has_value());
  const auto until = std::chrono::steady_clock::now() + std::chrono::minutes(5);
  while (read_text(place.options.stderr_file).value_or("").find("[2/3]") == std::string::npos && std::chrono::steady_clock::now() < until) {
    if (process->wait_for(std::chrono::milliseconds(200))) break;
  }
  process->signal(SIGINT);
  const auto state = process->wait_for(std::chrono::seconds(30));
  const auto said = read_text(place.options.stderr_file).value_or("");
  ASSERT_TRUE(state.has_value()) << said;
  EXPECT_TRUE(state->exited(1)) << said;
  const auto rows = json::parse(read_text(place.out() / "comparison.json").value_or(""), nullptr, false);
  ASSERT_GE(rows.size(), 1U) << said;
  EXPECT_EQ(rows[0]["system"], "capos");
  EXPECT_EQ(rows[0]["samples"], 50);
  EXPECT_NE(read_text(place.options.stdout_file).value_or("").find("stopped early (interrupted)"), std::string::npos);
}

}  // namespace
}  // namespace capos::cli
