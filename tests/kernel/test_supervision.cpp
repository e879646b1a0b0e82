// SPDX-License-Identifier: Apache-2.0
// Tasks that lose their time in the middle of a call or a send, and their supervisor's answer (tests/models/call.pml, seed 12,
// is the same mistake in the model).
#include <gtest/gtest.h>

#include "islands.hpp"
#include "islands/lease.hpp"

namespace capos::ktest {
namespace {

using kernel::Thread;
using kernel::ThreadState;
using Await = schema::SchedulingContext::WaitNextRelease;
using Fault = schema::FaultHandler::Fault;

constexpr std::uint64_t kInterface = 5;
constexpr std::uint32_t kTask = 500;

class LostTime : public ::testing::Test {
 protected:
  // Until its first job has begun.
  void start(const Task& task) {
    const abi::CapId handler = world.connect(faults), client = world.connect(endpoint);
    const Admitted island = admit_honest(world, {.tasks = {task}});
    const auto made = world.message<schema::ProcessSpawner::Spawn>(world.init(), world.service("spawner"), [&](auto params, auto& transfers) {
      params.set_name("task");
      params.set_program("program");
      params.set_memory_pages(200);
      params.set_source(kTask);
      params.set_context(add(transfers, island.contexts[0]));
      params.init_supervisor().set_capability(add(transfers, handler));
      const auto grants = params.init_grants(1);
      grants[0].set_name("service");
      grants[0].init_capability().set_capability(add(transfers, client));
    });
    ASSERT_TRUE(made.ok()) << made.error();
    (void)world.reply_receive(world.thread(supervisor), serving(supervisor));
    (void)world.call<Await>(worker(), world.granted(worker().process, "self.context"));
    begin = world.machine().now() + Duration::ms(20);  // others may have their slices before
    ASSERT_TRUE(world.call<schema::RealtimeIsland::Activate>(world.init(), island.island, {.start_ns = begin.ns()}).error.ok());
    world.run_to(begin);
    ASSERT_TRUE(world.is_current(worker()));
  }
  void enter(abi::SystemCall how, std::uint64_t limit_us) {
    (void)world.enter(worker(), static_cast<std::uint64_t>(how) | limit_us << 32, world.granted(worker().process, "service"),
                      kInterface, {42});
  }
  void supervisor_says(schema::FaultAction action) {
    world.go_to(world.thread(supervisor));
    Words words{};
    Fault::Results::Value{.action = action}.to_words(words.data());
    (void)world.reply_receive(world.thread(supervisor), serving(supervisor), words);
  }
  Thread& worker() { return world.thread(kTask); }
  abi::CapId serving(const Child& of) { return world.granted(world.process(of.number), "serve"); }

  World world{};
  abi::CapId faults = world.make_endpoint(schema::FaultHandler::kInterfaceId), endpoint = world.make_endpoint(kInterface);
  Child supervisor = world.spawn({.grants = {{"serve", faults}}});
  Child server = world.spawn({.grants = {{"serve", endpoint}}});
  Time begin{};
};

TEST_F(LostTime, WhoGoesOnAsBestEffortIsInALeasesWay) {
  start({.on_overrun = kStopTask});
  const std::uint32_t enlisted = kernel::enlisted_on(CpuId(0));
  world.run_to(begin + Duration::us(150));  // the budget is spent
  ASSERT_EQ(worker().state, ThreadState::await_supervisor);
  supervisor_says(schema::FaultAction::resume);
  EXPECT_EQ(worker().account.entity, &worker().entity);
  EXPECT_EQ(kernel::enlisted_on(CpuId(0)), enlisted + 1);
}

TEST_F(LostTime, ACallCalledOffHasNoLimitAnyMore) {
  (void)world.reply_receive(world.thread(server), serving(server));
  start({.on_overrun = kStopTask});
  enter(abi::SystemCall::call, 400);
  ASSERT_TRUE(world.is_current(world.thread(server)));
  world.run_to(begin + Duration::us(150));  // the budget is spent
  ASSERT_EQ(worker().state, ThreadState::await_supervisor);
  world.run_to(begin + Duration::us(900));
  EXPECT_EQ(worker().state, ThreadState::await_supervisor) << "the limit of a call that has ended";
  supervisor_says(schema::FaultAction::resume);
  world.go_to(worker());
  EXPECT_EQ(world.answer(worker()).error(), transport(schema::TransportError::disconnected));
}

TEST_F(LostTime, AfterASendCalledOffACallIsACall) {
  start({.deadline_ns = 500'000, .response_ns = 500'000, .on_miss = kStopTask});
  enter(abi::SystemCall::send, 1'000'000);
  ASSERT_EQ(worker().state, ThreadState::await_server);
  world.run_to(begin + Duration::us(700));  // the deadline is missed
  ASSERT_EQ(worker().state, ThreadState::await_supervisor);
  supervisor_says(schema::FaultAction::resume);
  (void)world.reply_receive(world.thread(server), serving(server));
  enter(abi::SystemCall::call, 1'000'000);  // with a limit: not by the fast path
  EXPECT_EQ(worker().state, ThreadState::await_reply);
  (void)world.reply_receive(world.thread(server), serving(server), {43});
  world.go_to(worker());
  EXPECT_EQ(world.answer(worker()).words[0], 43u);
}

}  // namespace
}  // namespace capos::ktest
