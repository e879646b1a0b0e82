// SPDX-License-Identifier: Apache-2.0
// The random walk: CAPOS_WALK_STEPS steps (10^6 if not given) from CAPOS_WALK_SEED (1 if not given).
#include <gtest/gtest.h>

#include <signal.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdlib>
#include <numeric>

#include "crash_report.hpp"
#include "walk.hpp"

namespace capos::ktest {
namespace {

constexpr std::size_t kChapter = 5'000;

std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 0);
}

using Tally = std::map<std::string, std::size_t>;

std::optional<Failure> run_chapter(std::uint64_t seed, std::span<const std::size_t> steps, Tally* tally = nullptr) {
  Chapter chapter(seed);
  const CrashReport crash(seed, chapter);
  auto failure = chapter.run(steps);
  if (tally != nullptr) {
    for (const auto& [what, count] : chapter.tally()) (*tally)[what] += count;
  }
  return failure;
}

// Leaves out ever smaller pieces of the steps while the chapter still fails (Zeller, Hildebrandt 2002). At most 30 s.
std::vector<std::size_t> shortened(std::uint64_t seed, std::vector<std::size_t> steps) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(30);
  for (std::size_t piece = steps.size() / 2; piece > 0; piece /= 2) {
    for (std::size_t at = 0; at < steps.size() && std::chrono::steady_clock::now() < end;) {
      std::vector<std::size_t> fewer = steps;
      const auto from = fewer.begin() + static_cast<long>(at);
      fewer.erase(from, from + static_cast<long>(std::min(piece, steps.size() - at)));
      if (run_chapter(seed, fewer).has_value()) {
        steps = std::move(fewer);
      } else {
        at += piece;
      }
    }
  }
  return steps;
}

std::string report(std::uint64_t seed, const Failure& first) {
  std::vector<std::size_t> steps(first.step + 1);
  std::iota(steps.begin(), steps.end(), std::size_t{0});
  const std::vector<std::size_t> fewer = shortened(seed, steps);
  const Failure last = run_chapter(seed, fewer).value_or(first);
  std::string text = "CAPOS_WALK_SEED=" + std::to_string(seed) + ", step " + std::to_string(first.step) + ": " +
                     first.what + "\n  " + (first.last.empty() ? "" : first.last.back()) + "\nmade shorter, " + std::to_string(fewer.size()) + " steps: " + last.what + "\n";
  for (const std::string& action : last.last) text += "  " + action + "\n";
  return text;
}

// Shown by a crash: where in the walk it came.
TEST(RandomWalkDeathTest, ACrashTellsSeedAndSteps) {
  const auto crash = [](int signal) {
    Chapter chapter(41);
    const CrashReport report(41, chapter);
    const std::array<std::size_t, 4> steps = {0, 1, 2, 3};
    (void)chapter.run(steps);
    (void)raise(signal);
  };
  for (const int signal : {SIGABRT, SIGSEGV}) {
    EXPECT_DEATH(crash(signal), "the walk has crashed: CAPOS_WALK_SEED=41\n  step 0: .*\n  step 1: ");
  }
}

TEST(RandomWalk, KeepsStepWithTheModel) {
  const std::uint64_t steps = number_from("CAPOS_WALK_STEPS", 1'000'000), seed = number_from("CAPOS_WALK_SEED", 1);
  std::vector<std::size_t> numbers(kChapter);
  std::iota(numbers.begin(), numbers.end(), std::size_t{0});
  Tally tally;
  for (std::uint64_t chapter = 0; chapter * kChapter < steps; ++chapter) {
    const auto failure = run_chapter(seed + chapter, numbers, &tally);
    if (failure.has_value()) FAIL() << report(seed + chapter, *failure);
  }
  for (const auto& [what, count] : tally) std::printf("%9zu %s\n", count, what.c_str());
  // A walk that never comes to a call shows nothing of it.
  for (const Action& action : actions()) EXPECT_GE(tally[action.name], steps / 5'000) << action.name;
  EXPECT_GE(tally["moves"], steps / 5'000);
  EXPECT_GE(tally["moves with interrupts"], steps / 100'000);
  std::printf("%llu steps from seed %llu\n", static_cast<unsigned long long>(steps), static_cast<unsigned long long>(seed));
}

}  // namespace
}  // namespace capos::ktest
