// SPDX-License-Identifier: Apache-2.0
#include "runner.hpp"

#include <algorithm>
#include <atomic>
#include <mutex>
#include <optional>
#include <thread>

#include "../support/files.hpp"
#include "../support/interrupt.hpp"
#include "../support/process.hpp"

namespace capos::cli {
namespace {

using Clock = std::chrono::steady_clock;
namespace fs = std::filesystem;

std::string file_name(const std::string& suite) {
  std::string name = suite;
  std::ranges::replace(name, '/', '-');
  return name;
}

// Waits in short steps, so that Ctrl-C ends the suite too.
std::optional<ExitState> wait_for(Process& process, std::chrono::seconds limit) {
  const auto until = Clock::now() + limit;
  while (Clock::now() < until && !interrupted()) {
    if (auto state = process.wait_for(std::chrono::milliseconds(100))) return state;
  }
  return std::nullopt;
}

SuiteResult run_one(const Suite& suite, const fs::path& directory, const std::string& case_filter) {
  SuiteResult result{
      .suite = &suite, .tally = {}, .seconds = 0, .log = directory / (file_name(suite.name) + ".log")};
  const fs::path report = directory / (file_name(suite.name) + ".json");
  std::error_code ignored;
  fs::remove(report, ignored);
  SpawnOptions options;
  options.stdout_file = result.log;
  options.stderr_file = directory / (file_name(suite.name) + ".err");
  options.directory = suite.directory;
  options.environment = suite.environment;
  options.environment.emplace_back("GTEST_OUTPUT", "json:" + report.string());
  auto command = suite.command;
  if (!case_filter.empty()) command.push_back("--gtest_filter=" + case_filter);
  const auto start = Clock::now();
  auto process = Process::start(command, options);
  if (!process) {
    result.tally.failed.push_back({suite.name, process.error().cause});
    return result;
  }
  const auto state = wait_for(*process, suite.limit);
  if (!state) process->end();
  result.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  result.tally =
      tally(suite, {read_text(report).value_or(""), read_text(result.log).value_or(""),
                    read_text(options.stderr_file).value_or(""), state.value_or(ExitState{}), !state});
  return result;
}

}  // namespace

std::vector<SuiteResult> run_suites(std::span<const Suite> suites, const fs::path& directory,
                                    const std::string& case_filter, unsigned jobs, const SuiteEnded& ended) {
  std::vector<std::optional<SuiteResult>> slots(suites.size());
  std::atomic<std::size_t> next{0};
  std::mutex telling;
  const auto work = [&] {
    for (std::size_t i = next++; i < suites.size() && !interrupted(); i = next++) {
      slots[i] = run_one(suites[i], directory, case_filter);
      const std::lock_guard lock(telling);
      ended(*slots[i]);
    }
  };
  {
    std::vector<std::jthread> workers;
    for (unsigned i = 1; i < jobs; ++i) workers.emplace_back(work);
    work();
  }
  std::vector<SuiteResult> results;
  for (auto& slot : slots) {
    if (slot) results.push_back(std::move(*slot));
  }
  return results;
}

}  // namespace capos::cli
