// SPDX-License-Identifier: Apache-2.0
// Best effort that moves between CPUs: who may, when, with what goes along, and mail that is under way meanwhile.
#include <gtest/gtest.h>

#include <array>

#include "islands.hpp"
#include "core/termination.hpp"
#include "ipc/ring_state.hpp"
#include "islands/lease.hpp"
#include "process/moving.hpp"

namespace capos::ktest {
namespace {

using kernel::ThreadState;
using schema::KernelError;

constexpr std::uint16_t kAnyCpu = 0xffff;

// Programs compute whenever they run, init too: so CPU 0 is never at rest while init does not sleep.
class Moving : public ::testing::Test {
 protected:
  explicit Moving(std::uint16_t cpus = 2) : world({.pack = {.cpus = cpus, .slice_us = 1000}}) {}
  // Placed freely, on CPU 0 unless more live there.
  Child free_one(std::vector<std::pair<std::string, abi::CapId>> grants = {}) {
    const Child made = world.spawn({.cpu = kAnyCpu, .grants = std::move(grants)});
    world.run_for(Duration::us(1));
    return made;
  }
  // On CPU 1, for one lives on CPU 0 that is ended then.
  Child free_one_on_1(std::vector<std::pair<std::string, abi::CapId>> grants = {}) {
    const Child first = world.spawn({.cpu = kAnyCpu});
    const Child made = free_one(std::move(grants));
    EXPECT_EQ(home(made), 1);
    kill(first);
    return made;
  }
  void kill(const Child& child) { EXPECT_TRUE(world.call<schema::ProcessHandle::Kill>(world.init(), child.handle).error.ok()); }
  int home(const Child& child) {
    const kernel::Home& home = world.process(child.number).home;
    return home.is(home.cpu()) ? home.cpu().value() : -1;
  }
  std::uint32_t placed(std::uint16_t cpu) { return world.cpu(cpu).best_effort_processes.load(); }
  abi::CapId cap(const Child& child, std::string_view name) { return world.granted(world.process(child.number), name); }
  // It is asked to, and has not looked yet.
  void ask(std::uint16_t cpu) {
    kernel::ask_to_vacate(1u << cpu);
    kernel::end_vacating(1u << cpu);
  }
  void deliver(std::uint16_t cpu) {
    (void)world.machine().deliver_mail(CpuId(cpu));
    world.check();
  }
  std::string lease(std::uint16_t cpu, Admitted* made = nullptr) {
    const Admitted admitted = admit(world, {.tasks = {{}}, .cpu = cpu, .slack = false});
    if (made != nullptr) *made = admitted;
    return admitted.refusal + admitted.occupant;
  }

  World world;
};

class MovingBetween3 : public Moving {
 protected:
  MovingBetween3() : Moving(3) {}
};

// --- balance

TEST_F(Moving, WhoWaitsGoesToACpuThatRests) {
  const Child child = free_one();
  ASSERT_EQ(home(child), 0);
  world.run_for(Duration::ms(20));
  EXPECT_EQ(home(child), 1);
  EXPECT_TRUE(world.is_current(world.thread(child)));
  EXPECT_EQ(placed(0), 0u);
  EXPECT_EQ(placed(1), 1u);
  EXPECT_EQ(kernel::enlisted_on(CpuId(1)), 1u);
  const auto state = world.call<schema::ProcessHandle::State>(world.init(), child.handle);
  EXPECT_EQ(state.value.cpu, 1);
  EXPECT_TRUE(state.value.alive);
}

TEST_F(Moving, ItsVectorsAndItsMemoryGoAlong) {
  const Child blocker = world.spawn({.cpu = 1});
  const Child child = world.spawn({.cpu = kAnyCpu});
  world.go_to(world.thread(child));
  ASSERT_EQ(home(child), 0);
  world.machine().vectors(CpuId(0)) = 0x1234;
  const hal::UserAddress place(abi::kStackTop - 64);
  ASSERT_TRUE(world.machine().store(CpuId(0), place, 77));
  kill(blocker);
  world.run_for(Duration::ms(20));
  ASSERT_EQ(home(child), 1);
  world.go_to(world.thread(child));
  EXPECT_EQ(world.machine().vectors(CpuId(1)), 0x1234u);
  std::uint64_t value = 0;
  EXPECT_TRUE(world.machine().load(CpuId(1), place, value));
  EXPECT_EQ(value, 77u);
}

// Three that compute, on two CPUs beside init; one ends.
TEST_F(Moving, OfThreeOneMovesWhenAnotherHasEnded) {
  const Child a = free_one(), b = free_one(), c = free_one();
  ASSERT_EQ(home(a), 0);
  ASSERT_EQ(home(b), 1);
  ASSERT_EQ(home(c), 0);
  world.run_for(Duration::ms(20));
  EXPECT_EQ(home(a) + home(b) + home(c), 1) << "CPU 1 is not at rest: nobody moves";
  kill(b);
  world.run_for(Duration::ms(20));
  EXPECT_EQ(home(a) + home(c), 1);
}

TEST_F(Moving, NotAgainBeforeItHasStayed) {
  const Child child = free_one();
  world.run_for(Duration::ms(5));
  ASSERT_EQ(home(child), 1);
  const Time moved = world.process(child.number).moved_at;
  // Somebody keeps it company there, and CPU 0 comes to rest.
  const Child company = world.spawn({.cpu = 1});
  const std::uint64_t until = world.machine().now().ns() + 100'000'000;
  (void)world.call<schema::Timer::SleepUntil>(world.init(), world.service("timer"), {.ns = until});
  world.run_to(moved + kernel::kStay - Duration::us(1));
  EXPECT_EQ(home(child), 1);
  world.run_for(Duration::ms(5));
  EXPECT_EQ(home(child), 0);
  EXPECT_EQ(home(company), 1) << "its CPU was named";
}

TEST_F(MovingBetween3, NeverOntoALeasedCpu) {
  Admitted made;
  ASSERT_EQ(lease(2, &made), "");
  ASSERT_TRUE(admit(world, {.tasks = {{}}, .cpu = 1, .slack = true, .name = "other"}).refusal.empty());
  const Child child = free_one();
  world.run_for(Duration::ms(50));
  EXPECT_EQ(home(child), 0);
  ASSERT_EQ(world.call<schema::RealtimeIsland::Retire>(world.init(), made.island).error, kNoError);
  world.run_for(Duration::ms(20));
  EXPECT_EQ(home(child), 2) << "which keeps house again";
}

TEST_F(MovingBetween3, NotToWhereNobodyMayBePlaced) {
  const auto control = world.message<schema::SchedulingPolicy::Placement>(world.init(), world.service("schedulingPolicy"), [](auto) {});
  const abi::CapId placement = control.cap([](auto results) { return results.control(); });
  ASSERT_TRUE(world.call<schema::PlacementControl::Set>(world.init(), placement, {.cpus = 1}).error.ok());
  const Child child = free_one();
  world.run_for(Duration::ms(50));
  EXPECT_EQ(home(child), 0);
  ASSERT_TRUE(world.call<schema::PlacementControl::Set>(world.init(), placement, {.cpus = 5}).error.ok());
  world.run_for(Duration::ms(20));
  EXPECT_EQ(home(child), 2);
}

// --- who stays

using Binding = void (*)(World& world, const Child& child);

struct Bound {
  const char* why;
  bool named = false;
  std::vector<std::string> services{};  // granted
  Binding bind = nullptr;
};

abi::CapId grant_of(World& world, const Child& child, std::string_view name) {
  return world.granted(world.process(child.number), name);
}

void make_endpoint(World& world, const Child& child) {
  const auto made = world.message<schema::ObjectFactory::CreateEndpoint>(world.thread(child), grant_of(world, child, "objects"),
                                                                         [](auto params) { params.set_interface_id(5); });
  ASSERT_TRUE(made.ok());
  // Given up again: it may have been called through.
  ASSERT_TRUE(world.release(world.thread(child), made.cap([](auto results) { return results.endpoint(); })).ok());
}

void make_threads(World& world, const Child& child) {
  for (unsigned count = 1; count <= kernel::kMostThreads; ++count) {
    const auto made = world.message<schema::ThreadFactory::Create>(world.thread(child), grant_of(world, child, "self.threads"), [](auto params) {
      params.set_entry(abi::kProgramBase);
      params.set_stack_top(abi::kStackTop);
    });
    ASSERT_TRUE(made.ok()) << made.error();
  }
}

// Under way for longer than the test takes.
void submit_timeout(World& world, const Child& child) {
  abi::CapSqe entry{};
  entry.operation = static_cast<std::uint8_t>(abi::RingOperation::timeout);
  entry.cap = world.machine().now().ns() + 1'000'000'000;
  world.submit(world.thread(child), entry);
  (void)world.enter_ring(world.thread(child));
  ASSERT_FALSE(world.thread(child).ring_state->nothing_under_way());
}

class WhoStays : public Moving, public ::testing::WithParamInterface<Bound> {};

TEST_P(WhoStays, StaysAndIsInTheWayOfALease) {
  const Bound& bound = GetParam();
  // The process is to stay on CPU 1, with another, while CPU 0 rests.
  const Child first = world.spawn({.cpu = kAnyCpu});
  std::vector<std::pair<std::string, abi::CapId>> grants = {{"objects", world.service("objects")}, {"timer", world.service("timer")}};
  for (const std::string& name : bound.services) grants.emplace_back(name, world.service(name));
  const Child child = world.spawn({.cpu = bound.named ? std::uint16_t{1} : kAnyCpu, .memory_pages = 1024, .grants = grants, .name = "stays"});
  world.run_for(Duration::us(1));
  ASSERT_EQ(home(child), 1);
  if (bound.bind != nullptr) bound.bind(world, child);
  kill(first);
  const Child company = world.spawn({.cpu = 1});
  const std::uint64_t until = world.machine().now().ns() + 50'000'000;
  (void)world.call<schema::Timer::SleepUntil>(world.init(), world.service("timer"), {.ns = until});
  world.run_for(Duration::ms(60));
  EXPECT_EQ(home(child), 1) << bound.why;
  kill(company);
  world.run_for(Duration::ms(1));
  EXPECT_EQ(lease(1), "occupied: CPU 1stays");
  EXPECT_EQ(kernel::leased_cpus(), 0u);
  EXPECT_FALSE(kernel::is_vacating(CpuId(1)));
}

INSTANTIATE_TEST_SUITE_P(
    , WhoStays,
    ::testing::Values(Bound{.why = "whose CPU was named", .named = true},
                      Bound{.why = "who may ask CPU 0 for islands", .services = {"islands"}},
                      Bound{.why = "who has had an endpoint", .bind = make_endpoint},
                      Bound{.why = "who has many threads", .bind = make_threads},
                      Bound{.why = "whose ring has something under way", .bind = submit_timeout}),
    [](const auto& bound) {
      std::string name;
      for (const char letter : std::string(bound.param.why)) name += letter == ' ' ? '_' : letter;
      return name;
    });

TEST_F(Moving, WhoseFaultsAreToldStays) {
  const abi::CapId endpoint = world.make_endpoint(schema::FaultHandler::kInterfaceId);
  const abi::CapId client = world.connect(endpoint);
  const auto made = world.message<schema::ProcessSpawner::Spawn>(world.init(), world.service("spawner"), [&](auto params, auto& transfers) {
    params.set_name("supervised");
    params.set_program("program");
    params.set_cpu(kAnyCpu);
    params.set_memory_pages(256);
    params.set_source(900);
    params.init_supervisor().set_capability(add(transfers, client));
  });
  ASSERT_TRUE(made.ok()) << made.error();
  world.run_for(Duration::ms(50));
  EXPECT_EQ(home({.handle = {}, .number = 900}), 0);
}

// --- leases

TEST_F(Moving, ALeaseMovesWhoComputesAway) {
  const Child child = free_one_on_1();
  world.go_to(world.thread(child));
  world.machine().vectors(CpuId(1)) = 0x4321;
  ASSERT_EQ(lease(1), "");
  EXPECT_EQ(kernel::leased_cpus(), 2u);
  world.run_for(Duration::ms(10));
  EXPECT_EQ(home(child), 0);
  world.go_to(world.thread(child));
  EXPECT_EQ(world.machine().vectors(CpuId(0)), 0x4321u);
  world.run_for(Duration::ms(50));
  EXPECT_EQ(home(child), 0);
}

TEST_F(MovingBetween3, ALeaseThatIsRefusedNamesWhoStayedAndLeavesTheRest) {
  const Child a = free_one(), moves = free_one(), b = free_one();
  ASSERT_EQ(home(moves), 1);
  const Child squatter = world.spawn({.cpu = 1, .name = "squatter"});
  EXPECT_EQ(lease(1), "occupied: CPU 1squatter");
  world.run_for(Duration::us(1));
  EXPECT_EQ(kernel::leased_cpus(), 0u);
  EXPECT_FALSE(kernel::is_vacating(CpuId(1)));
  EXPECT_NE(home(moves), 1) << "who moved stays where it is";
  EXPECT_TRUE(world.try_spawn({.cpu = 1}, 901).ok()) << "it keeps house as before";
  kill(squatter);
  EXPECT_EQ(home(a), 0);
  EXPECT_EQ(home(b), 2);
}

// Each of them goes, four at a time are looked at and one goes in each portion.
TEST_F(Moving, ALeaseMovesManyAway) {
  std::vector<Child> children;
  for (unsigned i = 0; i < 16; ++i) children.push_back(world.spawn({.cpu = kAnyCpu, .memory_pages = 128}));
  world.run_for(Duration::ms(1));
  ASSERT_EQ(kernel::enlisted_on(CpuId(1)), 8u);
  ASSERT_EQ(lease(1), "");
  world.run_for(Duration::ms(1));
  for (const Child& child : children) EXPECT_EQ(home(child), 0);
  EXPECT_EQ(kernel::enlisted_on(CpuId(1)), 0u);
  EXPECT_EQ(placed(0), 16u);
}

// --- who waits goes along

TEST_F(Moving, ASleeperWakesOnTimeElsewhere) {
  const Child child = free_one_on_1({{"timer", world.service("timer")}});
  const std::uint64_t until = world.machine().now().ns() + 30'000'000;
  ASSERT_TRUE(world.call<schema::Timer::SleepUntil>(world.thread(child), cap(child, "timer"), {.ns = until}).blocked);
  ASSERT_EQ(lease(1), "");
  world.run_to(Time::from_ns(until) - Duration::ns(1));
  EXPECT_EQ(home(child), 0);
  EXPECT_EQ(world.thread(child).state, ThreadState::sleeping);
  world.run_for(Duration::us(10));
  EXPECT_EQ(world.thread(child).state, ThreadState::runnable);
}

TEST_F(Moving, AParkedThreadIsUnparkedAndHasItsLimitElsewhere) {
  for (const bool limit : {true, false}) {
    const Child child = free_one_on_1();
    const abi::CapId space = cap(child, "self.park");
    const std::uint64_t word = abi::kStackTop - 64;
    const std::uint64_t timeout = limit ? 20'000'000 : ~std::uint64_t{0};
    const Time before = world.machine().now();
    ASSERT_TRUE(world.call<schema::ParkSpace::Park>(world.thread(child), space, {.address = word, .expected = 0, .timeout_ns = timeout}).blocked);
    ask(1);
    deliver(1);
    EXPECT_EQ(home(child), -1) << "on its way";
    deliver(0);
    ASSERT_EQ(home(child), 0);
    EXPECT_EQ(world.process(child.number).parked().size, 1u);
    if (limit) {
      world.run_to(before + Duration::ms(19));
      EXPECT_EQ(world.thread(child).state, ThreadState::parked);
      world.run_to(before + Duration::ms(21));
      EXPECT_EQ(world.answer(world.thread(child)).error(), transport(schema::TransportError::timeout));
    }
    kill(child);
    world.settle();
  }
}

// --- mail that is under way

TEST_F(Moving, ASignalToItsOldCpuFollowsIt) {
  const abi::CapId event = world.make_notification();
  const Child child = free_one_on_1({{"event", event}});
  ASSERT_TRUE(world.call<schema::Notification::Wait>(world.thread(child), cap(child, "event")).blocked);
  ask(1);
  // Behind the question in CPU 1's box, for it lives there still.
  ASSERT_TRUE(world.call<schema::Notification::Signal>(world.init(), event, {.bits = 6}).error.ok());
  deliver(1);
  EXPECT_EQ(home(child), -1);
  EXPECT_EQ(world.thread(child).state, ThreadState::await_signal);
  deliver(0);
  EXPECT_EQ(home(child), 0);
  ASSERT_EQ(world.thread(child).state, ThreadState::runnable);
  EXPECT_EQ(world.answer(world.thread(child)).words[0], 6u);
}

// The CPU that it comes to has read where it goes before it has arrived.
TEST_F(Moving, ASignalOnTheWayWaitsForItsArrival) {
  const abi::CapId event = world.make_notification();
  const Child child = free_one_on_1({{"event", event}});
  ASSERT_TRUE(world.call<schema::Notification::Wait>(world.thread(child), cap(child, "event")).blocked);
  ask(1);
  deliver(1);
  ASSERT_EQ(home(child), -1);
  ASSERT_TRUE(world.call<schema::Notification::Signal>(world.init(), event, {.bits = 9}).error.ok());
  if (world.machine().mail_pending(CpuId(0))) deliver(0);
  EXPECT_EQ(home(child), 0);
  ASSERT_EQ(world.thread(child).state, ThreadState::runnable);
  EXPECT_EQ(world.answer(world.thread(child)).words[0], 9u);
}

// CPU 1 sends it to CPU 2, where two fewer live, and CPU 2 to CPU 0; a kill comes behind each of the questions.
TEST_F(MovingBetween3, AKillFollowsItOverTwoCpus) {
  const Child on_0 = world.spawn({.cpu = 0}), child = free_one();
  ASSERT_EQ(home(child), 1);
  world.go_to(world.init());
  ask(1);
  kill(child);
  deliver(1);
  ASSERT_EQ(world.process(child.number).cpu(), CpuId(2));
  EXPECT_EQ(home(child), -1);
  EXPECT_TRUE(world.process(child.number).alive());
  ask(2);  // behind the two
  deliver(2);
  EXPECT_FALSE(world.process(child.number).alive());
  EXPECT_EQ(kernel::enlisted_on(CpuId(1)) + kernel::enlisted_on(CpuId(2)), 0u);
  EXPECT_EQ(placed(1) + placed(2), 0u);
  (void)on_0;
}

// Once it is known that others are to move on.
TEST_F(MovingBetween3, WhatComesWhileItMovesOnFollowsIt) {
  const abi::CapId event = world.make_notification();
  const Child on_0 = world.spawn({.cpu = 0}), child = free_one({{"event", event}});
  ASSERT_EQ(home(child), 1);
  ASSERT_TRUE(world.call<schema::Notification::Wait>(world.thread(child), cap(child, "event")).blocked);
  world.go_to(world.init());
  ask(1);
  ASSERT_TRUE(world.call<schema::Notification::Signal>(world.init(), event, {.bits = 5}).error.ok());
  ask(2);      // before it comes there
  deliver(1);  // it goes to CPU 2, and its signal behind it
  deliver(2);  // which looks, and is to look again; then takes it in, and the signal
  EXPECT_EQ(home(child), 2);
  EXPECT_EQ(world.thread(child).state, ThreadState::runnable);
  deliver(2);  // and sends it on
  EXPECT_NE(world.process(child.number).cpu(), CpuId(2));
  EXPECT_EQ(home(child), -1);
  world.run_for(Duration::us(1));
  EXPECT_EQ(world.answer(world.thread(child)).words[0], 5u);
  (void)on_0;
}

TEST_F(Moving, AnEndThatItWaitsForFollowsIt) {
  const Child awaited = world.spawn({.cpu = 0}), child = free_one({{"process", awaited.handle}});
  ASSERT_EQ(home(child), 1);
  ASSERT_TRUE(world.call<schema::ProcessHandle::Wait>(world.thread(child), cap(child, "process")).blocked);
  world.go_to(world.init());
  ask(1);
  kill(awaited);
  deliver(1);
  EXPECT_EQ(world.thread(child).state, ThreadState::await_signal);
  deliver(0);
  ASSERT_EQ(world.thread(child).state, ThreadState::runnable);
  EXPECT_EQ(world.answer(world.thread(child)).words[0], static_cast<std::uint64_t>(schema::ExitReason::killed));
}

TEST_F(Moving, AnUnparkFollowsIt) {
  const auto memory = world.message<schema::FrameAllocator::Allocate>(world.init(), world.service("frames"), [](auto params) { params.set_pages(1); });
  const abi::CapId words = memory.cap([](auto results) { return results.object(); });
  const auto shared = world.message<schema::ParkSpace::Share>(
      world.init(), world.service("self.park"), [&](auto params, auto& transfers) { params.set_memory(add(transfers, words)); });
  const abi::CapId space = shared.cap([](auto results) { return results.space(); });
  const Child child = free_one_on_1({{"words", space}});
  const schema::SharedParkSpace::Park::Params::Value park{.offset = 8, .expected = 0, .timeout_ns = 50'000'000};
  ASSERT_TRUE(world.call<schema::SharedParkSpace::Park>(world.thread(child), cap(child, "words"), park).blocked);
  world.go_to(world.init());
  ask(1);
  ASSERT_EQ(world.call<schema::SharedParkSpace::Unpark>(world.init(), space, {.offset = 8, .count = 1}).value.woken, 1u);
  deliver(1);
  EXPECT_EQ(world.thread(child).state, ThreadState::parked);
  deliver(0);
  ASSERT_EQ(world.thread(child).state, ThreadState::runnable);
  EXPECT_TRUE(world.answer(world.thread(child)).error().ok());
  EXPECT_FALSE(world.thread(child).timeout.queued());
  world.run_for(Duration::ms(60));  // its limit does not come
}

// It is taken out of the process before that goes.
TEST_F(Moving, WhoseThreadHasJustEndedGoesAfterIt) {
  const Child child = free_one_on_1();
  const auto made = world.message<schema::ThreadFactory::Create>(world.thread(child), cap(child, "self.threads"), [](auto params) {
    params.set_entry(abi::kProgramBase);
    params.set_stack_top(abi::kStackTop);
  });
  ASSERT_TRUE(made.ok());
  world.go_to(world.init());
  (void)world.call<schema::Timer::Now>(world.init(), world.service("timer"));  // so that what follows is CPU 0's
  kernel::kill_thread(*world.process(child.number).threads().back());
  ask(1);
  deliver(1);
  EXPECT_EQ(home(child), 1);
  ASSERT_TRUE(world.machine().mail_pending(CpuId(1)));
  deliver(1);
  EXPECT_EQ(home(child), -1);
  deliver(0);
  EXPECT_EQ(home(child), 0);
  EXPECT_EQ(world.process(child.number).threads().front(), world.process(child.number).threads().back());
}

TEST_F(Moving, AShareFollowsIt) {
  const Child child = free_one_on_1();
  world.go_to(world.init());
  ask(1);
  const auto set = world.message<schema::SchedulingPolicy::SetShare>(world.init(), world.service("schedulingPolicy"), [&](auto params, auto& transfers) {
    params.set_process(add(transfers, child.handle));
    params.set_weight(321);
    params.set_latency(schema::LatencyClass::normal);
  });
  ASSERT_TRUE(set.ok());
  deliver(1);
  EXPECT_EQ(world.thread(child).entity.weight(), 100u);
  world.run_for(Duration::ms(1));
  EXPECT_EQ(home(child), 0);
  EXPECT_EQ(world.thread(child).entity.weight(), 321u);
}

// What it owes goes along: it does not come before those it has had more than.
TEST_F(Moving, ADebtGoesAlong) {
  const Child child = free_one_on_1(), other = world.spawn({.cpu = 1});
  world.run_for(Duration::us(1));
  kernel::Thread& thread = world.thread(child);
  world.go_to(thread);
  world.run_for(Duration::us(900));  // of its slice, which the other waits for
  const std::uint64_t had = static_cast<std::uint64_t>(thread.entity.total_consumed().ns());
  ask(1);
  deliver(1);
  ASSERT_EQ(home(child), -1);
  deliver(0);
  ASSERT_EQ(home(child), 0);
  EXPECT_FALSE(world.is_current(thread)) << "init has not had more";
  EXPECT_GE(static_cast<std::uint64_t>(thread.entity.total_consumed().ns()), had);
  EXPECT_TRUE(thread.entity.queued());
  (void)other;
}

}  // namespace
}  // namespace capos::ktest
