// SPDX-License-Identifier: Apache-2.0
// Rings that are polled: bounds against a program that spoils its indices, and what the guest's cases cannot time exactly.
#include <gtest/gtest.h>

#include "world.hpp"

namespace capos::ktest {
namespace {

constexpr std::uint64_t kForever = ~std::uint64_t{0};

class PolledRings : public ::testing::Test {
 protected:
  kernel::Thread& thread() { return world.init(); }
  abi::RingHeader& header() { return world.ring(thread()).header; }
  // cap_enter; what it returns, or nothing if the thread waits.
  std::optional<Answer> enter(std::uint64_t wanted, Duration timeout, Duration poll) {
    return world.enter(thread(), static_cast<std::uint64_t>(abi::SystemCall::cap_enter), {}, 0,
                       {wanted, static_cast<std::uint64_t>(timeout.ns()), static_cast<std::uint64_t>(poll.ns())});
  }
  Time now() { return world.machine().now(); }

  World world{};
};

TEST_F(PolledRings, AWaitThatPollsParksAfterItsTimeAndAsksForWakeUps) {
  const Time begin = now();
  EXPECT_FALSE(enter(kForever, Duration::ms(1), Duration::us(30)).has_value());
  EXPECT_EQ(thread().state, kernel::ThreadState::await_completions);
  EXPECT_EQ(header().flags, abi::kRingNeedsWakeup);
  EXPECT_GE(now() - begin, Duration::us(30));
  EXPECT_LT(now() - begin, Duration::us(32));
  world.run_for(Duration::ms(2));
  EXPECT_EQ(thread().state, kernel::ThreadState::runnable);
  EXPECT_EQ(header().flags, 0u);
}

TEST_F(PolledRings, ItsTimeoutEndsItWhileItPolls) {
  const Time begin = now();
  const auto answer = enter(1, Duration::us(20), Duration::ms(1));
  ASSERT_TRUE(answer.has_value());
  EXPECT_EQ(answer->words[0], 0u);
  EXPECT_GE(now() - begin, Duration::us(20));
  EXPECT_LT(now() - begin, Duration::us(22));
}

// The queue seems to hold four thousand million entries: each turn takes a queue's worth, and lets interrupts in.
TEST_F(PolledRings, SpoiledIndicesKeepItBusyForItsTimeOnly) {
  // Entries without completions: the queue of those never fills and ends it.
  for (abi::CapSqe& entry : world.ring(thread()).sq) entry.flags = abi::kSqeQuiet;
  for (const std::uint32_t ahead : {0x8000'0000u, 0xffff'ffffu, 17u}) {
    header().sq_tail = header().sq_head + ahead;
    const Time begin = now();
    (void)enter(kForever, Duration::us(500), Duration::us(5));
    world.run_for(Duration::ms(1));
    EXPECT_EQ(thread().state, kernel::ThreadState::runnable) << ahead;
    EXPECT_LT(now() - begin, Duration::ms(3)) << ahead;
    header().sq_head = header().sq_tail;
    header().cq_head = header().cq_tail;
  }
}

}  // namespace
}  // namespace capos::ktest
