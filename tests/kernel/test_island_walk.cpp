// SPDX-License-Identifier: Apache-2.0
// The random walk of islands: CAPOS_WALK_STEPS steps (2 * 10^5 if not given) from CAPOS_WALK_SEED, as for the other walk; and the
// model's own rules.
#include <gtest/gtest.h>

#include <cstdlib>

#include "island_walk.hpp"

namespace capos::ktest {
namespace {

std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 0);
}

TEST(IslandWalk, KeepsStepWithTheModelOfContexts) {
  const std::uint64_t steps = number_from("CAPOS_WALK_STEPS", 200'000), seed = number_from("CAPOS_WALK_SEED", 1);
  std::size_t jobs = 0, calls = 0, admissions = 0, judged = 0, asked = 0, spent = 0, faults = 0, restarts = 0, handovers = 0;
  for (std::uint64_t number = 0; number * IslandChapter::kSteps < steps; ++number) {
    IslandChapter chapter(seed + number);
    const std::string broken = chapter.run();
    if (!broken.empty()) FAIL() << broken;
    jobs += chapter.jobs;
    calls += chapter.calls;
    admissions += chapter.admissions;
    judged += chapter.judged;
    asked += chapter.asked;
    spent += chapter.spent;
    faults += chapter.faults;
    restarts += chapter.restarts;
    handovers += chapter.handovers;
  }
  std::printf("%zu jobs, %zu calls, %zu islands; %zu times a ready context with budget, %zu times what one consumed, %zu contexts "
              "stopped, %zu faults told, %zu restarts, %zu bindings\n", jobs, calls, admissions, judged, asked, spent, faults, restarts, handovers);
  EXPECT_GT(jobs, steps / 250);
  EXPECT_GT(calls, steps / 200);
  EXPECT_GT(admissions, steps / 2'000);
  EXPECT_GT(judged, steps / 200);
  EXPECT_GT(asked, steps / 1'000);
  EXPECT_GT(spent, steps / 20'000);
  EXPECT_GT(faults, steps / 20'000);
  EXPECT_GT(restarts, steps / 20'000);
  EXPECT_GT(handovers, steps / 20'000);
}

}  // namespace
}  // namespace capos::ktest
