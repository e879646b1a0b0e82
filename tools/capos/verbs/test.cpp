// SPDX-License-Identifier: Apache-2.0
// ./capos test: runs every suite of the build. The last line is "N passed, N failed".
#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <thread>

#include "../support/files.hpp"
#include "../support/interrupt.hpp"
#include "../testing/runner.hpp"
#include "verbs.hpp"

namespace capos::cli {
namespace {

constexpr std::size_t kShownFailures = 5;  // of one suite
constexpr std::size_t kShownLines = 12;    // of one failure

// The filter's part for suites, and after a ':' the part for cases.
std::pair<std::string, std::string> split_filter(const std::string& filter) {
  const auto colon = filter.find(':');
  if (colon == std::string::npos) return {filter, ""};
  return {filter.substr(0, colon), filter.substr(colon + 1)};
}

std::string indented(const std::string& text) {
  std::string result = "            ";
  std::size_t lines = 0;
  for (const char c : text) {
    result += c;
    if (c == '\n' && ++lines == kShownLines) return result + "            ...";
    if (c == '\n') result += "            ";
  }
  return result;
}

void tell(const SuiteResult& result) {
  const auto& tally = result.tally;
  const auto cases = tally.passed + tally.failed.size();
  if (tally.failed.empty()) {
    const std::string skipped = tally.skipped == 0 ? "" : fmt::format(", {} skipped", tally.skipped);
    fmt::print("  ok      {:<36} {:>5} cases {:>8.1f} s{}\n", result.suite->name, cases, result.seconds,
               skipped);
  } else {
    fmt::print("  FAILED  {:<36} {:>5} of {} cases {:>5.1f} s   {}\n", result.suite->name,
               tally.failed.size(), cases, result.seconds, result.log.string());
    for (std::size_t i = 0; i < std::min(tally.failed.size(), kShownFailures); ++i) {
      fmt::print("          {}\n{}\n", tally.failed[i].name, indented(tally.failed[i].why));
    }
  }
  std::fflush(stdout);
}

nlohmann::ordered_json suite_json(const SuiteResult& result) {
  nlohmann::ordered_json json{{"name", result.suite->name},
                              {"passed", result.tally.passed},
                              {"failed", result.tally.failed.size()},
                              {"skipped", result.tally.skipped},
                              {"seconds", result.seconds},
                              {"failures", nlohmann::ordered_json::array()}};
  for (const auto& failed : result.tally.failed) {
    json["failures"].push_back({{"name", failed.name}, {"why", failed.why}});
  }
  return json;
}

int summarise(const TestOptions& options, const std::vector<SuiteResult>& results, std::size_t wanted) {
  std::size_t passed = 0;
  std::size_t failed = 0;
  nlohmann::ordered_json suites = nlohmann::ordered_json::array();
  for (const auto& result : results) {
    passed += result.tally.passed;
    failed += result.tally.failed.size();
    suites.push_back(suite_json(result));
  }
  const bool fine = failed == 0 && passed > 0 && results.size() == wanted;
  if (options.json) {
    const nlohmann::ordered_json json{
        {"verdict", fine ? "pass" : "fail"}, {"passed", passed}, {"failed", failed}, {"suites", suites}};
    fmt::print("{}\n", json.dump(2));
  } else {
    if (results.size() < wanted) fmt::print("interrupted: {} suites did not run\n", wanted - results.size());
    fmt::print("{} passed, {} failed\n", passed, failed);
  }
  return fine ? kExitFine : kExitFailed;
}

Outcome<std::vector<Suite>> chosen_suites(const Paths& paths, const TestOptions& options) {
  auto suites = find_suites(paths.build);
  if (!suites) return suites;
  const auto part = split_filter(options.filter).first;
  std::erase_if(*suites, [&](const Suite& suite) {
    return (options.quick && suite.slow) || suite.name.find(part) == std::string::npos;
  });
  if (suites->empty())
    return problem("no suite is called anything with '" + part + "'", "./capos test --list names them");
  return suites;
}

}  // namespace

Outcome<int> test(const Paths& paths, const TestOptions& options) {
  const auto suites = chosen_suites(paths, options);
  if (!suites) return std::unexpected(suites.error());
  if (options.list) {
    for (const auto& suite : *suites) fmt::print("{}{}\n", suite.name, suite.slow ? "  (slow)" : "");
    return kExitFine;
  }
  const auto directory = paths.out("test");
  if (auto made = make_directory(directory); !made) return std::unexpected(made.error());
  const SuiteEnded ended = [&](const SuiteResult& result) {
    if (!options.json) tell(result);
  };
  const auto results =
      run_suites(*suites, directory, split_filter(options.filter).second, options.jobs, ended);
  return summarise(options, results, suites->size());
}

}  // namespace capos::cli
