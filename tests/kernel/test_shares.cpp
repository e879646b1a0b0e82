// SPDX-License-Identifier: Apache-2.0
// Shares of best effort: set by SchedulingPolicy alone, inherited by what a process spawns, applied by the process's own CPU.
#include <gtest/gtest.h>

#include "world.hpp"

namespace capos::ktest {
namespace {

using Policy = schema::SchedulingPolicy;
using schema::LatencyClass;

constexpr std::uint32_t kGrandchild = 700;

class Shares : public ::testing::Test {
 protected:
  Message<Policy::SetShare> set(const Child& child, std::uint16_t weight, LatencyClass latency) {
    return world.message<Policy::SetShare>(world.init(), world.service("schedulingPolicy"), [&](auto params, auto& transfers) {
      params.set_process(add(transfers, child.handle));
      params.set_weight(weight);
      params.set_latency(latency);
    });
  }
  const sched::FairEntity& entity(std::uint32_t number) { return world.thread(number).entity; }

  World world{{.pack = {.cpus = 2, .slice_us = 2000}}};
};

TEST_F(Shares, AreInheritedFromTheSpawner) {
  const Child parent = world.spawn({.grants = {{"spawner", world.service("spawner")}}});
  ASSERT_TRUE(set(parent, 300, LatencyClass::batch).ok());
  const auto made = world.message<schema::ProcessSpawner::Spawn>(
      world.thread(parent), world.granted(world.process(parent.number), "spawner"), [&](auto params, auto&) {
        params.set_name("grandchild");
        params.set_program("program");
        params.set_memory_pages(64);
        params.set_source(kGrandchild);
      });
  ASSERT_TRUE(made.ok()) << made.error();
  EXPECT_EQ(entity(kGrandchild).weight(), 300u);
  EXPECT_EQ(entity(kGrandchild).request(), Duration::ms(10));
}

TEST_F(Shares, AreAppliedOnTheProcesssOwnCpu) {
  const Child there = world.spawn({.cpu = 1});
  world.settle();
  EXPECT_EQ(entity(there.number).weight(), 100u);
  EXPECT_EQ(entity(there.number).request(), Duration::ms(2));
  ASSERT_TRUE(set(there, 7, LatencyClass::interactive).ok());
  ASSERT_TRUE(set(there, 8, LatencyClass::interactive).ok()) << "while the first is on its way";
  world.settle();
  EXPECT_EQ(entity(there.number).weight(), 8u);
  EXPECT_EQ(entity(there.number).request(), Duration::us(500));
}

// Its words come back as they were. No time passes, so that its turns are over by yielding alone; the next may be its own, if it
// has had less than others.
TEST_F(Shares, YieldGivesUpTheRestOfATurn) {
  const Child one = world.spawn({}), two = world.spawn({});
  kernel::Thread& thread = world.thread(one);
  world.go_to(thread);
  int turns = 0;
  for (; turns < 4 && world.is_current(thread); ++turns) {
    const auto answer = world.enter(thread, static_cast<std::uint64_t>(abi::SystemCall::yield), {}, 0, {1, 2, 3});
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->status, 0);
    EXPECT_EQ(answer->words[2], 3u);
  }
  EXPECT_FALSE(world.is_current(thread)) << "after " << turns << " turns";
  EXPECT_TRUE(world.process(two.number).main_thread().state == kernel::ThreadState::runnable);
}

// What a ShareControl sets is not what is declared: children do not have it, and it goes with the control.
TEST_F(Shares, AreDeclaredAgainWhenTheirControlGoes) {
  using Control = schema::ShareControl;
  const Child there = world.spawn({.cpu = 1, .grants = {{"spawner", world.service("spawner")}}});
  ASSERT_TRUE(set(there, 50, LatencyClass::batch).ok());
  const auto make = [&] {
    return world.message<Policy::Control>(world.init(), world.service("schedulingPolicy"),
                                          [&](auto params, auto& transfers) { params.set_process(add(transfers, there.handle)); });
  };
  auto made = make();
  ASSERT_TRUE(made.ok()) << made.error();
  EXPECT_EQ(make().error(), overloaded(schema::KernelError::busy));
  const abi::CapId control = made.cap([](auto results) { return results.control(); });
  ASSERT_TRUE(world.call<Control::Set>(world.init(), control, {.weight = 900, .latency = LatencyClass::interactive}).error.ok());
  world.settle();
  EXPECT_EQ(entity(there.number).weight(), 900u);
  EXPECT_EQ(entity(there.number).request(), Duration::us(500));
  ASSERT_TRUE(set(there, 60, LatencyClass::batch).ok()) << "declared meanwhile";
  world.settle();
  EXPECT_EQ(entity(there.number).weight(), 900u);
  const auto grandchild = world.message<schema::ProcessSpawner::Spawn>(
      world.thread(there), world.granted(world.process(there.number), "spawner"), [&](auto params, auto&) {
        params.set_name("grandchild");
        params.set_program("program");
        params.set_memory_pages(64);
        params.set_source(kGrandchild);
      });
  ASSERT_TRUE(grandchild.ok()) << grandchild.error();
  EXPECT_EQ(entity(kGrandchild).weight(), 60u);
  ASSERT_TRUE(world.release(world.init(), control).ok());
  world.settle();
  EXPECT_EQ(entity(there.number).weight(), 60u);
  EXPECT_EQ(entity(there.number).request(), Duration::ms(10));
  EXPECT_TRUE(make().ok()) << "it is free again";
}

TEST_F(Shares, OfWhatHasEndedAreNobodys) {
  const Child gone = world.spawn({.cpu = 1});
  world.settle();
  ASSERT_TRUE(world.call<schema::ProcessHandle::Kill>(world.init(), gone.handle).error.ok());
  EXPECT_TRUE(set(gone, 9, LatencyClass::normal).ok());
  world.settle();
  EXPECT_TRUE(set(gone, 9, LatencyClass::normal).ok());
}

}  // namespace
}  // namespace capos::ktest
