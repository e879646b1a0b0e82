// SPDX-License-Identifier: Apache-2.0
// What is done in portions, interrupted between two. The end of a process of several threads: what others see meanwhile, and that none
// of its threads runs any more. An unpark of many.
#include <gtest/gtest.h>

#include <algorithm>

#include "islands.hpp"
#include "islands/scheduling_context.hpp"

namespace capos::ktest {
namespace {

using kernel::Thread;
using kernel::ThreadState;
using schema::TransportError;
using Await = schema::SchedulingContext::WaitNextRelease;
using Kill = schema::ProcessHandle::Kill;
using State = schema::ProcessHandle::State;
using Wait = schema::ProcessHandle::Wait;
using Sleep = schema::Timer::SleepUntil;

constexpr std::uint64_t kServed = 0x1234;
constexpr std::uint64_t kLater = 60'000'000'000;

Thread& make_thread(World& world, Thread& by, abi::CapId context = {}) {
  const auto made = world.message<schema::ThreadFactory::Create>(
      by, world.granted(by.process, "self.threads"), [&](auto params, auto& transfers) {
        params.set_entry(abi::kProgramBase);
        params.set_stack_top(abi::kStackTop);
        if (!context.is_null()) params.set_context(add(transfers, context));
      });
  if (!made.ok()) throw std::logic_error("no thread: " + made.error().text());
  return *by.process.threads().back();
}

// A task that waits for its first release, init, which is to kill, and the victim. Every look at the clock costs time.
class Portions : public testing::Test {
 protected:
  static constexpr Duration kLook = Duration::ns(100);

  void start(const std::vector<Task>& tasks, std::vector<std::pair<std::string, abi::CapId>> grants) {
    island_ = admit_honest(world_, {.tasks = tasks});
    grants.emplace_back("timer", world_.service("timer"));
    task_ = world_.spawn({.context = island_.contexts[0], .grants = grants});
  }
  void begin() {
    (void)world_.call<Await>(task(), world_.granted(task().process, "self.context"));
    begin_ = world_.machine().now() + Duration::ms(1);
    const auto done = world_.call<schema::RealtimeIsland::Activate>(world_.init(), island_.island, {.start_ns = begin_.ns()});
    ASSERT_TRUE(done.error.ok());
  }
  [[nodiscard]] Thread& task() { return world_.thread(task_); }
  void sleeps(Thread& thread) {
    ASSERT_TRUE(world_.call<Sleep>(thread, world_.granted(thread.process, "timer"), {.ns = kLater}).blocked);
  }
  // A victim whose threads all sleep.
  void make_victim(std::size_t threads, std::vector<std::pair<std::string, abi::CapId>> grants = {}) {
    grants.emplace_back("timer", world_.service("timer"));
    victim_ = world_.spawn({.memory_pages = 4096, .grants = grants});
    for (std::size_t i = 1; i < threads; ++i) sleeps(make_thread(world_, world_.thread(victim_)));
  }
  // init kills it, so that the task's release comes in the middle.
  void kill_across_the_release() {
    world_.go_to(world_.init());
    world_.machine().advance(begin_ - Duration::ns(kLook.ns() * 8));
    ASSERT_TRUE(world_.is_current(world_.init()));
    ASSERT_TRUE(world_.call<Kill>(world_.init(), victim_.handle).blocked);
    ASSERT_TRUE(world_.is_current(task())) << "its job did not come between two portions";
  }
  [[nodiscard]] std::size_t living(std::uint32_t number) {
    std::size_t count = 0;
    auto& threads = world_.process(number).threads();
    for (Thread* one = threads.front(); one != nullptr; one = threads.next(*one)) ++count;
    return count;
  }
  // init has its answer once the task waits.
  void kill_returns() {
    (void)world_.call<Await>(task(), world_.granted(task().process, "self.context"));
    EXPECT_EQ(world_.init().state, ThreadState::runnable);
    EXPECT_TRUE(world_.answer(world_.init()).error().ok());
    const auto state = world_.call<State>(world_.init(), victim_.handle);
    EXPECT_FALSE(state.value.alive);
    const auto end = world_.call<Wait>(world_.init(), victim_.handle);
    EXPECT_EQ(end.value.reason, schema::ExitReason::killed);
  }

  World world_{{.clock_step = kLook}};
  Admitted island_;
  Child task_, victim_;
  Time begin_{};
};

TEST_F(Portions, AReleaseComesBetweenTwoPortionsOfAKill) {
  start({{}}, {});
  make_victim(16);
  begin();
  kill_across_the_release();
  EXPECT_TRUE(world_.process(victim_.number).alive());
  EXPECT_LT(living(victim_.number), 16u);
  EXPECT_GT(living(victim_.number), 1u);
  EXPECT_EQ(world_.init().state, ThreadState::call_work);
  kill_returns();
}

TEST_F(Portions, AnExitGoesOnBelowAReleaseAndItsThreadsDoNotRun) {
  start({{}}, {});
  make_victim(16);
  Thread& first = world_.thread(victim_);
  begin();
  world_.go_to(first);
  world_.machine().advance(begin_ - Duration::ns(kLook.ns() * 8));
  ASSERT_TRUE(world_.is_current(first));
  world_.exit(first, 9);
  ASSERT_TRUE(world_.is_current(task()));
  EXPECT_TRUE(first.has_ended());
  EXPECT_LT(living(victim_.number), 16u);
  EXPECT_GT(living(victim_.number), 1u);
  (void)world_.call<Await>(task(), world_.granted(task().process, "self.context"));
  const auto end = world_.call<Wait>(world_.init(), victim_.handle);
  EXPECT_EQ(end.value.reason, schema::ExitReason::exited);
  EXPECT_EQ(end.value.code, 9);
}

// A server that is to end gets no call, and the endpoint is not closed before it has ended.
TEST_F(Portions, ACallOnWhatEndsQueuesUntilTheServerHasEnded) {
  const abi::CapId endpoint = world_.make_endpoint(kServed);
  start({{}}, {{"service", world_.connect(endpoint)}});
  make_victim(16, {{"serve", endpoint}});
  Thread& last = make_thread(world_, world_.thread(victim_));
  (void)world_.reply_receive(last, world_.granted(last.process, "serve"));
  sleeps(world_.thread(victim_));
  begin();
  kill_across_the_release();
  ASSERT_FALSE(last.has_ended());
  ASSERT_EQ(last.state, ThreadState::await_call);
  const auto answer = world_.call(task(), world_.granted(task().process, "service"), kServed, 1);
  // It waits, the end goes on below it, and then there is nobody to serve it.
  ASSERT_TRUE(answer.has_value()) << "a thread of a process that ends got a call";
  EXPECT_EQ(answer->error(), transport(TransportError::disconnected));
  EXPECT_FALSE(world_.process(victim_.number).alive());
}

TEST_F(Portions, ACallWhoseCapabilityGoesBetweenTwoPortionsLeavesNothing) {
  start({{}}, {});
  Thread& other = make_thread(world_, task());
  const abi::CapId memory = world_.granted(task().process, "self.memory");
  const auto frames = [&] { return task().process.ledger().used(schema::Resource::frames); };
  begin();
  ASSERT_TRUE(world_.call<Sleep>(world_.init(), world_.service("timer"), {.ns = kLater}).blocked);
  const std::uint64_t before = frames();
  world_.go_to(other);
  world_.machine().advance(begin_ - Duration::ns(kLook.ns() * 4));
  ASSERT_TRUE(world_.is_current(other));
  world_.machine().at_each_interrupt_window([this](CpuId) { world_.machine().advance(world_.machine().now() + kLook); });
  const auto map = world_.call<schema::VirtualMemory::Map>(other, memory, {.size = 100 * 4096, .prot = 3});
  ASSERT_TRUE(map.blocked) << map.error.text();
  ASSERT_TRUE(world_.is_current(task())) << "its job did not come between two portions";
  ASSERT_TRUE(other.progress.begun);
  EXPECT_TRUE(world_.release(task(), memory).ok());
  (void)world_.call<Await>(task(), world_.granted(task().process, "self.context"));
  world_.go_to(other);
  EXPECT_EQ(world_.answer(other).error(), transport(TransportError::invalid_cap));
  EXPECT_FALSE(other.progress.begun) << "its next call would go on with it";
  EXPECT_EQ(frames(), before);
}

// Who is woken waits no longer, whoever comes in between; the others are woken after that.
TEST_F(Portions, AReleaseComesBetweenTwoPortionsOfAnUnpark) {
  start({{}}, {});
  victim_ = world_.spawn({.memory_pages = 4096});
  Thread& waker = world_.thread(victim_);
  const auto page = world_.call<schema::VirtualMemory::Map>(waker, world_.granted(waker.process, "self.memory"), {.size = 4096, .prot = 3});
  ASSERT_TRUE(page.error.ok());
  const abi::CapId space = world_.granted(waker.process, "self.park");
  std::vector<Thread*> waiters;
  for (int i = 0; i < 16; ++i) {
    waiters.push_back(&make_thread(world_, waker));
    ASSERT_TRUE(world_.call<schema::ParkSpace::Park>(*waiters.back(), space, {.address = page.value.addr, .timeout_ns = ~std::uint64_t{0}}).blocked);
  }
  begin();
  world_.go_to(waker);
  world_.machine().advance(begin_ - Duration::ns(kLook.ns() * 8));
  ASSERT_TRUE(world_.is_current(waker));
  ASSERT_TRUE(world_.call<schema::ParkSpace::Unpark>(waker, space, {.address = page.value.addr, .count = 100}).blocked);
  ASSERT_TRUE(world_.is_current(task())) << "its job did not come between two portions";
  const auto parked = std::ranges::count_if(waiters, [](const Thread* one) { return one->state == ThreadState::parked; });
  EXPECT_GT(parked, 0);
  EXPECT_LT(parked, 16);
  (void)world_.call<Await>(task(), world_.granted(task().process, "self.context"));
  world_.go_to(waker);
  EXPECT_EQ(world_.called<schema::ParkSpace::Unpark>(world_.answer(waker)).value.woken, 16u);
  for (const Thread* const one : waiters) EXPECT_EQ(one->state, ThreadState::runnable);
}

// A server works on the time of a thread that is to end: it is more urgent than that end, and its answer does not set the thread going.
TEST(EndsByMail, AnAnswerDoesNotSetAThreadGoingThatIsToEnd) {
  World world({.pack = {.cpus = 2}});
  const abi::CapId endpoint = world.make_endpoint(kServed);
  const Admitted island = admit_honest(world, {.tasks = {{}}, .cpu = 1});
  const Child server = world.spawn({.cpu = 1, .passive = true, .grants = {{"serve", endpoint}}});
  const abi::CapId serve = world.granted(world.process(server.number), "serve");
  (void)world.reply_receive(world.thread(server), serve);
  const Child victim = world.spawn({.memory_pages = 4096, .context = island.contexts[0],
                                    .grants = {{"service", world.connect(endpoint)}, {"timer", world.service("timer")}}});
  Thread& caller = world.thread(victim);
  for (int i = 0; i < 4; ++i) {
    Thread& other = make_thread(world, caller);
    (void)world.call<Sleep>(other, world.granted(other.process, "timer"), {.ns = kLater});
  }
  (void)world.call<Await>(caller, world.granted(caller.process, "self.context"));
  const Time begin = world.machine().now() + Duration::ms(1);
  const auto active = world.call<schema::RealtimeIsland::Activate>(world.init(), island.island, {.start_ns = begin.ns()});
  ASSERT_TRUE(active.error.ok());
  world.run_to(begin);
  ASSERT_TRUE(world.is_current(caller));
  (void)world.call(caller, world.granted(caller.process, "service"), kServed, 1);
  ASSERT_TRUE(world.is_current(world.thread(server)));
  const kernel::Ref<Thread> held = kernel::Ref<Thread>::share(caller);
  ASSERT_TRUE(world.call<Kill>(world.init(), victim.handle).error.ok());
  (void)world.machine().deliver_mail(CpuId(1));
  world.check();
  ASSERT_TRUE(world.is_current(world.thread(server)));
  ASSERT_FALSE(caller.has_ended());
  EXPECT_TRUE(world.call<State>(world.init(), victim.handle).value.alive);
  (void)world.reply_receive(world.thread(server), serve);
  EXPECT_FALSE(world.is_current(caller)) << "a thread of a process that ends runs on";
  EXPECT_TRUE(caller.has_ended());
  EXPECT_FALSE(world.call<State>(world.init(), victim.handle).value.alive);
}

}  // namespace
}  // namespace capos::ktest
