// SPDX-License-Identifier: Apache-2.0
// Islands that share a CPU, changes of running islands, and leases that find somebody in the way.
#include <gtest/gtest.h>

#include "change_walk.hpp"
#include "islands/lease.hpp"
#include "jobs.hpp"

namespace capos::ktest {
namespace {

using schema::KernelError;
using Retire = schema::RealtimeIsland::Retire;
using Status = schema::RealtimeIsland::Status;

constexpr auto us = [](std::uint64_t value) { return value * 1'000; };

// What one task of 100 us, alone or below another of the same kind, needs at most on the simulated machine.
constexpr std::uint64_t alone_ns() {
  const PackOverheads o;
  return us(100) + o.context_switch + o.blocking + 2 * o.release + o.jitter;
}
constexpr std::uint64_t below_ns() {
  const PackOverheads o;
  return 2 * (us(100) + o.context_switch) + o.blocking + 4 * o.release + o.jitter + (o.jitter + o.blocking);
}
constexpr std::uint64_t above_ns() { return alone_ns() + 2 * PackOverheads{}.release; }

const Claim kFirst{.tasks = {{.name = "slow", .response_ns = alone_ns(), .priority = 50}}, .name = "first"};
Claim second() {
  return {.tasks = {{.name = "fast", .response_ns = above_ns(), .priority = 60}},
          .name = "second",
          .others = {{.name = "first", .responses_ns = {below_ns()}}}};
}

// --- a certificate is a claim about whole CPUs

TEST(SeveralIslands, TheSecondIsAdmittedWithWhatTheFirstIsPromisedThen) {
  World world;
  (void)admit_honest(world, kFirst);
  (void)admit_honest(world, second());
}

TEST(SeveralIslands, ABoundOfTheOtherIsExactToTheNanosecond) {
  World world;
  (void)admit_honest(world, kFirst);
  Claim claim = second();
  --claim.others[0].responses_ns[0];
  EXPECT_NE(admit(world, claim).refusal.find("first.slow"), std::string::npos) << admit(world, claim).refusal;
  claim = second();
  --claim.tasks[0].response_ns;
  EXPECT_NE(admit(world, claim).refusal.find("(fast)"), std::string::npos);
  EXPECT_EQ(kernel::leased_cpus(), 1u);
  EXPECT_EQ(admit(world, second()).refusal, "");
}

struct OthersForgery {
  const char* why;
  std::function<void(Claim&)> forge;
};
class Others : public ::testing::TestWithParam<OthersForgery> {};

TEST_P(Others, WhatIsSaidOfThemIsWhatStands) {
  World world;
  (void)admit_honest(world, kFirst);
  Claim claim = second();
  GetParam().forge(claim);
  EXPECT_NE(admit(world, claim).refusal, "") << GetParam().why;
  EXPECT_EQ(admit(world, second()).refusal, "");
}

INSTANTIATE_TEST_SUITE_P(
    , Others,
    ::testing::Values(OthersForgery{"left out", [](Claim& c) { c.others.clear(); }},
                      OthersForgery{"another name", [](Claim& c) { c.others[0].name = "third"; }},
                      OthersForgery{"one that is not there", [](Claim& c) { c.others.push_back({"third", {us(500)}, {}}); }},
                      OthersForgery{"twice", [](Claim& c) { c.others.push_back(c.others[0]); }},
                      OthersForgery{"a task too few", [](Claim& c) { c.others[0].responses_ns.clear(); }},
                      OthersForgery{"a task too many", [](Claim& c) { c.others[0].responses_ns.push_back(us(500)); }},
                      OthersForgery{"beyond its deadline", [](Claim& c) { c.others[0].responses_ns[0] = us(1'001); }},
                      OthersForgery{"out of range", [](Claim& c) { c.others[0].responses_ns[0] = ~std::uint64_t{0}; }},
                      OthersForgery{"blocking out of range", [](Claim& c) { c.others[0].blocking_ns = {~std::uint64_t{0}}; }},
                      OthersForgery{"a name that is taken", [](Claim& c) { c.name = "first"; }},
                      OthersForgery{"no name", [](Claim& c) { c.name = ""; }},
                      OthersForgery{"its own name", [](Claim& c) { c.others.push_back({"second", {us(500)}, {}}); }}));

TEST(SeveralIslands, ACallOfTheNewOneBlocksTheOld) {
  World world;
  Claim first{.tasks = {{.name = "urgent", .response_ns = us(400), .priority = 80}}, .calls = {{0, 7, us(20)}}, .name = "first"};
  (void)admit_honest(world, first);
  Claim claim{.tasks = {{.name = "meek", .response_ns = us(900), .priority = 40}},
              .calls = {{0, 7, us(30)}},
              .name = "second",
              .others = {{.name = "first", .responses_ns = {us(500)}, .blocking_ns = {us(30) - 1}}}};
  EXPECT_NE(admit(world, claim).refusal.find("first.urgent"), std::string::npos);
  claim.others[0].blocking_ns = {us(30)};
  EXPECT_EQ(admit(world, claim).refusal, "");
}

TEST(SeveralIslands, AChainOfTheOtherKeepsItsBound) {
  World world;
  // One task: its period and its response, less the shorter period.
  Claim first = kFirst;
  first.chain_latency_ns = alone_ns();
  first.chain_bound_ns = below_ns();
  (void)admit_honest(world, first);
  EXPECT_EQ(admit(world, second()).refusal, "");

}

TEST(SeveralIslands, AChainOfTheOtherIsNotMadeLonger) {
  World world;
  Claim first = kFirst;
  first.chain_latency_ns = alone_ns();
  first.chain_bound_ns = below_ns() - 1;
  (void)admit_honest(world, first);
  EXPECT_NE(admit(world, second()).refusal, "");
}

TEST(SeveralIslands, TheyAgreeOnWhatRunsBelow) {
  World world({.pack = {.cpus = 2}});
  Claim first = kFirst, next = second();
  first.cpu = next.cpu = 1;
  first.slack = false;
  (void)admit_honest(world, first);
  EXPECT_NE(admit(world, next).refusal.find("best effort"), std::string::npos);
  next.slack = false;
  EXPECT_EQ(admit(world, next).refusal, "");
}

TEST(SeveralIslands, ACpuIsLeasedUntilTheLastHasGone) {
  World world;
  const Admitted first = admit_honest(world, kFirst);
  const Admitted next = admit_honest(world, second());
  EXPECT_EQ(world.call<Retire>(world.init(), first.island).error, kNoError);
  EXPECT_EQ(kernel::leased_cpus(), 1u);
  EXPECT_EQ(world.release(world.init(), next.island), kNoError);
  EXPECT_EQ(kernel::leased_cpus(), 0u);
}

TEST(SeveralIslands, WhoseTwoCpusJoinOthersSpeaksOfAll) {
  World world({.pack = {.cpus = 3}});
  Claim one = kFirst, two = kFirst;
  one.cpu = 1;
  two.cpu = 2;
  two.name = "other";
  (void)admit_honest(world, one);
  (void)admit_honest(world, two);
  Claim both{.tasks = {{.name = "fast", .response_ns = above_ns(), .priority = 60}, {.name = "faster", .response_ns = above_ns(), .priority = 61}},
             .cpu = 1,
             .name = "both",
             .others = {{.name = "first", .responses_ns = {below_ns()}}}};
  const Forge on_two = [](Certificate c) {
    const auto cpus = c.init_cpus(2);
    cpus.set(0, std::uint16_t{1});
    cpus.set(1, std::uint16_t{2});
    c.tasks()[1].set_cpu(2);
  };
  EXPECT_NE(admit(world, both, on_two).refusal.find("other"), std::string::npos);
  both.others.push_back({.name = "other", .responses_ns = {below_ns()}});
  EXPECT_EQ(admit(world, both, on_two).refusal, "");
}

TEST(SeveralIslands, AreLookedAtInTheOrderOfTheirAdmission) {
  World world;
  (void)admit_honest(world, kFirst);
  (void)admit_honest(world, second());
  std::uint64_t last = 0;
  for (const std::string_view name : {"first", "second"}) {
    const auto answer = world.message<schema::IslandReader::Standing>(world.init(), world.service("standing"),
                                                                      [&](auto params) { params.set_after(last); });
    ASSERT_TRUE(answer.ok());
    answer.read([&](auto results) {
      EXPECT_EQ(results.certificate().island_name(), name);
      EXPECT_GT(results.serial(), last);
      last = results.serial();
    });
  }
  const auto end = world.message<schema::IslandReader::Standing>(world.init(), world.service("standing"),
                                                                 [&](auto params) { params.set_after(last); });
  end.read([](auto results) { EXPECT_EQ(results.serial(), 0u); });
}

// --- leases

TEST(Leases, WhoIsInTheWayIsNamedAndNothingChanges) {
  World world({.pack = {.cpus = 3}});
  const Child child = world.spawn({.cpu = 2, .name = "squatter"});
  const Claim claim{.tasks = {{}}, .cpu = 1, .slack = false};
  const Forge on_two = [](Certificate c) {
    const auto cpus = c.init_cpus(2);
    cpus.set(0, std::uint16_t{1});
    cpus.set(1, std::uint16_t{2});
  };
  const Admitted refused = admit(world, claim, on_two);
  EXPECT_EQ(refused.occupant, "squatter");
  EXPECT_EQ(refused.refusal, "occupied: CPU 2");
  EXPECT_EQ(kernel::leased_cpus(), 0u) << "CPU 1 has been given back";
  EXPECT_TRUE(world.try_spawn({.cpu = 1}, 90).ok());
  (void)world.call<schema::ProcessHandle::Kill>(world.init(), child.handle);
  world.run_for(Duration::us(1));
  EXPECT_EQ(admit(world, claim, on_two).refusal, "occupied: CPU 1");
}

TEST(Leases, PassiveServersAndSlackAreInNobodysWay) {
  World world({.pack = {.cpus = 2}});
  (void)world.spawn({.cpu = 1, .passive = true});
  const Admitted alone = admit_honest(world, {.tasks = {{}}, .cpu = 1, .slack = false});
  EXPECT_EQ(world.call<Retire>(world.init(), alone.island).error, kNoError);
  (void)world.spawn({.cpu = 1});
  EXPECT_EQ(admit(world, {.tasks = {{}}, .cpu = 1, .slack = true}).refusal, "");
}

// --- changes

class Changes : public Jobs {
 protected:
  Claim claim{.tasks = {{.name = "a", .response_ns = us(300), .priority = 20}, {.name = "b", .response_ns = us(600), .priority = 10}}};
  Changed change(const Claim& to, const Forge& forge = {}) { return ktest::change(world, island.island, to, forge); }
  bool changing() { return status().changing; }
  std::uint64_t budget(std::size_t task) { return static_cast<std::uint64_t>(context(task).sched::Context::parameters().budget.ns()); }
  void finish(std::size_t task) {
    ASSERT_TRUE(world.is_current(thread(task)));
    EXPECT_TRUE(await(task).blocked);
  }
};

TEST_F(Changes, IsMadeWhenTheLastJobHasEnded) {
  start(claim);
  world.run_to(release(0));
  claim.tasks[1].budget_ns = us(150);
  // init runs on its slack: not before both have ended.
  finish(0);
  world.run_for(Duration::us(10));
  finish(1);
  EXPECT_EQ(change(claim).refusal, "");
  EXPECT_EQ(budget(1), us(150)) << "at once: nothing is ready";
  EXPECT_FALSE(changing());
  EXPECT_EQ(budget(0), us(100));
  const Time instant = world.machine().now();
  world.run_to(instant);
  ASSERT_TRUE(world.is_current(thread(1))) << "it is released at that instant";
  EXPECT_EQ(job(1).index, 1u) << "its jobs are counted on";
  EXPECT_EQ(job(1).scheduled_ns, instant.ns());
  finish(1);
  world.run_to(release(1));
  EXPECT_EQ(job(0).index, 1u) << "the other keeps its grid";
  EXPECT_EQ(job(0).scheduled_ns, release(1).ns());
}

class ChangesElsewhere : public ::testing::Test {
 protected:
  ChangesElsewhere() {
    claim.cpu = 1;
    island = admit_honest(world, claim);
    for (const abi::CapId context : island.contexts) {
      tasks.push_back(world.spawn({.context = context}));
      (void)wait(tasks.size() - 1);
    }
    begin = world.machine().now() + Duration::ms(1);
    EXPECT_EQ(world.call<schema::RealtimeIsland::Activate>(world.init(), island.island, {.start_ns = begin.ns()}).error, kNoError);
  }
  Thread& thread(std::size_t task) { return world.thread(tasks[task]); }
  SchedulingContext& context(std::size_t task) { return *thread(task).bound; }
  bool wait(std::size_t task) { return world.call<Await>(thread(task), world.granted(thread(task).process, "self.context")).blocked; }
  bool changing() { return world.call<Status>(world.init(), island.island).value.changing; }

  World world{{.pack = {.cpus = 2}}};
  Claim claim{.tasks = {{.name = "a", .response_ns = us(300), .priority = 20}, {.name = "b", .response_ns = us(600), .priority = 10}}};
  Admitted island{};
  std::vector<Child> tasks{};
  Time begin{};
};

TEST_F(ChangesElsewhere, WaitForTheCpuToComeToRestAndNoLonger) {
  world.run_to(begin);
  claim.tasks[0].period_us = 2'000;
  const Changed answer = change(world, island.island, claim);
  EXPECT_EQ(answer.refusal, "");
  EXPECT_GE(answer.within_ns, us(200));
  EXPECT_LE(answer.within_ns, us(250));
  EXPECT_TRUE(changing());
  EXPECT_EQ(change(world, island.island, claim).error, overloaded(KernelError::busy));
  EXPECT_EQ(admit(world, {.tasks = {{}}, .cpu = 1, .name = "late", .others = {{.name = "tried", .responses_ns = {us(300), us(600)}}}}).error, overloaded(KernelError::busy));
  world.run_for(Duration::us(50));
  EXPECT_TRUE(wait(0));
  EXPECT_TRUE(changing()) << "b is ready";
  EXPECT_TRUE(wait(1));
  world.run_for(Duration::us(1));
  EXPECT_FALSE(changing());
  EXPECT_EQ(context(0).sched::Context::parameters().period, (Period{2'000, 1'000'000}));
  EXPECT_EQ(context(1).jobs().next_release(), begin + Duration::ms(1)) << "b is not touched";
}

TEST_F(ChangesElsewhere, AreDroppedWithTheIsland) {
  world.run_to(begin);
  claim.tasks[0].period_us = 2'000;
  const std::uint64_t pages = kernel::machine_ledger().used(kernel::Resource::frames);
  EXPECT_EQ(change(world, island.island, claim).refusal, "");
  EXPECT_EQ(world.call<Retire>(world.init(), island.island).error, kNoError);
  world.run_for(Duration::us(10));
  EXPECT_FALSE(changing());
  EXPECT_EQ(context(0).sched::Context::parameters().period, (Period{1'000, 1'000'000}));
  EXPECT_EQ(kernel::machine_ledger().used(kernel::Resource::frames), pages);
  EXPECT_EQ(change(world, island.island, claim).error, failed(KernelError::bad_state));
  EXPECT_EQ(admit(world, {.tasks = {{}}, .cpu = 1, .name = "next"}).refusal, "");
}

TEST_F(ChangesElsewhere, EndAJobThatWaitsForSomethingElse) {
  const abi::CapId event = world.make_notification();
  const Admitted other = admit_honest(world, {.tasks = {{.name = "waits", .response_ns = us(900), .priority = 5}},
                                              .cpu = 1,
                                              .name = "other",
                                              .others = {{.name = "tried", .responses_ns = {us(300), us(600)}}}});
  const Child child = world.spawn({.context = other.contexts[0], .grants = {{"event", event}}});
  Thread& waits = world.thread(child);
  const abi::CapId own = world.granted(waits.process, "self.context");
  EXPECT_TRUE(world.call<Await>(waits, own).blocked);
  const Time first = world.machine().now() + Duration::us(10);
  EXPECT_EQ(world.call<schema::RealtimeIsland::Activate>(world.init(), other.island, {.start_ns = first.ns()}).error, kNoError);
  world.run_to(first);
  EXPECT_TRUE(world.call<schema::Notification::Wait>(waits, world.granted(waits.process, "event")).blocked);
  Claim slower{.tasks = {{.name = "waits", .period_us = 2'000, .response_ns = us(900), .priority = 5}},
               .cpu = 1,
               .name = "other",
               .others = {{.name = "tried", .responses_ns = {us(300), us(600)}}}};
  EXPECT_EQ(change(world, other.island, slower).refusal, "");
  world.run_for(Duration::us(1));
  EXPECT_EQ(waits.bound->misses, 1u) << "the job was cut off";
  EXPECT_EQ(world.call<schema::Notification::Signal>(world.init(), event, {.bits = 1}).error, kNoError);
  world.go_to(waits);
  EXPECT_TRUE(world.call<Await>(waits, own).blocked) << "it goes on in the next job";
  EXPECT_EQ(waits.bound->jobs_done, 2u);
}

TEST_F(ChangesElsewhere, AreRefusedWhereTheTasksAreOthers) {
  const auto refused = [&](const std::function<void(Claim&)>& forge) {
    Claim forged = claim;
    forge(forged);
    return !change(world, island.island, forged).refusal.empty();
  };
  EXPECT_TRUE(refused([](Claim& c) { c.name = "other"; }));
  EXPECT_TRUE(refused([](Claim& c) { c.tasks.pop_back(); }));
  EXPECT_TRUE(refused([](Claim& c) { c.tasks.push_back({.name = "c", .priority = 5}); }));
  EXPECT_TRUE(refused([](Claim& c) { c.tasks[0].name = "c"; }));
  EXPECT_TRUE(refused([](Claim& c) { std::swap(c.tasks[0], c.tasks[1]); }));
  EXPECT_TRUE(refused([](Claim& c) { c.slack = false; }));
  EXPECT_TRUE(refused([](Claim& c) { c.cpu = 0; }));
  EXPECT_TRUE(refused([](Claim& c) { c.tasks[0].response_ns = us(100); }));
  EXPECT_TRUE(refused([](Claim& c) {
    c.tasks[0].repeated = {.misses = 1, .of = 1, .then = Repeated::fall_back, .recover = 0};
    c.tasks[0].fallback = 1;
  }));
  EXPECT_TRUE(refused([](Claim& c) {
    c.calls = {{0, 1, us(10)}};
    c.tasks[0].priority = 30;
  })) << "the ceiling of its server is made for another priority";
  EXPECT_FALSE(refused([](Claim& c) { c.tasks[0].priority = 30; }));
}

// A CPU that may never come to rest has no instant to change at.
TEST(ChangesThatCannotBegin, AreRefused) {
  World world({.pack = {.cpus = 2}});
  const Claim full{.tasks = {{.period_us = 1'000'000, .budget_ns = us(990'000), .response_ns = us(999'999)}}, .cpu = 1};
  const Admitted made = admit_honest(world, full);
  const Changed answer = change(world, made.island, full);
  EXPECT_EQ(answer.refusal, "") << "its window is just below a second";
  EXPECT_EQ(world.call<Retire>(world.init(), made.island).error, kNoError);
  const Claim longer{.tasks = {{.period_us = 2'000'000, .budget_ns = us(1'500'000)}}, .cpu = 1};
  const Admitted slow = admit_honest(world, longer);
  EXPECT_NE(change(world, slow.island, longer).refusal.find("second"), std::string::npos);
}

// --- what has gone leaves its past

TEST_F(Jobs, NewReleasesWaitUntilTheCpuHasComeToRest) {
  start({.tasks = {{.name = "old", .response_ns = us(900)}}});
  const Admitted gone = admit_honest(world, {.tasks = {{.name = "gone", .response_ns = us(900), .priority = 90}},
                                             .name = "second",
                                             .others = {{.name = "tried", .responses_ns = {us(900)}}}});
  const Child leaver = world.spawn({.context = gone.contexts[0]});
  EXPECT_TRUE(world.call<Await>(world.thread(leaver), world.granted(world.process(leaver.number), "self.context")).blocked);
  world.run_to(release(0));
  ASSERT_TRUE(world.is_current(thread(0)));
  // init runs when the task has run for its budget and is held: then `gone` goes, and nobody has been ready since.
  (void)await(0);
  EXPECT_EQ(world.call<Retire>(world.init(), gone.island).error, kNoError);
  EXPECT_FALSE(world.cpu(0).unsettled) << "the CPU has come to rest with the call's end";
}

// --- the walk

class Walks : public ::testing::TestWithParam<std::uint64_t> {};

TEST_P(Walks, AThousandRandomChangesUnderLoad) {
  ChangeWalk walk(GetParam());
  EXPECT_EQ(walk.run(1'000), "");
  const ChangeWalk::Counts& made = walk.counts();
  EXPECT_GT(made.changed, 50u);
  EXPECT_GT(made.admitted, 50u);
  EXPECT_GT(made.retired, 50u);
  EXPECT_GT(made.refused, 100u);
  EXPECT_GT(made.jobs, 1'000u);
  std::printf("%u admitted, %u changed, %u retired, %u refused (%u while a change was under way), %llu jobs\n", made.admitted,
              made.changed, made.retired, made.refused, made.busy, static_cast<unsigned long long>(made.jobs));
}

INSTANTIATE_TEST_SUITE_P(, Walks, ::testing::Values(1, 2));

}  // namespace
}  // namespace capos::ktest
