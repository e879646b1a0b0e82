// SPDX-License-Identifier: Apache-2.0
// Several ring calls of one caller and the least budget that their endpoint asks for: each that goes along needs it once more.
#include <gtest/gtest.h>

#include "islands.hpp"
#include "islands/island.hpp"

namespace capos::ktest {
namespace {

using schema::TransportError;

constexpr std::uint64_t kInterface = 5, kForever = ~std::uint64_t{0};
constexpr std::uint32_t kCalls = 5;

// A task with 100 us, its ring calls, and a server with areas for all of them at an endpoint that asks for 30 us each.
class RingBudgets : public ::testing::Test {
 protected:
  void SetUp() override {
    const abi::CapId endpoint = world.make_endpoint(kInterface, 30'000);
    server = world.spawn({.passive = true, .grants = {{"serve", endpoint}}});
    const Admitted island = admit_honest(world, {.tasks = {{}}});
    task = world.spawn({.context = island.contexts[0], .grants = {{"service", world.connect(endpoint)}}});
    abi::CapSqe receive = entry(abi::RingOperation::receive, 1, cap(server, "serve"));
    receive.flags = abi::kSqeMultishot;
    receive.pipeline_field = 8;
    receive.results_capacity = 64;
    world.submit(thread(server), receive);
    EXPECT_FALSE(enter(server, 1));
    using Await = schema::SchedulingContext::WaitNextRelease;
    EXPECT_TRUE(world.call<Await>(thread(task), cap(task, "self.context")).blocked);
    const Time begin = world.machine().now() + Duration::ms(1);
    ASSERT_TRUE(world.call<schema::RealtimeIsland::Activate>(world.init(), island.island, {.start_ns = begin.ns()}).error.ok());
    world.run_to(begin);
  }
  static abi::CapSqe entry(abi::RingOperation operation, std::uint64_t user_data, abi::CapId cap) {
    abi::CapSqe made{};
    made.operation = static_cast<std::uint8_t>(operation);
    made.user_data = user_data;
    made.cap = cap.raw;
    return made;
  }
  kernel::Thread& thread(const Child& child) { return world.thread(child); }
  abi::CapId cap(const Child& child, std::string_view name) { return world.granted(thread(child).process, name); }
  // False if the thread waits then.
  bool enter(const Child& child, std::uint64_t wanted) {
    return world.enter(thread(child), static_cast<std::uint64_t>(abi::SystemCall::cap_enter), {}, 0, {wanted, kForever}).has_value();
  }
  abi::CapSqe call_of(std::uint64_t user_data) {
    abi::CapSqe made = entry(abi::RingOperation::call, user_data, cap(task, "service"));
    made.interface_id = kInterface;
    made.params_size = made.results_capacity = 8;
    return made;
  }
  void call() {
    for (std::uint32_t i = 0; i < kCalls; ++i) world.submit(thread(task), call_of(i));
    EXPECT_FALSE(enter(task, kCalls));
  }
  std::uint32_t completions(const Child& child) {
    const abi::RingHeader& header = world.ring(thread(child)).header;
    return header.cq_tail - header.cq_head;
  }
  // Answers what has been received, and waits for more; how many that were.
  std::uint32_t answer_all() {
    std::uint32_t count = 0;
    for (; const auto received = world.take_completion(thread(server)); ++count) {
      abi::CapSqe made = entry(abi::RingOperation::return_call, 2, abi::CapId{received->value});
      made.flags = abi::kSqeQuiet;
      made.params_size = 8;
      world.submit(thread(server), made);
    }
    (void)enter(server, 1);
    return count;
  }

  World world{};
  Child server, task;
};

TEST_F(RingBudgets, AsManyGoAlongAsTheBudgetHasTheLeastOneFor) {
  call();
  EXPECT_EQ(completions(server), 3u) << "a fourth would leave 25 us to each";
  // Those that stayed come with the next switch: no time has passed, the budget is as it was.
  EXPECT_EQ(answer_all(), 3u);
  EXPECT_EQ(completions(server), 2u);
  EXPECT_EQ(answer_all(), 2u);
  EXPECT_EQ(completions(task), kCalls);
}

TEST_F(RingBudgets, OneThatStayedBehindIsCheckedAlone) {
  world.run_for(Duration::us(40));  // 60 us are left: exactly two
  call();
  EXPECT_EQ(completions(server), 2u);
  world.run_for(Duration::us(30));
  EXPECT_EQ(answer_all(), 2u);
  EXPECT_EQ(completions(server), 1u) << "30 us are enough for one";
  world.run_for(Duration::ns(1));
  EXPECT_EQ(answer_all(), 1u);
  EXPECT_EQ(completions(server), 0u);
  ASSERT_EQ(completions(task), kCalls);
  for (std::uint32_t i = 0; i < kCalls; ++i) {
    const auto done = world.take_completion(thread(task));
    EXPECT_EQ(error_of(done->result, done->flags), i < 3 ? kNoError : transport(TransportError::budget_too_small)) << i;
  }
}

TEST_F(RingBudgets, WithLessThanOneNoneIsMade) {
  world.run_for(Duration::us(70) + Duration::ns(1));
  for (std::uint32_t i = 0; i < 2; ++i) world.submit(thread(task), call_of(i));
  EXPECT_TRUE(enter(task, 2));
  EXPECT_EQ(completions(server), 0u);
  for (std::uint32_t i = 0; i < 2; ++i) {
    const auto done = world.take_completion(thread(task));
    EXPECT_EQ(error_of(done->result, done->flags), transport(TransportError::budget_too_small));
  }
}

}  // namespace
}  // namespace capos::ktest
