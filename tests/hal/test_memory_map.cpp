// SPDX-License-Identifier: Apache-2.0
// Sets of physical ranges, against a bitmap.
#include <gtest/gtest.h>

#include <bitset>
#include <random>

#include "boot/memory_map.hpp"

namespace capos::test {
namespace {

using hal::RangeSet;
constexpr std::uint64_t kTop = ~std::uint64_t{0};

void expect_well_formed(const RangeSet& set) {
  std::uint64_t end = 0;
  bool first = true;
  for (const auto& range : set.ranges()) {
    ASSERT_GT(range.size, 0u);
    ASSERT_LE(range.size, kTop - range.base.value());
    ASSERT_TRUE(first || range.base.value() > end);
    end = range.base.value() + range.size;
    first = false;
  }
}

TEST(RangeSet, MergesWhatTouches) {
  RangeSet set;
  EXPECT_TRUE(set.add(0x3000, 0x1000));
  EXPECT_TRUE(set.add(0x1000, 0x1000));
  EXPECT_TRUE(set.add(0x2000, 0x1000));
  ASSERT_EQ(set.ranges().size(), 1u);
  EXPECT_EQ(set.total(), 0x3000u);
}

TEST(RangeSet, EmptyRangesDoNotCount) {
  RangeSet set;
  EXPECT_TRUE(set.add(0x3000, 0));
  EXPECT_TRUE(set.remove(0x3000, 0));
  EXPECT_TRUE(set.ranges().empty());
}

TEST(RangeSet, EndsAreCutAtTheTop) {
  RangeSet set;
  EXPECT_TRUE(set.add(kTop - 0x1fff, kTop));
  expect_well_formed(set);
  EXPECT_TRUE(set.remove(kTop - 0xfff, kTop));
  expect_well_formed(set);
  EXPECT_EQ(set.total(), 0x1000u);
}

TEST(RangeSet, RemovesFromTheMiddle) {
  RangeSet set;
  EXPECT_TRUE(set.add(0, 0x10000));
  EXPECT_TRUE(set.remove(0x4000, 0x1000));
  EXPECT_EQ(set.ranges().size(), 2u);
  EXPECT_TRUE(set.contains(0x3000, 0x1000));
  EXPECT_FALSE(set.contains(0x3000, 0x1001));
  EXPECT_FALSE(set.contains(kTop - 1, 0x1000));
}

TEST(RangeSet, ShrinksToPages) {
  RangeSet set;
  EXPECT_TRUE(set.add(0x10, 0xff0));        // becomes nothing
  EXPECT_TRUE(set.add(0x2001, 0x2fff));     // 0x3000..0x5000
  EXPECT_TRUE(set.add(kTop - 0x10, 0x10));  // rounding up must not wrap
  set.shrink_to(0x1000);
  ASSERT_EQ(set.ranges().size(), 1u);
  EXPECT_EQ(set.ranges()[0].base.value(), 0x3000u);
  EXPECT_EQ(set.total(), 0x2000u);
}

TEST(RangeSet, TakesFromTheTopBelowTheLimit) {
  RangeSet set;
  EXPECT_TRUE(set.add(0x1000, 0x4000));
  EXPECT_TRUE(set.add(0x100000, 0x10000));
  EXPECT_EQ(set.take(0x1000, 0x1000, 0x100000), 0x4000u);
  EXPECT_EQ(set.take(0x1000, 0x1000, kTop), 0x10f000u);
  EXPECT_EQ(set.take(0x2000, 0x2000, 0x100000), 0x2000u);
  EXPECT_EQ(set.take(0x8000, 0x1000, 0x100000), 0u);
  EXPECT_EQ(set.take(0, 0x1000, kTop), 0u);
}

TEST(RangeSet, FullSetStaysRight) {
  RangeSet set;
  for (std::uint64_t i = 0; i < RangeSet::kCapacity; ++i) ASSERT_TRUE(set.add(i * 0x10000, 0x3000));
  EXPECT_FALSE(set.add(0x5000'0000, 0x1000));
  EXPECT_TRUE(set.add(0x3000, 0x1000));       // touches: no new range
  EXPECT_FALSE(set.remove(0x11000, 0x1000));  // needs two rests, one is dropped
  expect_well_formed(set);
  EXPECT_FALSE(set.contains(0x11000, 0x1000));
}

TEST(RangeSet, AgreesWithABitmap) {
  constexpr std::size_t kBits = 256;
  std::mt19937 random(7);
  for (unsigned round = 0; round < 2'000; ++round) {
    RangeSet set;
    std::bitset<kBits> model;
    for (unsigned step = 0; step < 40; ++step) {
      const std::size_t from = random() % kBits, size = random() % (kBits - from);
      const bool add = random() % 2 != 0;
      ASSERT_TRUE(add ? set.add(from, size) : set.remove(from, size));
      for (std::size_t i = from; i < from + size; ++i) model[i] = add;
      expect_well_formed(set);
    }
    ASSERT_EQ(set.total(), model.count());
    for (std::size_t i = 0; i < kBits; ++i) ASSERT_EQ(set.contains(i, 1), model[i]);
  }
}

}  // namespace
}  // namespace capos::test
