// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <csignal>

#include "testing/tally.hpp"

namespace capos::cli {
namespace {

Tally count(const std::string& report, const std::string& output, ExitState state, bool timed_out = false) {
  Suite suite;
  suite.name = "s";
  return tally(suite, {report, output, "", state, timed_out});
}

constexpr const char* kReport = R"({"testsuites": [{"testsuite": [
  {"name": "a", "classname": "S", "status": "RUN", "result": "COMPLETED"},
  {"name": "b", "classname": "S", "status": "RUN", "result": "COMPLETED", "failures": [{"failure": "x != y"}]},
  {"name": "c", "classname": "S", "status": "RUN", "result": "SKIPPED"},
  {"name": "d", "classname": "S", "status": "NOTRUN", "result": "SUPPRESSED"}
]}]})";

TEST(Tally, CountsGoogleTestReports) {
  const Tally result = count(kReport, "", {.status = 1, .signal = 0});
  EXPECT_EQ(result.passed, 1u);
  EXPECT_EQ(result.skipped, 1u);
  ASSERT_EQ(result.failed.size(), 1u);
  EXPECT_EQ(result.failed[0].name, "S.b");
  EXPECT_EQ(result.failed[0].why, "x != y");
}

TEST(Tally, AStatusWithoutAFailedCaseIsAFailure) {
  const Tally result = count(R"({"testsuites": []})", "", {.status = 1, .signal = 0});
  EXPECT_EQ(result.passed, 0u);
  ASSERT_EQ(result.failed.size(), 1u);
  EXPECT_EQ(result.failed[0].why, "exit status 1");
}

TEST(Tally, ACrashIsAFailureBesideTheOthers) {
  const Tally result = count(kReport, "", {.status = 0, .signal = SIGSEGV});
  EXPECT_EQ(result.failed.size(), 2u);
}

TEST(Tally, AReportWithoutCasesIsNoPass) { EXPECT_EQ(count(R"({"testsuites": []})", "", {}).passed, 0u); }

TEST(Tally, CountsLinesOfGuests) {
  const Tally result = count("", "boot\r\nok a\r\nok b\r\nFAILED c: why: more\r\nokay\n", {});
  EXPECT_EQ(result.passed, 2u);
  ASSERT_EQ(result.failed.size(), 1u);
  EXPECT_EQ(result.failed[0].name, "c");
  EXPECT_EQ(result.failed[0].why, "why: more");
}

TEST(Tally, OtherwiseTheStatusDecides) {
  EXPECT_EQ(count("", "anything", {}).passed, 1u);
  EXPECT_EQ(count("", "anything", {.status = 2, .signal = 0}).failed.size(), 1u);
  EXPECT_EQ(count("broken json", "", {}, true).failed[0].why, "did not end within its time limit");
}

TEST(Tally, JudgesAWholeProgramAsCTestWould) {
  Suite suite;
  suite.name = "s";
  suite.expectation.pass_if = {"generic .* refused"};
  const SuiteRun refused{"", "", "a generic struct is refused\n", {.status = 1, .signal = 0}, false};
  EXPECT_EQ(tally(suite, refused).passed, 1u);
  EXPECT_EQ(tally(suite, {"", "fine", "", {}, false}).failed.size(), 1u);
  suite.expectation = {.pass_if = {}, .fail_if = {"leak"}, .will_fail = false};
  EXPECT_EQ(tally(suite, {"", "a leak", "", {}, false}).failed.size(), 1u);
  suite.expectation = {.pass_if = {}, .fail_if = {}, .will_fail = true};
  EXPECT_EQ(tally(suite, refused).passed, 1u);
  EXPECT_EQ(tally(suite, {"", "", "", {}, false}).failed.size(), 1u);
  EXPECT_EQ(tally(suite, {"", "", "", {.status = 0, .signal = SIGSEGV}, false}).failed.size(), 1u);
}

}  // namespace
}  // namespace capos::cli
