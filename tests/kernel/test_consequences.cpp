// SPDX-License-Identifier: Apache-2.0
// What follows when misses repeat, and when they stop an island: demoted and promoted, replaced and back again, stopped.
#include <gtest/gtest.h>

#include "core/consequences.hpp"
#include "islands/lease.hpp"
#include "jobs.hpp"

namespace capos::ktest {
namespace {

using kernel::ThreadState;
using schema::TransportError;

constexpr auto us = [](std::uint64_t value) { return value * 1'000; };

class Consequences : public Donation {
 protected:
  // Task `task` has the CPU from its k-th release on and does not end: its budget of 100 us is spent, it is held.
  void overrun(std::size_t task, std::uint64_t k) {
    world.run_to(release(k));
    ASSERT_TRUE(world.is_current(thread(task))) << "release " << k;
    world.run_to(release(k) + Duration::us(100));
    ASSERT_FALSE(world.is_current(thread(task)));
  }
  // It ends its job, or what is left of one that was held, in time.
  void finish(std::size_t task, std::uint64_t k) {
    world.run_to(release(k));
    ASSERT_TRUE(world.is_current(thread(task))) << "release " << k;
    (void)await(task);
  }
  void expect_idle_at(std::uint64_t k) {
    world.run_to(release(k) + Duration::us(1));
    EXPECT_TRUE(world.is_current(world.init())) << "release " << k;
  }
  sched::TaskMode mode(std::size_t task) { return context(task).policy.mode(); }
};

// --- demotion ---------------------------------------------------------------------------------------------------

class Demotion : public Consequences {
 protected:
  void start_two(std::uint16_t recover) {
    start({.tasks = {{.name = "high", .response_ns = us(900), .priority = 20,
                      .repeated = {.misses = 2, .of = 3, .then = Repeated::demote, .recover = recover}},
                     {.name = "low", .response_ns = us(900), .priority = 10}}});
  }
};

TEST_F(Demotion, AfterTwoMissesInThreeItRunsBelowTheOthersAndRecovers) {
  start_two(2);
  overrun(0, 0);
  (void)await(1);
  EXPECT_EQ(mode(0), sched::TaskMode::normal);
  overrun(0, 1);
  EXPECT_EQ(mode(0), sched::TaskMode::demoted);
  (void)await(1);
  finish(0, 2);  // what was held ends as it began: it might have been in a call
  (void)await(1);
  world.run_to(release(3));
  EXPECT_TRUE(world.is_current(thread(1))) << "now it is below";
  EXPECT_EQ(context(0).priority(), Priority(0));
  (void)await(1);
  EXPECT_TRUE(world.is_current(thread(0)));
  (void)await(0);  // the second in a row in time
  EXPECT_EQ(mode(0), sched::TaskMode::normal);
  world.run_to(release(4));
  EXPECT_TRUE(world.is_current(thread(0))) << "above again";
}

TEST_F(Demotion, WhoMissesOnIsStopped) {
  start_two(0);
  overrun(0, 0);
  (void)await(1);
  overrun(0, 1);
  (void)await(1);
  overrun(0, 2);
  EXPECT_FALSE(context(0).stopped);
  (void)await(1);
  overrun(0, 3);
  EXPECT_TRUE(context(0).stopped);
  EXPECT_FALSE(context(1).stopped) << "the island goes on";
  (void)await(1);
  finish(1, 4);
}

TEST_F(Demotion, ADemotedTaskIsRaisedToACeilingAsBefore) {
  const abi::CapId endpoint = world.make_endpoint(5, 0, 150);
  const Child server = serve(endpoint);
  start({.tasks = {{.name = "high", .priority = 20, .repeated = {.misses = 1, .of = 1, .then = Repeated::demote, .recover = 0}}}},
        {{"service", world.connect(endpoint)}});
  overrun(0, 0);
  finish(0, 1);
  world.run_to(release(2));
  (void)call(0);
  EXPECT_EQ(context(0).priority(), Priority(150));
  (void)reply(server);
  EXPECT_EQ(context(0).priority(), Priority(0));
}

TEST_F(Demotion, HeldInACallItIsDemotedOnceItHasComeBack) {
  const abi::CapId endpoint = world.make_endpoint(5, 0, 150);
  const Child server = serve(endpoint);
  start({.tasks = {{.name = "high", .priority = 20, .repeated = {.misses = 1, .of = 1, .then = Repeated::demote, .recover = 0}}}},
        {{"service", world.connect(endpoint)}});
  world.run_to(release(0));
  (void)call(0);
  world.run_to(release(0) + Duration::us(100));
  EXPECT_EQ(mode(0), sched::TaskMode::demoted);
  world.run_to(release(1));
  ASSERT_TRUE(world.is_current(world.thread(server)));
  EXPECT_EQ(context(0).priority(), Priority(150)) << "the server's ceiling holds until the reply";
  (void)reply(server);
  (void)await(0);
  EXPECT_EQ(context(0).priority(), Priority(0));
}

// --- a fallback -------------------------------------------------------------------------------------------------

class Fallback : public Consequences {
 protected:
  void start_pair(std::uint16_t recover, std::vector<std::pair<std::string, abi::CapId>> grants = {}) {
    start({.tasks = {{.name = "main", .response_ns = us(900), .priority = 20,
                      .repeated = {.misses = 2, .of = 3, .then = Repeated::fall_back, .recover = recover}, .fallback = 1},
                     {.name = "spare", .response_ns = us(900), .priority = 10}}},
          std::move(grants));
  }
  void fall_back() {
    overrun(0, 0);
    overrun(0, 1);
  }
};

TEST_F(Fallback, StandsInFromItsNextReleaseUntilItHasBeenInTimeOftenEnough) {
  start_pair(3);
  fall_back();
  EXPECT_EQ(mode(0), sched::TaskMode::fallen_back);
  for (std::uint64_t k = 2; k < 5; ++k) {
    world.run_to(release(k));
    ASSERT_TRUE(world.is_current(thread(1))) << k;
    EXPECT_EQ(job(1).index, k) << "its releases kept their grid while it stood by";
    EXPECT_EQ(job(1).skipped, k == 2 ? 2u : 0u);
    (void)await(1);
    EXPECT_TRUE(world.is_current(world.init())) << "the other is not released";
  }
  EXPECT_EQ(mode(0), sched::TaskMode::normal);
  finish(0, 5);  // what was held at release 1
  world.run_to(release(6));
  EXPECT_EQ(job(0).index, 6u);
  (void)await(0);
  expect_idle_at(7 - 1);
}

TEST_F(Fallback, IsNotReleasedBeforeAndNotAfter) {
  start_pair(1);
  for (std::uint64_t k = 0; k < 3; ++k) {
    finish(0, k);
    expect_idle_at(k);
  }
  EXPECT_EQ(context(1).jobs_done, 0u);
}

TEST_F(Fallback, WithoutRecoveryItStandsInForGood) {
  start_pair(0);
  fall_back();
  for (std::uint64_t k = 2; k < 40; ++k) finish(1, k);
  EXPECT_EQ(mode(0), sched::TaskMode::fallen_back);
}

TEST_F(Fallback, WhoseMissesRepeatIsStoppedWithWhomItStandsInFor) {
  start_pair(5);
  fall_back();
  overrun(1, 2);
  EXPECT_FALSE(context(1).stopped);
  overrun(1, 3);
  EXPECT_TRUE(context(0).stopped);
  EXPECT_TRUE(context(1).stopped);
  expect_idle_at(4);
}

TEST_F(Fallback, StoppedByItsOwnConsequenceItTakesTheOtherAlong) {
  start({.tasks = {{.name = "main", .response_ns = us(900), .priority = 20, .repeated = {.misses = 2, .of = 3, .then = Repeated::fall_back}, .fallback = 1},
                   {.name = "spare", .response_ns = us(900), .priority = 10, .on_overrun = kStopTask}}});
  fall_back();
  overrun(1, 2);
  EXPECT_TRUE(context(1).stopped);
  EXPECT_TRUE(context(0).stopped) << "else it would be suspended for good";
  expect_idle_at(3);
}

TEST_F(Fallback, ThatIsDeadStopsTheTask) {
  start_pair(0);
  (void)world.call<schema::ProcessHandle::Kill>(world.init(), tasks[1].handle);
  fall_back();
  EXPECT_TRUE(context(0).stopped);
  expect_idle_at(2);
}

TEST_F(Fallback, ATaskThatDiedMeanwhileDoesNotComeBack) {
  start_pair(2);
  fall_back();
  (void)world.call<schema::ProcessHandle::Kill>(world.init(), tasks[0].handle);
  for (std::uint64_t k = 2; k < 8; ++k) finish(1, k);
}

TEST_F(Fallback, ACallThatTheTaskWasInEndsSoThatTheServerIsFreeForOthers) {
  const abi::CapId endpoint = world.make_endpoint(5, 0, 150);
  const Child server = serve(endpoint);
  start_pair(1, {{"service", world.connect(endpoint)}});
  overrun(0, 0);
  world.run_to(release(1));
  (void)call(0);
  world.run_to(release(1) + Duration::us(100));
  EXPECT_EQ(mode(0), sched::TaskMode::fallen_back);
  EXPECT_EQ(world.thread(server).account.entity, &world.thread(server).entity) << "it finishes on time of its own";
  const Time soon = release(2) - Duration::us(100);
  EXPECT_TRUE(world.call<schema::Timer::SleepUntil>(world.init(), world.service("timer"), {.ns = soon.ns()}).blocked);
  EXPECT_EQ(reply(server), std::nullopt);
  world.run_to(release(2));
  ASSERT_TRUE(world.is_current(thread(1)));
  EXPECT_EQ(call(1), std::nullopt);
  EXPECT_TRUE(world.is_current(world.thread(server)));
  (void)reply(server);
  (void)await(1);
  world.run_to(release(3));
  ASSERT_TRUE(world.is_current(thread(0)));
  EXPECT_EQ(world.answer(thread(0)).error(), transport(TransportError::timeout));
}

// Found by tests/models/refill.pml: what it had waited for made the replaced task run beside its fallback.
TEST_F(Fallback, WhoIsReplacedGoesOnOnlyWhenItIsReleasedAgain) {
  const abi::CapId event = world.make_notification();
  start({.tasks = {{.name = "main", .priority = 20, .on_miss = kHold,
                    .repeated = {.misses = 1, .of = 1, .then = Repeated::fall_back, .recover = 1}, .fallback = 1},
                   {.name = "spare", .priority = 10}}},
        {{"event", event}});
  world.run_to(release(0));
  EXPECT_TRUE(world.call<schema::Notification::Wait>(thread(0), cap(0, "event")).blocked);
  world.run_to(release(1) + Duration::us(1));
  ASSERT_EQ(mode(0), sched::TaskMode::fallen_back);
  EXPECT_EQ(world.call<schema::Notification::Signal>(world.init(), event, {.bits = 4}).error, kNoError);
  EXPECT_EQ(thread(0).state, ThreadState::runnable) << "it has what it waited for";
  EXPECT_TRUE(world.is_current(world.init())) << "and does not run";
  finish(1, 2);
  world.run_to(release(3));
  EXPECT_TRUE(world.is_current(thread(0)));
  EXPECT_EQ(World::called<schema::Notification::Wait>(world.answer(thread(0))).value.bits, 4u);
}

TEST_F(Fallback, ContextsThatPointAtEachOtherGoWithTheirIsland) {
  const auto used = [&] { return world.init().process.ledger().used(schema::Resource::contexts); };
  const std::uint64_t before = used();
  start_pair(1);
  EXPECT_EQ(used(), before + 2);
  fall_back();
  EXPECT_EQ(world.call<schema::RealtimeIsland::Retire>(world.init(), island.island).error, kNoError);
  for (const Child& task : tasks) (void)world.call<schema::ProcessHandle::Kill>(world.init(), task.handle);
  world.settle();
  for (const abi::CapId context : island.contexts) EXPECT_EQ(world.release(world.init(), context), kNoError);
  EXPECT_EQ(world.release(world.init(), island.island), kNoError);
  EXPECT_EQ(used(), before);
}

// --- the island stops -------------------------------------------------------------------------------------------

class StoppedIsland : public Consequences {
 protected:
  void expect_stopped() {
    EXPECT_TRUE(context(0).stopped);
    EXPECT_TRUE(context(1).stopped);
    EXPECT_EQ(kernel::leased_cpus(), 0u);
    EXPECT_FALSE(status().active);
    expect_idle_at(3);
    EXPECT_EQ(world.call<schema::RealtimeIsland::Retire>(world.init(), island.island).error, failed(schema::KernelError::bad_state));
  }
};

TEST_F(StoppedIsland, ByASpentBudget) {
  start({.tasks = {{.name = "a", .response_ns = us(900), .priority = 20, .on_overrun = kStopIsland},
                   {.name = "b", .response_ns = us(900), .priority = 10}}});
  overrun(0, 0);
  expect_stopped();
}

TEST_F(StoppedIsland, ByAMissedDeadline) {
  start({.tasks = {{.name = "a", .deadline_ns = us(700), .priority = 20, .on_miss = kStopIsland},
                   {.name = "b", .response_ns = us(900), .priority = 10}}},
        {{"event", world.make_notification()}});
  world.run_to(release(0));
  EXPECT_TRUE(world.call<schema::Notification::Wait>(thread(0), cap(0, "event")).blocked);
  (void)await(1);
  world.run_to(release(0) + Duration::us(701));
  expect_stopped();
}

TEST_F(StoppedIsland, ByRepetition) {
  start({.tasks = {{.name = "a", .response_ns = us(900), .priority = 20,
                    .repeated = {.misses = 2, .of = 2, .then = Repeated::stop_island, .recover = 0}},
                   {.name = "b", .response_ns = us(900), .priority = 10}}});
  overrun(0, 0);
  (void)await(1);
  EXPECT_TRUE(status().active);
  overrun(0, 1);
  expect_stopped();
}

TEST_F(StoppedIsland, WithNobodyHoldingItItIsGoneAlready) {
  start({.tasks = {{.name = "a", .response_ns = us(900), .priority = 20, .on_overrun = kStopIsland},
                   {.name = "b", .response_ns = us(900), .priority = 10}}});
  EXPECT_EQ(world.release(world.init(), island.island), kNoError);
  expect_idle_at(3);
  EXPECT_EQ(kernel::leased_cpus(), 0u);
}

}  // namespace
}  // namespace capos::ktest
