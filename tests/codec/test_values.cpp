// SPDX-License-Identifier: Apache-2.0
// Register messages: a Value's words are the data section of the same struct in a message.
#include <gtest/gtest.h>

#include <cmath>

#include "random.hpp"
#include "words.hpp"

#include <capos/schema/kinds.hpp>

namespace capos::test {
namespace {

using schema::Small;

static_assert(Small::kFitsRegisters);
static_assert(schema::Point::kFitsRegisters);
static_assert(!schema::Leaf::kFitsRegisters);
static_assert(!schema::Kinds::kFitsRegisters);
static_assert(schema::Counter::Add::kRegisters);
static_assert(schema::Counter::Reset::kRegisters);
static_assert(schema::Counter::Reset::Params::Value::kWords == 0);
static_assert(!schema::Base::Describe::kRegisters);
static_assert(!schema::Named::GetName::kRegisters);
static_assert(schema::Named::SetSmall::kRegisters);
static_assert(!schema::Derived::Delete::kRegisters, "a capability does not travel in registers");

Small::Value random_small(Random& random) {
  Small::Value value;
  value.flag = random.chance(2);
  value.tiny = random.value<std::int8_t>();
  value.colour = static_cast<schema::Colour>(random.below(4));
  value.wide = random.value<std::uint64_t>();
  value.choice.which = static_cast<Small::Choice::Which>(random.below(4));
  value.choice.number = random.value<std::int32_t>();
  value.choice.real = random.value<std::int32_t>() / 3.0;
  value.choice.pair.first = random.value<std::uint16_t>();
  value.choice.pair.second = random.value<std::uint16_t>();
  return value;
}

void set_stock(host::Small::Builder stock, const Small::Value& value) {
  stock.setFlag(value.flag);
  stock.setTiny(value.tiny);
  stock.setColour(static_cast<host::Colour>(value.colour));
  stock.setWide(value.wide);
  auto choice = stock.getChoice();
  switch (value.choice.which) {
    case Small::Choice::Which::nothing:
      choice.setNothing();
      break;
    case Small::Choice::Which::number:
      choice.setNumber(value.choice.number);
      break;
    case Small::Choice::Which::real:
      choice.setReal(value.choice.real);
      break;
    case Small::Choice::Which::pair:
      choice.initPair().setFirst(value.choice.pair.first);
      choice.getPair().setSecond(value.choice.pair.second);
      break;
  }
}

TEST(CodecValues, WordsAreTheDataSection) {
  Random random(1);
  for (int i = 0; i < 2000; ++i) {
    const Small::Value value = random_small(random);
    StockBuilder stock(64);
    set_stock(stock.message().initRoot<host::Small>(), value);
    const Words message = stock.words();
    ASSERT_EQ(message.size(), 1 + Small::Value::kWords);
    std::uint64_t words[Small::Value::kWords];
    value.to_words(words);
    ASSERT_EQ(Words(message.begin() + 1, message.end()), Words(words, words + Small::Value::kWords));
  }
}

TEST(CodecValues, ComeBackFromWordsAndMessages) {
  Random random(2);
  for (int i = 0; i < 2000; ++i) {
    const Small::Value value = random_small(random);
    std::uint64_t words[8];
    value.to_words(words);
    const Small::Value again = Small::Value::from_words(words, 8);
    // Members of the union that were not chosen do not travel.
    EXPECT_EQ(again.flag, value.flag);
    EXPECT_EQ(again.tiny, value.tiny);
    EXPECT_EQ(again.colour, value.colour);
    EXPECT_EQ(again.wide, value.wide);
    ASSERT_EQ(again.choice.which, value.choice.which);
    if (again.choice.which == Small::Choice::Which::pair) {
      EXPECT_EQ(again.choice.pair, value.choice.pair);
    }
    if (again.choice.which == Small::Choice::Which::real) {
      EXPECT_EQ(again.choice.real, value.choice.real);
    }

    Words space(16);
    wire::MessageBuilder message(space);
    wire::set_value<Small>(message.init_root<Small>(), value);
    wire::MessageReader reader(message.words());
    EXPECT_EQ(wire::value_of<Small>(reader.root<Small>()), again);
  }
}

TEST(CodecValues, MissingWordsAreDefaults) {
  const std::uint64_t words[8] = {};
  const Small::Value none = Small::Value::from_words(words, 0);
  EXPECT_EQ(none, Small::Value{});
  EXPECT_TRUE(none.flag);
  EXPECT_EQ(none.tiny, -3);
  EXPECT_EQ(none.colour, schema::Colour::green);
  EXPECT_EQ(none.wide, 0xfedcba9876543210u);
  EXPECT_EQ(Small::Value::from_words(words, 8), Small::Value{});
  // A sender with one word: the rest is default.
  std::uint64_t full[8];
  Small::Value value;
  value.tiny = 11;
  value.wide = 1;
  value.to_words(full);
  const Small::Value shorter = Small::Value::from_words(full, 1);
  EXPECT_EQ(shorter.tiny, 11);
  EXPECT_EQ(shorter.wide, 0xfedcba9876543210u);
}

TEST(CodecValues, FloatsKeepTheirBits) {
  for (const float x : {0.0f, -0.0f, 1.25f, INFINITY, std::nanf("1")}) {
    schema::Point::Value point;
    point.x = x;
    point.y = x;
    std::uint64_t words[8];
    point.to_words(words);
    const auto again = schema::Point::Value::from_words(words, 8);
    EXPECT_EQ(std::bit_cast<std::uint32_t>(again.x), std::bit_cast<std::uint32_t>(x));
    EXPECT_EQ(std::bit_cast<std::uint32_t>(again.y), std::bit_cast<std::uint32_t>(x));
  }
}

TEST(CodecValues, AnUnknownChoiceIsKept) {
  std::uint64_t words[8] = {};
  Small::Value value;
  value.choice.which = static_cast<Small::Choice::Which>(9);
  value.to_words(words);
  EXPECT_EQ(Small::Value::from_words(words, 8).choice.which, static_cast<Small::Choice::Which>(9));
}

}  // namespace
}  // namespace capos::test
