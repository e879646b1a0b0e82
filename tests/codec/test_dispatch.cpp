// SPDX-License-Identifier: Apache-2.0
// Generated dispatch tables and clients: registers, messages, inheritance, and calls that nobody serves.
#include <gtest/gtest.h>

#include <algorithm>
#include <capos/schema/kinds.hpp>
#include <string>

#include "words.hpp"

namespace capos::test {
namespace {

using schema::Base;
using schema::Counter;
using schema::Derived;
using schema::Named;

enum class Answer { done, refused, unimplemented, wrong_path };

struct Caller {
  int calls = 0;
};

class Object {
 public:
  using Outcome = Answer;
  static Answer unimplemented() noexcept { return Answer::unimplemented; }
  static Answer wrong_path() noexcept { return Answer::wrong_path; }

  Answer ping(Caller& caller, const Base::Ping::Params::Value& in, Base::Ping::Results::Value& out) noexcept {
    ++caller.calls;
    out.value = in.value + 1;
    return Answer::done;
  }
  Answer describe(Caller&, Base::Describe::Params::Reader in, Base::Describe::Results::Builder out) noexcept {
    if (in.prefix().empty()) return Answer::refused;
    out.set_text(in.prefix());
    return Answer::done;
  }
  Answer add(Caller&, const Counter::Add::Params::Value& in, Counter::Add::Results::Value& out) noexcept {
    total_ += in.twice ? 2 * in.amount : in.amount;
    out.total = total_;
    return Answer::done;
  }
  Answer reset(Caller&, const Counter::Reset::Params::Value&, Counter::Reset::Results::Value&) noexcept {
    total_ = 0;
    return Answer::done;
  }
  Answer get_name(Caller&, Named::GetName::Params::Reader, Named::GetName::Results::Builder out) noexcept {
    out.set_name("object");
    return Answer::done;
  }
  Answer set_small(Caller&, const schema::Small::Value& in, schema::Small::Value& out) noexcept {
    out = in;
    out.tiny = 99;
    return Answer::done;
  }
  Answer delete_(Caller&, Derived::Delete::Params::Reader in,
                 Derived::Delete::Results::Builder out) noexcept {
    out.set_done(in.target() == 4u);
    return Answer::done;
  }

 private:
  std::int64_t total_ = 0;
};

struct Dispatch : ::testing::Test {
  Answer by_registers(std::uint64_t interface, std::uint16_t ordinal) {
    return Derived::dispatch_registers(object, caller, interface, ordinal, in, out);
  }
  Object object;
  Caller caller;
  std::uint64_t in[8] = {};
  std::uint64_t out[8] = {};
};

TEST_F(Dispatch, OwnAndInheritedMethodsByRegisters) {
  in[0] = 41;
  EXPECT_EQ(by_registers(Base::kInterfaceId, Base::Ping::kOrdinal), Answer::done);
  EXPECT_EQ(Base::Ping::Results::Value::from_words(out, 8).value, 42u);
  EXPECT_EQ(caller.calls, 1);
  Counter::Add::Params::Value add;
  add.amount = 5;
  add.twice = true;
  add.to_words(in);
  EXPECT_EQ(by_registers(Counter::kInterfaceId, Counter::Add::kOrdinal), Answer::done);
  EXPECT_EQ(Counter::Add::Results::Value::from_words(out, 8).total, 10);
}

TEST_F(Dispatch, ZeroWordsAreDefaults) {
  EXPECT_EQ(by_registers(Counter::kInterfaceId, Counter::Add::kOrdinal), Answer::done);
  EXPECT_EQ(Counter::Add::Results::Value::from_words(out, 8).total, 1);
}

TEST_F(Dispatch, WhatNobodyServes) {
  EXPECT_EQ(by_registers(Base::kInterfaceId, 2), Answer::unimplemented);
  EXPECT_EQ(by_registers(Base::kInterfaceId, 0xffff), Answer::unimplemented);
  EXPECT_EQ(by_registers(0, 0), Answer::unimplemented);
  EXPECT_EQ(by_registers(Base::kInterfaceId, Base::Describe::kOrdinal), Answer::wrong_path);
  EXPECT_EQ(by_registers(Derived::kInterfaceId, Derived::Delete::kOrdinal), Answer::wrong_path);
  // A narrower interface does not reach the wider one's methods.
  EXPECT_EQ(Base::dispatch_registers(object, caller, Counter::kInterfaceId, 0, in, out),
            Answer::unimplemented);
}

TEST_F(Dispatch, ResultWordsBeyondTheResultsAreZero) {
  for (auto& word : out) word = 0x55;
  EXPECT_EQ(by_registers(Base::kInterfaceId, Base::Ping::kOrdinal), Answer::done);
  EXPECT_EQ(out[0], 1u);
  for (int i = 1; i < 8; ++i) EXPECT_EQ(out[i], 0u);
}

// A transport that serves each call on the spot.
class Local {
 public:
  template <typename V>
  struct CallResult {
    Answer answer;
    V value;
  };
  explicit Local(Object& object) noexcept : object_(&object) {}

  template <typename Method>
  auto call_registers(const typename Method::Params::Value& params) {
    std::uint64_t in[8] = {};
    std::uint64_t out[8] = {};
    params.to_words(in);
    Caller caller;
    const Answer answer =
        Derived::dispatch_registers(*object_, caller, Method::kInterfaceId, Method::kOrdinal, in, out);
    return CallResult<typename Method::Results::Value>{answer, Method::Results::Value::from_words(out, 8)};
  }
  template <typename Method, typename Build>
  auto call_message(Build&& build) {
    Words request_words(64);
    wire::MessageBuilder request(request_words);
    build(request.init_root<typename Method::Params>());
    wire::MessageReader reader(request.words());
    wire::MessageBuilder reply(reply_words_);
    Caller caller;
    const Answer answer = Derived::dispatch_message(*object_, caller, Method::kInterfaceId, Method::kOrdinal,
                                                    reader.root_pointer().get_struct(), reply);
    reply_ = std::make_unique<wire::MessageReader>(reply.words());
    return CallResult<typename Method::Results::Reader>{answer, reply_->root<typename Method::Results>()};
  }

 private:
  Object* object_;
  Words reply_words_ = Words(64);
  std::unique_ptr<wire::MessageReader> reply_;
};

TEST_F(Dispatch, ClientsCallBothWays) {
  Derived::Client<Local> client{Local(object)};
  EXPECT_EQ(client.ping(7).value.value, 8u);
  EXPECT_EQ(client.add(4, false).value.total, 4);
  EXPECT_EQ(client.reset().answer, Answer::done);
  EXPECT_EQ(client.add(1, true).value.total, 2);
  EXPECT_EQ(client.describe([](auto p) { p.set_prefix("hello"); }).value.text(), "hello");
  EXPECT_EQ(client.describe([](auto) {}).answer, Answer::refused);
  EXPECT_EQ(client.get_name([](auto) {}).value.name(), "object");
  EXPECT_TRUE(client.delete_([](auto p) { p.set_target(4); }).value.done());
  schema::Small::Value small;
  small.choice.which = schema::Small::Choice::Which::number;
  small.choice.number = 12;
  const auto answer = client.set_small(small).value;
  EXPECT_EQ(answer.tiny, 99);
  EXPECT_EQ(answer.choice.number, 12);
}

TEST_F(Dispatch, ARegisterMethodMayArriveByMessage) {
  Words request_words(16);
  wire::MessageBuilder request(request_words);
  request.init_root<Base::Ping::Params>().set_value(20);
  wire::MessageReader reader(request.words());
  Words reply_words(16);
  wire::MessageBuilder reply(reply_words);
  EXPECT_EQ(Derived::dispatch_message(object, caller, Base::kInterfaceId, Base::Ping::kOrdinal,
                                      reader.root_pointer().get_struct(), reply),
            Answer::done);
  wire::MessageReader answer(reply.words());
  EXPECT_EQ(answer.root<Base::Ping::Results>().value(), 21u);
  EXPECT_EQ(Derived::dispatch_message(object, caller, 1, 0, reader.root_pointer().get_struct(), reply),
            Answer::unimplemented);
}

TEST(Interfaces, SuperclassesAreTransitiveAndUnique) {
  auto supers = Derived::kSuperclasses;
  std::ranges::sort(supers);
  EXPECT_EQ(supers, (std::array{Base::kInterfaceId, Counter::kInterfaceId, Named::kInterfaceId}));
  EXPECT_TRUE(Base::kSuperclasses.empty());
  EXPECT_EQ(std::string(Derived::kName), "Derived");
  EXPECT_EQ(std::string(Counter::Add::kName), "Counter.add");
  EXPECT_EQ(Counter::Add::kInterfaceId, Counter::kInterfaceId);
}

TEST(Interfaces, InheritanceIsAnsweredByIds) {
  EXPECT_TRUE(schema::kinds_inherits(Derived::kInterfaceId, Base::kInterfaceId));
  EXPECT_TRUE(schema::kinds_inherits(Derived::kInterfaceId, Named::kInterfaceId));
  EXPECT_TRUE(schema::kinds_inherits(Counter::kInterfaceId, Base::kInterfaceId));
  EXPECT_FALSE(schema::kinds_inherits(Counter::kInterfaceId, Named::kInterfaceId));
  EXPECT_FALSE(schema::kinds_inherits(Base::kInterfaceId, Derived::kInterfaceId));
  EXPECT_FALSE(schema::kinds_inherits(Base::kInterfaceId, Base::kInterfaceId));
  EXPECT_FALSE(schema::kinds_inherits(0, 0));
}

}  // namespace
}  // namespace capos::test
