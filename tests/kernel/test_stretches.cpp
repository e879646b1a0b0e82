// SPDX-License-Identifier: Apache-2.0
// What is done for many at once lets interrupts in: releases of one instant, islands of many tasks that are armed and stopped, the end
// of a thread with many operations, a thread that is made. And nothing is lost, or left, where something comes in between.
#include <gtest/gtest.h>

#include <algorithm>

#include "core/termination.hpp"
#include "ipc/ring_state.hpp"
#include "islands/standing.hpp"
#include "jobs.hpp"

namespace capos::ktest {
namespace {

using kernel::ThreadState;
using Retire = schema::RealtimeIsland::Retire;

constexpr std::size_t kTasks = 20;

Claim many(std::string name, std::uint8_t priority) {
  std::vector<Task> tasks;
  for (std::size_t i = 0; i < kTasks; ++i) {
    tasks.push_back({.name = "task" + std::to_string(i), .period_us = 100'000, .budget_ns = 20'000, .priority = priority});
  }
  return {.tasks = tasks, .name = std::move(name)};
}

class Stretches : public Jobs {
 public:
  std::ptrdiff_t released() {
    return std::ranges::count_if(tasks, [this](const Child& task) { return world.thread(task).bound->jobs().totals().released != 0; });
  }

 protected:
  // Runs once, in the kernel, at the n-th place where it lets interrupts in: a mail of this CPU's own, with what it finds.
  void at_window(unsigned n, kernel::Mail::Handler handler, void* subject) {
    world.machine().at_each_interrupt_window([this, n, handler, subject](CpuId cpu) {
      if (++windows_ == n) (void)kernel::post_later(cpu, mail_, handler, subject);
    });
  }
  // So many PARKs under way in its ring.
  void park_many(kernel::Thread& thread, unsigned count) {
    const auto page = world.call<schema::VirtualMemory::Map>(thread, world.granted(thread.process, "self.memory"), {.size = 4096, .prot = 3});
    ASSERT_TRUE(page.error.ok());
    for (unsigned i = 0; i < count; ++i) {
      abi::CapSqe entry{};
      entry.operation = static_cast<std::uint8_t>(abi::RingOperation::park);
      entry.cap = world.granted(thread.process, "self.park").raw;
      entry.interface_id = page.value.addr;
      entry.user_data = i + 1;
      world.submit(thread, entry);
      if (i % 8 == 7) (void)world.enter_ring(thread);
    }
    ASSERT_EQ(thread.process.parked().size, count);
  }
  static std::ptrdiff_t armed(World& world, const std::vector<Child>& tasks) {
    return std::ranges::count_if(tasks, [&](const Child& task) { return world.thread(task).bound->jobs().armed(); });
  }

  unsigned windows_ = 0;

 private:
  kernel::Mail mail_;
};

TEST_F(Stretches, ReleasesOfOneInstantLetInterruptsInAndNoneIsLost) {
  start(many("many", 100));
  std::ptrdiff_t found = -1;
  std::pair<Stretches*, std::ptrdiff_t*> subject{this, &found};
  at_window(2, [](void* of) noexcept {
    auto& [test, place] = *static_cast<std::pair<Stretches*, std::ptrdiff_t*>*>(of);
    *place = test->released();
  }, &subject);
  world.run_to(begin + Duration::us(1));
  ASSERT_NE(found, -1) << "no interrupt was let in";
  EXPECT_GT(found, 0);
  EXPECT_LT(found, std::ptrdiff_t{kTasks});
  EXPECT_EQ(released(), std::ptrdiff_t{kTasks});
  for (std::size_t i = 0; i < kTasks; ++i) EXPECT_EQ(context(i).jobs().current().release, begin) << i;
}

// The most urgent is the last that is released.
TEST_F(Stretches, TheMostUrgentOfManyRunsFirst) {
  Claim claim = many("many", 100);
  claim.tasks.back().priority = 101;
  start(claim);
  world.run_to(begin + Duration::us(1));
  EXPECT_TRUE(world.is_current(thread(kTasks - 1)));
  // Nobody else before it, for an instant either.
  for (std::size_t i = 0; i + 1 < kTasks; ++i) EXPECT_TRUE(context(i).jobs().current().first_run.is_never()) << i;
}

// Whoever does not start in time is told of, all of them, a few at a time.
TEST_F(Stretches, DeadlinesOfOneInstantLetInterruptsInAndNoneIsLost) {
  Claim claim = many("many", 100);
  for (Task& task : claim.tasks) task.on_overrun = kRunLate;
  start(claim);
  world.run_to(begin + Duration::ms(99));
  unsigned windows = 0;
  world.machine().at_each_interrupt_window([&](CpuId) { ++windows; });
  world.run_to(begin + Duration::ms(100) + Duration::us(1));
  EXPECT_GE(windows, kTasks / 2 - 1);
  for (std::size_t i = 0; i < kTasks; ++i) EXPECT_EQ(context(i).misses, 1u) << i;
}

TEST_F(Stretches, AnIslandOfManyTasksIsArmedAndStoppedAFewAtATime) {
  start(many("many", 100));
  EXPECT_LT(armed(world, tasks), std::ptrdiff_t{kTasks});
  EXPECT_TRUE(world.machine().mail_pending(CpuId(0)));
  world.run_for(Duration::us(1));
  EXPECT_EQ(armed(world, tasks), std::ptrdiff_t{kTasks});
  ASSERT_TRUE(world.call<Retire>(world.init(), island.island).error.ok());
  EXPECT_GT(armed(world, tasks), 0);
  EXPECT_TRUE(world.machine().mail_pending(CpuId(0)));
  world.run_for(Duration::us(1));
  EXPECT_EQ(armed(world, tasks), 0);
}

// By the last capability: what is under way of the end keeps the island.
TEST_F(Stretches, AnIslandThatNobodyHoldsGoesWhenItsTasksHaveBeenStopped) {
  start(many("many", 100));
  world.run_for(Duration::us(1));
  ASSERT_EQ(kernel::standing_count(), 1u);
  ASSERT_EQ(world.release(world.init(), island.island), kNoError);
  world.run_for(Duration::us(1));
  EXPECT_EQ(armed(world, tasks), 0);
  EXPECT_EQ(kernel::standing_count(), 0u);
  for (const abi::CapId context : island.contexts) EXPECT_EQ(world.release(world.init(), context), kNoError);
}

// One island goes, and another of many tasks begins, while a task keeps the CPU busy: at the idle instant that follows.
TEST_F(Stretches, ManyTasksAreArmedAFewAtATimeAfterTheIdleInstant) {
  constexpr std::uint64_t kPeriod = 100'000'000;
  const auto one = [](std::string name, std::uint8_t priority) -> Claim {
    return {.tasks = {{.name = name, .period_us = 100'000, .budget_ns = 100'000, .priority = priority}}, .name = name};
  };
  const auto start_waiting = [this](abi::CapId context, const std::vector<std::pair<std::string, abi::CapId>>& grants) {
    const Child made = world.spawn({.context = context, .grants = grants});
    EXPECT_TRUE(world.call<Await>(world.thread(made), world.granted(world.process(made.number), "self.context")).blocked);
    return made;
  };
  const Admitted going = admit_honest(world, one("going", 10));
  (void)start_waiting(going.contexts[0], {});
  const auto activate = [this](kernel::Thread& by, abi::CapId which, Time at) {
    return world.call<schema::RealtimeIsland::Activate>(by, which, {.start_ns = at.ns()}).error;
  };
  ASSERT_EQ(activate(world.init(), going.island, world.machine().now() + Duration::s(1)), kNoError);
  Claim claim = many("many", 50);
  claim.others = {{.name = "going", .responses_ns = {kPeriod}}};
  const Admitted crowd = admit_honest(world, claim);
  for (const abi::CapId context : crowd.contexts) tasks.push_back(start_waiting(context, {}));
  claim = one("busy", 200);
  claim.others = {{.name = "going", .responses_ns = {kPeriod}}, {.name = "many", .responses_ns = std::vector<std::uint64_t>(kTasks, kPeriod)}};
  const Admitted busy = admit_honest(world, claim);
  kernel::Thread& caller = world.thread(start_waiting(busy.contexts[0], {{"going", going.island}, {"many", crowd.island}}));
  const Time release = world.machine().now() + Duration::ms(1);
  ASSERT_EQ(activate(world.init(), busy.island, release), kNoError);
  world.run_to(release);
  ASSERT_TRUE(world.is_current(caller));
  ASSERT_TRUE(world.call<Retire>(caller, world.granted(caller.process, "going")).error.ok());
  ASSERT_EQ(activate(caller, world.granted(caller.process, "many"), world.machine().now() + Duration::us(10)), kNoError);
  world.run_for(Duration::ns(100));
  EXPECT_EQ(armed(world, tasks), 0);
  ASSERT_TRUE(world.call<Await>(caller, world.granted(caller.process, "self.context")).blocked);
  EXPECT_GT(armed(world, tasks), 0);
  EXPECT_LT(armed(world, tasks), std::ptrdiff_t{kTasks});
  EXPECT_TRUE(world.machine().mail_pending(CpuId(0)));
  world.run_for(Duration::us(11));
  EXPECT_EQ(armed(world, tasks), std::ptrdiff_t{kTasks});
  EXPECT_EQ(released(), std::ptrdiff_t{kTasks});
}

// A job comes while a thread with many operations under way ends: that thread does nothing more, and its process lives on until all
// of them have ended.
TEST_F(Stretches, TheEndOfAThreadWithManyOperationsLetsAReleaseIn) {
  constexpr unsigned kParked = 32;
  start({.tasks = {{}}});
  const Child child = world.spawn({.memory_pages = 4096});
  kernel::Thread& parked = world.thread(child);
  park_many(parked, kParked);
  const kernel::Ref<kernel::Thread> held = kernel::Ref<kernel::Thread>::share(parked);
  unsigned left = 0;
  std::pair<kernel::Thread*, unsigned*> subject{&parked, &left};
  at_window(1, [](void* of) noexcept {
    auto& [thread, place] = *static_cast<std::pair<kernel::Thread*, unsigned*>*>(of);
    *place = thread->process.parked().size;
    EXPECT_EQ(thread->state, ThreadState::dead);
    EXPECT_FALSE(thread->has_ended());
    EXPECT_TRUE(thread->process.alive());
  }, &subject);
  world.exit(parked, 3);
  EXPECT_GT(left, 0u);
  EXPECT_LT(left, kParked);
  EXPECT_TRUE(parked.has_ended());
  const auto end = world.call<schema::ProcessHandle::Wait>(world.init(), child.handle);
  EXPECT_EQ(end.value.reason, schema::ExitReason::exited);
  EXPECT_EQ(end.value.code, 3);
}

// Who waits for its answer does not wait for them.
TEST_F(Stretches, AServerWithManyOperationsIsGoneForItsCallersAtOnce) {
  constexpr std::uint64_t kServed = 0x1234;
  const abi::CapId endpoint = world.make_endpoint(kServed);
  const Child child = world.spawn({.memory_pages = 4096, .grants = {{"serve", endpoint}}});
  kernel::Thread& server = world.thread(child);
  park_many(server, 32);
  (void)world.reply_receive(server, world.granted(server.process, "serve"));
  const Child client = world.spawn({.grants = {{"service", world.connect(endpoint)}}});
  kernel::Thread& caller = world.thread(client);
  ASSERT_FALSE(world.call(caller, world.granted(caller.process, "service"), kServed, 1).has_value());
  ASSERT_TRUE(world.is_current(server));
  std::pair<kernel::Thread*, ThreadState> subject{&caller, ThreadState::dead};
  at_window(1, [](void* of) noexcept {
    auto& [thread, state] = *static_cast<std::pair<kernel::Thread*, ThreadState>*>(of);
    state = thread->state;
  }, &subject);
  world.exit(server, 3);
  EXPECT_EQ(subject.second, ThreadState::runnable);
  EXPECT_EQ(world.answer(caller).error(), transport(schema::TransportError::disconnected));
}

// What it has goes back a few blocks at a time, and nobody can name it any more.
TEST_F(Stretches, AMemoryObjectOfManyBlocksGoesAFewAtATime) {
  constexpr std::uint64_t kPages = 1023;  // ten blocks
  const auto made = world.message<schema::FrameAllocator::Allocate>(world.init(), world.service("frames"), [](auto params) { params.set_pages(kPages); });
  ASSERT_TRUE(made.error().ok());
  const abi::CapId cap = made.cap([](auto results) { return results.object(); });
  struct Found {
    World& world;
    abi::CapId cap;
    std::uint64_t frames = 0;
    bool named = true;
  } found{world, cap};
  const std::uint64_t before = World::frames_free();
  at_window(1, [](void* of) noexcept {
    Found& place = *static_cast<Found*>(of);
    place.frames = World::frames_free();
    place.named = place.world.init().process.capabilities().find(place.cap) != nullptr;
  }, &found);
  EXPECT_EQ(world.release(world.init(), cap), kNoError);
  EXPECT_GT(found.frames, before) << "no interrupt was let in";
  EXPECT_LT(found.frames, before + kPages);
  EXPECT_FALSE(found.named);
  EXPECT_GE(World::frames_free(), before + kPages);
}

// More than is read at once goes into the arena in portions, and is what was written.
TEST_F(Stretches, ALongReadLetsInterruptsIn) {
  constexpr std::uint64_t kOffset = 4000, kCount = 30'001, kPlace = 20'000;
  const auto made = world.message<schema::FrameAllocator::Allocate>(world.init(), world.service("frames"), [](auto params) { params.set_pages(9); });
  ASSERT_TRUE(made.error().ok());
  const abi::CapId cap = made.cap([](auto results) { return results.object(); });
  std::vector<std::byte> bytes(12'000);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i * 7 + 1);
  ASSERT_TRUE(world.message<schema::MemoryObject::Write>(world.init(), cap, [&](auto params) {
    params.set_offset(kOffset + kPlace - 6000);
    params.set_data(bytes);
  }).error().ok());
  // Of the message in the arena, the two pointers first: what was there when an interrupt was let in.
  constexpr std::uint32_t kPointers = 16;
  const std::byte* const arena = world.arena(world.init());
  struct Found {
    const std::byte* data;
    std::byte written{}, beyond{};
  } found{arena + World::kResultsOffset + kPointers};
  at_window(1, [](void* of) noexcept {
    Found& place = *static_cast<Found*>(of);
    place.written = place.data[kPlace - 6000];
    place.beyond = place.data[kPlace - 1000];
  }, &found);
  const auto answer = world.message<schema::MemoryObject::Read>(world.init(), cap, [&](auto params) {
    params.set_offset(kOffset);
    params.set_count(kCount);
  });
  EXPECT_EQ(found.written, bytes[0]);
  EXPECT_EQ(found.beyond, std::byte{}) << "no interrupt was let in before all was read";
  ASSERT_TRUE(answer.error().ok());
  EXPECT_TRUE(answer.read([&](auto results) {
    const auto data = results.data();
    std::vector<std::byte> expected(kCount);
    std::ranges::copy(bytes, expected.begin() + kPlace - 6000);
    return std::ranges::equal(data, expected);
  }));
}

// As many operations as its program has wanted at one time, however many its ring has places for.
TEST_F(Stretches, ARingMakesItsOperationsWhenTheyAreWanted) {
  const Child child = world.spawn({.memory_pages = 4096});
  kernel::Thread& thread = world.thread(child);
  constexpr unsigned kEntries = 24;
  EXPECT_LE(thread.ring_state->made(), 8u);
  for (unsigned i = 0; i < kEntries; ++i) {
    abi::CapSqe entry{};
    entry.operation = static_cast<std::uint8_t>(abi::RingOperation::timeout);
    entry.cap = world.machine().now().ns() + 1'000'000'000;
    entry.user_data = i + 1;
    world.submit(thread, entry);
    if (i % 8 == 7) (void)world.enter_ring(thread);
  }
  EXPECT_GE(thread.ring_state->made(), kEntries);
  EXPECT_LE(thread.ring_state->made(), kEntries + 8);
  world.run_for(Duration::s(2));
  unsigned completed = 0;
  (void)world.enter_ring(thread);
  while (world.take_completion(thread).has_value()) ++completed;
  EXPECT_EQ(completed, kEntries);
  ASSERT_TRUE(world.call<schema::ThreadControl::SetRing>(thread, world.granted(thread.process, "self.thread"), {.entries = 256}).error.ok());
  EXPECT_LE(thread.ring_state->made(), 8u);
}

// A thread that is not whole yet goes with the call that was making it, and with it all that it had.
TEST(MakingAThread, WhatIsHalfMadeGoesWithItsProcess) {
  for (unsigned window = 1; window < 7; ++window) {
    World world;
    const std::uint64_t before = World::frames_free();
    const Child child = world.spawn({.memory_pages = 4096});
    kernel::Thread& maker = world.thread(child);
    kernel::Mail mail;
    unsigned windows = 0;
    bool killed = false;
    std::pair<kernel::Process*, bool*> subject{&maker.process, &killed};
    world.machine().at_each_interrupt_window([&](CpuId cpu) {
      if (++windows != window) return;
      (void)kernel::post_later(cpu, mail, [](void* of) noexcept {
        auto& [process, done] = *static_cast<std::pair<kernel::Process*, bool*>*>(of);
        *done = true;
        kernel::end_process(kernel::Cpu::current(), *process, {schema::ExitReason::killed, 0, 0}, hal::now());
      }, &subject);
    });
    const abi::CapId factory = world.granted(maker.process, "self.threads");
    try {
      (void)world.message<schema::ThreadFactory::Create>(maker, factory, [](auto params, auto&) {
        params.set_entry(abi::kProgramBase);
        params.set_stack_top(abi::kStackTop);
      });
    } catch (const std::logic_error&) {  // it has no completion: its thread is dead
    }
    if (!killed) {
      EXPECT_GT(window, 3u) << "a thread was made at one go";
      break;
    }
    world.machine().at_each_interrupt_window({});
    EXPECT_EQ(world.release(world.init(), child.handle), kNoError);
    world.settle();
    EXPECT_EQ(World::frames_free(), before) << "ended at window " << window;
  }
}

}  // namespace
}  // namespace capos::ktest
