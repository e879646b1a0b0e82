// SPDX-License-Identifier: Apache-2.0
#include "tally.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>
#include <regex>
#include <sstream>
#include <string_view>

namespace capos::cli {
namespace {

using Json = nlohmann::json;

void count_case(Tally& result, const Json& entry) {
  const auto failures = entry.value("failures", Json::array());
  if (!failures.empty()) {
    const auto name = entry.value("classname", "") + "." + entry.value("name", "");
    result.failed.push_back({name, failures[0].value("failure", "")});
  } else if (entry.value("result", "") == "SKIPPED") {
    ++result.skipped;
  } else if (entry.value("status", "") == "RUN") {
    ++result.passed;
  }
}

bool count_report(Tally& result, const std::string& text) {
  const Json report = Json::parse(text, nullptr, false);
  if (report.is_discarded() || !report.contains("testsuites")) return false;
  for (const auto& group : report["testsuites"]) {
    for (const auto& entry : group.value("testsuite", Json::array())) count_case(result, entry);
  }
  return true;
}

bool count_lines(Tally& result, const std::string& output) {
  bool any = false;
  std::istringstream lines(output);
  for (std::string line; std::getline(lines, line);) {
    if (line.ends_with('\r')) line.pop_back();
    if (line.starts_with("ok ")) {
      ++result.passed;
      any = true;
    } else if (line.starts_with("FAILED ")) {
      const auto colon = line.find(": ");
      result.failed.push_back({line.substr(7, colon == std::string::npos ? colon : colon - 7),
                               colon == std::string::npos ? "" : line.substr(colon + 2)});
      any = true;
    }
  }
  return any;
}

std::string bad_end(const ExitState& state, bool timed_out) {
  if (timed_out) return "did not end within its time limit";
  if (state.signal != 0) return fmt::format("ended by signal {}", state.signal);
  return state.status == 0 ? "" : fmt::format("exit status {}", state.status);
}

bool any_matches(const std::vector<std::string>& expressions, const std::string& text) {
  return std::ranges::any_of(expressions, [&](const std::string& expression) {
    return std::regex_search(text, std::regex(expression, std::regex::ECMAScript));
  });
}

// A program that counted no cases: empty if it passed, else why not. As CTest judges it.
std::string judge_whole(const Expectation& expected, const SuiteRun& run) {
  const std::string end = bad_end(run.state, run.timed_out);
  if (run.timed_out || run.state.signal != 0) return end;
  const std::string text = run.output + run.errors;
  std::string why = end;
  if (!expected.pass_if.empty())
    why = any_matches(expected.pass_if, text) ? "" : "its output lacks what makes a pass";
  if (any_matches(expected.fail_if, text)) why = "its output holds what makes a failure";
  if (!expected.will_fail) return why;
  return why.empty() ? "it was to fail, and did not" : "";
}

}  // namespace

Tally tally(const Suite& suite, const SuiteRun& run) {
  Tally result;
  if (count_report(result, run.report) || count_lines(result, run.output)) {
    const std::string end = bad_end(run.state, run.timed_out);
    const bool explained = !result.failed.empty() && !run.timed_out && run.state.signal == 0;
    if (!end.empty() && !explained) result.failed.push_back({suite.name, end});
    return result;
  }
  const std::string why = judge_whole(suite.expectation, run);
  if (why.empty()) {
    ++result.passed;
  } else {
    result.failed.push_back({suite.name, why});
  }
  return result;
}

}  // namespace capos::cli
