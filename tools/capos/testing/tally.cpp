// SPDX-License-Identifier: Apache-2.0
#include "tally.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>
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

}  // namespace

Tally tally(const std::string& suite, const std::string& report, const std::string& output,
            const ExitState& state, bool timed_out) {
  Tally result;
  const bool counted = count_report(result, report) || count_lines(result, output);
  const std::string end = bad_end(state, timed_out);
  if (!end.empty() && (result.failed.empty() || timed_out || state.signal != 0)) {
    result.failed.push_back({suite, end});
  } else if (!counted && end.empty()) {
    ++result.passed;
  }
  return result;
}

}  // namespace capos::cli
