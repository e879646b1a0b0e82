// SPDX-License-Identifier: Apache-2.0
// Links: the block of the cycle or silence with its reason, and nothing that was late stays late.
#include <gtest/gtest.h>

#include <vector>

#include "capos/media/link.hpp"

namespace capos::media {
namespace {

using schema::XrunCause;
using schema::XrunKind;

class LinkTest : public testing::Test {
 protected:
  static constexpr std::uint32_t kCapacity = 4;
  struct alignas(64) Line {
    std::byte bytes[64];
  };
  [[nodiscard]] std::span<std::byte> memory() { return std::as_writable_bytes(std::span(lines_)); }
  [[nodiscard]] RingHeader& header() { return *reinterpret_cast<RingHeader*>(lines_.data()); }
  static AudioBlock block(std::uint64_t cycle) {
    AudioBlock made{.cycle = cycle, .released_ns = 1000 * cycle + 1};
    made.samples.fill(static_cast<float>(cycle));
    return made;
  }
  static void expect_xrun(const BlockInput::Taken& taken, std::uint64_t cycle, XrunCause cause, std::uint32_t dropped) {
    ASSERT_TRUE(taken.xrun.has_value());
    EXPECT_EQ(taken.xrun->kind, XrunKind::underrun);
    EXPECT_EQ(taken.xrun->cause, cause);
    EXPECT_EQ(taken.xrun->dropped, dropped);
    EXPECT_EQ(taken.block.cycle, cycle);
    EXPECT_EQ(taken.block.silent, 1u);
    EXPECT_EQ(taken.block.released_ns, 0u);
    EXPECT_EQ(taken.block.samples, Samples{});
  }

  std::vector<Line> lines_{(ring_bytes<AudioBlock>(kCapacity) + 63) / 64};
};

TEST_F(LinkTest, PassesTheBlockOfTheCycle) {
  BlockInput input(memory());
  expect_xrun(input.take(0), 0, XrunCause::upstream_late, 0);  // the ring is not there yet
  auto output = BlockOutput::create(memory());
  ASSERT_TRUE(output.has_value());
  for (std::uint64_t cycle = 0; cycle < 20; ++cycle) {
    EXPECT_FALSE(output->put(block(cycle)).has_value());
    const auto taken = input.take(cycle);
    EXPECT_FALSE(taken.xrun.has_value());
    EXPECT_EQ(taken.block.cycle, cycle);
    EXPECT_EQ(taken.block.released_ns, 1000 * cycle + 1);
    EXPECT_EQ(taken.block.samples, block(cycle).samples);
  }
}

TEST_F(LinkTest, StandsInSilenceAndDropsWhatCameLate) {
  auto output = BlockOutput::create(memory());
  BlockInput input(memory());
  (void)output->put(block(0));
  (void)input.take(0);
  expect_xrun(input.take(1), 1, XrunCause::upstream_late, 0);  // nothing came
  (void)output->put(block(1));                                 // too late
  expect_xrun(input.take(2), 2, XrunCause::upstream_late, 1);
  (void)output->put(block(2));
  (void)output->put(block(3));  // caught up
  const auto taken = input.take(3);
  EXPECT_FALSE(taken.xrun.has_value());
  EXPECT_EQ(taken.block.cycle, 3u);
}

TEST_F(LinkTest, TellsWhyABlockDidNotFit) {
  auto output = BlockOutput::create(memory());
  BlockInput input(memory());
  (void)input.take(0);  // attaches
  for (std::uint32_t i = 0; i < kCapacity; ++i) EXPECT_FALSE(output->put(block(i)).has_value());
  auto full = output->put(block(kCapacity));
  ASSERT_TRUE(full.has_value());
  EXPECT_EQ(full->kind, XrunKind::overrun);
  EXPECT_EQ(full->cause, XrunCause::downstream_late);
  mark_consumer_dead(header());
  full = output->put(block(kCapacity + 1));
  ASSERT_TRUE(full.has_value());
  EXPECT_EQ(full->cause, XrunCause::downstream_gone);
  header().consumer.tail.store(~std::uint64_t{0} / 2);
  full = output->put(block(kCapacity + 2));
  ASSERT_TRUE(full.has_value());
  EXPECT_EQ(full->cause, XrunCause::bad_block);
}

TEST_F(LinkTest, KnowsADeadProducerAndABadBlock) {
  auto output = BlockOutput::create(memory());
  BlockInput input(memory());
  (void)output->put(block(9));
  expect_xrun(input.take(5), 5, XrunCause::bad_block, 1);  // of a cycle that has not begun
  header().producer.head.store(1000);
  expect_xrun(input.take(6), 6, XrunCause::bad_block, 0);
  header().producer.head.store(1);
  mark_producer_dead(header());
  expect_xrun(input.take(7), 7, XrunCause::upstream_gone, 0);
}

TEST_F(LinkTest, NeedsRoomForTwoBlocks) {
  EXPECT_FALSE(BlockOutput::create(memory().first(ring_bytes<AudioBlock>(1))).has_value());
  EXPECT_TRUE(BlockOutput::create(memory().first(ring_bytes<AudioBlock>(2))).has_value());
  EXPECT_FALSE(BlockOutput::create(memory().first(16)).has_value());
}

}  // namespace
}  // namespace capos::media
