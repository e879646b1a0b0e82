// SPDX-License-Identifier: Apache-2.0
// Drivers that move between CPUs: their interrupts and timers go along, and what comes in meanwhile, at the old CPU or the new one, is told once.
#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "capos/schema/devices.hpp"
#include "devices/interrupt.hpp"
#include "islands.hpp"
#include "islands/desk.hpp"
#include "islands/lease.hpp"
#include "process/moving.hpp"

namespace capos::ktest {
namespace {

using kernel::ThreadState;
using schema::KernelError;
using Trigger = schema::InterruptTrigger;

constexpr std::uint16_t kAnyCpu = 0xffff;  // of a process; of an interrupt: that of its driver
constexpr std::uint8_t kLine = 20;
constexpr std::uint64_t kBits = 4;

class Drivers : public ::testing::Test {
 protected:
  static constexpr hal::PciAddress kFunction{0, 2, 0};
  explicit Drivers(std::uint16_t cpus = 2) : world({.pack = {.cpus = cpus, .slice_us = 1000}}) {}

  kernel::Thread& init() { return world.init(); }
  host::Machine& machine() { return world.machine(); }

  Message<schema::DeviceManager::Interrupt> take_line(std::uint8_t line, std::uint16_t cpu, Trigger trigger) {
    return world.message<schema::DeviceManager::Interrupt>(init(), world.service("devices"), [&](auto params) {
      params.set_line(line);
      params.set_cpu(cpu);
      params.set_trigger(trigger);
    });
  }
  abi::CapId open_line(std::uint16_t cpu = kAnyCpu, Trigger trigger = Trigger::level_high, std::uint8_t line = kLine) {
    const auto made = take_line(line, cpu, trigger);
    EXPECT_TRUE(made.ok()) << made.error();
    return made.cap([](auto results) { return results.interrupt(); });
  }
  // Of a PCI function, which is given up to the caller.
  abi::CapId open_message(abi::CapId* function) {
    const auto opened = world.message<schema::DeviceManager::PciFunction>(init(), world.service("devices"), [](auto params) {
      params.set_device(kFunction.device);
    });
    *function = opened.cap([](auto results) { return results.function(); });
    const auto made = world.message<schema::PciFunction::Message>(init(), *function, [](auto params) { params.set_cpu(kAnyCpu); });
    EXPECT_TRUE(made.ok()) << made.error();
    return made.cap([](auto results) { return results.interrupt(); });
  }
  using Grants = std::vector<std::pair<std::string, abi::CapId>>;
  // Placed freely, on CPU 1, for one lives on CPU 0 that is ended then.
  Child free_one_on_1(Grants grants = {}, std::string name = "driver") {
    const Child first = world.spawn({.cpu = kAnyCpu});
    const Child made = world.spawn({.cpu = kAnyCpu, .memory_pages = 512, .grants = std::move(grants), .name = std::move(name)});
    world.run_for(Duration::us(1));
    EXPECT_EQ(home(made), 1);
    kill(first);
    return made;
  }
  // The same with an interrupt that it has bound, and waits for.
  Child driver_on_1(abi::CapId interrupt, Grants more = {}) {
    event = world.make_notification();
    more.insert(more.end(), {{"irq", interrupt}, {"event", event}});
    const Child driver = free_one_on_1(std::move(more));
    EXPECT_TRUE(bind(driver).ok());
    wait(driver);
    world.go_to(init());
    return driver;
  }
  Error bind(kernel::Thread& thread, abi::CapId interrupt, abi::CapId notification) {
    return world.message<schema::Interrupt::Bind>(thread, interrupt, [&](auto params, auto& transfers) {
      params.set_notification(add(transfers, notification));
      params.set_bits(kBits);
    }).error();
  }
  Error bind(const Child& child) { return bind(world.thread(child), cap(child, "irq"), cap(child, "event")); }
  void wait(const Child& child) {
    EXPECT_TRUE(world.call<schema::Notification::Wait>(world.thread(child), cap(child, "event")).blocked);
  }
  Error acknowledge(const Child& child) {
    return world.call<schema::Interrupt::Acknowledge>(world.thread(child), cap(child, "irq")).error;
  }
  schema::Interrupt::Statistics::Results::Value statistics(const Child& child) {
    const auto found = world.call<schema::Interrupt::Statistics>(world.thread(child), cap(child, "irq"));
    EXPECT_TRUE(found.error.ok()) << found.error;
    return found.value;
  }
  // Woken by kBits.
  bool was_told(const Child& child) {
    const kernel::Thread& thread = world.thread(child);
    return thread.state == ThreadState::runnable && world.answer(thread).words[0] == kBits;
  }
  std::uint64_t device_interrupts(std::uint16_t cpu) { return world.cpu(cpu).trace.interrupts(schema::InterruptCause::device); }
  bool waits(const Child& child) { return world.thread(child).state == ThreadState::await_signal; }

  void kill(const Child& child) { EXPECT_TRUE(world.call<schema::ProcessHandle::Kill>(init(), child.handle).error.ok()); }
  int home(const Child& child) {
    const kernel::Home& home = world.process(child.number).home;
    return home.is(home.cpu()) ? home.cpu().value() : -1;
  }
  abi::CapId cap(const Child& child, std::string_view name) { return world.granted(world.process(child.number), name); }
  // It is asked to, and has not looked yet.
  void ask(std::uint16_t cpu) {
    kernel::ask_to_vacate(1u << cpu);
    kernel::end_vacating(1u << cpu);
  }
  void deliver(std::uint16_t cpu) {
    (void)machine().deliver_mail(CpuId(cpu));
    world.check();
  }
  // Off CPU 1, and on its way.
  void send(const Child& child) {
    ask(1);
    deliver(1);
    ASSERT_EQ(home(child), -1);
  }
  void send_and_arrive(const Child& child) {
    send(child);
    deliver(0);
    ASSERT_EQ(home(child), 0);
  }
  std::string lease(std::uint16_t cpu, bool slack = false, const std::string& name = "tried") {
    const Admitted admitted = admit(world, {.tasks = {{}}, .cpu = cpu, .slack = slack, .name = name});
    return admitted.refusal + admitted.occupant;
  }
  void take_all_mail() {
    for (bool more = true; more;) {
      more = false;
      for (std::uint16_t id = 0; id < machine().cpus(); ++id) {
        if (!machine().mail_pending(CpuId(id))) continue;
        deliver(id);
        more = true;
      }
    }
  }

  World world;
  abi::CapId event{};
};

class DriversOn3 : public Drivers {
 protected:
  DriversOn3() : Drivers(3) {}
};

// --- what goes along

TEST_F(Drivers, ALineGoesWhereItsDriverGoes) {
  const Child driver = driver_on_1(open_line());
  EXPECT_EQ(machine().target_of_line(kLine), CpuId(1));
  ASSERT_TRUE(machine().raise_line(kLine));
  EXPECT_TRUE(was_told(driver));
  EXPECT_TRUE(acknowledge(driver).ok());
  wait(driver);
  send_and_arrive(driver);
  EXPECT_EQ(machine().target_of_line(kLine), CpuId(0));
  EXPECT_TRUE(waits(driver));
  for (std::uint64_t count = 2; count < 5; ++count) {
    ASSERT_TRUE(machine().raise_line(kLine)) << "masked";
    EXPECT_TRUE(was_told(driver));
    EXPECT_FALSE(machine().raise_line(kLine)) << "not acknowledged yet";
    EXPECT_TRUE(acknowledge(driver).ok());
    const auto seen = statistics(driver);
    EXPECT_EQ(seen.count, count);
    EXPECT_EQ(seen.repeated + seen.unclaimed, 0u);
    EXPECT_TRUE(seen.bound);
    wait(driver);
  }
}

TEST_F(Drivers, AMessageGoesWhereItsDriverGoes) {
  abi::CapId function{};
  const Child driver = driver_on_1(open_message(&function));
  ASSERT_TRUE(machine().send_message(kFunction));
  EXPECT_TRUE(was_told(driver));
  EXPECT_TRUE(acknowledge(driver).ok());
  wait(driver);
  const std::uint64_t before = device_interrupts(1);
  send_and_arrive(driver);
  ASSERT_TRUE(machine().send_message(kFunction));
  EXPECT_TRUE(was_told(driver));
  EXPECT_TRUE(acknowledge(driver).ok());
  EXPECT_EQ(statistics(driver).count, 2u);
  EXPECT_EQ(device_interrupts(1), before);
}

// Its function is nobody's any more, and may be another's: its message is not touched, and it sends none.
TEST_F(Drivers, AMessageOfAFunctionThatWasGivenBackIsLeftAlone) {
  abi::CapId function{};
  const Child driver = driver_on_1(open_message(&function));
  ASSERT_TRUE(world.release(init(), function).ok());
  const std::uint32_t before = hal::pci_read(kFunction, 0x54);
  send_and_arrive(driver);
  EXPECT_EQ(hal::pci_read(kFunction, 0x54), before);
  EXPECT_FALSE(machine().send_message(kFunction));
}

TEST_F(Drivers, ADriverThatComputesMovesToACpuThatRests) {
  event = world.make_notification();
  const Child driver = free_one_on_1({{"irq", open_line()}, {"event", event}});
  ASSERT_TRUE(bind(driver).ok());
  (void)world.spawn({.cpu = 1});
  const std::uint64_t until = machine().now().ns() + 50'000'000;
  (void)world.call<schema::Timer::SleepUntil>(init(), world.service("timer"), {.ns = until});
  world.run_for(Duration::ms(20));
  EXPECT_EQ(home(driver), 0);
  EXPECT_EQ(machine().target_of_line(kLine), CpuId(0));
}

// --- what comes in where it is not

// Edges and levels: one that was on its way to the old CPU, taken there while the driver is under way, or when it has come.
class Late : public Drivers, public ::testing::WithParamInterface<std::tuple<Trigger, bool>> {};

TEST_P(Late, AnInterruptAtTheOldCpuIsToldOnce) {
  const auto [trigger, before_it_comes] = GetParam();
  const Child driver = driver_on_1(open_line(kAnyCpu, trigger));
  before_it_comes ? send(driver) : send_and_arrive(driver);
  (void)machine().raise_line_late(kLine, CpuId(1));
  take_all_mail();
  ASSERT_EQ(home(driver), 0);
  ASSERT_TRUE(was_told(driver));
  auto seen = statistics(driver);
  EXPECT_EQ(seen.count, 1u);
  EXPECT_EQ(seen.repeated + seen.unclaimed, 0u);
  EXPECT_EQ(seen.masked, trigger == Trigger::level_high);
  EXPECT_TRUE(acknowledge(driver).ok());
  EXPECT_FALSE(statistics(driver).masked);
  wait(driver);
  ASSERT_TRUE(machine().raise_line(kLine));
  EXPECT_TRUE(was_told(driver));
  EXPECT_EQ(statistics(driver).count, 2u);
}

INSTANTIATE_TEST_SUITE_P(, Late, ::testing::Combine(::testing::Values(Trigger::edge_high, Trigger::level_high), ::testing::Bool()));

TEST_F(Drivers, AnInterruptAtTheNewCpuWaitsForItsDriver) {
  for (const Trigger trigger : {Trigger::edge_high, Trigger::level_high}) {
    const abi::CapId line = open_line(kAnyCpu, trigger);
    const Child driver = driver_on_1(line);
    send(driver);
    EXPECT_EQ(machine().target_of_line(kLine), CpuId(0));
    ASSERT_TRUE(machine().raise_line(kLine));
    if (home(driver) == -1) deliver(0);
    ASSERT_EQ(home(driver), 0);
    ASSERT_TRUE(was_told(driver));
    EXPECT_EQ(statistics(driver).count, 1u);
    EXPECT_TRUE(acknowledge(driver).ok());
    EXPECT_FALSE(statistics(driver).masked);
    kill(driver);
    ASSERT_TRUE(world.release(init(), line).ok());
    world.settle();
  }
}

// It comes in there, and the mail that tells of it is read, before anything says that the driver comes.
TEST_F(Drivers, AnInterruptThatComesBeforeTheDriversMailIsNotLost) {
  const Child driver = driver_on_1(open_line());
  world.settle();
  machine().at_each_redirection([&] {
    world.in_the_middle = CpuId(1);
    EXPECT_TRUE(machine().raise_line(kLine));
    EXPECT_TRUE(machine().mail_pending(CpuId(0)));
    deliver(0);
    world.in_the_middle.reset();
  });
  send(driver);
  machine().at_each_redirection({});
  EXPECT_TRUE(waits(driver));
  deliver(0);
  EXPECT_TRUE(was_told(driver));
  EXPECT_EQ(statistics(driver).count, 1u);
  EXPECT_TRUE(acknowledge(driver).ok());
  EXPECT_TRUE(machine().raise_line(kLine));
}

// One at each: the second is remembered, as if both had come to one.
TEST_F(Drivers, TwoThatComeInAtBothCpusAreTwo) {
  const Child driver = driver_on_1(open_line(kAnyCpu, Trigger::edge_high));
  send(driver);
  (void)machine().raise_line_late(kLine, CpuId(1));
  ASSERT_TRUE(machine().raise_line(kLine));
  take_all_mail();
  ASSERT_EQ(home(driver), 0);
  ASSERT_TRUE(was_told(driver));
  auto seen = statistics(driver);
  EXPECT_EQ(seen.count, 2u);
  EXPECT_EQ(seen.repeated, 1u);
  EXPECT_TRUE(seen.masked) << "no device is faster than its driver";
  EXPECT_TRUE(acknowledge(driver).ok());
  EXPECT_EQ(world.call<schema::Notification::Poll>(world.thread(driver), cap(driver, "event")).value.bits, kBits) << "the second";
  EXPECT_TRUE(acknowledge(driver).ok());
  EXPECT_FALSE(statistics(driver).masked);
}

// The mail that tells of it comes where it was, and follows.
TEST_F(DriversOn3, AnInterruptFollowsItOverTwoCpus) {
  const Child on_0 = world.spawn({.cpu = 0});
  event = world.make_notification();
  const Child driver = world.spawn({.cpu = kAnyCpu, .memory_pages = 512, .grants = {{"irq", open_line()}, {"event", event}}});
  world.run_for(Duration::us(1));
  ASSERT_EQ(home(driver), 1);
  ASSERT_TRUE(bind(driver).ok());
  wait(driver);
  world.go_to(init());
  ask(1);
  deliver(1);
  ASSERT_EQ(world.process(driver.number).cpu(), CpuId(2));
  (void)machine().raise_line_late(kLine, CpuId(1));  // behind what brings it, in CPU 2's box
  (void)world.spawn({.cpu = 2});
  deliver(2);
  ASSERT_EQ(home(driver), 2);
  EXPECT_TRUE(was_told(driver));
  EXPECT_TRUE(acknowledge(driver).ok());
  wait(driver);
  world.go_to(init());
  // Told of where it is, it goes on before CPU 2 has looked.
  ask(2);
  (void)machine().raise_line_late(kLine, CpuId(1));
  deliver(2);
  EXPECT_NE(world.process(driver.number).cpu(), CpuId(2));
  take_all_mail();
  EXPECT_TRUE(was_told(driver));
  EXPECT_EQ(statistics(driver).count, 2u);
  (void)on_0;
}

// --- between an interrupt and its acknowledgement

TEST_F(Drivers, WhatIsInServiceIsAcknowledgedElsewhere) {
  for (const Trigger trigger : {Trigger::edge_high, Trigger::level_high}) {
    const abi::CapId line = open_line(kAnyCpu, trigger);
    const Child driver = driver_on_1(line);
    ASSERT_TRUE(machine().raise_line(kLine));
    ASSERT_TRUE(was_told(driver));
    const bool remembers = trigger == Trigger::edge_high;
    EXPECT_EQ(machine().raise_line(kLine), remembers);
    world.go_to(init());
    send_and_arrive(driver);
    EXPECT_FALSE(machine().raise_line(kLine)) << "it is masked, as before";
    EXPECT_TRUE(acknowledge(driver).ok());
    const auto bits = world.call<schema::Notification::Poll>(world.thread(driver), cap(driver, "event")).value.bits;
    EXPECT_EQ(bits, remembers ? kBits : 0);
    if (remembers) {
      EXPECT_TRUE(acknowledge(driver).ok());
    }
    EXPECT_TRUE(machine().raise_line(kLine));
    EXPECT_EQ(statistics(driver).count, remembers ? 3u : 2u);
    kill(driver);
    ASSERT_TRUE(world.release(init(), line).ok());
    world.settle();
  }
}

// --- who has it, and for how long

TEST_F(Drivers, OneThatIsNotBoundIsBoundFromAnyCpu) {
  const abi::CapId line = open_line();
  event = world.make_notification();
  const Child driver = free_one_on_1({{"irq", line}, {"event", event}});
  EXPECT_EQ(machine().target_of_line(kLine), CpuId(0)) << "where it was opened";
  EXPECT_EQ(world.call<schema::Interrupt::Acknowledge>(init(), line).error, failed(KernelError::bad_state));
  EXPECT_EQ(world.call<schema::Interrupt::Unbind>(init(), line).error, failed(KernelError::bad_state));
  ASSERT_TRUE(bind(driver).ok());
  EXPECT_EQ(machine().target_of_line(kLine), CpuId(1));
  // To others it is where its driver is.
  EXPECT_EQ(bind(init(), line, event), overloaded(KernelError::busy));
  EXPECT_EQ(world.call<schema::Interrupt::Acknowledge>(init(), line).error, invalid(KernelError::bad_cpu));
  EXPECT_EQ(world.call<schema::Interrupt::Unbind>(init(), line).error, invalid(KernelError::bad_cpu));
  EXPECT_EQ(world.call<schema::Interrupt::Statistics>(init(), line).error, invalid(KernelError::bad_cpu));
  ASSERT_TRUE(world.call<schema::Interrupt::Unbind>(world.thread(driver), cap(driver, "irq")).error.ok());
  EXPECT_FALSE(machine().raise_line(kLine));
  ASSERT_TRUE(bind(init(), line, event).ok());
  EXPECT_EQ(machine().target_of_line(kLine), CpuId(0));
  EXPECT_EQ(bind(driver), overloaded(KernelError::busy));
  EXPECT_TRUE(machine().raise_line(kLine));
  EXPECT_EQ(world.call<schema::Notification::Poll>(init(), event).value.bits, kBits);
}

// It could not know that it was moved in between.
TEST_F(Drivers, ADriverMayBeMovedBeforeItBinds) {
  event = world.make_notification();
  const Child driver = free_one_on_1({{"irq", open_line()}, {"event", event}});
  world.go_to(init());
  send_and_arrive(driver);
  ASSERT_TRUE(bind(driver).ok());
  EXPECT_EQ(machine().target_of_line(kLine), CpuId(0));
  wait(driver);
  EXPECT_TRUE(machine().raise_line(kLine));
  EXPECT_TRUE(was_told(driver));
}

TEST_F(Drivers, ItsDriversEndLetsItGo) {
  const abi::CapId line = open_line();
  const Child driver = driver_on_1(line);
  ASSERT_TRUE(machine().raise_line(kLine));
  kill(driver);
  take_all_mail();
  EXPECT_FALSE(machine().raise_line(kLine)) << "masked";
  // One that was on its way comes to nobody, and is counted when it is bound again.
  (void)machine().raise_line_late(kLine, CpuId(1));
  const auto seen = world.call<schema::Interrupt::Statistics>(init(), line);
  ASSERT_TRUE(seen.error.ok()) << seen.error;
  EXPECT_FALSE(seen.value.bound);
  EXPECT_TRUE(seen.value.masked);
  ASSERT_TRUE(bind(init(), line, world.make_notification()).ok());
  const auto again = world.call<schema::Interrupt::Statistics>(init(), line);
  EXPECT_EQ(again.value.count, 2u);
  EXPECT_EQ(again.value.unclaimed, 1u);
  EXPECT_TRUE(machine().raise_line(kLine));
}

// Its last capability goes with nobody on any CPU to touch it.
TEST_F(Drivers, ItMayDieOnTheWay) {
  const abi::CapId line = open_line();
  const Child driver = driver_on_1(line);
  kernel::Ref<kernel::Object> last = kernel::Ref<kernel::Object>::share(*world.process(World::kInit).capabilities().find(line)->object());
  ASSERT_TRUE(world.process(driver.number).capabilities().remove(cap(driver, "irq")));
  ASSERT_TRUE(world.process(World::kInit).capabilities().remove(line));
  world.settle();  // else an interrupt may let mail in
  send(driver);
  (void)world.call<schema::Timer::Now>(init(), world.service("timer"));  // so that what follows is CPU 0's
  ASSERT_EQ(home(driver), -1);
  ASSERT_TRUE(machine().raise_line(kLine));  // it comes in before its driver
  ASSERT_EQ(home(driver), -1);
  last = {};
  EXPECT_EQ(world.process(driver.number).bound_interrupts, 1u) << "nobody may touch it";
  take_all_mail();
  EXPECT_EQ(home(driver), 0);
  EXPECT_EQ(world.process(driver.number).bound_interrupts, 0u);
  EXPECT_TRUE(was_told(driver));
  EXPECT_FALSE(machine().raise_line(kLine)) << "masked";
  EXPECT_TRUE(take_line(kLine, kAnyCpu, Trigger::firmware).ok()) << "and free";
}

TEST_F(Drivers, ADriverHasAtMostEight) {
  Grants grants{{"event", world.make_notification()}};
  for (std::uint8_t n = 0; n <= kernel::Interrupt::kMostBound; ++n) {
    grants.emplace_back("irq" + std::to_string(n), open_line(kAnyCpu, Trigger::level_high, n));
  }
  const Child driver = free_one_on_1(std::move(grants));
  const auto take = [&](unsigned n) { return bind(world.thread(driver), cap(driver, "irq" + std::to_string(n)), cap(driver, "event")); };
  for (unsigned n = 0; n < kernel::Interrupt::kMostBound; ++n) EXPECT_TRUE(take(n).ok());
  EXPECT_EQ(take(8), overloaded(KernelError::quota_exceeded));
  EXPECT_TRUE(take(3).ok()) << "its own anew";
  world.go_to(init());
  send_and_arrive(driver);
  for (std::uint8_t n = 0; n < kernel::Interrupt::kMostBound; ++n) EXPECT_EQ(machine().target_of_line(n), CpuId(0));
  ASSERT_TRUE(world.call<schema::Interrupt::Unbind>(world.thread(driver), cap(driver, "irq0")).error.ok());
  EXPECT_TRUE(take(8).ok());
}

// --- who stays

TEST_F(Drivers, WhoHasOneOfACpuStays) {
  const Child driver = driver_on_1(open_line(1));
  ask(1);
  deliver(1);
  EXPECT_EQ(home(driver), 1);
  EXPECT_EQ(lease(1), "occupied: CPU 1driver");
  EXPECT_TRUE(machine().raise_line(kLine));
  EXPECT_TRUE(was_told(driver));
}

TEST_F(Drivers, WhereItsInterruptsCannotGoItDoesNotGo) {
  const Child driver = driver_on_1(open_line());
  machine().put_out_of_reach(CpuId(0));
  EXPECT_EQ(lease(1), "occupied: CPU 1driver");
  EXPECT_EQ(home(driver), 1);
  EXPECT_EQ(kernel::enlisted_on(CpuId(1)), 1u);
  EXPECT_EQ(world.cpu(1).best_effort_processes.load(), 1u);
  EXPECT_TRUE(machine().raise_line(kLine));
  EXPECT_TRUE(was_told(driver));
  // Nor is one bound from there.
  EXPECT_EQ(take_line(3, kAnyCpu, Trigger::firmware).error(), invalid(KernelError::bad_cpu));
}

// --- leases

TEST_F(Drivers, ALeaseMovesTheDriverAndNothingComesToItsCpu) {
  const Child driver = driver_on_1(open_line());
  ASSERT_EQ(lease(1), "");
  EXPECT_EQ(kernel::leased_cpus(), 2u);
  EXPECT_EQ(home(driver), 0);
  const std::uint64_t before = device_interrupts(1);
  for (unsigned n = 0; n < 3; ++n) {
    ASSERT_TRUE(machine().raise_line(kLine));
    EXPECT_TRUE(was_told(driver));
    EXPECT_TRUE(acknowledge(driver).ok());
    wait(driver);
  }
  world.run_for(Duration::ms(50));
  EXPECT_EQ(home(driver), 0);
  EXPECT_EQ(device_interrupts(1), before);
}

// What is refused after that leaves it where it is, and it works there.
TEST_F(DriversOn3, ALeaseThatIsRefusedLeavesTheDriverAtWork) {
  event = world.make_notification();
  (void)world.spawn({.cpu = 0});
  const Child driver = world.spawn({.cpu = kAnyCpu, .memory_pages = 512, .grants = {{"irq", open_line()}, {"event", event}}});
  ASSERT_EQ(home(driver), 1);
  ASSERT_TRUE(bind(driver).ok());
  wait(driver);
  (void)world.spawn({.cpu = 1, .name = "squatter"});
  EXPECT_EQ(lease(1), "occupied: CPU 1squatter");
  EXPECT_EQ(kernel::leased_cpus(), 0u);
  EXPECT_FALSE(kernel::is_vacating(CpuId(1)));
  EXPECT_NE(home(driver), 1);
  EXPECT_EQ(machine().target_of_line(kLine), CpuId(static_cast<std::uint16_t>(home(driver))));
  ASSERT_TRUE(machine().raise_line(kLine));
  EXPECT_TRUE(was_told(driver));
  EXPECT_TRUE(acknowledge(driver).ok());
  EXPECT_FALSE(statistics(driver).masked);
}

// Only a CPU that is leased with slack is left: who brings no interrupts goes there, a driver does not.
TEST_F(Drivers, NotToWhereAnIslandHasBeenAdmitted) {
  ASSERT_EQ(lease(0, true, "first"), "");
  const Child driver = driver_on_1(open_line()), other = world.spawn({.cpu = kAnyCpu});
  world.run_for(Duration::us(1));
  ASSERT_EQ(home(other), 1);
  EXPECT_EQ(lease(1), "occupied: CPU 1driver");
  EXPECT_EQ(home(driver), 1);
  EXPECT_EQ(home(other), 0);
  EXPECT_EQ(machine().target_of_line(kLine), CpuId(1));
}

// Admission asks CPUs to vacate, and waits in its call: then the tests play what else there is.
class Asking : public DriversOn3 {
 protected:
  using Admit = schema::IslandAuthority::Admit;
  // On init's ledger, for it pays for its island.
  Child presenter() {
    const std::uint32_t number = next_number++;
    const auto made = world.message<schema::ProcessSpawner::Spawn>(init(), world.service("spawner"), [&](auto params, auto& transfers) {
      params.set_name("presenter");
      params.set_program("program");
      params.set_source(number);
      params.set_ledger(add(transfers, world.service("self.ledger")));
      const auto list = params.init_grants(1);
      list[0].set_name("islands");
      list[0].init_capability().set_capability(add(transfers, world.service("islands")));
    });
    EXPECT_TRUE(made.ok()) << made.error();
    return {made.cap([](auto results) { return results.process(); }), number};
  }
  // Up to where something else runs on CPU 0.
  void present(const Child& child, std::uint16_t cpu) {
    kernel::Thread& thread = world.thread(child);
    wire::MessageBuilder builder({reinterpret_cast<wire::Word*>(world.arena(thread)), World::kTransfersOffset / 8});
    write(builder.init_root<Admit::Params>().init_certificate(), {.tasks = {{}}, .cpu = cpu, .slack = false});
    abi::CapSqe entry{};
    entry.operation = static_cast<std::uint8_t>(abi::RingOperation::call);
    entry.method = Admit::kOrdinal;
    entry.cap = cap(child, "islands").raw;
    entry.interface_id = Admit::kInterfaceId;
    entry.params_size = static_cast<std::uint32_t>(builder.words().size() * 8);
    entry.results_offset = World::kResultsOffset;
    entry.results_capacity = abi::kArenaBytes - World::kResultsOffset;
    entry.transfers_offset = World::kTransfersOffset;
    world.submit(thread, entry);
    (void)world.enter_ring(thread);
  }
  // In each portion that waits, CPU 0 in the middle of it.
  void while_it_waits(std::function<void()> what) {
    machine().at_each_relax([this, what = std::move(what)] {
      world.in_the_middle = CpuId(0);
      what();
      world.in_the_middle.reset();
    });
  }
  void init_sleeps() {
    const std::uint64_t until = machine().now().ns() + 10'000'000'000;
    ASSERT_TRUE(world.call<schema::Timer::SleepUntil>(init(), world.service("timer"), {.ns = until}).blocked);
  }
  void take_mail_of(std::uint16_t cpu) {
    if (machine().mail_pending(CpuId(cpu))) deliver(cpu);
  }
  std::uint32_t next_number = 700;
};

// Killed from CPU 2 while it waits for CPU 1, which has sent the driver away already, or has not looked yet.
TEST_F(Asking, WhoDiesWhileTheyVacateLeavesNothingLeased) {
  for (const bool has_gone : {false, true}) {
    event = world.make_notification();
    const abi::CapId line = open_line();
    const Child admitter = presenter();
    const Child killer = world.spawn({.cpu = 2, .grants = {{"victim", admitter.handle}}});
    const Child driver = world.spawn({.cpu = kAnyCpu, .memory_pages = 512, .grants = {{"irq", line}, {"event", event}}});
    world.run_for(Duration::us(1));
    ASSERT_EQ(home(driver), 1);
    ASSERT_TRUE(bind(driver).ok());
    wait(driver);
    world.go_to(world.thread(killer));
    world.go_to(world.thread(admitter));
    bool killed = false;
    while_it_waits([&] {
      if (killed) return;
      EXPECT_TRUE(kernel::is_vacating(CpuId(1)));
      if (has_gone) deliver(1);
      killed = world.call<schema::ProcessHandle::Kill>(world.thread(killer), cap(killer, "victim")).error.ok();
    });
    present(admitter, 1);
    machine().at_each_relax({});
    EXPECT_TRUE(killed);
    EXPECT_FALSE(world.process(admitter.number).alive());
    EXPECT_FALSE(kernel::is_vacating(CpuId(1)));
    EXPECT_EQ(kernel::leased_cpus(), 0u);
    take_all_mail();
    EXPECT_EQ(kernel::leased_cpus(), 0u);
    EXPECT_NE(home(driver), 1) << "it was asked for";
    EXPECT_EQ(machine().target_of_line(kLine), world.process(driver.number).cpu());
    ASSERT_TRUE(machine().raise_line(kLine));
    EXPECT_TRUE(was_told(driver));
    EXPECT_TRUE(acknowledge(driver).ok());
    kill(driver);
    kill(killer);
    ASSERT_TRUE(world.release(init(), line).ok());
    world.settle();
  }
}

// Who has not worked for long loses the desk to another, who asks for a CPU of its own or for the same.
class DeskLost : public Asking, public ::testing::WithParamInterface<std::uint16_t> {};

TEST_P(DeskLost, TheCpusOfWhoHasItGoOnVacating) {
  const std::uint16_t wanted = GetParam();
  const Child first = presenter(), second = presenter();
  world.run_for(Duration::us(1));
  init_sleeps();
  world.go_to(world.thread(first));
  while_it_waits([&] { machine().advance(machine().now() + kernel::kPatience + Duration::ms(1)); });
  present(first, 1);
  EXPECT_TRUE(kernel::is_vacating(CpuId(1)));
  ASSERT_TRUE(world.is_current(world.thread(second)));
  while_it_waits([&] {
    EXPECT_EQ(kernel::is_vacating(CpuId(1)), wanted == 1) << "the first does not ask for it any more";
    EXPECT_TRUE(kernel::is_vacating(CpuId(wanted)));
    machine().advance(machine().now() + Duration::us(600));
  });
  present(second, wanted);
  ASSERT_TRUE(world.is_current(world.thread(first)));
  const auto refused = world.take_completion(world.thread(first));
  ASSERT_TRUE(refused.has_value());
  EXPECT_EQ(error_of(refused->result, refused->flags), overloaded(KernelError::busy));
  EXPECT_TRUE(kernel::is_vacating(CpuId(wanted))) << "the other waits for it";
  while_it_waits([&] { take_mail_of(wanted); });
  for (unsigned n = 0; n < 100 && kernel::leased_cpus() == 0; ++n) {
    if (machine().timer_due(CpuId(0))) {
      (void)machine().fire(CpuId(0));
    } else {
      machine().advance(std::max(machine().now(), machine().timer(CpuId(0))));
    }
  }
  EXPECT_EQ(kernel::leased_cpus(), 1u << wanted);
  machine().at_each_relax({});
  take_all_mail();
}

INSTANTIATE_TEST_SUITE_P(, DeskLost, ::testing::Values(1, 2));

// --- timers

class Timers : public Drivers {
 protected:
  static constexpr std::uint64_t kFirst = 5'000'000, kPeriod = 1'000'000;
  // Of a process on CPU 1.
  Child maker(Grants more = {}) {
    event = world.make_notification();
    more.insert(more.end(), {{"event", event}, {"timer", world.service("timer")}, {"spawner", world.service("spawner")}});
    const Child made = free_one_on_1(std::move(more), "maker");
    timer = make(made);
    return made;
  }
  abi::CapId make(const Child& child) {
    const auto made = world.message<schema::Timer::CreateEventTimer>(world.thread(child), cap(child, "timer"), [&](auto params, auto& transfers) {
      params.set_notification(add(transfers, cap(child, "event")));
      params.set_bits(kBits);
    });
    EXPECT_TRUE(made.ok()) << made.error();
    return made.cap([](auto results) { return results.timer(); });
  }
  void start(const Child& child, std::uint64_t period) {
    begin = machine().now().ns() + kFirst;
    EXPECT_TRUE(world.call<schema::EventTimer::Start>(world.thread(child), timer, {.first_ns = begin, .period_ns = period}).error.ok());
  }
  abi::CapId timer{};
  std::uint64_t begin = 0;
};

TEST_F(Timers, ATimerComesWhenItIsDueElsewhere) {
  const Child child = maker();
  start(child, kPeriod);
  wait(child);
  world.go_to(init());
  send_and_arrive(child);
  world.run_to(Time::from_ns(begin - 1));
  EXPECT_TRUE(waits(child));
  world.run_to(Time::from_ns(begin));
  EXPECT_TRUE(was_told(child));
  EXPECT_EQ(world.cpu(1).timeouts.earliest_time(), Time::never());
  auto status = world.call<schema::EventTimer::Status>(world.thread(child), timer);
  ASSERT_TRUE(status.error.ok()) << status.error;
  EXPECT_TRUE(status.value.armed);
  EXPECT_EQ(status.value.fired, 1u);
  EXPECT_EQ(status.value.skipped, 0u);
  EXPECT_EQ(status.value.next_ns, begin + kPeriod);
  ASSERT_TRUE(world.call<schema::EventTimer::Cancel>(world.thread(child), timer).value.was_armed);
  start(child, 0);
  wait(child);
  world.run_to(Time::from_ns(begin));
  EXPECT_TRUE(was_told(child));
}

// It has passed while the process was on its way: late, once.
TEST_F(Timers, WhatIsDueOnTheWayComesAtTheArrival) {
  const Child child = maker();
  start(child, kPeriod);
  wait(child);
  world.go_to(init());
  send(child);
  machine().advance(Time::from_ns(begin + 2 * kPeriod + 1));
  EXPECT_TRUE(waits(child));
  world.run_for(Duration::us(1));
  EXPECT_EQ(home(child), 0);
  EXPECT_TRUE(was_told(child));
  const auto status = world.call<schema::EventTimer::Status>(world.thread(child), timer);
  EXPECT_EQ(status.value.fired, 1u);
  EXPECT_EQ(status.value.skipped, 2u);
  EXPECT_EQ(status.value.next_ns, begin + 3 * kPeriod);
}

TEST_F(Timers, ATimerMayDieOnTheWay) {
  const Child child = maker();
  start(child, 0);
  wait(child);
  world.go_to(init());
  kernel::Ref<kernel::Object> last = kernel::Ref<kernel::Object>::share(*world.process(child.number).capabilities().find(timer)->object());
  ASSERT_TRUE(world.process(child.number).capabilities().remove(timer));
  send(child);
  (void)world.call<schema::Timer::Now>(init(), world.service("timer"));  // so that what follows is CPU 0's
  last = {};
  EXPECT_EQ(world.process(child.number).event_timers.load(), 1u);
  take_all_mail();
  EXPECT_EQ(world.process(child.number).event_timers.load(), 0u);
  world.run_to(Time::from_ns(begin + 1'000'000));
  EXPECT_TRUE(waits(child)) << "it does not come";
}

// Another has it, and may lean on being on one CPU with it.
TEST_F(Timers, OneThatAnotherHasBindsBoth) {
  const Child child = maker();
  const auto made = world.message<schema::ProcessSpawner::Spawn>(world.thread(child), cap(child, "spawner"), [&](auto params, auto& transfers) {
    params.set_name("other");
    params.set_program("program");
    params.set_source(901);
    params.set_cpu(kAnyCpu);
    params.set_memory_pages(64);
    const auto list = params.init_grants(1);
    list[0].set_name("timer");
    list[0].init_capability().set_capability(add(transfers, timer));
  });
  ASSERT_TRUE(made.ok()) << made.error();
  EXPECT_EQ(lease(1), "occupied: CPU 1maker");
  EXPECT_EQ(home(child), 1);
  EXPECT_TRUE(world.process(901).capabilities().binds_to_cpu());
  EXPECT_FALSE(world.process(child.number).capabilities().binds_to_cpu());
}

TEST_F(Timers, WhoHasManyStaysForNow) {
  const Child child = maker();
  for (unsigned n = 1; n < kernel::kMostDevices; ++n) (void)make(child);
  const abi::CapId one_more = make(child);
  EXPECT_EQ(lease(1), "occupied: CPU 1maker");
  ASSERT_TRUE(world.release(world.thread(child), one_more).ok());
  world.go_to(init());
  ASSERT_EQ(lease(1), "");
  EXPECT_EQ(home(child), 0);
}

}  // namespace
}  // namespace capos::ktest
