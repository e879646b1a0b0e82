// SPDX-License-Identifier: Apache-2.0
// Islands: honest certificates and forged ones, jobs and their consequences, donation, the end of an island.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>

#include "islands/lease.hpp"
#include "jobs.hpp"

namespace capos::ktest {
namespace {

using kernel::ThreadState;
using schema::KernelError;
using schema::TransportError;

constexpr auto us = [](std::uint64_t value) { return value * 1'000; };

// --- certificates -----------------------------------------------------------------------------------------------

struct Forgery {
  const char* why;
  Forge forge;
};

class Certificates : public ::testing::TestWithParam<Forgery> {};

TEST_P(Certificates, AForgedOneIsRefusedAndChangesNothing) {
  World world;
  const Claim claim{.tasks = {{.response_ns = us(400)}}};
  const std::uint32_t caps = world.init().process.capabilities().in_use();
  const Admitted made = admit(world, claim, GetParam().forge);
  EXPECT_FALSE(made.refusal.empty()) << GetParam().why;
  EXPECT_EQ(world.init().process.capabilities().in_use(), caps);
  EXPECT_EQ(kernel::leased_cpus(), 0u);
  EXPECT_TRUE(admit(world, claim).refusal.empty()) << "the honest one is admitted after it";
}

constexpr std::uint64_t kMost = ~std::uint64_t{0};

INSTANTIATE_TEST_SUITE_P(
    , Certificates,
    ::testing::Values(
        Forgery{"format", [](Certificate c) { c.set_format_version(2); }},
        Forgery{"no CPU", [](Certificate c) { (void)c.init_cpus(0); }},
        Forgery{"a CPU that is none", [](Certificate c) { c.cpus().set(0, std::uint16_t{15}); }},
        Forgery{"a CPU out of range", [](Certificate c) { c.cpus().set(0, std::uint16_t{16}); }},
        Forgery{"CPU 0 without slack", [](Certificate c) { c.set_best_effort_slack(false); }},
        Forgery{"overheads less than the machine's", [](Certificate c) { c.overheads().set_release_ns(499); }},
        Forgery{"a stamp of other overheads", [](Certificate c) { c.overheads().set_version(1); }},
        Forgery{"overheads out of range", [](Certificate c) { c.overheads().set_blocking_ns(kMost); }},
        Forgery{"no tasks", [](Certificate c) { (void)c.init_tasks(0); }},
        Forgery{"more tasks than the kernel takes", [](Certificate c) { (void)c.init_tasks(129); }},
        Forgery{"a period of nothing", [](Certificate c) { c.tasks()[0].set_period_numerator(0); }},
        Forgery{"a period over nothing", [](Certificate c) { c.tasks()[0].set_period_denominator(0); }},
        Forgery{"a period too short", [](Certificate c) { c.tasks()[0].set_period_numerator(9); }},
        Forgery{"no budget", [](Certificate c) { c.tasks()[0].set_budget_ns(0); }},
        Forgery{"a budget below the minimum", [](Certificate c) { c.tasks()[0].set_budget_ns(4'999); }},
        Forgery{"a budget over the period", [](Certificate c) { c.tasks()[0].set_budget_ns(us(1'001)); }},
        Forgery{"a budget out of range", [](Certificate c) { c.tasks()[0].set_budget_ns(kMost); }},
        Forgery{"a deadline below the budget", [](Certificate c) { c.tasks()[0].set_deadline_ns(us(99)); }},
        Forgery{"a deadline over the period and releases that are skipped",
                [](Certificate c) {
                  c.tasks()[0].set_deadline_ns(us(1'001));
                  c.tasks()[0].set_on_miss(1);
                }},
        Forgery{"a response over the deadline", [](Certificate c) { c.tasks()[0].set_response_ns(us(1'001)); }},
        Forgery{"a response below the work", [](Certificate c) { c.tasks()[0].set_response_ns(us(100)); }},
        Forgery{"a jitter out of range", [](Certificate c) { c.tasks()[0].set_jitter_ns(kMost); }},
        Forgery{"a task on another CPU", [](Certificate c) { c.tasks()[0].set_cpu(1); }},
        Forgery{"a task on no CPU", [](Certificate c) { c.tasks()[0].set_cpu(16); }},
        Forgery{"an unknown consequence", [](Certificate c) { c.tasks()[0].set_on_miss(5); }},
        Forgery{"an unknown consequence of repetition", [](Certificate c) { c.tasks()[0].set_repeated_then(5); }},
        Forgery{"more misses than jobs", [](Certificate c) { set_repeated(c.tasks()[0], {3, 2, Repeated::demote, 0}); }},
        Forgery{"a longer history than there is", [](Certificate c) { set_repeated(c.tasks()[0], {3, 65, Repeated::demote, 0}); }},
        Forgery{"recovery from being stopped", [](Certificate c) { set_repeated(c.tasks()[0], {1, 2, Repeated::stop_task, 1}); }},
        Forgery{"a fallback without a rule", [](Certificate c) { c.tasks()[0].set_fallback(0); }},
        Forgery{"a rule without a fallback", [](Certificate c) { set_repeated(c.tasks()[0], {1, 2, Repeated::fall_back, 0}); }},
        Forgery{"its own fallback",
                [](Certificate c) {
                  set_repeated(c.tasks()[0], {1, 2, Repeated::fall_back, 0});
                  c.tasks()[0].set_fallback(0);
                }},
        Forgery{"a call of no task", [](Certificate c) { c.init_calls(1)[0].set_task(1); }},
        Forgery{"a call longer than the budget", [](Certificate c) { c.init_calls(1)[0].set_wcet_ns(us(101)); }},
        Forgery{"a chain through no task", [](Certificate c) { c.init_chains(1)[0].init_tasks(1).set(0, std::uint16_t{7}); }},
        Forgery{"more calls than the kernel takes", [](Certificate c) { (void)c.init_calls(1537); }}));

TEST(Admission, TheBoundIsExactToTheNanosecond) {
  World world;
  const PackOverheads o;
  // budget + switch + blocking + two timer events of the one release in the window, and the jitter.
  const std::uint64_t least = us(100) + o.context_switch + o.blocking + 2 * o.release + o.jitter;
  EXPECT_NE(admit(world, {.tasks = {{.response_ns = least - 1}}}).refusal, "");
  EXPECT_EQ(admit(world, {.tasks = {{.response_ns = least}}}).refusal, "");
}

TEST(Admission, ALeasedCpuIsNotLeasedTwice) {
  World world({.pack = {.cpus = 2}});
  const Claim claim{.tasks = {{}}, .cpu = 1, .slack = false};
  const Admitted first = admit_honest(world, claim);
  EXPECT_NE(admit(world, claim).refusal, "");
  EXPECT_EQ(world.call<schema::RealtimeIsland::Retire>(world.init(), first.island).error, kNoError);
  EXPECT_EQ(admit(world, claim).refusal, "");
}

TEST(Admission, BestEffortIsRefusedOnACpuThatIsLeasedAlone) {
  World world({.pack = {.cpus = 2}});
  const Admitted island = admit_honest(world, {.tasks = {{}}, .cpu = 1, .slack = false});
  EXPECT_EQ(world.try_spawn({.cpu = 1}, 9).error(), invalid(KernelError::bad_cpu));
  EXPECT_TRUE(world.try_spawn({.cpu = 1, .passive = true}, 10).ok());
  EXPECT_TRUE(world.try_spawn({.context = island.contexts[0]}, 11).ok());
  EXPECT_EQ(world.try_spawn({.context = island.contexts[0]}, 12).error(), overloaded(KernelError::busy));
}

// --- jobs -------------------------------------------------------------------------------------------------------

TEST_F(Jobs, EachReleaseIsAJobStampedToTheNanosecond) {
  start({.tasks = {{}}});
  for (std::uint64_t k = 0; k < 5; ++k) {
    world.run_to(release(k));
    ASSERT_TRUE(world.is_current(thread(0)));
    EXPECT_EQ(job(0).index, k);
    EXPECT_EQ(job(0).scheduled_ns, release(k).ns());
    world.run_for(Duration::us(30));
    EXPECT_TRUE(await(0).blocked);
  }
  EXPECT_EQ(status().jobs, 5u);
  EXPECT_EQ(status().misses, 0u);
}

TEST_F(Jobs, ASpentBudgetIsAnOverrunAndUnderHoldTheJobsEnd) {
  start({.tasks = {{}}});
  world.run_to(release(0) + Duration::us(100));
  EXPECT_FALSE(world.is_current(thread(0)));
  EXPECT_EQ(context(0).overruns, 1u);
  EXPECT_EQ(context(0).misses, 1u) << "an abandoned job is a missed one";
  world.run_to(release(1));
  EXPECT_TRUE(world.is_current(thread(0)));
}

TEST_F(Jobs, UnderStopTaskItNeverRunsAgain) {
  start({.tasks = {{.on_overrun = kStopTask}}});
  world.run_to(release(5));
  EXPECT_EQ(context(0).overruns, 1u);
  EXPECT_TRUE(context(0).stopped);
  EXPECT_FALSE(world.is_current(thread(0)));
}

TEST_F(Jobs, TheMoreUrgentTaskRunsFirstAndThenTheOther) {
  start({.tasks = {{.name = "low", .budget_ns = us(200), .response_ns = us(900), .priority = 10},
                   {.name = "high", .budget_ns = us(200), .response_ns = us(500), .priority = 20}}});
  world.run_to(release(0));
  EXPECT_TRUE(world.is_current(thread(1)));
  world.run_for(Duration::us(50));
  (void)await(1);
  EXPECT_TRUE(world.is_current(thread(0)));
  (void)await(0);
  EXPECT_TRUE(world.is_current(world.init())) << "best effort below them";
}

TEST_F(Jobs, YieldTakesTurnsWithinAPriority) {
  start({.tasks = {{.name = "one", .response_ns = us(900), .priority = 10}, {.name = "other", .response_ns = us(900), .priority = 10}}});
  world.run_to(release(0));
  for (int turn = 0; turn < 6; ++turn) {
    const std::size_t current = world.is_current(thread(0)) ? 0 : 1;
    ASSERT_TRUE(world.is_current(thread(current)));
    (void)world.enter(thread(current), static_cast<std::uint64_t>(abi::SystemCall::yield), {}, 0, {});
    EXPECT_TRUE(world.is_current(thread(1 - current))) << turn;
  }
}

// What the timer is armed for when one yields is the end of its own budget.
class Yields : public Jobs {
 protected:
  void yield(std::size_t task) {
    ASSERT_TRUE(world.is_current(thread(task)));
    (void)world.enter(thread(task), static_cast<std::uint64_t>(abi::SystemCall::yield), {}, 0, {});
    ASSERT_TRUE(world.is_current(thread(1 - task)));
  }
  // Both are in their jobs, and the first has run for 50 us.
  void begin_both() {
    world.run_to(release(0));
    yield(0);
    yield(1);
    world.run_for(Duration::us(50));
  }
};

TEST_F(Yields, TheTimerIsForTheBudgetOfWhoRunsThen) {
  start({.tasks = {{.name = "one", .budget_ns = us(300), .response_ns = us(900), .priority = 10},
                   {.name = "other", .budget_ns = us(100), .response_ns = us(900), .priority = 10}}});
  begin_both();
  yield(0);
  world.run_to(release(0) + Duration::us(150));
  EXPECT_EQ(context(1).overruns, 1u) << "it had 100 us";
  EXPECT_TRUE(world.is_current(thread(0)));
  world.run_to(release(0) + Duration::us(400));
  EXPECT_EQ(context(0).overruns, 1u) << "it had 50 us and 250 us";
}

TEST_F(Yields, NoTimerComesForWhoYielded) {
  start({.tasks = {{.name = "one", .budget_ns = us(100), .response_ns = us(900), .priority = 10},
                   {.name = "other", .budget_ns = us(300), .response_ns = us(900), .priority = 10}}});
  begin_both();
  yield(0);
  world.run_to(release(0) + Duration::us(340));
  EXPECT_TRUE(world.is_current(thread(1)));
  EXPECT_EQ(world.cpu(0).trace.interrupts(schema::InterruptCause::timer_early), 0u);
}

// What a task's jobs leave in the trace, one of which spends its budget, another after its deadline.
class Spending : public Jobs {
 public:
  using Event = std::array<std::uint64_t, 8>;
  void TestBody() override {}
  // `switches_traced`: then the kernel takes no short ways.
  std::vector<Event> run(bool switches_traced) {
    kernel::parameters().trace_switches = world.cpu(0).remains = switches_traced;
    const abi::CapId event = world.make_notification();
    start({.tasks = {{.deadline_ns = us(900), .priority = 20}, {.name = "low", .response_ns = us(900), .priority = 10}}},
          {{"event", event}});
    world.run_to(release(0) + Duration::us(150));
    EXPECT_TRUE(world.is_current(thread(1)));
    world.run_to(release(1) + Duration::us(50));
    EXPECT_TRUE(world.call<schema::Notification::Wait>(thread(0), cap(0, "event")).blocked);
    world.run_to(release(1) + Duration::us(930));
    EXPECT_EQ(world.call<schema::Notification::Signal>(world.init(), event, {.bits = 1}).error, kNoError);
    world.run_to(release(2) + Duration::us(20));
    (void)await(0);
    world.run_to(release(3) + Duration::us(250));
    kernel::parameters().trace_switches = false;
    return events();
  }

 private:
  std::vector<Event> events() {
    using schema::EventKind;
    std::vector<Event> found;
    const kernel::TraceRing& ring = world.cpu(0).trace;
    for (std::uint64_t age = 0; const std::uint64_t* const words = ring.recent(age); ++age) {
      const auto kind = static_cast<EventKind>(words[1] & 0xffff);
      if (kind != EventKind::job && kind != EventKind::overrun && kind != EventKind::consequence && kind != EventKind::miss) continue;
      std::copy_n(words, 8, found.emplace_back().begin());
    }
    std::ranges::reverse(found);
    return found;
  }
};

TEST(HeldJobs, LeaveTheSameRecordsByTheShortWay) {
  using schema::EventKind;
  std::vector<Spending::Event> traced, usual;
  { traced = Spending().run(true); }
  { usual = Spending().run(false); }
  EXPECT_EQ(usual, traced);
  ASSERT_GE(usual.size(), 8u);
  const std::uint64_t kinds[] = {usual[0][1] & 0xffff, usual[1][1] & 0xffff, usual[2][1] & 0xffff, usual[3][1] & 0xffff};
  const EventKind expected[] = {EventKind::overrun, EventKind::consequence, EventKind::job, EventKind::miss};
  for (int i = 0; i < 4; ++i) EXPECT_EQ(kinds[i], static_cast<std::uint64_t>(expected[i])) << i;
}

TEST_F(Jobs, WaitingIsForItsOwnContextOnly) {
  start({.tasks = {{.name = "a"}, {.name = "b", .priority = 90}}});
  EXPECT_EQ(world.call<Await>(world.init(), island.contexts[0]).error, transport(TransportError::not_bound));
  world.run_to(release(0));
  EXPECT_EQ(world.call<schema::Timer::SleepUntil>(world.init(), world.service("timer"), {.ns = 1}).error, kNoError);
}

TEST_F(Jobs, ActivationNeedsEveryTaskWaitingAndComesOnce) {
  island = admit_honest(world, {.tasks = {{}}});
  const auto activate = [&](Time at) {
    return world.call<schema::RealtimeIsland::Activate>(world.init(), island.island, {.start_ns = at.ns()}).error;
  };
  const Time soon = world.machine().now() + Duration::ms(50);
  EXPECT_EQ(activate(soon), failed(KernelError::bad_state)) << "no thread";
  tasks.push_back(world.spawn({.context = island.contexts[0]}));
  EXPECT_EQ(activate(soon), failed(KernelError::bad_state)) << "it does not wait";
  (void)await(0);
  EXPECT_EQ(activate(Time::from_ns(1)), failed(KernelError::bad_state)) << "in the past";
  EXPECT_EQ(activate(Time::never()), failed(KernelError::bad_state)) << "at the end of time";
  EXPECT_EQ(activate(soon), kNoError);
  EXPECT_EQ(activate(soon), failed(KernelError::bad_state));
}

// --- donation ---------------------------------------------------------------------------------------------------

TEST_F(Donation, AServerRunsOnItsCallersContextAtItsCeiling) {
  const abi::CapId endpoint = world.make_endpoint(5, 0, 150);
  const Child server = serve(endpoint);
  start({.tasks = {{}}}, {{"service", world.connect(endpoint)}});
  world.run_to(release(0));
  (void)call(0);
  EXPECT_TRUE(world.is_current(world.thread(server)));
  EXPECT_EQ(world.thread(server).account.context, &context(0));
  EXPECT_EQ(context(0).priority(), Priority(150));
  world.run_for(Duration::us(40));
  (void)reply(server);
  EXPECT_TRUE(world.is_current(thread(0)));
  EXPECT_EQ(context(0).priority(), Priority(100));
  EXPECT_GE(context(0).jobs().current().consumed, Duration::us(40)) << "the caller pays";
}

TEST_F(Donation, ACallWithLessThanTheMinimumIsRefusedBeforeItBegins) {
  const abi::CapId endpoint = world.make_endpoint(5, us(50), 0);
  const Child server = serve(endpoint);
  start({.tasks = {{}}}, {{"service", world.connect(endpoint)}});
  world.run_to(release(0) + Duration::us(50));
  EXPECT_EQ(call(0), std::nullopt) << "exactly enough";
  (void)reply(server);
  world.run_for(Duration::ns(1));
  EXPECT_EQ(call(0)->error(), transport(TransportError::budget_too_small));
}

TEST_F(Donation, TheServersDeathGivesTheContextBack) {
  const abi::CapId endpoint = world.make_endpoint(5, 0, 150);
  const Child server = serve(endpoint);
  start({.tasks = {{}}}, {{"service", world.connect(endpoint)}});
  world.run_to(release(0));
  (void)call(0);
  world.fault(world.thread(server), 14, 0);
  EXPECT_TRUE(world.is_current(thread(0)));
  EXPECT_EQ(world.answer(thread(0)).error(), transport(TransportError::disconnected));
  EXPECT_EQ(thread(0).account.context, &context(0));
  EXPECT_EQ(context(0).priority(), Priority(100));
}

TEST_F(Donation, AnIslandRetiredDuringACallLetsTheServerFinish) {
  const abi::CapId endpoint = world.make_endpoint(5, 0, 150);
  const Child server = serve(endpoint);
  start({.tasks = {{}}}, {{"service", world.connect(endpoint)}});
  world.run_to(release(0));
  (void)call(0);
  world.run_to(release(0) + Duration::us(100));  // its budget is spent, init runs
  EXPECT_EQ(world.call<schema::RealtimeIsland::Retire>(world.init(), island.island).error, kNoError);
  EXPECT_EQ(world.thread(server).account.entity, &world.thread(server).entity);
  world.go_to(world.thread(server));
  EXPECT_EQ(reply(server), std::nullopt);
  EXPECT_EQ(world.thread(server).state, ThreadState::await_call);
}

TEST_F(Donation, TheCallersDeathDuringACallLetsTheServerFinish) {
  const abi::CapId endpoint = world.make_endpoint(5, 0, 150);
  const Child server = serve(endpoint);
  start({.tasks = {{}}}, {{"service", world.connect(endpoint)}});
  world.run_to(release(0));
  (void)call(0);
  world.run_to(release(0) + Duration::us(100));
  (void)world.call<schema::ProcessHandle::Kill>(world.init(), tasks[0].handle);
  world.go_to(world.thread(server));
  EXPECT_EQ(reply(server), std::nullopt);
}

// --- the end ----------------------------------------------------------------------------------------------------

TEST_F(Jobs, WithTheLastCapabilityTheIslandIsRetired) {
  start({.tasks = {{}}});
  EXPECT_EQ(kernel::leased_cpus(), 1u);
  EXPECT_EQ(world.release(world.init(), island.island), kNoError);
  EXPECT_EQ(kernel::leased_cpus(), 0u);
  world.run_to(release(3));
  EXPECT_FALSE(world.is_current(thread(0)));
  EXPECT_TRUE(context(0).stopped);
}

TEST_F(Jobs, ARetiredIslandIsRetiredOnce) {
  start({.tasks = {{}}});
  EXPECT_EQ(world.call<schema::RealtimeIsland::Retire>(world.init(), island.island).error, kNoError);
  EXPECT_EQ(world.call<schema::RealtimeIsland::Retire>(world.init(), island.island).error, failed(KernelError::bad_state));
  EXPECT_EQ(world.try_spawn({.context = island.contexts[0]}, 20).error(), failed(KernelError::bad_state));
}

}  // namespace
}  // namespace capos::ktest
