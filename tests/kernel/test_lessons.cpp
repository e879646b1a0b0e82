// SPDX-License-Identifier: Apache-2.0
// Bugs of other kernels, each as a test on the whole kernel core (README.md lists where the others are shown).
#include <gtest/gtest.h>

#include "core/invariants.hpp"
#include "islands.hpp"
#include "islands/scheduling_context.hpp"
#include "memory/frame_allocator.hpp"

namespace capos::ktest {
namespace {

using kernel::SchedulingContext;
using kernel::Thread;
using kernel::ThreadState;
using schema::KernelError;
using schema::TransportError;
using Await = schema::SchedulingContext::WaitNextRelease;
using Signal = schema::Notification::Signal;
using Wait = schema::Notification::Wait;
constexpr std::uint64_t kPage = hal::kPageSize;

Duration us(std::int64_t count) { return Duration::us(count); }

// An island on `cpu` whose tasks wait for their first release at begin().
class Running {
 public:
  Running(World& world, const Claim& claim, const std::vector<std::pair<std::string, abi::CapId>>& grants)
      : world_(world), island_(admit_honest(world, claim)) {
    for (const abi::CapId context : island_.contexts) {
      tasks_.push_back(world.spawn({.context = context, .grants = grants}));
      (void)await(tasks_.size() - 1);
    }
    begin_ = world.machine().now() + Duration::ms(1);
    const auto done = world.call<schema::RealtimeIsland::Activate>(world.init(), island_.island, {.start_ns = begin_.ns()});
    if (!done.error.ok()) throw std::logic_error("not activated: " + done.error.text());
  }
  [[nodiscard]] Thread& thread(std::size_t task) { return world_.thread(tasks_[task]); }
  [[nodiscard]] SchedulingContext& context(std::size_t task) { return *thread(task).bound; }
  [[nodiscard]] abi::CapId cap(std::size_t task, std::string_view name) { return world_.granted(thread(task).process, name); }
  Called<Await> await(std::size_t task) { return world_.call<Await>(thread(task), cap(task, "self.context")); }
  [[nodiscard]] const Child& child(std::size_t task) const { return tasks_[task]; }
  [[nodiscard]] const Admitted& island() const { return island_; }
  [[nodiscard]] Time begin(std::int64_t period = 0) const { return begin_ + Duration::ms(period); }

 private:
  World& world_;
  Admitted island_;
  std::vector<Child> tasks_;
  Time begin_{};
};

// A passive server of `endpoint` that waits for calls.
Child serve(World& world, abi::CapId endpoint) {
  const Child made = world.spawn({.passive = true, .grants = {{"serve", endpoint}}});
  (void)world.reply_receive(world.thread(made), world.granted(world.process(made.number), "serve"));
  return made;
}

// seL4 #633, #677: an interrupt from another CPU changed the current thread and not its scheduling context.
TEST(Lessons, SeL4_633_AWakeUpByAnotherCpuSwitchesThreadAndContextTogether) {
  World world({.pack = {.cpus = 2}});
  const abi::CapId event = world.make_notification();
  Running island(world,
                 {.tasks = {{.name = "low", .budget_ns = 300'000, .priority = 10},
                            {.name = "high", .budget_ns = 300'000, .response_ns = 900'000, .priority = 20}},
                  .cpu = 1,
                  .slack = false},
                 {{"event", event}});
  world.run_to(island.begin());
  EXPECT_TRUE(world.call<Wait>(island.thread(1), island.cap(1, "event")).blocked);
  ASSERT_TRUE(world.is_current(island.thread(0)));
  (void)world.call<Signal>(world.init(), event, {.bits = 1});
  EXPECT_TRUE(world.is_current(island.thread(0))) << "its CPU has not heard of it";
  (void)world.machine().deliver_mail(CpuId(1));
  world.check();
  EXPECT_EQ(world.cpu(1).thread, &island.thread(1));
  EXPECT_EQ(world.cpu(1).scheduler.current_context(), &island.context(1));
  EXPECT_EQ(world.machine().live(CpuId(1)), &island.thread(1).user);
}

// seL4 #346: the budget check of a system call queued the thread, which then blocked.
TEST(Lessons, SeL4_346_AThreadThatBlocksAsItsBudgetEndsIsInNoQueue) {
  for (const std::int64_t after : {-1, 0, 1, 500}) {
    World world;
    const abi::CapId event = world.make_notification();
    Running island(world, {.tasks = {{.on_overrun = kRunLate}}}, {{"event", event}});
    world.run_to(island.begin());
    ASSERT_TRUE(world.is_current(island.thread(0)));
    world.machine().advance(island.begin() + us(100) + Duration::ns(after));  // the timer is due and not taken yet
    EXPECT_TRUE(world.call<Wait>(island.thread(0), island.cap(0, "event")).blocked);
    EXPECT_EQ(island.context(0).state(), sched::ContextState::blocked);
    EXPECT_FALSE(island.context(0).linked());
    EXPECT_FALSE(island.context(0).queued());
    world.run_to(island.begin(3));
    EXPECT_EQ(island.thread(0).state, ThreadState::await_signal);
    (void)world.call<Signal>(world.init(), event, {.bits = 1});
    EXPECT_EQ(island.thread(0).state, ThreadState::runnable);
  }
}

// seL4 #1104: contexts entered the release queue twice. Here one is taken out of it by each way there is.
TEST(Lessons, SeL4_1104_ATaskMayEndWhileItsContextAwaitsItsRefill) {
  for (const int way : {0, 1, 2}) {
    World world;
    Running island(world, {.tasks = {{.on_overrun = kRunLate}}}, {});
    world.run_to(island.begin() + us(150));
    ASSERT_EQ(island.context(0).state(), sched::ContextState::awaiting_refill);
    if (way == 0) (void)world.call<schema::ProcessHandle::Kill>(world.init(), island.child(0).handle);
    if (way == 1) (void)world.call<schema::RealtimeIsland::Retire>(world.init(), island.island().island);
    if (way == 2) (void)world.release(world.init(), island.island().island);
    world.run_to(island.begin(5));
    EXPECT_TRUE(world.cpu(0).scheduler.current_context() == nullptr) << way;
  }
}

// seL4 #844: a stamp taken late charged the wrong one. Each look at the clock costs time here; the first is what counts.
TEST(Lessons, SeL4_844_TimeIsChargedUpToTheStampOfEntry) {
  World world({.clock_step = Duration::ns(700)});
  Running island(world, {.tasks = {{}}}, {});
  world.go_to(island.thread(0));
  const Duration before = island.context(0).total_consumed();
  const Time charged = world.cpu(0).scheduler.charged_until();
  world.run_for(us(20));
  const Time entry = world.machine().now();
  (void)world.call<schema::SchedulingContext::Consumed>(island.thread(0), island.cap(0, "self.context"));
  EXPECT_EQ(island.context(0).total_consumed() - before, entry - charged);
}

// seL4 #1365, #902: by calling a passive server over and over a client got more than its budget, and starved its equals.
TEST(Lessons, SeL4_1365_CallsDoNotStretchABudgetNorStarveAnEqual) {
  World world;
  const abi::CapId endpoint = world.make_endpoint(5);
  const Child server = serve(world, endpoint);
  Running island(world,
                 {.tasks = {{.name = "greedy", .budget_ns = 200'000, .priority = 50, .on_overrun = kRunLate},
                            {.name = "modest", .budget_ns = 200'000, .priority = 50}}},
                 {{"service", world.connect(endpoint)}});
  for (std::int64_t period = 0; period < 20; ++period) {
    const Time end = island.begin(period + 1);
    const Duration before = island.context(0).total_consumed();
    std::uint64_t finished = island.context(1).jobs_done;
    for (unsigned turn = 0; turn < 400 && world.machine().now() < end; ++turn) {
      if (world.is_current(island.thread(0))) {
        (void)world.call(island.thread(0), island.cap(0, "service"), 5, 0);
      } else if (world.is_current(world.thread(server))) {
        (void)world.reply_receive(world.thread(server), world.granted(world.process(server.number), "serve"));
      } else if (world.is_current(island.thread(1))) {
        (void)island.await(1);
      }
      world.run_to(std::min(world.machine().now() + us(9), end));
    }
    world.run_to(end);
    EXPECT_LE(island.context(0).total_consumed() - before, us(200)) << period;
    EXPECT_EQ(island.context(1).jobs_done, finished + 1) << period;
  }
  EXPECT_EQ(island.context(1).misses, 0u);
}

// seL4 PR #216, #1104: a thread was resumed on no context, or on one that was inactive.
TEST(Lessons, SeL4_PR216_AThreadWhoseContextWasStoppedIsNeverResumed) {
  World world;
  const abi::CapId event = world.make_notification();
  Running island(world, {.tasks = {{}}}, {{"event", event}});
  world.run_to(island.begin());
  EXPECT_TRUE(world.call<Wait>(island.thread(0), island.cap(0, "event")).blocked);
  (void)world.call<schema::RealtimeIsland::Retire>(world.init(), island.island().island);
  (void)world.call<Signal>(world.init(), event, {.bits = 1});
  world.run_to(island.begin(10));
  EXPECT_TRUE(world.is_current(world.init()));
  EXPECT_EQ(world.try_spawn({.context = island.island().contexts[0]}, 50).error().detail, KernelError::bad_state);
}

// Microkit #285: the minimum budget made no progress.
TEST(Lessons, Microkit_285_TheMinimumBudgetIsAdmittedAndGetsOnOneLessIsRefused) {
  World world;
  EXPECT_NE(admit(world, {.tasks = {{.budget_ns = 4'999}}}).refusal, "");
  Running island(world, {.tasks = {{.budget_ns = 5'000, .on_overrun = kRunLate}}}, {});
  for (std::int64_t period = 0; period < 10; ++period) {
    world.run_to(island.begin(period));
    EXPECT_TRUE(world.is_current(island.thread(0)));
    world.run_to(island.begin(period) + Duration::ns(4'999));
    EXPECT_TRUE(world.is_current(island.thread(0)));
    world.run_to(island.begin(period) + Duration::ns(5'000));
    EXPECT_FALSE(world.is_current(island.thread(0)));
  }
}

// An open wish at seL4: the budget ends in the middle of a call. Here the server goes on, or is set free, and serves again.
TEST(Lessons, SeL4_Wish_ABudgetThatEndsInACallLeavesTheServerToTheNextCaller) {
  for (const std::uint16_t consequence : {kRunLate, kHold, kStopTask}) {
    World world;
    const abi::CapId endpoint = world.make_endpoint(5);
    const Child server = serve(world, endpoint);
    const abi::CapId client = world.connect(endpoint);
    Running island(world, {.tasks = {{.on_overrun = consequence}}}, {{"service", client}});
    world.run_to(island.begin());
    (void)world.call(island.thread(0), island.cap(0, "service"), 5, 0);
    ASSERT_TRUE(world.is_current(world.thread(server)));
    world.run_to(island.begin() + us(100));
    EXPECT_FALSE(world.is_current(world.thread(server))) << "no more than the budget";
    world.go_to(world.thread(server));  // with the next budget, or on time of its own
    (void)world.reply_receive(world.thread(server), world.granted(world.process(server.number), "serve"));
    const Child next = world.spawn({.grants = {{"service", client}}});
    (void)world.call(world.thread(next), world.granted(world.process(next.number), "service"), 5, 0, {77});
    EXPECT_TRUE(world.is_current(world.thread(server)));
    EXPECT_EQ(world.answer(world.thread(server)).words[0], 77u);
  }
}

// CVE-2021-22556 (Fuchsia): a range's end overflowed.
TEST(Lessons, CVE_2021_22556_RangesThatOverflowAreRefused) {
  World world;
  const abi::CapId memory = world.service("self.memory");
  const std::uint64_t free_before = kernel::frames().lock()->free_frames();
  constexpr std::uint64_t kTop = ~std::uint64_t{0} & ~(kPage - 1);
  for (const std::uint64_t address : {std::uint64_t{0}, kPage, abi::kDynamicBase, abi::kUserEnd - kPage, abi::kUserEnd, kTop}) {
    for (const std::uint64_t size : {kTop, kTop - kPage, std::uint64_t{1} << 63, abi::kUserEnd, kTop - abi::kDynamicBase + kPage}) {
      EXPECT_FALSE(world.call<schema::VirtualMemory::Unmap>(world.init(), memory, {.addr = address, .size = size}).error.ok());
      EXPECT_FALSE(world.call<schema::VirtualMemory::Protect>(world.init(), memory, {.addr = address, .size = size, .prot = 1}).error.ok());
      EXPECT_FALSE(world.call<schema::VirtualMemory::Map>(world.init(), memory, {.hint = address, .size = size, .prot = 1}).error.ok());
    }
  }
  EXPECT_EQ(kernel::frames().lock()->free_frames(), free_before);
}

// CVE-2021-22566 (Fuchsia): pages came out executable that were not to be.
TEST(Lessons, CVE_2021_22566_EveryPageHasTheProtectionItWasGiven) {
  World world;
  const abi::CapId memory = world.service("self.memory");
  for (std::uint32_t first = 0; first < 16; ++first) {
    for (std::uint32_t then = 0; then < 16; ++then) {
      const auto good = [](std::uint32_t bits) { return (bits & 1) != 0 && bits < 8 && (bits & 6) != 6; };
      const auto made = world.call<schema::VirtualMemory::Map>(world.init(), memory, {.hint = 0, .size = kPage, .prot = first});
      ASSERT_EQ(made.error.ok(), good(first)) << first;
      if (!good(first)) continue;
      const auto changed = world.call<schema::VirtualMemory::Protect>(
          world.init(), memory, {.addr = made.value.addr, .size = kPage, .prot = then});
      ASSERT_EQ(changed.error.ok(), good(then)) << first << " to " << then;
      const std::uint32_t expected = good(then) ? then : first;
      const auto page = world.init().process.memory().space().lookup(hal::UserAddress(made.value.addr));
      EXPECT_EQ(page->protection.write, (expected & 2) != 0);
      EXPECT_EQ(page->protection.execute, (expected & 4) != 0);
      (void)world.call<schema::VirtualMemory::Unmap>(world.init(), memory, {.addr = made.value.addr, .size = kPage});
    }
  }
}

// Genode #3982: a capability that nobody acknowledged kept its slot.
TEST(Lessons, Genode_3982_ResultsThatDoNotArriveKeepNoSlotAndNoObject) {
  World world;
  const auto used = [&] { return world.init().process.capabilities().in_use(); };
  const std::uint32_t before = used();
  for (int round = 0; round < 2'000; ++round) {
    abi::CapSqe entry{};
    entry.operation = static_cast<std::uint8_t>(abi::RingOperation::call);
    entry.cap = world.service("objects").raw;
    entry.interface_id = schema::ObjectFactory::kInterfaceId;
    std::memset(world.arena(world.init()), 0, 8);
    entry.params_size = 8;
    entry.results_offset = World::kResultsOffset;
    entry.results_capacity = 8;  // too small
    const abi::CapCqe completion = world.complete(world.init(), entry);
    ASSERT_EQ(error_of(completion.result, completion.flags), transport(TransportError::result_too_large));
  }
  EXPECT_EQ(used(), before);
}

// Genode #1983: a quota too small was a fault of the kernel's. Each size up to what suffices.
TEST(Lessons, Genode_1983_EveryQuotaIsEnoughOrAnError) {
  World world;
  unsigned refused = 0, made = 0;
  for (std::uint64_t pages = 0; pages < 80; ++pages) {
    const std::uint64_t free_before = World::frames_free();
    const auto spawned = world.try_spawn({.memory_pages = pages}, 100);
    if (spawned.ok()) {
      ++made;
      const abi::CapId handle = spawned.cap([](auto results) { return results.process(); });
      (void)world.call<schema::ProcessHandle::Kill>(world.init(), handle);
      (void)world.release(world.init(), handle);
    } else {
      ++refused;
      EXPECT_EQ(spawned.error().detail, KernelError::quota_exceeded);
      EXPECT_EQ(made, 0u) << "more is not less";
    }
    world.settle();
    EXPECT_EQ(World::frames_free(), free_before);
    EXPECT_EQ(world.find_process(100), nullptr);
  }
  EXPECT_GT(refused, 10u);
  EXPECT_GT(made, 10u);
}

// Genode #2854: a lazily switched FPU showed one thread another's registers; here across a direct switch too.
TEST(Lessons, Genode_2854_ACalledServerSeesNothingOfItsCallersVectors) {
  World world;
  const abi::CapId endpoint = world.make_endpoint(5);
  const Child server = serve(world, endpoint);
  const Child client = world.spawn({.grants = {{"service", world.connect(endpoint)}}});
  world.go_to(world.thread(client));
  world.machine().vectors(CpuId(0)) = 0x5ec7e7;
  (void)world.call(world.thread(client), world.granted(world.process(client.number), "service"), 5, 0);
  ASSERT_TRUE(world.is_current(world.thread(server)));
  EXPECT_EQ(world.machine().vectors(CpuId(0)), 0u);
  (void)world.reply_receive(world.thread(server), world.granted(world.process(server.number), "serve"));
  ASSERT_TRUE(world.is_current(world.thread(client)));
  EXPECT_EQ(world.machine().vectors(CpuId(0)), 0x5ec7e7u);
}

// io_uring CVE-2022-29582, -2024-0582: what an entry names went while the entry was under way.
TEST(Lessons, IoUring_29582_AnEntryMayGiveUpWhatLaterOnesName) {
  World world;
  const abi::CapId event = world.make_notification();
  Thread& init = world.init();
  std::memset(world.arena(init), 0, 8);
  abi::CapSqe poll{};
  poll.operation = static_cast<std::uint8_t>(abi::RingOperation::call);
  poll.cap = event.raw;
  poll.interface_id = schema::Notification::kInterfaceId;
  poll.method = schema::Notification::Poll::kOrdinal;
  poll.params_size = 8;
  poll.results_offset = World::kResultsOffset;
  poll.results_capacity = 64;
  abi::CapSqe release{};
  release.operation = static_cast<std::uint8_t>(abi::RingOperation::release);
  release.cap = event.raw;
  world.submit(init, poll);
  world.submit(init, release);
  world.submit(init, poll);
  world.submit(init, release);
  EXPECT_EQ(world.enter_ring(init), 4u);
  EXPECT_EQ(world.take_completion(init)->result, 0);
  EXPECT_EQ(world.take_completion(init)->result, 0);
  const auto gone = -static_cast<std::int32_t>(TransportError::invalid_cap);
  EXPECT_EQ(world.take_completion(init)->result, gone);
  EXPECT_EQ(world.take_completion(init)->result, gone);
}

}  // namespace
}  // namespace capos::ktest
