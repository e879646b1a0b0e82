// SPDX-License-Identifier: Apache-2.0
// The walk of calls by rings: CAPOS_WALK_STEPS / 10 steps (10^5 if not given) from CAPOS_WALK_SEED (1 if not given).
#include <gtest/gtest.h>

#include <cstdlib>

#include "ring_call_walk.hpp"

namespace capos::ktest {
namespace {

constexpr std::size_t kChapter = 1'000;

std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 0);
}

TEST(RingCallWalk, MessagesKeepTheirPromises) {
  const std::uint64_t steps = number_from("CAPOS_WALK_STEPS", 1'000'000) / 10, seed = number_from("CAPOS_WALK_SEED", 1);
  std::map<std::string, std::size_t> tally;
  for (std::uint64_t chapter = 0; chapter * kChapter < steps; ++chapter) {
    RingCallWalk walk(seed + chapter);
    const std::string broken = walk.run(kChapter);
    ASSERT_TRUE(broken.empty()) << "CAPOS_WALK_SEED=" << broken;
    for (const auto& [what, count] : walk.tally()) tally[what] += count;
  }
  for (const auto& [what, count] : tally) std::printf("%9zu %s\n", count, what.c_str());
  for (const char* what : {"answered", "received", "moved", "copied", "interferes"}) EXPECT_GE(tally[what], steps / 1'000) << what;
}

}  // namespace
}  // namespace capos::ktest
