// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <csignal>

#include "testing/tally.hpp"

namespace capos::cli {
namespace {

constexpr const char* kReport = R"({"testsuites": [{"testsuite": [
  {"name": "a", "classname": "S", "status": "RUN", "result": "COMPLETED"},
  {"name": "b", "classname": "S", "status": "RUN", "result": "COMPLETED", "failures": [{"failure": "x != y"}]},
  {"name": "c", "classname": "S", "status": "RUN", "result": "SKIPPED"},
  {"name": "d", "classname": "S", "status": "NOTRUN", "result": "SUPPRESSED"}
]}]})";

TEST(Tally, CountsGoogleTestReports) {
  const Tally result = tally("s", kReport, "", {.status = 1, .signal = 0}, false);
  EXPECT_EQ(result.passed, 1u);
  EXPECT_EQ(result.skipped, 1u);
  ASSERT_EQ(result.failed.size(), 1u);
  EXPECT_EQ(result.failed[0].name, "S.b");
  EXPECT_EQ(result.failed[0].why, "x != y");
}

TEST(Tally, AStatusWithoutAFailedCaseIsAFailure) {
  const Tally result = tally("s", R"({"testsuites": []})", "", {.status = 1, .signal = 0}, false);
  EXPECT_EQ(result.passed, 0u);
  ASSERT_EQ(result.failed.size(), 1u);
  EXPECT_EQ(result.failed[0].why, "exit status 1");
}

TEST(Tally, ACrashIsAFailureBesideTheOthers) {
  const Tally result = tally("s", kReport, "", {.status = 0, .signal = SIGSEGV}, false);
  EXPECT_EQ(result.failed.size(), 2u);
}

TEST(Tally, AReportWithoutCasesIsNoPass) {
  EXPECT_EQ(tally("s", R"({"testsuites": []})", "", {}, false).passed, 0u);
}

TEST(Tally, CountsLinesOfGuests) {
  const Tally result = tally("s", "", "boot\r\nok a\r\nok b\r\nFAILED c: why: more\r\nokay\n", {}, false);
  EXPECT_EQ(result.passed, 2u);
  ASSERT_EQ(result.failed.size(), 1u);
  EXPECT_EQ(result.failed[0].name, "c");
  EXPECT_EQ(result.failed[0].why, "why: more");
}

TEST(Tally, OtherwiseTheStatusDecides) {
  EXPECT_EQ(tally("s", "", "anything", {}, false).passed, 1u);
  EXPECT_EQ(tally("s", "", "anything", {.status = 2, .signal = 0}, false).failed.size(), 1u);
  EXPECT_EQ(tally("s", "broken json", "", {}, true).failed[0].why, "did not end within its time limit");
}

}  // namespace
}  // namespace capos::cli
