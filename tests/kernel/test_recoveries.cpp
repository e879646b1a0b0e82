// SPDX-License-Identifier: Apache-2.0
// A passive server with a recovery: its caller's budget ends in the middle of a call. By fixed priorities, and by deadlines.
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
    admit_with_recovery(on_overrun);
    EXPECT_TRUE(await(0).blocked);
    begin = world.machine().now() + Duration::ms(1);
    ASSERT_EQ(world.call<schema::RealtimeIsland::Activate>(world.init(), island.island, {.start_ns = begin.ns()}).error, kNoError);
  }
  void admit_with_recovery(std::uint16_t on_overrun) {
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

// The wait for it goes on as every wait for a ring does; the server is free meanwhile.
TEST_F(Recoveries, ACallByRingStaysOpenAndIsAnsweredLate) {
  start_with_recovery();
  world.run_to(release(0));
  abi::CapSqe entry{};
  entry.operation = static_cast<std::uint8_t>(abi::RingOperation::call);
  entry.user_data = 9;
  entry.cap = cap(0, "service").raw;
  entry.interface_id = 5;
  entry.params_size = entry.results_capacity = 8;
  world.submit(thread(0), entry);
  constexpr std::uint64_t kForever = ~std::uint64_t{0};
  EXPECT_FALSE(world.enter(thread(0), static_cast<std::uint64_t>(abi::SystemCall::cap_enter), {}, 0, {1, kForever}).has_value());
  ASSERT_TRUE(world.is_current(server()));
  EXPECT_EQ(server().account.context, thread(0).bound);
  world.run_to(release(0) + Duration::us(101));
  EXPECT_TRUE(world.is_current(server()));
  EXPECT_EQ(server().account.context, &recovery());
  EXPECT_FALSE(world.take_completion(thread(0)).has_value());
  EXPECT_EQ(reply(server_child), std::nullopt);
  EXPECT_TRUE(server().account.is_none());
  const auto late = world.take_completion(thread(0));
  ASSERT_TRUE(late.has_value());
  EXPECT_EQ(late->user_data, 9u);
  EXPECT_EQ(late->result, 0);
  world.run_to(release(0) + Duration::us(200));
  EXPECT_TRUE(world.is_current(world.init())) << "its budget is spent";
  world.run_to(release(1));
  EXPECT_TRUE(world.is_current(thread(0)));
}

TEST_F(Recoveries, EndCallsBeforeTheIslandStartsToo) {
  admit_with_recovery(kHold);
  world.run_for(Duration::us(1));
  ASSERT_TRUE(world.is_current(thread(0)));
  EXPECT_EQ(call(0), std::nullopt);
  world.run_for(Duration::us(102));
  EXPECT_TRUE(world.is_current(server()));
  EXPECT_EQ(server().account.context, &recovery());
  EXPECT_EQ(world.answer(thread(0)).error(), transport(TransportError::timeout));
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

// The same under EDF. Times from the first release on, in us. `kCaller` runs from 700 on and calls the server, and its budget is spent at
// 1050; meanwhile, at 1000, `kPeer` is released, which may call the server too and is due at 2000, as the caller is.
class EdfRecoveries : public Donation {
 protected:
  static constexpr std::size_t kFiller = 0, kPeer = 1, kCaller = 2, kLong = 3, kOther = 4, kRecovery = 5;

  void start_by_deadline(bool recovers = true, std::uint64_t floor_us = 900) {
    Claim claim{.tasks = {{.name = "filler", .period_us = 8'000, .budget_ns = us(710), .deadline_ns = us(1'500), .blocking_ns = us(350)},
                          {.name = "peer", .period_us = 1'000, .budget_ns = us(100), .blocking_ns = us(350)},
                          {.name = "caller", .period_us = 8'000, .budget_ns = us(350), .deadline_ns = us(2'000), .blocking_ns = us(60)},
                          {.name = "long", .period_us = 8'000, .budget_ns = us(100)},
                          {.name = "other", .period_us = 3'000, .budget_ns = us(500), .deadline_ns = us(2'500), .blocking_ns = us(60)},
                          {.name = "recovery", .period_us = 2'000, .budget_ns = us(50), .deadline_ns = us(1'000), .blocking_ns = us(350), .on_overrun = kRunLate}},
                .calls = {{kPeer, kServer, us(30)}, {kCaller, kServer, us(350)}, {kLong, kServer, us(60)}}};
    if (!recovers) claim.tasks.pop_back();
    island = admit(world, claim, [&](Certificate certificate) {
      certificate.set_policy(1);
      certificate.init_busy_ns(1).set(0, us(5'000));
      if (recovers) certificate.tasks()[kRecovery].set_recovers(kServer);
    });
    ASSERT_EQ(island.refusal, "");
    const abi::CapId endpoint = world.make_endpoint(5, 0, 0, us(floor_us)), behind = world.make_endpoint(5, 0, 0, us(600));
    inner = serve(behind);
    server_child = world.spawn({.passive = true,
                                .context = recovers ? island.contexts[kRecovery] : abi::CapId{},
                                .grants = {{"serve", endpoint}, {"inner", world.connect(behind)}}});
    event = world.make_notification();
    const abi::CapId outer_end = world.make_endpoint(5, 0, 0, us(900)), outermost_end = world.make_endpoint(5, 0, 0, us(900));
    outer = world.spawn({.passive = true, .grants = {{"serve", outer_end}, {"inner", world.connect(endpoint)}, {"event", event}}});
    outermost = world.spawn({.passive = true, .grants = {{"serve", outermost_end}, {"inner", world.connect(outer_end)}}});
    EXPECT_EQ(reply(outer), std::nullopt);
    EXPECT_EQ(reply(outermost), std::nullopt);
    EXPECT_EQ(world.reply_receive(server(), world.granted(server().process, "serve")), std::nullopt);
    for (std::size_t task = 0; task < kRecovery; ++task) {
      tasks.push_back(world.spawn({.context = island.contexts[task], .grants = {{"service", world.connect(endpoint)}, {"outermost", world.connect(outermost_end)}}}));
      EXPECT_TRUE(await(task).blocked);
    }
    begin = world.machine().now() + Duration::ms(1);
    ASSERT_EQ(world.call<schema::RealtimeIsland::Activate>(world.init(), island.island, {.start_ns = begin.ns()}).error, kNoError);
    world.run_to(at(0));
    ends(kPeer);
    ASSERT_TRUE(world.is_current(thread(kFiller)));
    world.run_to(at(700));
    ends(kFiller);
    ASSERT_TRUE(world.is_current(thread(kCaller)));
  }
  Time at(std::int64_t after) const { return begin + Duration::us(after); }
  // What runs is that task, and its job is done.
  void ends(std::size_t task) {
    ASSERT_TRUE(world.is_current(thread(task))) << task;
    EXPECT_TRUE(await(task).blocked);
  }
  // Up to where nobody but `kLong` has work, and the server waits for a refill.
  void spend_the_recovery() {
    start_by_deadline();
    calls(kCaller);
    world.run_to(at(1'110));
    ends(kPeer);
    ends(kOther);
  }
  void calls(std::size_t task, bool is_served = true) {
    ASSERT_TRUE(world.is_current(thread(task))) << task;
    EXPECT_EQ(call(task), std::nullopt);
    EXPECT_EQ(world.is_current(server()), is_served);
  }
  // That server calls the one behind it: has it been taken up?
  bool calls_in_turn(const Child& child) {
    Thread& thread = world.thread(child);
    EXPECT_EQ(world.call(thread, world.granted(thread.process, "inner"), 5, 0), std::nullopt);
    return thread.outgoing->server != nullptr;
  }
  Thread& server() { return world.thread(server_child); }
  SchedulingContext& recovery() { return *server().bound; }

  Child server_child{}, inner{}, outer{}, outermost{};  // each calls the one before: `inner` is called by the server
  abi::CapId event{};                                   // `outer` may wait for it
};

TEST_F(EdfRecoveries, TheServerGoesOnWhereItsCallerWas) {
  start_by_deadline();
  calls(kCaller);
  world.run_to(at(1'040));
  EXPECT_EQ(context(kCaller).due(), at(1'600));
  EXPECT_EQ(context(kPeer).due(), at(2'000));
  world.run_to(at(1'060));
  EXPECT_EQ(world.answer(thread(kCaller)).error(), transport(TransportError::timeout));
  EXPECT_EQ(server().account.context, &recovery());
  EXPECT_EQ(recovery().due(), at(1'600)) << "on its own it would be due at 2050";
  EXPECT_TRUE(world.is_current(server())) << "else the peer would find it at work";
  EXPECT_EQ(reply(server_child), std::nullopt);
  calls(kPeer);
  EXPECT_EQ(reply(server_child), std::nullopt);
  ends(kPeer);
  EXPECT_TRUE(recovery().floor().is_never());
}

// The floor of its call is later than its own deadline, which is the peer's too: and the peer has been there for longer than the recovery.
TEST_F(EdfRecoveries, AndBeforeWhoIsDueThen) {
  start_by_deadline(true, 990);
  world.run_to(at(1'040));
  EXPECT_EQ(context(kPeer).due(), context(kCaller).due());
  calls(kCaller);
  world.run_to(at(1'060));
  EXPECT_EQ(recovery().due(), context(kPeer).due());
  EXPECT_TRUE(world.is_current(server()));
  EXPECT_EQ(reply(server_child), std::nullopt);
  EXPECT_TRUE(world.is_current(thread(kPeer)));
}

// In a server that its own calls: at that one's floor, and at its own again after the reply.
TEST_F(EdfRecoveries, TakesOverTheFloorsOfCallsInTurn) {
  start_by_deadline();
  calls(kCaller);
  ASSERT_TRUE(calls_in_turn(server_child));
  world.run_to(at(1'060));
  ASSERT_TRUE(world.is_current(world.thread(inner)));
  EXPECT_EQ(recovery().due(), at(1'300));
  EXPECT_EQ(reply(inner), std::nullopt);
  ASSERT_TRUE(world.is_current(server()));
  EXPECT_EQ(recovery().due(), at(1'600));
}

// What waits in servers for another one has the floor of none of them afterwards.
TEST_F(EdfRecoveries, WhoWaitsWithinServersLosesTheirFloors) {
  spend_the_recovery();
  EXPECT_EQ(world.call(thread(kLong), cap(kLong, "outermost"), 5, 0), std::nullopt);
  EXPECT_TRUE(calls_in_turn(outermost));
  EXPECT_FALSE(context(kLong).floor().is_never());
  EXPECT_FALSE(calls_in_turn(outer));
  world.run_to(at(2'000));
  ends(kPeer);
  world.run_to(at(3'000));
  ends(kPeer);
  ends(kOther);
  world.run_to(at(3'055));
  EXPECT_TRUE(reply(server_child).has_value());
  EXPECT_EQ(reply(server_child), std::nullopt);
  ASSERT_TRUE(world.is_current(world.thread(outer)));
  EXPECT_TRUE(context(kLong).floor().is_never());
  EXPECT_EQ(reply(outer), std::nullopt);
  ASSERT_TRUE(world.is_current(world.thread(outermost)));
  EXPECT_TRUE(context(kLong).floor().is_never()) << "it was 2000, and it is past 3050";
  EXPECT_EQ(reply(outermost), std::nullopt);
  EXPECT_TRUE(world.is_current(thread(kLong)));
}

TEST_F(EdfRecoveries, AlsoWhoWaitsForAnEvent) {
  spend_the_recovery();
  EXPECT_EQ(world.call(thread(kLong), cap(kLong, "outermost"), 5, 0), std::nullopt);
  EXPECT_TRUE(calls_in_turn(outermost));
  Thread& waiting = world.thread(outer);
  EXPECT_FALSE(context(kLong).floor().is_never());
  EXPECT_TRUE(world.call<schema::Notification::Wait>(waiting, world.granted(waiting.process, "event")).blocked);
  world.run_to(at(1'600));
  ASSERT_TRUE(world.is_current(world.init()));
  (void)world.call<schema::Notification::Signal>(world.init(), event, {.bits = 1});
  ASSERT_TRUE(world.is_current(waiting));
  EXPECT_TRUE(context(kLong).floor().is_never());
  EXPECT_EQ(reply(outer), std::nullopt);
  ASSERT_TRUE(world.is_current(world.thread(outermost)));
  EXPECT_TRUE(context(kLong).floor().is_never());
}

// A recovery that is spent is due anew when it is back, and whoever had to wait for the server delays nobody who is due before it.
TEST_F(EdfRecoveries, ASpentOneHasNoFloor) {
  start_by_deadline();
  calls(kCaller);
  world.run_to(at(1'110));
  EXPECT_EQ(recovery().state(), sched::ContextState::awaiting_refill);
  EXPECT_TRUE(recovery().floor().is_never());
  ends(kPeer);
  ends(kOther);
  calls(kLong, false);
  world.run_to(at(2'000));
  ends(kPeer);
  world.run_to(at(3'000));
  ends(kPeer);
  ASSERT_TRUE(world.is_current(thread(kOther)));
  world.run_to(at(3'055));
  ASSERT_TRUE(world.is_current(server()));
  EXPECT_EQ(recovery().due(), at(3'050) + Duration::us(1'000));
  EXPECT_TRUE(reply(server_child).has_value()) << "the call that waited";
  EXPECT_EQ(server().account.context, &context(kLong));
  EXPECT_TRUE(world.is_current(thread(kOther))) << "due at 5500, the call that waited at 11 ms";
  EXPECT_TRUE(context(kLong).floor().is_never());
  ends(kOther);
  EXPECT_TRUE(world.is_current(server()));
  EXPECT_EQ(reply(server_child), std::nullopt);
  EXPECT_TRUE(world.is_current(thread(kLong)));
}

TEST_F(EdfRecoveries, WhoWaitedAndIsFirstHasTheServersFloor) {
  spend_the_recovery();
  calls(kLong, false);
  world.run_to(at(2'000));
  ends(kPeer);
  world.run_to(at(3'000));
  ends(kPeer);
  ends(kOther);
  world.run_to(at(3'055));
  ASSERT_TRUE(world.is_current(server()));
  const Time now = world.machine().now();
  EXPECT_TRUE(reply(server_child).has_value());
  EXPECT_TRUE(world.is_current(server()));
  EXPECT_EQ(context(kLong).due(), now + Duration::us(900));
}

// Nobody's time but the caller's: its next budget goes on without the floor that it had a period ago.
TEST_F(EdfRecoveries, WithoutOneTheCallersNextBudgetIsDueAnew) {
  start_by_deadline(false);
  calls(kCaller);
  world.run_to(at(1'060));
  EXPECT_EQ(server().account.context, &context(kCaller));
  EXPECT_TRUE(context(kCaller).floor().is_never());
}

}  // namespace
}  // namespace capos::ktest
