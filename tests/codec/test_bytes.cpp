// SPDX-License-Identifier: Apache-2.0
// The same calls give the same bytes as libcapnp, and each reads what the other wrote.
#include <capnp/serialize.h>
#include <gtest/gtest.h>

#include <capos/wire/frame.hpp>

#include "compare.hpp"
#include "fill.hpp"
#include "words.hpp"

namespace capos::test {
namespace {

constexpr int kMessages = 3000;

// One message built by both.
class OneMessage {
 public:
  void run(std::uint64_t seed) {
    Random random(seed);
    const auto stock_root = table_.root(stock_.message()).initAs<host::Kinds>();
    const auto our_root = ours_.init_root<schema::Kinds>();
    fill(random, table_, stock_root, our_root, 1 + static_cast<int>(random.below(40)), 3);
    ASSERT_EQ(ours_.error(), wire::Error::none) << "seed " << seed;
    const Words stock = stock_.words();
    ASSERT_FALSE(stock.empty());
    const Words ours = words_of(ours_);
    ASSERT_EQ(stock, ours) << "seed " << seed;
    read_crosswise(seed, stock, ours);
    copy(seed, stock);
  }

 private:
  void read_crosswise(std::uint64_t seed, const Words& stock, const Words& ours) {
    Exact theirs(stock);
    Exact mine(ours);
    capnp::SegmentArrayMessageReader stock_reader(mine.segments());
    wire::MessageReader our_reader(theirs.span());
    Compare compare(table_, our_reader);
    compare.kinds(table_.root<host::Kinds>(stock_reader), our_reader.root<schema::Kinds>());
    EXPECT_EQ(compare.difference(), "") << "seed " << seed;
    EXPECT_EQ(our_reader.error(), wire::Error::none) << "seed " << seed;
  }
  // Deep copies of the whole message are equal, too: preorder, without the holes.
  void copy(std::uint64_t seed, const Words& words) {
    Exact exact(words);
    capnp::SegmentArrayMessageReader stock_reader(exact.segments());
    StockBuilder stock_copy;
    table_.root(stock_copy.message()).setAs<host::Kinds>(table_.root<host::Kinds>(stock_reader));
    wire::MessageReader our_reader(exact.span());
    Words space(words.size());
    wire::MessageBuilder our_copy(space);
    our_copy.set_root<schema::Kinds>(our_reader.root<schema::Kinds>());
    EXPECT_EQ(our_copy.error(), wire::Error::none);
    EXPECT_EQ(first_difference(stock_copy.words(), words_of(our_copy)), "") << "seed " << seed;
  }

  CapabilityTable table_;
  StockBuilder stock_;
  Words space_ = Words(kSpace);
  wire::MessageBuilder ours_{space_};
};

TEST(CodecBytes, RandomMessagesAreEqualByteForByte) {
  for (int seed = 1; seed <= kMessages; ++seed) {
    OneMessage message;
    message.run(static_cast<std::uint64_t>(seed));
    if (::testing::Test::HasFatalFailure()) return;
  }
}

TEST(CodecBytes, EmptyRoot) {
  StockBuilder stock;
  stock.message().initRoot<host::Kinds>();
  Words space(100);
  wire::MessageBuilder ours(space);
  (void)ours.init_root<schema::Kinds>();
  EXPECT_EQ(stock.words(), words_of(ours));
}

TEST(CodecBytes, StructOfSizeZeroPointsAtItself) {
  StockBuilder stock;
  stock.message().getRoot<capnp::AnyPointer>().initAs<host::Counter::ResetParams>();
  Words space(4);
  wire::MessageBuilder ours(space);
  (void)ours.init_root<schema::Counter::Reset::Params>();
  EXPECT_EQ(stock.words(), words_of(ours));
}

TEST(CodecBytes, SetterOfNullReaderGivesAnEmptyObject) {
  StockBuilder stock;
  stock.message().initRoot<host::Kinds>().setLeaf(host::Leaf::Reader());
  Words space(100);
  wire::MessageBuilder ours(space);
  ours.init_root<schema::Kinds>().set_leaf(schema::Leaf::Reader());
  EXPECT_EQ(stock.words(), words_of(ours));
}

TEST(CodecBytes, BuildersOpenDefaultsAsCopies) {
  StockBuilder stock;
  auto stock_root = stock.message().initRoot<host::Kinds>();
  stock_root.getLeafDefault().setValue(6);
  stock_root.getLeaves()[1].setName("z");
  stock_root.getU32s().set(0, 9);
  Words space(200);
  wire::MessageBuilder ours(space);
  const auto root = ours.init_root<schema::Kinds>();
  root.leaf_default().set_value(6);
  root.leaves()[1].set_name("z");
  root.u32s().set(0, 9);
  EXPECT_EQ(stock.words(), words_of(ours));
  EXPECT_EQ(root.as_reader().leaf_default().name(), "blatt");
}

TEST(CodecBytes, FramesAreThoseOfTheStreamFormat) {
  StockBuilder stock;
  stock.message().initRoot<host::Leaf>().setName("frame");
  const kj::Array<capnp::word> flat = capnp::messageToFlatArray(stock.message());
  Words expected(flat.size());
  std::memcpy(expected.data(), flat.begin(), flat.size() * sizeof(wire::Word));

  Words space(20);
  wire::MessageBuilder ours(space);
  ours.init_root<schema::Leaf>().set_name("frame");
  Words out(ours.words().size() + 1);
  const auto framed = wire::write_frame(ours.words(), out);
  ASSERT_TRUE(framed.has_value());
  EXPECT_EQ(expected, Words(framed->begin(), framed->end()));
  const auto message = wire::read_frame(expected);
  ASSERT_TRUE(message.has_value());
  EXPECT_EQ(Words(message->begin(), message->end()), words_of(ours));
}

TEST(CodecBytes, BadFramesAreRefused) {
  EXPECT_EQ(wire::read_frame({}).error(), wire::Error::bad_frame);
  const Words two_segments = {1, 0};
  EXPECT_EQ(wire::read_frame(two_segments).error(), wire::Error::bad_frame);
  const Words cut = {wire::frame_header(2), 0};
  EXPECT_EQ(wire::read_frame(cut).error(), wire::Error::bad_frame);
  const Words longest = {0xffff'ffff'0000'0000u, 0};
  EXPECT_EQ(wire::read_frame(longest).error(), wire::Error::bad_frame);
  Words out(1);
  EXPECT_EQ(wire::write_frame(cut, out).error(), wire::Error::out_of_space);
}

TEST(CodecBytes, IdsAndNamesAreTheSchemas) {
  EXPECT_EQ(schema::Kinds::kTypeId, capnp::typeId<host::Kinds>());
  EXPECT_EQ(schema::Derived::kInterfaceId, capnp::typeId<host::Derived>());
  EXPECT_EQ(schema::name_of(schema::Colour::default_), "default");
  EXPECT_EQ(schema::name_of(static_cast<schema::Colour>(77)), "");
  EXPECT_EQ(schema::name_of(schema::Kinds::Which::both), "both");
  EXPECT_EQ(schema::name_of(schema::Kinds::Shape::Which::new_), "new");
}

TEST(CodecBytes, Constants) {
  EXPECT_EQ(schema::kAnswer, host::ANSWER);
  EXPECT_EQ(schema::kGreeting, std::string_view(host::GREETING->cStr()));
  EXPECT_EQ(schema::kRatio, host::RATIO);
  EXPECT_EQ(schema::origin().x(), host::ORIGIN->getX());
  EXPECT_EQ(schema::origin().y(), host::ORIGIN->getY());
  ASSERT_EQ(schema::primes().size(), 4u);
  EXPECT_EQ(schema::primes()[3], 7);
  EXPECT_EQ(schema::kBlob[1], std::byte{0xff});
}

}  // namespace
}  // namespace capos::test
