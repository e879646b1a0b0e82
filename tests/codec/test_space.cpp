// SPDX-License-Identifier: Apache-2.0
// Builders that run out of words: nothing is written outside, and the error says so.
#include <gtest/gtest.h>

#include "fill.hpp"
#include "words.hpp"

namespace capos::test {
namespace {

// Builds the message of `seed` into exactly `capacity` words of heap.
wire::Error build(std::uint64_t seed, std::size_t capacity, Words& out) {
  Random random(seed);
  CapabilityTable table;
  StockBuilder stock;
  Exact space{Words(capacity)};
  wire::MessageBuilder ours(space.writable());
  fill(random, table, table.root(stock.message()).initAs<host::Kinds>(), ours.init_root<schema::Kinds>(), 12,
       1);
  out = words_of(ours);
  return ours.error();
}

TEST(CodecSpace, AnyCapacity) {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    Words whole;
    ASSERT_EQ(build(seed, kSpace, whole), wire::Error::none);
    Words again;
    EXPECT_EQ(build(seed, whole.size(), again), wire::Error::none);
    EXPECT_EQ(again, whole);
    for (std::size_t capacity = 0; capacity < whole.size(); capacity += 1 + capacity / 16) {
      Words cut;
      ASSERT_EQ(build(seed, capacity, cut), wire::Error::out_of_space)
          << "seed " << seed << " capacity " << capacity;
      ASSERT_LE(cut.size(), capacity);
    }
  }
}

TEST(CodecSpace, AfterTheFirstFailureNothingIsAllocated) {
  Exact space{Words(10)};
  wire::MessageBuilder message(space.writable());
  const auto leaf = message.init_root<schema::Leaf>();
  leaf.set_name("far too long for the seven words that are left after the root and its struct");
  EXPECT_EQ(message.error(), wire::Error::out_of_space);
  leaf.set_name("short");
  EXPECT_FALSE(leaf.as_reader().has_name());
  EXPECT_EQ(message.words().size(), 1 + schema::Leaf::kSize.words());
}

TEST(CodecSpace, ObjectsLargerThanTheFormatAllows) {
  Words space(kSpace);
  wire::MessageBuilder message(space);
  const auto kinds = message.init_root<schema::Kinds>();
  EXPECT_EQ(kinds.init_voids(0xffff'ffff).size(), 0u);
  EXPECT_EQ(message.error(), wire::Error::out_of_space);
  wire::MessageBuilder structs(space);
  EXPECT_EQ(structs.init_root<schema::Kinds>().init_children(0x1fff'ffff).size(), 0u);
  EXPECT_EQ(structs.error(), wire::Error::out_of_space);
  wire::MessageBuilder bytes(space);
  EXPECT_EQ(bytes.init_root<schema::Kinds>().init_data(std::size_t{1} << 40).size(), 0u);
  EXPECT_EQ(bytes.error(), wire::Error::out_of_space);
}

TEST(CodecSpace, ResetStartsOver) {
  Words space(40);
  wire::MessageBuilder message(space);
  message.init_root<schema::Leaf>().set_name("one");
  const Words first = words_of(message);
  message.reset();
  EXPECT_EQ(message.words().size(), 1u);
  message.init_root<schema::Leaf>().set_name("one");
  EXPECT_EQ(words_of(message), first);
}

TEST(CodecSpace, DirtyWordsDoNotShow) {
  Words clean(100);
  wire::MessageBuilder in_clean(clean);
  in_clean.init_root<schema::Leaf>().set_name("dust");
  Words dirty(100, 0xdead'beef'dead'beef);
  wire::MessageBuilder in_dirty(dirty);
  in_dirty.init_root<schema::Leaf>().set_name("dust");
  EXPECT_EQ(words_of(in_clean), words_of(in_dirty));
}

}  // namespace
}  // namespace capos::test
