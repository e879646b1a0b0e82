// SPDX-License-Identifier: Apache-2.0
// Which thread runs on a context, changed while its island runs: handed over, taken away, restarted (decision 0031).
#include <gtest/gtest.h>

#include <array>

#include "islands/binding.hpp"
#include "islands/lease.hpp"
#include "islands/settling.hpp"
#include "jobs.hpp"

namespace capos::ktest {
namespace {

using kernel::ThreadState;
using schema::KernelError;
using schema::TransportError;
using Bind = schema::SchedulingContext::Bind;
using Kill = schema::ProcessHandle::Kill;
using StandBy = schema::SchedulingContext::StandBy;
using Unbind = schema::SchedulingContext::Unbind;

constexpr auto us = [](std::uint64_t value) { return value * 1'000; };

class Bindings : public Donation {
 protected:
  using Grants = std::vector<std::pair<std::string, abi::CapId>>;

  static Claim two() {
    return {.tasks = {{.name = "first", .response_ns = us(900), .priority = 20}, {.name = "other", .response_ns = us(900), .priority = 10}}};
  }
  // The island begins when others have had their slices.
  void start(const Claim& claim, Grants grants = {}) {
    island = admit_honest(world, claim);
    for (const abi::CapId each : island.contexts) {
      tasks.push_back(world.spawn({.context = each, .grants = grants}));
      EXPECT_TRUE(await(tasks.size() - 1).blocked);
    }
    activate_in(Duration::ms(40));
  }
  void activate_in(Duration time) {
    begin = world.machine().now() + time;
    ASSERT_EQ(world.call<schema::RealtimeIsland::Activate>(world.init(), island.island, {.start_ns = static_cast<std::uint64_t>(begin.ns())}).error, kNoError);
  }
  abi::CapId of(std::size_t task) { return island.contexts[task]; }
  SchedulingContext& kernel_context(std::size_t task) { return *kernel::object_cast<SchedulingContext>(world.init().process.capabilities().find(of(task))->object()); }
  // Waits in standBy, without time.
  Child standby(std::size_t task, Grants grants = {}) {
    grants.emplace_back("stands", of(task));
    const Child made = world.spawn({.passive = true, .grants = grants});
    EXPECT_TRUE(world.call<StandBy>(world.thread(made), granted(made, "stands")).blocked);
    return made;
  }
  abi::CapId granted(const Child& child, std::string_view name) { return world.granted(world.process(child.number), name); }
  Error bind(std::size_t task, abi::CapId thread) {
    return world.message<Bind>(world.init(), of(task), [&](auto params, auto& transfers) { params.init_thread().set_capability(add(transfers, thread)); }).error();
  }
  Error bind(std::size_t task, const Child& child) { return bind(task, child.handle); }
  Error unbind(std::size_t task) { return world.call<Unbind>(world.init(), of(task)).error; }
  void kill(const Child& child) { EXPECT_EQ(world.call<Kill>(world.init(), child.handle).error, kNoError); }
  bool waits(const Child& child) { return world.call<Await>(world.thread(child), granted(child, "stands")).blocked; }
  Await::Results::Value job_of(const Child& child) { return World::called<Await>(world.answer(world.thread(child))).value; }
  void run_job(std::size_t task, std::uint64_t k) {
    world.run_to(release(k));
    ASSERT_TRUE(world.is_current(thread(task))) << "release " << k;
    EXPECT_TRUE(await(task).blocked);
  }
  void run_job(const Child& child, std::uint64_t k) {
    world.run_to(release(k));
    ASSERT_TRUE(world.is_current(world.thread(child))) << "release " << k;
    EXPECT_EQ(job_of(child).index, k);
    EXPECT_EQ(job_of(child).scheduled_ns, release(k).ns());
    EXPECT_TRUE(waits(child));
  }
  std::vector<std::array<std::uint64_t, 8>> events(schema::EventKind kind, std::uint16_t cpu = 0) {
    std::vector<std::array<std::uint64_t, 8>> found;
    for (std::uint64_t age = 0; const std::uint64_t* const words = world.cpu(cpu).trace.recent(age); ++age) {
      if ((words[1] & 0xffff) == static_cast<std::uint64_t>(kind)) std::copy_n(words, 8, found.emplace(found.begin())->begin());
    }
    return found;
  }
};

// --- handed over ------------------------------------------------------------------------------------------------

TEST_F(Bindings, TheNextJobIsTheStandbysAndNoneIsLost) {
  start(two());
  const Child other = standby(0);
  run_job(0, 0);
  (void)await(1);
  const Time first_start = context(0).previous_start;
  EXPECT_EQ(bind(0, other), kNoError);
  EXPECT_TRUE(kernel::stands_by(thread(0)));
  EXPECT_TRUE(thread(0).account.is_none());
  world.run_to(release(1));
  ASSERT_TRUE(world.is_current(world.thread(other)));
  EXPECT_EQ(job_of(other).index, 1u);
  EXPECT_EQ(job_of(other).skipped, 0u);
  EXPECT_EQ(job_of(other).previous_ns, static_cast<std::uint64_t>(first_start.ns()));
  EXPECT_TRUE(waits(other));
  (void)await(1);
  EXPECT_EQ(bind(0, tasks[0]), kNoError) << "and back";
  run_job(0, 2);
  (void)await(1);
  EXPECT_EQ(status().jobs, 6u);
  EXPECT_EQ(status().misses, 0u);
  EXPECT_EQ(context(0).jobs().totals().skipped, 0u);
}

// The one above has the CPU at the release, and asks.
TEST_F(Bindings, AJobReleasedAndNotBegunIsTheStandbys) {
  island = admit_honest(world, {.tasks = {{.name = "first", .response_ns = us(900), .priority = 10}, {.name = "above", .response_ns = us(900), .priority = 20}}});
  const Child other = standby(0);
  tasks.push_back(world.spawn({.context = of(0)}));
  EXPECT_TRUE(await(0).blocked);
  tasks.push_back(world.spawn({.context = of(1), .grants = {{"controller", of(0)}, {"other", other.handle}, {"old", tasks[0].handle}}}));
  EXPECT_TRUE(await(1).blocked);
  activate_in(Duration::ms(1));
  world.run_to(release(0));
  ASSERT_TRUE(world.is_current(thread(1)));
  ASSERT_TRUE(kernel_context(0).jobs().in_progress());
  EXPECT_EQ(world.call<Unbind>(thread(1), cap(1, "controller")).error, overloaded(KernelError::busy)) << "the job would be lost";
  const auto give_to = [&](std::string_view whom) {
    return world.message<Bind>(thread(1), cap(1, "controller"), [&](auto params, auto& transfers) { params.init_thread().set_capability(add(transfers, cap(1, whom))); }).error();
  };
  EXPECT_EQ(give_to("other"), kNoError);
  EXPECT_EQ(give_to("old"), kNoError);
  EXPECT_EQ(give_to("other"), kNoError);
  EXPECT_TRUE(await(1).blocked);
  ASSERT_TRUE(world.is_current(world.thread(other)));
  EXPECT_EQ(job_of(other).index, 0u);
  EXPECT_TRUE(waits(other));
  EXPECT_EQ(status().misses, 0u);
}

// An island on CPU 1, and init on CPU 0.
class BindingsOfTwoCpus : public ::testing::Test {
 protected:
  Child start_task(std::size_t number) {
    const Child made = world.spawn({.context = island.contexts[number]});
    wait(made, "self.context");
    return made;
  }
  void wait(const Child& child, std::string_view by) { EXPECT_TRUE(world.call<Await>(world.thread(child), own(child, by)).blocked); }
  Child start_standby() {
    const Child made = world.spawn({.cpu = 1, .passive = true, .grants = {{"stands", island.contexts[0]}}});
    EXPECT_TRUE(world.call<StandBy>(world.thread(made), own(made, "stands")).blocked);
    return made;
  }
  abi::CapId own(const Child& child, std::string_view name) { return world.granted(world.process(child.number), name); }
  Error activate(Time start) {
    return world.call<schema::RealtimeIsland::Activate>(world.init(), island.island, {.start_ns = static_cast<std::uint64_t>(start.ns())}).error;
  }
  Error bind(abi::CapId thread) {
    world.go_to(world.init());
    const OthersTakeMail others(world);
    return world.message<Bind>(world.init(), island.contexts[0], [&](auto params, auto& transfers) { params.init_thread().set_capability(add(transfers, thread)); }).error();
  }
  Error unbind() {
    world.go_to(world.init());
    const OthersTakeMail others(world);
    const auto done = world.call<Unbind>(world.init(), island.contexts[0]);
    EXPECT_FALSE(done.blocked);
    return done.error;
  }
  void kill(const Child& child) { EXPECT_EQ(world.call<Kill>(world.init(), child.handle).error, kNoError); }
  Await::Results::Value job(const Child& child) { return World::called<Await>(world.answer(world.thread(child))).value; }
  Time soon() { return world.machine().now() + Duration::ms(60); }  // others have their slices before

  World world{{.pack = {.cpus = 2}}};
  Admitted island = admit_honest(world, {.tasks = {{.name = "first", .response_ns = us(900), .priority = 20},
                                                   {.name = "long", .budget_ns = us(400), .response_ns = us(900), .priority = 10}},
                                         .cpu = 1, .slack = false});
};

TEST_F(BindingsOfTwoCpus, TheContextsOwnMakesTheChange) {
  const Child task = start_task(0), long_task = start_task(1), other = start_standby();
  const Child here = world.spawn({.cpu = 0});
  EXPECT_EQ(bind(here.handle), invalid(KernelError::bad_cpu));
  kill(here);
  const Time start = soon();
  ASSERT_EQ(activate(start), kNoError);
  EXPECT_EQ(bind(other.handle), kNoError);
  world.run_to(start);
  EXPECT_TRUE(world.is_current(world.thread(other)));
  EXPECT_EQ(bind(task.handle), overloaded(KernelError::busy)) << "in the middle of the job";
  EXPECT_EQ(unbind(), overloaded(KernelError::busy));
  wait(other, "stands");
  wait(long_task, "self.context");
  EXPECT_EQ(unbind(), kNoError);
  EXPECT_EQ(unbind(), failed(KernelError::bad_state)) << "nobody is bound";
  world.run_to(start + Duration::us(3'700));
  EXPECT_EQ(world.machine().place(CpuId(1)), host::Place::idle);
  EXPECT_EQ(bind(task.handle), kNoError);
  world.run_to(start + Duration::ms(4));
  EXPECT_TRUE(world.is_current(world.thread(task)));
  EXPECT_EQ(job(task).index, 4u);
  EXPECT_EQ(job(task).skipped, 3u);
}

TEST_F(BindingsOfTwoCpus, WhoIsKilledBeforeItStartsLeavesItsContextFree) {
  world.go_to(world.init());
  const Child first = world.spawn({.context = island.contexts[0]});
  EXPECT_TRUE(world.machine().mail_pending(CpuId(1)));
  EXPECT_EQ(world.try_spawn({.context = island.contexts[0]}, 50).error(), overloaded(KernelError::busy));
  kill(first);
  world.settle();
  (void)start_task(0);
}

// Its thread ends while the mail that arms its releases is on its way.
TEST_F(BindingsOfTwoCpus, WhatIsArmedWithoutAThreadWaitsForOne) {
  const Child task = start_task(0);
  (void)start_task(1);
  world.go_to(world.init());
  kill(task);
  const Time start = world.machine().now() + Duration::ms(1);
  ASSERT_EQ(activate(start), kNoError);
  EXPECT_FALSE(world.thread(task).has_ended()) << "the mail has not been taken";
  world.run_to(start + Duration::us(2'300));
  const Child again = start_task(0);
  world.go_to(world.thread(again));
  EXPECT_EQ(job(again).scheduled_ns, static_cast<std::uint64_t>((start + Duration::us(1'000 * static_cast<std::int64_t>(job(again).index))).ns()));
  EXPECT_GE(job(again).index, 3u);
  EXPECT_EQ(job(again).skipped, job(again).index) << "none is made up for";
}

// On a CPU where others have gone, a first step waits for an idle instant: also if its thread ends before, and the next one's.
TEST_F(BindingsOfTwoCpus, WhoIsStartedTwiceBeforeTheCpuHasSettledStartsOnce) {
  const Child task = start_task(0), long_task = start_task(1);
  const Time start = soon();
  ASSERT_EQ(activate(start), kNoError);
  world.run_to(start);
  wait(task, "self.context");
  ASSERT_TRUE(world.is_current(world.thread(long_task)));
  world.go_to(world.init());
  ASSERT_TRUE(world.is_current(world.thread(long_task)));
  kill(task);
  const auto take_mail = [&] {
    while (world.machine().mail_pending(CpuId(1))) (void)world.machine().deliver_mail(CpuId(1));
    world.check();
  };
  take_mail();
  kernel::note_removal(world.cpu(1));
  Child again{};
  for (int turn = 0; turn < 2; ++turn) {
    again = world.spawn({.context = island.contexts[0]});
    take_mail();
    ASSERT_NE(world.cpu(1).arming, nullptr);
    EXPECT_EQ(world.cpu(1).arming->next_arming, nullptr) << "it is in the list once";
    ASSERT_TRUE(world.cpu(1).unsettled);
    if (turn == 0) kill(again);
    take_mail();
  }
  wait(long_task, "self.context");
  EXPECT_TRUE(world.is_current(world.thread(again))) << "its first step";
  EXPECT_EQ(world.cpu(1).arming, nullptr);
  wait(again, "self.context");
  world.go_to(world.thread(again));
  EXPECT_GE(job(again).index, 1u);
}

// --- who is in the middle of something --------------------------------------------------------------------------

TEST_F(Bindings, InTheMiddleOfAJobNothingChanges) {
  const abi::CapId event = world.make_notification();
  start({.tasks = {{}}}, {{"event", event}});
  const Child other = standby(0);
  world.run_to(release(0));
  EXPECT_EQ(world.call<Unbind>(thread(0), cap(0, "self.context")).error, overloaded(KernelError::busy)) << "who asks it of itself is";
  EXPECT_TRUE(world.call<schema::Notification::Wait>(thread(0), cap(0, "event")).blocked);
  EXPECT_EQ(bind(0, other), overloaded(KernelError::busy));
  EXPECT_EQ(unbind(0), overloaded(KernelError::busy));
  EXPECT_EQ(world.call<schema::Notification::Signal>(world.init(), event, {.bits = 1}).error, kNoError);
  ASSERT_TRUE(world.is_current(thread(0)));
  EXPECT_TRUE(await(0).blocked);
  EXPECT_EQ(bind(0, other), kNoError);
  run_job(other, 1);
}

TEST_F(Bindings, NorWhileItsTimeIsLent) {
  const abi::CapId endpoint = world.make_endpoint(5, 0, 150);
  const abi::CapId event = world.make_notification();
  const Child server = world.spawn({.passive = true, .grants = {{"serve", endpoint}, {"event", event}}});
  EXPECT_EQ(reply(server), std::nullopt);
  start({.tasks = {{}}}, {{"service", world.connect(endpoint)}});
  const Child other = standby(0);
  world.run_to(release(0));
  (void)call(0);
  ASSERT_TRUE(world.is_current(world.thread(server)));
  EXPECT_TRUE(world.call<schema::Notification::Wait>(world.thread(server), granted(server, "event")).blocked);
  EXPECT_EQ(bind(0, other), overloaded(KernelError::busy));
  EXPECT_EQ(unbind(0), overloaded(KernelError::busy));
  EXPECT_EQ(bind(0, server), overloaded(KernelError::busy)) << "it works for another";
  EXPECT_EQ(kernel_context(0).thread, &thread(0));
}

TEST_F(Bindings, WhatIsRefused) {
  start(two());
  const Child other = standby(0), dead = standby(0);
  kill(dead);
  EXPECT_EQ(bind(0, world.make_notification()), invalid(KernelError::bad_capability));
  EXPECT_EQ(bind(0, dead), failed(KernelError::bad_state));
  EXPECT_EQ(bind(0, tasks[1]), overloaded(KernelError::busy)) << "it has a context";
  EXPECT_EQ(bind(0, tasks[0]), overloaded(KernelError::busy)) << "the same";
  EXPECT_EQ(unbind(0), kNoError);
  EXPECT_EQ(unbind(0), failed(KernelError::bad_state));
  kernel_context(0).claimed = true;  // a process is being made for it
  EXPECT_EQ(bind(0, other), overloaded(KernelError::busy));
  EXPECT_EQ(unbind(0), overloaded(KernelError::busy));
  kernel_context(0).claimed = false;
  const auto self = world.message<Bind>(world.thread(tasks[1].number), cap(1, "self.context"), [](auto params, auto& transfers) { params.init_thread().set_capability(add(transfers, {})); });
  EXPECT_EQ(self.error(), invalid(KernelError::bad_capability));
  EXPECT_EQ(bind(0, other), kNoError);
  const auto early = world.call<StandBy>(world.thread(other), granted(other, "stands"));
  EXPECT_EQ(early.error, failed(KernelError::bad_state)) << "it has a context";
}

TEST_F(Bindings, AStoppedContextTakesNobodyAndItsThreadMayHaveAnother) {
  start({.tasks = {{}}});
  const Child other = standby(0);
  EXPECT_EQ(world.call<schema::RealtimeIsland::Retire>(world.init(), island.island).error, kNoError);
  EXPECT_EQ(bind(0, other), failed(KernelError::bad_state));
  EXPECT_EQ(world.call<StandBy>(world.init(), of(0)).error, failed(KernelError::bad_state));
  EXPECT_EQ(unbind(0), kNoError);
  const Admitted next = admit_honest(world, {.tasks = {{}}, .name = "next"});
  island = next;
  EXPECT_EQ(bind(0, tasks[0]), kNoError);
  activate_in(Duration::ms(1));
  world.run_to(release(0));
  EXPECT_TRUE(world.is_current(thread(0)));
}

TEST_F(Bindings, ARecoveryIsItsServersForGood) {
  const Claim claim{.tasks = {{.name = "caller", .response_ns = us(900), .priority = 10},
                              {.name = "recovery", .budget_ns = us(50), .response_ns = us(900), .priority = 20, .on_overrun = kRunLate}},
                    .calls = {{0, 7, us(60)}}};
  island = admit(world, claim, [](Certificate certificate) { certificate.tasks()[1].set_recovers(7); });
  ASSERT_EQ(island.refusal, "");
  const abi::CapId endpoint = world.make_endpoint(5, 0, 20);
  const Child server = world.spawn({.passive = true, .context = of(1), .grants = {{"serve", endpoint}}});
  EXPECT_EQ(reply(server), std::nullopt);
  const Child other = standby(0);
  EXPECT_EQ(bind(1, other), failed(KernelError::bad_state));
  EXPECT_EQ(unbind(1), failed(KernelError::bad_state));
  kill(server);
  EXPECT_TRUE(world.try_spawn({.passive = true, .context = of(1), .grants = {{"serve", endpoint}}}, 77).ok()) << "it may be started again";
}

// --- taken away -------------------------------------------------------------------------------------------------

TEST_F(Bindings, WithoutAThreadReleasesAreSkippedAndItsGridStays) {
  start(two());
  run_job(0, 0);
  (void)await(1);
  EXPECT_EQ(unbind(0), kNoError);
  EXPECT_EQ(world.call<schema::Thread::Describe>(world.init(), of(0)).error.ok(), false);
  for (std::uint64_t k = 1; k < 4; ++k) run_job(1, k);
  EXPECT_TRUE(world.is_current(world.init())) << "the one that stands by has no time";
  EXPECT_EQ(bind(0, tasks[0]), kNoError);
  world.run_to(release(4));
  ASSERT_TRUE(world.is_current(thread(0)));
  EXPECT_EQ(job(0).index, 4u);
  EXPECT_EQ(job(0).skipped, 3u);
  EXPECT_EQ(job(0).scheduled_ns, release(4).ns());
  (void)await(0);
  (void)await(1);
  EXPECT_EQ(status().misses, 0u);
}

TEST_F(Bindings, AnIslandIsNotActivatedWithoutAThread) {
  island = admit_honest(world, {.tasks = {{}}});
  tasks.push_back(world.spawn({.context = of(0)}));
  EXPECT_TRUE(await(0).blocked);
  EXPECT_EQ(unbind(0), kNoError);
  const auto activate = [&] {
    begin = world.machine().now() + Duration::ms(1);
    return world.call<schema::RealtimeIsland::Activate>(world.init(), island.island, {.start_ns = begin.ns()}).error;
  };
  EXPECT_EQ(activate(), failed(KernelError::bad_state));
  EXPECT_EQ(bind(0, tasks[0]), kNoError);
  EXPECT_EQ(activate(), kNoError);
  run_job(0, 0);
}

TEST_F(Bindings, WhoStandsByMayEnd) {
  start({.tasks = {{}}});
  EXPECT_EQ(unbind(0), kNoError);
  kill(tasks[0]);
  world.settle();
  EXPECT_TRUE(world.try_spawn({.context = of(0)}, 40).ok());
}

// --- best effort ------------------------------------------------------------------------------------------------

TEST_F(Bindings, ABestEffortThreadLeavesBestEffort) {
  start({.tasks = {{}}});
  const std::uint32_t enlisted = kernel::enlisted_on(CpuId(0)), placed = world.cpu(0).best_effort_processes.load();
  const Child worker = world.spawn({.cpu = 0xffff, .grants = {{"stands", of(0)}}});
  world.go_to(world.thread(worker));
  EXPECT_EQ(kernel::enlisted_on(CpuId(0)), enlisted + 1);
  EXPECT_EQ(world.cpu(0).best_effort_processes.load(), placed + 1);
  world.go_to(world.init());
  EXPECT_EQ(bind(0, worker), kNoError);
  EXPECT_EQ(kernel::enlisted_on(CpuId(0)), enlisted);
  EXPECT_EQ(world.cpu(0).best_effort_processes.load(), placed);
  EXPECT_FALSE(world.thread(worker).entity.queued());
  EXPECT_EQ(world.thread(worker).account.context, &kernel_context(0));
  EXPECT_TRUE(world.process(worker.number).capabilities().binds_to_cpu());
  EXPECT_TRUE(waits(worker));
  run_job(worker, 0);
  kill(worker);
  world.settle();
  EXPECT_EQ(world.cpu(0).best_effort_processes.load(), placed) << "it is taken off once";
}

TEST_F(Bindings, WhoBindsItselfIsRefused) {
  start({.tasks = {{}}});
  const auto made = world.message<schema::ThreadFactory::Create>(world.init(), world.granted(world.init().process, "self.threads"), [](auto params) {
    params.set_entry(abi::kProgramBase);
    params.set_stack_top(abi::kStackTop);
  });
  ASSERT_TRUE(made.ok());
  Thread& second = *world.init().process.threads().back();
  const abi::CapId itself = made.cap([](auto results) { return results.thread(); });
  EXPECT_EQ(unbind(0), kNoError);
  const auto own = world.message<Bind>(second, of(0), [&](auto params, auto& transfers) { params.init_thread().set_capability(add(transfers, itself)); });
  EXPECT_EQ(own.error(), failed(KernelError::bad_state));
  EXPECT_EQ(bind(0, itself), kNoError) << "a Thread is named as well as a process";
  EXPECT_EQ(second.bound, &kernel_context(0));
}

// Found by reading (decision 30): a sleeper on a context is not one of best effort's.
TEST_F(Bindings, ASleeperThatGetsAContextWakesOnIt) {
  start(two());
  const Child sleeper = world.spawn({.grants = {{"timer", world.service("timer")}, {"stands", of(0)}}});
  const Time end = release(1) + Duration::us(50);
  EXPECT_TRUE(world.call<schema::Timer::SleepUntil>(world.thread(sleeper), granted(sleeper, "timer"), {.ns = static_cast<std::uint64_t>(end.ns())}).blocked);
  run_job(0, 0);
  (void)await(1);
  EXPECT_EQ(world.cpu(0).sleepers.earliest_time(), end);
  EXPECT_EQ(bind(0, sleeper), kNoError);
  EXPECT_TRUE(world.cpu(0).sleepers.earliest_time().is_never());
  EXPECT_EQ(world.cpu(0).timeouts.earliest_time(), end);
  world.run_to(release(1) + Duration::us(40));
  ASSERT_TRUE(world.is_current(thread(1))) << "the other's job";
  world.run_to(end);
  EXPECT_TRUE(world.is_current(world.thread(sleeper))) << "more urgent than that, with the context's priority";
}

TEST_F(Bindings, APassiveServerGoesOnItsContextWhenItIsSentSomething) {
  const abi::CapId endpoint = world.make_endpoint(5);
  start({.tasks = {{}}});
  const Child server = world.spawn({.passive = true, .grants = {{"serve", endpoint}, {"stands", of(0)}}});
  EXPECT_EQ(reply(server), std::nullopt);
  run_job(0, 0);
  EXPECT_EQ(bind(0, server), kNoError);
  EXPECT_TRUE(world.thread(server).account.is_none());
  (void)world.enter(world.init(), static_cast<std::uint64_t>(abi::SystemCall::send), world.connect(endpoint), 5, {});
  EXPECT_TRUE(world.is_current(world.thread(server)));
  EXPECT_EQ(world.thread(server).account.context, &kernel_context(0));
  EXPECT_TRUE(waits(server));
  run_job(server, 1);
}

// --- restarted --------------------------------------------------------------------------------------------------

TEST_F(Bindings, ATaskThatCrashedIsStartedAgainOnItsOldGrid) {
  start(two());
  run_job(0, 0);
  (void)await(1);
  world.run_to(release(1) + Duration::us(30));
  ASSERT_TRUE(world.is_current(thread(0)));
  world.fault(thread(0), 13, 0);
  EXPECT_TRUE(world.is_current(thread(1)));
  (void)await(1);
  tasks[0] = world.spawn({.context = of(0)});
  world.go_to(thread(0));
  world.run_for(Duration::us(20));
  EXPECT_TRUE(await(0).blocked);
  for (std::uint64_t k = 2; k < 6; ++k) {
    world.run_to(release(k));
    ASSERT_TRUE(world.is_current(thread(0))) << k;
    EXPECT_EQ(job(0).index, k);
    EXPECT_EQ(job(0).scheduled_ns, release(k).ns());
    EXPECT_EQ(job(0).skipped, 0u);
    EXPECT_TRUE(await(0).blocked);
    EXPECT_TRUE(await(1).blocked);
  }
  EXPECT_EQ(status().misses, 0u);
  const auto bindings = events(schema::EventKind::binding);
  ASSERT_EQ(bindings.size(), 1u) << "the first binding of each is none that changes";
  EXPECT_EQ(bindings[0][1] >> 32, context(0).source);
  EXPECT_EQ(bindings[0][2], 1u << 31 | tasks[0].number);
}

TEST_F(Bindings, StartingAgainGivesNoMoreTime) {
  start({.tasks = {{}}});
  world.run_to(release(0) + Duration::us(80));
  world.fault(thread(0), 13, 0);
  const Duration before = kernel_context(0).total_consumed();
  Duration most{};
  for (std::uint32_t again = 0; again < 4; ++again) {
    tasks[0] = world.spawn({.context = of(0)});
    world.run_to(release(0) + Duration::us(static_cast<std::int64_t>(200 + again * 150)));
    kill(tasks[0]);
    most = kernel_context(0).total_consumed();
  }
  EXPECT_GE(before, Duration::us(79));
  EXPECT_LE(most, Duration::us(101)) << "one budget in a period, whoever has it";
  EXPECT_GE(most, Duration::us(99));
}

TEST_F(Bindings, ATaskThatStartsForLongIsNotLateForWhatItHasNotHad) {
  start({.tasks = {{}}});
  run_job(0, 0);
  kill(tasks[0]);
  tasks[0] = world.spawn({.context = of(0)});
  world.run_to(release(4) + Duration::us(50));  // it computes, a budget in a period
  EXPECT_EQ(status().misses, 0u);
  EXPECT_TRUE(await(0).blocked);
  world.run_to(release(5) + Duration::us(90));
  world.go_to(thread(0));
  EXPECT_GE(job(0).index, 5u);
  EXPECT_EQ(job(0).skipped, job(0).index - 1) << "none is made up for";
}

TEST_F(Bindings, ThreadsAreMadeForAContextAgainToo) {
  start({.tasks = {{}}});
  kill(tasks[0]);
  const auto make = [&] {
    return world.message<schema::ThreadFactory::Create>(world.init(), world.granted(world.init().process, "self.threads"), [&](auto params, auto& transfers) {
      params.set_entry(abi::kProgramBase);
      params.set_stack_top(abi::kStackTop);
      params.set_context(add(transfers, of(0)));
    });
  };
  ASSERT_TRUE(make().ok());
  Thread& made = *world.init().process.threads().back();
  EXPECT_EQ(make().error(), overloaded(KernelError::busy));
  EXPECT_TRUE(world.call<Await>(made, of(0)).blocked);
  world.run_to(release(0));
  EXPECT_TRUE(world.is_current(made));
}

// --- what follows from misses -----------------------------------------------------------------------------------

class FallbackBindings : public Bindings {
 protected:
  void start_pair(std::uint16_t recover) {
    start({.tasks = {{.name = "main", .response_ns = us(900), .priority = 20,
                      .repeated = {.misses = 1, .of = 1, .then = Repeated::fall_back, .recover = recover}, .fallback = 1},
                     {.name = "spare", .response_ns = us(900), .priority = 10}}});
  }
  void fall_back() {
    world.run_to(release(0) + Duration::us(100));
    ASSERT_EQ(kernel_context(0).policy.mode(), sched::TaskMode::fallen_back);
  }
  void restart(std::size_t task) {
    tasks[task] = world.spawn({.context = of(task)});
    world.go_to(thread(task));
    EXPECT_TRUE(await(task).blocked);
  }
};

TEST_F(FallbackBindings, AStandbyOfTheFallbackStandsByWithIt) {
  start_pair(1);
  const Child other = standby(1);
  EXPECT_EQ(bind(1, other), kNoError);
  run_job(0, 0);
  EXPECT_TRUE(world.is_current(world.init())) << "it is not released";
  world.run_to(release(1) + Duration::us(100));
  run_job(other, 2);
}

TEST_F(FallbackBindings, AFallbackWithoutAThreadStopsTheTask) {
  start_pair(1);
  EXPECT_EQ(unbind(1), kNoError);
  world.run_to(release(0) + Duration::us(101));
  EXPECT_TRUE(kernel_context(0).stopped);
}

TEST_F(FallbackBindings, AFallbackThatIsStartedAgainStandsBy) {
  start_pair(2);
  kill(tasks[1]);
  restart(1);
  run_job(0, 0);
  EXPECT_TRUE(world.is_current(world.init()));
  world.run_to(release(1) + Duration::us(100));
  run_job(1, 2);
}

TEST_F(FallbackBindings, ATaskThatIsStartedAgainWaitsForItsTurn) {
  start_pair(3);
  fall_back();
  kill(tasks[0]);
  run_job(1, 1);
  restart(0);
  run_job(1, 2);
  EXPECT_TRUE(world.is_current(world.init()));
  run_job(1, 3);  // the third in time
  run_job(0, 4);
  EXPECT_TRUE(world.is_current(world.init()));
}

TEST_F(FallbackBindings, AndReturnsIfItsTurnHasPassedMeanwhile) {
  start_pair(2);
  fall_back();
  kill(tasks[0]);
  run_job(1, 1);
  run_job(1, 2);  // it would return now
  run_job(1, 3);
  restart(0);
  EXPECT_FALSE(kernel_context(0).jobs().armed()) << "not in the middle of the fallback's jobs";
  run_job(1, 4);
  run_job(0, 5);
  EXPECT_TRUE(world.is_current(world.init())) << "one of the two at a time";
  run_job(0, 6);
}

TEST_F(FallbackBindings, NorIsAFallbackThatGoesWrongForgivenMeanwhile) {
  start_pair(1);
  fall_back();
  kill(tasks[0]);
  run_job(1, 1);  // the task would return now
  world.run_to(release(2) + Duration::us(101));
  EXPECT_TRUE(kernel_context(0).stopped);
  EXPECT_TRUE(kernel_context(1).stopped);
}

TEST_F(FallbackBindings, AServerThatStandsInWaitsUntilItIsSentSomething) {
  const abi::CapId endpoint = world.make_endpoint(5);
  start_pair(1);
  EXPECT_EQ(unbind(1), kNoError);
  const Child server = world.spawn({.passive = true, .grants = {{"serve", endpoint}}});
  EXPECT_EQ(reply(server), std::nullopt);
  EXPECT_EQ(bind(1, server), kNoError);
  fall_back();
  world.run_to(release(1) + Duration::us(10));
  EXPECT_TRUE(world.is_current(world.init())) << "released, and nothing to do";
  (void)world.enter(world.init(), static_cast<std::uint64_t>(abi::SystemCall::send), world.connect(endpoint), 5, {});
  EXPECT_TRUE(world.is_current(world.thread(server)));
  EXPECT_EQ(world.thread(server).account.context, &kernel_context(1));
}

TEST_F(FallbackBindings, AFallbackThatDiesStandingInGoesOnStandingIn) {
  start_pair(9);
  fall_back();
  run_job(1, 1);
  kill(tasks[1]);
  restart(1);
  run_job(1, 2);
  EXPECT_FALSE(kernel_context(0).jobs().armed());
}

TEST_F(Bindings, ADemotedTaskStaysDemoted) {
  start({.tasks = {{.name = "high", .response_ns = us(900), .priority = 20, .repeated = {.misses = 1, .of = 1, .then = Repeated::demote, .recover = 0}},
                   {.name = "low", .response_ns = us(900), .priority = 10}}});
  const Child other = standby(0);
  world.run_to(release(0) + Duration::us(100));
  (void)await(1);
  ASSERT_EQ(kernel_context(0).policy.mode(), sched::TaskMode::demoted);
  EXPECT_EQ(bind(0, other), overloaded(KernelError::busy)) << "what was held is not over";
  kill(tasks[0]);
  EXPECT_EQ(bind(0, other), kNoError);
  world.run_to(release(1));
  EXPECT_TRUE(world.is_current(thread(1))) << "the other goes first";
  (void)await(1);
  EXPECT_TRUE(world.is_current(world.thread(other)));
  EXPECT_EQ(kernel_context(0).priority(), Priority(0));
}

// --- changes of the island, and chains --------------------------------------------------------------------------

TEST_F(Bindings, AChangeMadeMeanwhileIsTheGridItComesBackTo) {
  Claim claim{.tasks = {{.name = "first", .response_ns = us(900), .priority = 20}, {.name = "other", .response_ns = us(900), .priority = 10}}};
  start(claim);
  run_job(0, 0);
  (void)await(1);
  EXPECT_EQ(unbind(0), kNoError);
  claim.tasks[0].period_us = 2'000;
  ASSERT_EQ(change(world, island.island, claim).refusal, "");
  ASSERT_FALSE(status().changing);
  const Time changed = Time::from_ns(static_cast<std::int64_t>(events(schema::EventKind::island).back()[0]));
  EXPECT_EQ(bind(0, tasks[0]), kNoError);
  (void)await(1);
  world.run_to(changed + Duration::us(2'000));
  world.go_to(thread(0));
  EXPECT_EQ(job(0).scheduled_ns, (changed + Duration::us(2'000)).ns()) << "period 2 ms from the change on";
  (void)await(0);
  (void)await(1);
  EXPECT_EQ(status().misses, 0u);
}

TEST_F(Bindings, ATriggeredTaskComesBackWithItsNextInput) {
  const Claim claim{.tasks = {{.name = "head", .response_ns = us(400), .priority = 20}, {.name = "tail", .response_ns = us(900), .priority = 10}},
                    .chain_bound_ns = us(1'900),
                    .chain_latency_ns = us(1'900)};
  island = admit(world, claim, [](Certificate certificate) {
    certificate.chains()[0].set_triggered(true);
    certificate.tasks()[1].set_jitter_ns(us(400));
  });
  ASSERT_EQ(island.refusal, "");
  for (const abi::CapId each : island.contexts) {
    tasks.push_back(world.spawn({.context = each}));
    ASSERT_TRUE(await(tasks.size() - 1).blocked);
  }
  const Child other = standby(1);
  activate_in(Duration::ms(1));
  run_job(0, 0);
  ASSERT_TRUE(world.is_current(thread(1)));
  (void)await(1);
  EXPECT_EQ(bind(1, other), kNoError);
  run_job(0, 1);
  ASSERT_TRUE(world.is_current(world.thread(other)));
  EXPECT_EQ(job_of(other).index, 1u);
  EXPECT_TRUE(waits(other));
  EXPECT_EQ(unbind(1), kNoError);
  for (std::uint64_t k = 2; k < 5; ++k) run_job(0, k);
  EXPECT_EQ(status().misses, 0u) << "nobody misses what it was not to do";
  EXPECT_EQ(bind(1, tasks[1]), kNoError);
  world.run_to(release(5) - Duration::us(1));
  EXPECT_EQ(status().misses, 0u);
  run_job(0, 5);
  ASSERT_TRUE(world.is_current(thread(1)));
  EXPECT_EQ(job(1).index, 5u);
  EXPECT_EQ(job(1).skipped, 3u);
  (void)await(1);
  kill(tasks[0]);
  world.run_to(release(7) + Duration::us(1));
  EXPECT_EQ(status().misses, 1u) << "without a predecessor its job 6 has no input";
}

}  // namespace
}  // namespace capos::ktest
