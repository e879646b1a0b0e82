// SPDX-License-Identifier: Apache-2.0
// Older and newer peers: each reads the other's messages, and keeps what it does not know. libcapnp does the
// same beside, and the bytes are compared.
#include <gtest/gtest.h>
#include <newer.capnp.h>
#include <older.capnp.h>

#include <capos/schema/newer.hpp>
#include <capos/schema/older.hpp>

#include "words.hpp"

namespace capos::test {
namespace {

using schema::NewOrder;
using schema::OldOrder;

class Evolution : public ::testing::Test {
 protected:
  static OldOrder::Builder build_old(wire::MessageBuilder& message) {
    const auto order = message.init_root<OldOrder>();
    order.set_id(17);
    order.init_item().set_count(3);
    order.item().set_label("bolt");
    const auto items = order.init_items(2);
    items[0].set_count(1);
    items[1].set_label("nut");
    const auto numbers = order.init_numbers(3);
    for (std::uint16_t i = 0; i < 3; ++i) numbers.set(i, static_cast<std::uint16_t>(100 + i));
    const auto names = order.init_names(2);
    names.set(0, std::string_view("ada"));
    names.set(1, std::string_view("bob"));
    const auto wide = order.init_wide(2);
    wide.set(0, 1.5);
    wide.set(1, -2.5);
    (void)order.init_nothing(4);
    return order;
  }
  static NewOrder::Builder build_new(wire::MessageBuilder& message) {
    const auto order = message.init_root<NewOrder>();
    order.set_id(18);
    order.set_customer("eve");
    order.set_urgent(false);
    const auto item = order.init_item();
    item.set_count(9);
    item.set_label("gear");
    item.set_price(5);
    item.init_notes(1).set(0, std::string_view("note"));
    item.init_origin().set_label("far away");
    const auto numbers = order.init_numbers(2);
    numbers[0].set_value(7);
    numbers[1].set_value(8);
    numbers[1].set_unit("mm");
    const auto names = order.init_names(1);
    names[0].set_name("zoe");
    const auto wide = order.init_wide(1);
    wide[0].set_value(0.125);
    (void)order.init_nothing(3);
    return order;
  }
  Words old_words() {
    wire::MessageBuilder message(space_);
    (void)build_old(message);
    return words_of(message);
  }
  Words new_words() {
    wire::MessageBuilder message(space_);
    (void)build_new(message);
    return words_of(message);
  }
  Words space_ = Words(kSpace);
};

TEST_F(Evolution, NewReadsOld) {
  Exact exact(old_words());
  wire::MessageReader message(exact.span());
  const auto order = message.root<NewOrder>();
  EXPECT_EQ(order.id(), 17u);
  EXPECT_EQ(order.customer(), "nobody");
  EXPECT_TRUE(order.urgent());
  EXPECT_EQ(order.item().count(), 3);
  EXPECT_EQ(order.item().label(), "bolt");
  EXPECT_EQ(order.item().price(), 99u);
  EXPECT_EQ(order.item().notes().size(), 0u);
  EXPECT_FALSE(order.item().has_origin());
  EXPECT_EQ(order.item().origin().price(), 99u);
  ASSERT_EQ(order.items().size(), 2u);
  EXPECT_EQ(order.items()[1].label(), "nut");
  EXPECT_EQ(order.items()[1].price(), 99u);
  EXPECT_EQ(message.error(), wire::Error::none);
}

TEST_F(Evolution, NewReadsOldListsAsLists_OfStructs) {
  Exact exact(old_words());
  wire::MessageReader message(exact.span());
  const auto order = message.root<NewOrder>();
  ASSERT_EQ(order.numbers().size(), 3u);
  EXPECT_EQ(order.numbers()[2].value(), 102);
  EXPECT_EQ(order.numbers()[2].scale(), 10u);
  EXPECT_EQ(order.numbers()[2].unit(), "");
  ASSERT_EQ(order.names().size(), 2u);
  EXPECT_EQ(order.names()[1].name(), "bob");
  EXPECT_EQ(order.names()[1].rank(), 3);
  ASSERT_EQ(order.wide().size(), 2u);
  EXPECT_EQ(order.wide()[1].value(), -2.5);
  EXPECT_TRUE(order.wide()[1].valid());
  ASSERT_EQ(order.nothing().size(), 4u);
  EXPECT_EQ(order.nothing()[3].something(), 8u);
  EXPECT_EQ(message.error(), wire::Error::none);
}

TEST_F(Evolution, OldReadsNew) {
  Exact exact(new_words());
  wire::MessageReader message(exact.span());
  const auto order = message.root<OldOrder>();
  EXPECT_EQ(order.id(), 18u);
  EXPECT_EQ(order.item().label(), "gear");
  ASSERT_EQ(order.numbers().size(), 2u);
  EXPECT_EQ(order.numbers()[0], 7);
  EXPECT_EQ(order.numbers()[1], 8);
  ASSERT_EQ(order.names().size(), 1u);
  EXPECT_EQ(order.names()[0], "zoe");
  ASSERT_EQ(order.wide().size(), 1u);
  EXPECT_EQ(order.wide()[0], 0.125);
  EXPECT_EQ(order.nothing().size(), 3u);
  EXPECT_EQ(message.error(), wire::Error::none);
}

TEST_F(Evolution, UnknownFieldsSurviveACopyByAnOldPeer) {
  Exact exact(new_words());
  wire::MessageReader message(exact.span());
  Words space(kSpace);
  wire::MessageBuilder relay(space);
  relay.set_root<OldOrder>(message.root<OldOrder>());

  capnp::SegmentArrayMessageReader stock_message(exact.segments());
  StockBuilder stock_relay;
  stock_relay.message().setRoot(stock_message.getRoot<host::OldOrder>());
  EXPECT_EQ(first_difference(stock_relay.words(), words_of(relay)), "");

  const Exact copied(relay.words());
  wire::MessageReader at_new(copied.span());
  EXPECT_EQ(at_new.root<NewOrder>().customer(), "eve");
  EXPECT_EQ(at_new.root<NewOrder>().item().price(), 5u);
  EXPECT_EQ(at_new.root<NewOrder>().item().notes()[0], "note");
  EXPECT_EQ(at_new.root<NewOrder>().item().origin().label(), "far away");
  EXPECT_EQ(at_new.root<NewOrder>().numbers()[1].unit(), "mm");
}

TEST_F(Evolution, ANewBuilderEnlargesWhatAnOldPeerMade) {
  Exact exact(old_words());
  wire::MessageReader message(exact.span());
  Words space(kSpace);
  wire::MessageBuilder ours(space);
  ours.root_pointer().set(message.root_pointer());
  const auto order = ours.root<NewOrder>();
  order.set_customer("max");
  order.item().set_price(1);
  order.items()[1].set_price(2);
  order.numbers()[0].set_unit("kg");
  order.names()[1].set_rank(9);
  order.wide()[0].set_valid(false);
  order.nothing()[2].set_something(1);

  capnp::SegmentArrayMessageReader stock_message(exact.segments());
  StockBuilder stock;
  stock.message().setRoot(stock_message.getRoot<capnp::AnyPointer>());
  auto stock_order = stock.message().getRoot<host::NewOrder>();
  stock_order.setCustomer("max");
  stock_order.getItem().setPrice(1);
  stock_order.getItems()[1].setPrice(2);
  stock_order.getNumbers()[0].setUnit("kg");
  stock_order.getNames()[1].setRank(9);
  stock_order.getWide()[0].setValid(false);
  stock_order.getNothing()[2].setSomething(1);

  EXPECT_EQ(first_difference(stock.words(), words_of(ours)), "");
  EXPECT_EQ(ours.error(), wire::Error::none);
  EXPECT_EQ(order.as_reader().item().label(), "bolt");
  EXPECT_EQ(order.as_reader().numbers()[0].value(), 100);
  EXPECT_EQ(order.as_reader().names()[1].name(), "bob");
}

TEST_F(Evolution, AnOldBuilderEditsWhatANewPeerMade) {
  Exact exact(new_words());
  wire::MessageReader message(exact.span());
  Words space(kSpace);
  wire::MessageBuilder ours(space);
  ours.root_pointer().set(message.root_pointer());
  const auto order = ours.root<OldOrder>();
  order.numbers().set(1, std::uint16_t{77});
  order.names().set(0, std::string_view("yan"));
  order.wide().set(0, 4.0);

  capnp::SegmentArrayMessageReader stock_message(exact.segments());
  StockBuilder stock;
  stock.message().setRoot(stock_message.getRoot<capnp::AnyPointer>());
  auto stock_order = stock.message().getRoot<host::OldOrder>();
  stock_order.getNumbers().set(1, 77);
  stock_order.getNames().set(0, "yan");
  stock_order.getWide().set(0, 4.0);

  EXPECT_EQ(first_difference(stock.words(), words_of(ours)), "");
  wire::MessageReader at_new(ours.words());
  EXPECT_EQ(at_new.root<NewOrder>().numbers()[1].value(), 77);
  EXPECT_EQ(at_new.root<NewOrder>().numbers()[1].unit(), "mm");
  EXPECT_EQ(at_new.root<NewOrder>().names()[0].name(), "yan");
}

TEST_F(Evolution, ListsOfBitsAndScalarsDoNotMix) {
  Words space(100);
  wire::MessageBuilder builder(space);
  (void)builder.init_root<OldOrder>().init_flags(9);
  // The same pointer, read as a list of structs.
  const auto flags = builder.init_root<OldOrder>().init_flags(9).as_reader();
  Exact exact(builder.words());
  wire::MessageReader message(exact.span());
  const auto as_structs = message.root<OldOrder>().wire_struct().pointer(6).as_list<schema::NewNumber>();
  EXPECT_EQ(flags.size(), 9u);
  EXPECT_EQ(as_structs.size(), 0u);
  EXPECT_EQ(message.error(), wire::Error::element_size);
}

}  // namespace
}  // namespace capos::test
