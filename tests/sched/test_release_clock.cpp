// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "capos/base/time.hpp"
#include "random.hpp"

namespace capos {
namespace {

// floor(k * numerator / denominator seconds) in ns, by arithmetic wide enough to be exact.
std::uint64_t exact(std::uint64_t k, Period period) {
  const auto ns = static_cast<unsigned __int128>(k) * period.numerator * 1'000'000'000u / period.denominator;
  return static_cast<std::uint64_t>(ns);
}

TEST(ReleaseClock, ExactAfterABillionReleases) {
  constexpr Period kQuantum{64, 48'000};  // 4/3 ms
  ReleaseClock clock(Time{}, kQuantum);
  for (std::uint64_t k = 0; k < 1'000'000'000; ++k) {
    if (k % 100'000'007 == 0) {
      ASSERT_EQ(clock.next().ns(), exact(k, kQuantum)) << k;
    }
    clock.advance();
  }
  EXPECT_EQ(clock.next().ns(), exact(1'000'000'000, kQuantum));
  EXPECT_EQ(clock.next().ns(), 1'333'333'333'333'333u);
}

TEST(ReleaseClock, JumpingIsTheSameAsStepping) {
  sched::test::Random random(11);
  for (int round = 0; round < 200; ++round) {
    const Period period{static_cast<std::uint32_t>(random.between(1, 5000)),
                        static_cast<std::uint32_t>(random.between(1, 200'000))};
    const Time start = Time::from_ns(static_cast<std::uint64_t>(random.between(0, 1'000'000)));
    ReleaseClock stepping(start, period);
    ReleaseClock jumping(start, period);
    std::uint64_t k = 0;
    for (int jump = 0; jump < 20; ++jump) {
      const auto count = static_cast<std::uint64_t>(random.between(0, 300));
      for (std::uint64_t i = 0; i < count; ++i) stepping.advance();
      jumping.advance_by(count);
      k += count;
      ASSERT_EQ(jumping.next(), stepping.next());
      ASSERT_EQ(jumping.next().ns(), start.ns() + exact(k, period));
    }
  }
}

}  // namespace
}  // namespace capos
