// SPDX-License-Identifier: Apache-2.0
// Each way in which a message can be wrong: the error it leaves, and the default it reads as.
#include <gtest/gtest.h>

#include <capos/schema/kinds.hpp>

#include "words.hpp"

namespace capos::test {
namespace {

using wire::ElementSize;
using wire::encode;
using wire::Error;
using wire::PointerKind;
using wire::upper_of;
using wire::Word;

// A Leaf as root whose first pointer (the name) is `name`, followed by `rest`.
Words leaf_with(Word name, Words rest = {}) {
  Words words = {encode(PointerKind::structure, 0, upper_of({1, 2})), 7, name, 0};
  words.insert(words.end(), rest.begin(), rest.end());
  return words;
}

struct Reading {
  std::string name;
  std::int64_t value;
  Error error;
};

Reading read_leaf(const Words& words, wire::Limits limits = {}) {
  Exact exact(words);
  wire::MessageReader message(exact.span(), limits);
  const auto leaf = message.root<schema::Leaf>();
  return {std::string(leaf.name()), leaf.value(), message.error()};
}

constexpr Word text_pointer(std::int64_t offset, std::uint32_t bytes) {
  return encode(PointerKind::list, offset, upper_of(ElementSize::byte, bytes));
}

TEST(CodecLimits, AGoodLeaf) {
  const Reading leaf = read_leaf(leaf_with(text_pointer(1, 3), {0x006968}));
  EXPECT_EQ(leaf.name, "hi");
  EXPECT_EQ(leaf.value, 7);
  EXPECT_EQ(leaf.error, Error::none);
}

TEST(CodecLimits, EmptyMessage) {
  const Reading leaf = read_leaf({});
  EXPECT_EQ(leaf.value, 0);
  EXPECT_EQ(leaf.error, Error::out_of_bounds);
}

TEST(CodecLimits, NullRootReadsAsDefaults) {
  const Reading leaf = read_leaf({0});
  EXPECT_EQ(leaf.value, 0);
  EXPECT_EQ(leaf.error, Error::none);
}

TEST(CodecLimits, PointersOutside) {
  EXPECT_EQ(read_leaf(leaf_with(text_pointer(2, 3), {0x006968})).error, Error::out_of_bounds);
  EXPECT_EQ(read_leaf(leaf_with(text_pointer(1, 9), {0x006968})).error, Error::out_of_bounds);
  EXPECT_EQ(read_leaf(leaf_with(text_pointer(-4, 3))).error, Error::out_of_bounds);
  EXPECT_EQ(read_leaf(leaf_with(text_pointer((1 << 29) - 1, 3))).error, Error::out_of_bounds);
  EXPECT_EQ(read_leaf(leaf_with(text_pointer(-(1 << 29), 3))).error, Error::out_of_bounds);
  EXPECT_EQ(read_leaf(leaf_with(text_pointer(1, wire::kMaxElements))).error, Error::out_of_bounds);
  EXPECT_EQ(read_leaf({encode(PointerKind::structure, 0, upper_of({0xffff, 0xffff}))}).error,
            Error::out_of_bounds);
}

TEST(CodecLimits, WrongKinds) {
  EXPECT_EQ(read_leaf(leaf_with(encode(PointerKind::structure, 0, upper_of({1, 0})))).error,
            Error::wrong_kind);
  EXPECT_EQ(read_leaf(leaf_with(wire::encode_capability(3))).error, Error::wrong_kind);
  EXPECT_EQ(read_leaf({text_pointer(0, 0)}).error, Error::wrong_kind);
}

TEST(CodecLimits, FarPointersAreRefused) {
  EXPECT_EQ(read_leaf(leaf_with(encode(PointerKind::far, 0, 0))).error, Error::far_pointer);
  EXPECT_EQ(read_leaf({encode(PointerKind::far, 0, 1), 0}).error, Error::far_pointer);
}

TEST(CodecLimits, TextsEndInNul) {
  EXPECT_EQ(read_leaf(leaf_with(text_pointer(1, 3), {0x216968})).error, Error::not_terminated);
  EXPECT_EQ(read_leaf(leaf_with(text_pointer(1, 0), {0})).error, Error::not_terminated);
}

TEST(CodecLimits, TextsAreOfBytes) {
  const Word wide = encode(PointerKind::list, 1, upper_of(ElementSize::two_bytes, 2));
  EXPECT_EQ(read_leaf(leaf_with(wide, {0})).error, Error::element_size);
}

TEST(CodecLimits, TheFirstErrorStays) {
  Exact exact(leaf_with(text_pointer(1, 3), {0x216968}));
  wire::MessageReader message(exact.span());
  const auto leaf = message.root<schema::Leaf>();
  (void)leaf.name();
  (void)message.root_pointer().get_text();
  EXPECT_EQ(message.error(), Error::not_terminated);
  EXPECT_TRUE(message.seen(Error::wrong_kind));
  EXPECT_FALSE(message.seen(Error::depth));
}

TEST(CodecLimits, TraversalIsCharged) {
  const Words words = leaf_with(text_pointer(1, 3), {0x006968});
  // Root pointer 2, struct 3, text 1.
  EXPECT_EQ(read_leaf(words, {6, 64}).error, Error::none);
  EXPECT_EQ(read_leaf(words, {5, 64}).error, Error::traversal);
  EXPECT_EQ(read_leaf(words, {5, 64}).value, 7);
  EXPECT_EQ(read_leaf(words, {4, 64}).value, 0);
  EXPECT_EQ(read_leaf(words, {0, 64}).error, Error::traversal);
}

TEST(CodecLimits, ListsWithoutSizeAreCharged) {
  Words space(100);
  wire::MessageBuilder builder(space);
  (void)builder.init_root<schema::Kinds>().init_voids(1'000'000);
  Exact exact(builder.words());
  wire::MessageReader generous(exact.span(), {1'000'100, 64});
  EXPECT_EQ(generous.root<schema::Kinds>().voids().size(), 1'000'000u);
  wire::MessageReader strict(exact.span(), {999'999, 64});
  EXPECT_EQ(strict.root<schema::Kinds>().voids().size(), 0u);
  EXPECT_EQ(strict.error(), Error::traversal);
}

TEST(CodecLimits, AStructThatContainsItselfEnds) {
  // Its child pointer (the seventh) leads back to the struct.
  Words words(1 + schema::Kinds::kSize.words());
  words[0] = encode(PointerKind::structure, 0, upper_of(schema::Kinds::kSize));
  const std::size_t child = 1 + schema::Kinds::kSize.data_words + 6;
  words[child] =
      encode(PointerKind::structure, -static_cast<std::int64_t>(child), upper_of(schema::Kinds::kSize));
  Exact exact(words);
  wire::MessageReader message(exact.span(), {1u << 20, 10});
  auto kinds = message.root<schema::Kinds>();
  int levels = 1;
  while (kinds.has_child() && message.error() == Error::none) {
    kinds = kinds.child();
    ++levels;
  }
  EXPECT_EQ(message.error(), Error::depth);
  EXPECT_EQ(levels, 11);

  // A deep copy of it ends likewise.
  wire::MessageReader again(exact.span(), {1u << 20, 10});
  Words space(kSpace);
  wire::MessageBuilder copy(space);
  copy.set_root<schema::Kinds>(again.root<schema::Kinds>());
  EXPECT_EQ(again.error(), Error::depth);
  EXPECT_EQ(copy.words().size(), 1 + 10 * schema::Kinds::kSize.words());
}

TEST(CodecLimits, CompositeListsDoNotOverrun) {
  const Word list = encode(PointerKind::list, 0, upper_of(ElementSize::composite, 2));
  const Word tag = wire::encode_tag(3, {1, 0});
  Exact exact(Words{list, tag, 1, 2});
  wire::MessageReader message(exact.span());
  EXPECT_EQ(message.root_pointer().as_list<schema::Point>().size(), 0u);
  EXPECT_EQ(message.error(), Error::out_of_bounds);
}

TEST(CodecLimits, IndexOutOfRangeReadsAsDefault) {
  Words space(20);
  wire::MessageBuilder builder(space);
  const auto kinds = builder.root_pointer().init_list_of<std::uint16_t>(2);
  kinds.set(0, std::uint16_t{5});
  kinds.set(2, std::uint16_t{6});
  const auto list = kinds.as_reader();
  EXPECT_EQ(list[0], 5);
  EXPECT_EQ(list[2], 0);
  EXPECT_EQ(list[0xffff'ffff], 0);
}

}  // namespace
}  // namespace capos::test
