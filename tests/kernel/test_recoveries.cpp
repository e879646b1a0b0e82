// SPDX-License-Identifier: Apache-2.0
// A passive server with a recovery: its caller's budget ends in the middle of a call.
#include <gtest/gtest.h>

#include "jobs.hpp"

namespace capos::ktest {
namespace {

using schema::TransportError;

constexpr auto us = [](std::uint64_t value) { return value * 1'000; };
constexpr std::uint16_t kServer = 7;

// Task 0 calls the server, with 100 us of each millisecond; the recovery has 50 us.
class Recoveries : public Donation {
 protected:
  void start_with_recovery(std::uint16_t on_overrun = kHold) {
    const Claim claim{.tasks = {{.name = "caller", .response_ns = us(900), .priority = 10, .on_overrun = on_overrun},
                                {.name = "recovery", .budget_ns = us(50), .response_ns = us(900), .priority = 20, .on_overrun = kRunLate}},
                      .calls = {{0, kServer, us(60)}}};
    island = admit(world, claim, [](Certificate certificate) { certificate.tasks()[1].set_recovers(kServer); });
    ASSERT_EQ(island.refusal, "");
    const abi::CapId endpoint = world.make_endpoint(5, 0, 20);
    server_child = world.spawn({.passive = true, .context = island.contexts[1], .grants = {{"serve", endpoint}}});
    EXPECT_EQ(world.reply_receive(server(), world.granted(server().process, "serve")), std::nullopt);
    EXPECT_TRUE(server().account.is_none());
    tasks.push_back(world.spawn({.context = island.contexts[0], .grants = {{"service", world.connect(endpoint)}}}));
    EXPECT_TRUE(await(0).blocked);
    begin = world.machine().now() + Duration::ms(1);
    ASSERT_EQ(world.call<schema::RealtimeIsland::Activate>(world.init(), island.island, {.start_ns = begin.ns()}).error, kNoError);
  }
  // In job k, up to the end of its budget.
  void spend_in_the_server(std::uint64_t k) {
    world.run_to(release(k));
    ASSERT_TRUE(world.is_current(thread(0)));
    EXPECT_EQ(call(0), std::nullopt);
    ASSERT_TRUE(world.is_current(server()));
    EXPECT_EQ(server().account.context, thread(0).bound);
    world.run_to(release(k) + Duration::us(101));
  }
  Thread& server() { return world.thread(server_child); }
  SchedulingContext& recovery() { return *server().bound; }

  Child server_child{};
};

TEST_F(Recoveries, TheCallEndsAndTheServerFinishesOnItsOwn) {
  start_with_recovery();
  spend_in_the_server(0);
  EXPECT_TRUE(world.is_current(server()));
  EXPECT_EQ(server().account.context, &recovery());
  EXPECT_EQ(world.answer(thread(0)).error(), transport(TransportError::timeout));
  EXPECT_EQ(reply(server_child), std::nullopt) << "nobody waits for this answer";
  EXPECT_TRUE(world.is_current(world.init()));
  EXPECT_TRUE(server().account.is_none());
  EXPECT_GT(recovery().total_consumed(), Duration{});
  EXPECT_LE(recovery().total_consumed(), Duration::us(50));
  world.run_to(release(1));
  EXPECT_TRUE(world.is_current(thread(0))) << "held until its next release";
  EXPECT_TRUE(await(0).blocked);
  spend_in_the_server(2);  // the same again
  EXPECT_EQ(server().account.context, &recovery());
}

// In this job the caller's time is over whatever is declared; only when it goes on differs.
TEST_F(Recoveries, SoItIsForWhoRunsLate) {
  start_with_recovery(kRunLate);
  spend_in_the_server(0);
  EXPECT_EQ(server().account.context, &recovery());
  EXPECT_EQ(reply(server_child), std::nullopt);
  world.run_to(release(1));
  EXPECT_TRUE(world.is_current(thread(0)));
  EXPECT_EQ(world.answer(thread(0)).error(), transport(TransportError::timeout));
}

// Its own budget, once in a period of its own, and no more.
TEST_F(Recoveries, AServerThatDoesNotEndTakesNoMoreThanItsRecovery) {
  start_with_recovery();
  spend_in_the_server(0);
  world.run_to(release(0) + Duration::us(160));
  EXPECT_TRUE(world.is_current(world.init()));
  EXPECT_EQ(recovery().state(), sched::ContextState::awaiting_refill);
  world.run_to(release(1) + Duration::us(90));
  EXPECT_FALSE(world.is_current(server())) << "a period has not passed";
  world.run_to(release(1) + Duration::us(120));
  EXPECT_TRUE(world.is_current(server()));
  world.run_to(release(1) + Duration::us(300));
  EXPECT_LE(recovery().total_consumed(), Duration::us(102));
}

TEST_F(Recoveries, GoWithTheirIsland) {
  start_with_recovery();
  spend_in_the_server(0);
  ASSERT_EQ(world.call<schema::RealtimeIsland::Retire>(world.init(), island.island).error, kNoError);
  world.settle();
  EXPECT_TRUE(recovery().stopped.load());
  EXPECT_EQ(server().account.entity, &server().entity) << "it finishes as best effort";
  EXPECT_EQ(reply(server_child), std::nullopt);
}

}  // namespace
}  // namespace capos::ktest
