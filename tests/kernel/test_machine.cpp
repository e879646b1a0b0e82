// SPDX-License-Identifier: Apache-2.0
// The simulated machine with the kernel on it: boots, takes what happens, and starts anew each time.
#include <gtest/gtest.h>

#include "world.hpp"

namespace capos::ktest {
namespace {

using kernel::Cpu;
using schema::TransportError;

constexpr auto kBoot = CpuId(0);

TEST(Machine, BootsToInit) {
  World world;
  EXPECT_EQ(world.machine().place(kBoot), host::Place::user);
  EXPECT_EQ(world.machine().live(kBoot), &world.init().user);
  EXPECT_EQ(world.init().user.instruction_pointer(), abi::kProgramBase);
  EXPECT_EQ(world.init().user.stack_pointer(), abi::kStackTop);
  EXPECT_NE(world.machine().console().find("capOS"), std::string::npos);
  EXPECT_FALSE(world.service("spawner").is_null());
  EXPECT_TRUE(world.service("no such service").is_null());
}

TEST(Machine, EveryCpuStartsAndWaits) {
  World world({.pack = {.cpus = 4}});
  EXPECT_EQ(Cpu::count(), 4u);
  for (std::uint16_t id = 1; id < 4; ++id) EXPECT_EQ(world.machine().place(CpuId(id)), host::Place::idle);
}

// Nothing of a machine is left in the next one: each has the kernel's variables new.
TEST(Machine, TheNextMachineIsTheSame) {
  std::uint64_t frames = 0;
  std::string console;
  for (int round = 0; round < 3; ++round) {
    World world({.pack = {.cpus = 2}});
    if (round == 0) {
      frames = world.frames_at_boot();
      console = world.machine().console();
    }
    EXPECT_EQ(world.frames_at_boot(), frames);
    EXPECT_EQ(world.machine().console(), console);
    EXPECT_EQ(Cpu::count(), 2u);
    (void)world.make_notification();
    (void)world.spawn({.cpu = 1});
  }
}

TEST(Machine, RefusesToBootWithoutAPack) {
  host::Machine machine({});
  EXPECT_EQ(machine.boot(), host::Place::off);
  EXPECT_EQ(machine.exit_code(), hal::kExitRefusedPack);
  EXPECT_NE(machine.console().find("no boot pack"), std::string::npos);
}

TEST(Machine, ASystemCallComesBackWithItsAnswer) {
  World world;
  const auto found = world.call<schema::Timer::Now>(world.init(), world.service("timer"));
  EXPECT_EQ(found.error, kNoError);
  EXPECT_EQ(found.value.ns, world.machine().now().ns());
}

TEST(Machine, AnUnknownSystemCallIsAnError) {
  World world;
  for (const std::uint64_t operation : {std::uint64_t{200}, std::uint64_t{255}}) {
    const auto found = world.enter(world.init(), operation, {}, 0, {});
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(found->error(), transport(TransportError::invalid_operation));
  }
}

TEST(Machine, ASleeperIdlesTheCpuUntilItsTime) {
  World world;
  const std::uint64_t until = world.machine().now().ns() + 5'000'000;
  EXPECT_TRUE(world.call<schema::Timer::SleepUntil>(world.init(), world.service("timer"), {.ns = until}).blocked);
  EXPECT_EQ(world.machine().place(kBoot), host::Place::idle);
  EXPECT_EQ(world.machine().timer(kBoot).ns(), until);
  world.run_to(Time::from_ns(until - 1));
  EXPECT_EQ(world.machine().place(kBoot), host::Place::idle);
  world.run_to(Time::from_ns(until));
  EXPECT_EQ(world.machine().place(kBoot), host::Place::user);
  EXPECT_EQ(World::called<schema::Timer::SleepUntil>(world.answer(world.init())).value.ns, until);
}

// No tick: one thread alone needs no timer.
TEST(Machine, OneThreadAloneArmsNoTimer) {
  World world;
  EXPECT_TRUE(world.machine().timer(kBoot).is_never());
}

TEST(Machine, TwoThreadsTakeTurnsByTheirSlice) {
  World world({.pack = {.slice_us = 2'000}});
  const Child child = world.spawn({});
  world.run_for(Duration::ms(1));
  EXPECT_TRUE(world.is_current(world.init()));
  EXPECT_FALSE(world.machine().timer(kBoot).is_never());
  world.run_to(world.machine().next_timer());
  EXPECT_TRUE(world.is_current(world.thread(child)));
  world.run_to(world.machine().next_timer());
  EXPECT_TRUE(world.is_current(world.init()));
}

TEST(Machine, DeviceAndSpuriousInterruptsReturnToWhatRan) {
  World world;
  EXPECT_EQ(world.machine().device_interrupt(kBoot, 5), host::Place::user);
  EXPECT_EQ(world.machine().spurious_interrupt(kBoot), host::Place::user);
  world.check();
  EXPECT_TRUE(world.is_current(world.init()));
}

TEST(Machine, ShutdownEndsTheRunWithItsCode) {
  World world;
  (void)world.call<schema::SystemControl::Shutdown>(world.init(), world.service("control"), {.code = 42});
  EXPECT_TRUE(world.machine().is_off());
  EXPECT_EQ(world.machine().exit_code(), 42);
  EXPECT_THROW((void)world.machine().system_call(kBoot), std::logic_error);
}

TEST(Machine, AFaultInTheKernelIsAPanicThatNamesIt) {
  World world;
  EXPECT_EQ(world.machine().kernel_fault(kBoot, {.vector = 14, .error_code = 0, .address = 0xdead}), host::Place::off);
  EXPECT_EQ(world.machine().exit_code(), hal::kExitPanic);
  EXPECT_NE(world.machine().console().find("KERNEL PANIC: fault in the kernel"), std::string::npos);
  EXPECT_NE(world.machine().console().find("last trace events of cpu 0"), std::string::npos);
}

TEST(Machine, AFaultingProgramEndsAndIsReported) {
  World world;
  const Child child = world.spawn({});
  world.fault(world.thread(child), 14, 0x1234);
  world.settle();  // the reaper writes it
  EXPECT_NE(world.machine().console().find("fault: program: page fault (14"), std::string::npos);
  const auto state = world.call<schema::ProcessHandle::State>(world.init(), child.handle);
  EXPECT_FALSE(state.value.alive);
}

// What another CPU is asked for happens when its interrupt is taken, and not before.
TEST(Machine, MailWaitsForItsInterrupt) {
  World world({.pack = {.cpus = 2}});
  const Child child = world.spawn({.cpu = 1});
  EXPECT_TRUE(world.machine().mail_pending(CpuId(1)));
  EXPECT_EQ(world.machine().place(CpuId(1)), host::Place::idle);
  EXPECT_EQ(world.machine().deliver_mail(CpuId(1)), host::Place::user);
  EXPECT_TRUE(world.is_current(world.thread(child)));
}

// Genode #2854 in small: vector registers go with their thread at every switch.
TEST(Machine, VectorRegistersGoWithTheirThread) {
  World world;
  const Child child = world.spawn({});
  world.go_to(world.init());
  world.machine().vectors(kBoot) = 111;
  world.go_to(world.thread(child));
  EXPECT_EQ(world.machine().vectors(kBoot), 0u);
  world.machine().vectors(kBoot) = 222;
  world.go_to(world.init());
  EXPECT_EQ(world.machine().vectors(kBoot), 111u);
  world.go_to(world.thread(child));
  EXPECT_EQ(world.machine().vectors(kBoot), 222u);
}

// The program's memory as it sees it: its stack can be written, its code cannot, what is not mapped faults.
TEST(Machine, ProgramsReachWhatIsMappedForThem) {
  World world;
  std::uint64_t value = 0;
  EXPECT_TRUE(world.machine().store(kBoot, hal::UserAddress(abi::kStackTop - 8), 77));
  EXPECT_TRUE(world.machine().load(kBoot, hal::UserAddress(abi::kStackTop - 8), value));
  EXPECT_EQ(value, 77u);
  EXPECT_TRUE(world.machine().load(kBoot, hal::UserAddress(abi::kProgramBase), value));
  EXPECT_FALSE(world.machine().store(kBoot, hal::UserAddress(abi::kProgramBase), 1));
  EXPECT_FALSE(world.machine().load(kBoot, hal::UserAddress(abi::kStackTop), value));
  EXPECT_FALSE(world.machine().store(kBoot, hal::UserAddress(abi::kCapSetAddress), 1));
}

}  // namespace
}  // namespace capos::ktest
