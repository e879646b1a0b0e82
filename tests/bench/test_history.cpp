// SPDX-License-Identifier: Apache-2.0
// The history of benches: entries found by name, and what moved between two of them.
#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>

#include "support/temporary.hpp"
#include "verbs/bench_history.hpp"
#include "verbs/host_ratios.hpp"

namespace capos::cli {
namespace {

using Json = nlohmann::ordered_json;

Json row(const std::string& name, std::uint64_t median, std::uint64_t max) {
  return {{"name", name}, {"unit", "instructions"}, {"p50", median}, {"max", max}};
}

class History : public ::testing::Test {
 protected:
  History() : scratch(*TemporaryDirectory::make()), paths{CAPOS_SOURCE_DIR, {}, scratch.path()} {}
  void add(std::uint64_t median) {
    const Json suites{{"ipc", Json::array({row("call", median, median + 20)})}};
    ASSERT_TRUE(append_history(paths, history_entry(paths, suites)).has_value());
  }
  std::uint64_t median_of(const std::string& name) {
    const auto found = find_entry(paths, name);
    EXPECT_TRUE(found.has_value()) << name << ": " << (found ? "" : found.error().cause);
    return found ? (*found)["suites"]["ipc"][0]["p50"].get<std::uint64_t>() : 0;
  }
  TemporaryDirectory scratch;
  Paths paths;
};

TEST_F(History, EntriesAreFoundFromBothEnds) {
  for (const std::uint64_t median : {100, 200, 300}) add(median);
  EXPECT_EQ(median_of("1"), 100u);
  EXPECT_EQ(median_of("3"), 300u);
  EXPECT_EQ(median_of("last"), 300u);
  EXPECT_EQ(median_of("last~2"), 100u);
}

TEST_F(History, AnEntrySaysWhenAndOfWhat) {
  add(100);
  const auto entry = find_entry(paths, "last");
  ASSERT_TRUE(entry.has_value());
  EXPECT_EQ((*entry)["time"].get<std::string>().size(), std::string("2026-11-26T23:00:00Z").size());
  EXPECT_TRUE((*entry)["commit"].is_string());
  EXPECT_TRUE((*entry)["changed"].is_boolean());
}

TEST_F(History, WhatThereIsNotIsRefused) {
  for (const char* name : {"last", "1", "nothing"}) EXPECT_FALSE(find_entry(paths, name).has_value()) << name;
  add(100);
  for (const char* name : {"0", "2", "last~1", "last~", "last1", "1x", "-1", "99999999999999999999", ""}) {
    EXPECT_FALSE(find_entry(paths, name).has_value()) << name;
  }
}

TEST_F(History, FilesOfBenchesAreEntriesToo) {
  const auto file = scratch.path() / "ipc.json";
  std::ofstream(file) << Json::array({row("call", 7, 8)}).dump(2);
  const auto found = find_entry(paths, file.string());
  ASSERT_TRUE(found.has_value()) << found.error().cause;
  EXPECT_EQ(compare_entries(*found, *found).at(0).name, "bench.call");
  std::ofstream(file) << "no JSON";
  EXPECT_FALSE(find_entry(paths, file.string()).has_value());
  std::ofstream(file) << "7";
  EXPECT_FALSE(find_entry(paths, file.string()).has_value());
  std::ofstream(file) << "";
  EXPECT_FALSE(find_entry(paths, file.string()).has_value());
}

TEST(Compare, SaysWhatMovedAndByHowMuch) {
  const Json before{{"suites", {{"ipc", Json::array({row("call", 354, 360), row("null", 60, 60), row("gone", 1, 1)})}}}};
  const Json after{{"suites", {{"ipc", Json::array({row("null", 60, 60), row("call", 351, 362), row("new", 5, 5)})}}}};
  const auto all = compare_entries(before, after);
  ASSERT_EQ(all.size(), 4u);
  EXPECT_EQ(all[0].name, "ipc.call");
  EXPECT_EQ(all[0].median_change(), -3);
  EXPECT_EQ(all[0].max_change(), 2);
  EXPECT_TRUE(all[0].moved());
  EXPECT_FALSE(all[1].moved());
  EXPECT_TRUE(all[2].moved());
  EXPECT_FALSE(all[2].median_after.has_value());
  EXPECT_EQ(all[3].name, "ipc.new");
  EXPECT_FALSE(all[3].in_both());
}

// As Google Benchmark writes it: pairs by name, counters of ratios, what was left out.
TEST(HostRatios, ArePairsByNameOrCounters) {
  const Json json{{"benchmarks",
                   Json::array({{{"name", "encode/libcapnp/repeats:3_median"}, {"run_name", "encode/libcapnp/repeats:3"},
                                 {"run_type", "aggregate"}, {"aggregate_name", "median"}, {"real_time", 2000.0}, {"time_unit", "ns"}},
                                {{"name", "encode/capos_median"}, {"run_name", "encode/capos"}, {"run_type", "aggregate"},
                                 {"aggregate_name", "median"}, {"real_time", 1.0}, {"time_unit", "us"}},
                                {{"name", "encode/capos_stddev"}, {"run_name", "encode/capos"}, {"run_type", "aggregate"},
                                 {"aggregate_name", "stddev"}, {"real_time", 9.0}, {"time_unit", "us"}},
                                {{"name", "turn/10/manual_time"}, {"run_type", "iteration"}, {"real_time", 5.0},
                                 {"time_unit", "ns"}, {"set/fair", 3.5}},
                                {{"name", "nop/8/capos"}, {"run_type", "iteration"}, {"real_time", 5.0}, {"time_unit", "ns"}},
                                {{"name", "nop/8/liburing"}, {"run_type", "iteration"}, {"error_occurred", true},
                                 {"error_message", "forbidden"}, {"real_time", 0.0}, {"time_unit", "ns"}}})}};
  const auto ratios = host_ratios(json.dump());
  ASSERT_TRUE(ratios.has_value());
  ASSERT_EQ(ratios->size(), 3u);
  EXPECT_EQ((*ratios)[0].name, "turn/10");
  EXPECT_EQ((*ratios)[0].peer, "set");
  EXPECT_EQ((*ratios)[0].ratio, 3.5);
  EXPECT_EQ((*ratios)[1].name, "encode");
  EXPECT_EQ((*ratios)[1].peer, "libcapnp");
  EXPECT_EQ((*ratios)[1].ratio, 2.0);
  EXPECT_EQ((*ratios)[2].skipped, "forbidden");
  EXPECT_FALSE(host_ratios("{}").has_value());
  EXPECT_FALSE(host_ratios("no JSON").has_value());
}

}  // namespace
}  // namespace capos::cli
