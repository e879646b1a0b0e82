// SPDX-License-Identifier: Apache-2.0
// What the ring promises to two honest sides: order, gaps, causes, wake-ups, wrap-around, succession.
#include <gtest/gtest.h>

#include "ring_memory.hpp"

namespace capos::test {
namespace {

class RingFrom : public testing::TestWithParam<std::uint64_t> {};

TEST_P(RingFrom, KeepsOrderAcrossTheWrapOfItsIndices) {
  RingMemory<Sample, 8> memory(GetParam());
  auto producer = memory.producer();
  auto consumer = memory.consumer();
  std::uint64_t taken = 0;
  for (std::uint64_t sent = 0; sent < 100; ++sent) {
    ASSERT_TRUE(producer.push(make_sample(sent)).has_value());
    if (sent % 7 != 6) continue;
    while (auto item = consumer.pop()) {
      EXPECT_EQ(item->element.number, taken);
      EXPECT_EQ(item->stamp, GetParam() + 1 + taken);
      EXPECT_EQ(item->lost, 0u);
      ++taken;
    }
  }
  EXPECT_EQ(taken, 98u);
  EXPECT_EQ(consumer.available(), 2u);
  EXPECT_EQ(producer.overruns() + consumer.lost() + consumer.stale_slots(), 0u);
}

TEST_P(RingFrom, CountsDropsAndShowsTheGap) {
  RingMemory<Sample, 4> memory(GetParam());
  auto producer = memory.producer();
  auto consumer = memory.consumer();
  for (std::uint64_t i = 0; i < 4; ++i) ASSERT_TRUE(producer.push(make_sample(i)).has_value());
  for (int i = 0; i < 3; ++i) EXPECT_EQ(producer.push(make_sample(99)).error(), RingError::full);
  EXPECT_EQ(producer.overruns(OverrunCause::consumer_behind), 3u);
  for (std::uint64_t i = 0; i < 4; ++i) EXPECT_EQ(consumer.pop()->element.number, i);
  EXPECT_EQ(consumer.pop().error(), RingError::empty);
  EXPECT_EQ(consumer.underruns(UnderrunCause::producer_behind), 1u);
  ASSERT_TRUE(producer.push(make_sample(7)).has_value());
  const auto item = consumer.pop();
  ASSERT_TRUE(item.has_value());
  EXPECT_EQ(item->element.number, 7u);
  EXPECT_EQ(item->lost, 3u);
  EXPECT_EQ(consumer.lost(), 3u);
}

TEST_P(RingFrom, NewestPassesOverTheOlder) {
  RingMemory<Sample, 8> memory(GetParam());
  auto producer = memory.producer();
  auto consumer = memory.consumer();
  EXPECT_EQ(consumer.pop_newest().error(), RingError::empty);
  for (std::uint64_t i = 0; i < 5; ++i) ASSERT_TRUE(producer.push(make_sample(i)).has_value());
  const auto item = consumer.pop_newest();
  ASSERT_TRUE(item.has_value());
  EXPECT_EQ(item->element.number, 4u);
  EXPECT_EQ(item->skipped, 4u);
  EXPECT_EQ(item->lost, 0u);
  EXPECT_EQ(consumer.available(), 0u);
  for (std::uint64_t i = 0; i < 8; ++i) EXPECT_TRUE(producer.push(make_sample(i)).has_value());
}

INSTANTIATE_TEST_SUITE_P(Indices, RingFrom,
                         testing::Values(0u, (std::uint64_t{1} << 32) - 3, (std::uint64_t{1} << 63) - 3,
                                         ~std::uint64_t{0} - 2, ~std::uint64_t{0}));

TEST(Ring, NamesWhyItDropped) {
  RingMemory<std::uint64_t, 1> memory;
  auto producer = memory.producer();
  ASSERT_TRUE(producer.push(1).has_value());
  EXPECT_FALSE(producer.push(2).has_value());
  EXPECT_EQ(producer.last_overrun(), OverrunCause::consumer_absent);
  auto consumer = memory.consumer();
  EXPECT_FALSE(producer.push(3).has_value());
  EXPECT_EQ(producer.last_overrun(), OverrunCause::consumer_behind);
  ASSERT_TRUE(consumer.pop().has_value());
  ASSERT_TRUE(consumer.prepare_sleep());
  EXPECT_EQ(*producer.push(4), PushOutcome::wake_needed);
  EXPECT_FALSE(producer.push(5).has_value());
  EXPECT_EQ(producer.last_overrun(), OverrunCause::consumer_asleep);
  mark_consumer_dead(memory.header());
  EXPECT_FALSE(producer.push(6).has_value());
  EXPECT_EQ(producer.last_overrun(), OverrunCause::consumer_gone);
  EXPECT_TRUE(producer.consumer_gone());
  EXPECT_EQ(producer.overruns(), 4u);
}

TEST(Ring, NamesWhyItWasEmpty) {
  RingMemory<std::uint64_t, 2> memory;
  auto consumer = memory.consumer();
  EXPECT_FALSE(consumer.pop().has_value());
  EXPECT_EQ(consumer.last_underrun(), UnderrunCause::producer_absent);
  auto producer = memory.producer();
  EXPECT_FALSE(consumer.pop().has_value());
  EXPECT_EQ(consumer.last_underrun(), UnderrunCause::producer_behind);
  ASSERT_TRUE(producer.push(1).has_value());
  EXPECT_FALSE(producer.close());
  EXPECT_TRUE(consumer.pop().has_value()) << "what was sent before the end still arrives";
  EXPECT_FALSE(consumer.pop().has_value());
  EXPECT_EQ(consumer.last_underrun(), UnderrunCause::producer_gone);
  EXPECT_FALSE(consumer.prepare_sleep()) << "nobody would ever wake it";
}

TEST(Ring, WakesASleeperOnceAndOnlyThen) {
  RingMemory<std::uint64_t, 4> memory;
  auto producer = memory.producer();
  auto consumer = memory.consumer();
  EXPECT_EQ(*producer.push(1), PushOutcome::stored);
  EXPECT_FALSE(consumer.prepare_sleep()) << "an element is there";
  consumer.finish_sleep();
  ASSERT_TRUE(consumer.pop().has_value());
  ASSERT_TRUE(consumer.prepare_sleep());
  EXPECT_EQ(*producer.push(2), PushOutcome::wake_needed);
  EXPECT_EQ(*producer.push(3), PushOutcome::stored);
  consumer.finish_sleep();
  EXPECT_EQ(consumer.pop()->element, 2u);
  EXPECT_EQ(consumer.pop()->element, 3u);
  ASSERT_TRUE(consumer.prepare_sleep());
  EXPECT_TRUE(producer.close()) << "the end wakes a sleeper too";
}

TEST(Ring, OnOneCpuWakesAsAcross) {
  RingMemory<std::uint64_t, 2> memory(0, RingWaits::on_one_cpu);
  auto producer = memory.producer();
  auto consumer = memory.consumer();
  ASSERT_TRUE(consumer.prepare_sleep());
  EXPECT_EQ(*producer.push(1), PushOutcome::wake_needed);
  EXPECT_EQ(*producer.push(2), PushOutcome::stored);
  ASSERT_TRUE(producer.prepare_sleep());
  EXPECT_TRUE(consumer.pop()->wake_needed);
  EXPECT_FALSE(consumer.pop()->wake_needed);
}

TEST(Ring, NobodySleepsWhereNobodyWakes) {
  RingMemory<std::uint64_t, 2> memory(0, RingWaits::never);
  auto producer = memory.producer();
  auto consumer = memory.consumer();
  EXPECT_FALSE(consumer.prepare_sleep());
  EXPECT_EQ(*producer.push(1), PushOutcome::stored);
  EXPECT_EQ(*producer.push(2), PushOutcome::stored);
  EXPECT_FALSE(producer.prepare_sleep());
  EXPECT_FALSE(consumer.pop()->wake_needed);
  EXPECT_EQ(consumer.pop()->element, 2u);
}

TEST(Ring, WakesAProducerThatWaitsForSpace) {
  RingMemory<std::uint64_t, 2> memory;
  auto producer = memory.producer();
  auto consumer = memory.consumer();
  EXPECT_FALSE(producer.prepare_sleep());
  producer.finish_sleep();
  ASSERT_TRUE(producer.push(1).has_value());
  ASSERT_TRUE(producer.push(2).has_value());
  ASSERT_TRUE(producer.prepare_sleep());
  EXPECT_TRUE(consumer.pop()->wake_needed);
  EXPECT_FALSE(consumer.pop()->wake_needed);
}

TEST(Ring, ASuccessorGoesOnWhereTheDeadOneStopped) {
  RingMemory<std::uint64_t, 4> memory;
  auto consumer = memory.consumer();
  {
    auto producer = memory.producer();
    ASSERT_TRUE(producer.push(1).has_value());
    mark_producer_dead(memory.header());
  }
  EXPECT_TRUE(consumer.producer_gone());
  auto successor = memory.producer();
  EXPECT_FALSE(consumer.producer_gone());
  ASSERT_TRUE(successor.push(2).has_value());
  EXPECT_EQ(consumer.pop()->element, 1u);
  auto second_consumer = memory.consumer();
  const auto item = second_consumer.pop();
  EXPECT_EQ(item->element, 2u);
  EXPECT_EQ(item->lost, 0u);
}

}  // namespace
}  // namespace capos::test
