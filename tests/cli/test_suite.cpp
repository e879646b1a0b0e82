// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "support/temporary.hpp"
#include "testing/runner.hpp"
#include "testing/suite.hpp"

namespace capos::cli {
namespace {

constexpr const char* kListing = R"({"kind": "ctestInfo", "tests": [
  {"name": "boots", "command": ["/b/boot", "-x"], "properties": [{"name": "LABELS", "value": ["slow"]},
                                                                 {"name": "TIMEOUT", "value": 30.0}]},
  {"name": "A.one", "command": ["/b/test_a", "--gtest_filter=A.one", "--gtest_also_run_disabled_tests"],
   "properties": [{"name": "WORKING_DIRECTORY", "value": "/w"}]},
  {"name": "A.two", "command": ["/b/test_a", "--gtest_filter=A.two", "--gtest_also_run_disabled_tests"]},
  {"name": "whole", "command": ["/b/test_b"], "properties": [{"name": "ENVIRONMENT", "value": ["K=v=w"]}]}
]})";

TEST(Suites, JoinTheCasesOfOneProgramAndPutSlowOnesLast) {
  const auto suites = parse_suites(kListing);
  ASSERT_TRUE(suites.has_value());
  ASSERT_EQ(suites->size(), 3u);
  EXPECT_EQ((*suites)[0].name, "test_a");
  EXPECT_EQ((*suites)[0].command, (std::vector<std::string>{"/b/test_a"}));
  EXPECT_EQ((*suites)[0].directory, "/w");
  EXPECT_EQ((*suites)[1].name, "whole");
  EXPECT_EQ((*suites)[1].environment[0], (std::pair<std::string, std::string>{"K", "v=w"}));
  EXPECT_EQ((*suites)[2].name, "boots");
  EXPECT_TRUE((*suites)[2].slow);
  EXPECT_EQ((*suites)[2].limit, std::chrono::seconds(30));
}

TEST(Suites, OfANameWithoutAProgramAreAnError) {
  const auto suites = parse_suites(R"({"tests": [{"name": "test_x_NOT_BUILT"}]})");
  ASSERT_FALSE(suites.has_value());
  EXPECT_NE(suites.error().cause.find("test_x_NOT_BUILT"), std::string::npos);
}

TEST(Suites, OfSomethingElseAreAnError) {
  EXPECT_FALSE(parse_suites("").has_value());
  EXPECT_FALSE(parse_suites("[]").has_value());
}

Suite shell_suite(const std::string& name, const std::string& script) {
  Suite suite;
  suite.name = name;
  suite.command = {"sh", "-c", script};
  return suite;
}

TEST(Runner, CountsEveryKindOfSuite) {
  const auto scratch = TemporaryDirectory::make();
  ASSERT_TRUE(scratch.has_value());
  const std::vector<Suite> suites{
      shell_suite("plain", "exit 0"),
      shell_suite("lines", "echo ok first; echo noise; echo FAILED second: because; exit 1"),
      shell_suite("dies", "kill -KILL $$"),
  };
  unsigned told = 0;
  const auto results = run_suites(suites, scratch->path(), "", 2, [&](const SuiteResult&) { ++told; });
  EXPECT_EQ(told, 3u);
  ASSERT_EQ(results.size(), 3u);
  EXPECT_EQ(results[0].tally.passed, 1u);
  EXPECT_EQ(results[1].tally.passed, 1u);
  ASSERT_EQ(results[1].tally.failed.size(), 1u);
  EXPECT_EQ(results[1].tally.failed[0].name, "second");
  ASSERT_EQ(results[2].tally.failed.size(), 1u);
  EXPECT_EQ(results[2].tally.failed[0].why, "ended by signal 9");
}

TEST(Runner, EndsASuiteAtItsLimit) {
  const auto scratch = TemporaryDirectory::make();
  ASSERT_TRUE(scratch.has_value());
  Suite suite = shell_suite("hangs", "echo ok before; exec sleep 1000");
  suite.limit = std::chrono::seconds(1);
  const auto results = run_suites(std::vector{suite}, scratch->path(), "", 1, [](const SuiteResult&) {});
  ASSERT_EQ(results.size(), 1u);
  EXPECT_EQ(results[0].tally.passed, 1u);
  ASSERT_EQ(results[0].tally.failed.size(), 1u);
  EXPECT_EQ(results[0].tally.failed[0].why, "did not end within its time limit");
}

}  // namespace
}  // namespace capos::cli
