// SPDX-License-Identifier: Apache-2.0
// A device interrupts where the kernel lets interrupts in while it works: its driver, on a context, comes when it is the most urgent, not sooner.
#include "capos/schema/devices.hpp"
#include "jobs.hpp"
#include "process/reaper.hpp"

namespace capos::ktest {
namespace {

using kernel::ThreadState;

constexpr std::uint8_t kLine = 5;

// Task 0 is a driver: its job waits for the line's interrupt, on its context. The others are released each millisecond.
class DeviceWindows : public Jobs {
 protected:
  void start_driver(unsigned others) {
    const auto opened = world.message<schema::DeviceManager::Interrupt>(world.init(), world.service("devices"), [](auto params) {
      params.set_line(kLine);
      params.set_trigger(schema::InterruptTrigger::edge_high);
    });
    const abi::CapId line = opened.cap([](auto results) { return results.interrupt(); }), event = world.make_notification();
    Claim claim{.tasks = {{.name = "driver", .period_us = 1'000'000, .budget_ns = 200'000, .priority = 50}}};
    for (unsigned n = 0; n < others; ++n) {
      claim.tasks.push_back({.name = "t" + std::to_string(n), .budget_ns = 20'000, .priority = static_cast<std::uint8_t>(100 + n)});
    }
    start(claim, {{"irq", line}, {"event", event}});
    world.run_to(release(0));
    for (unsigned task = others; task > 0; --task) EXPECT_TRUE(await(task).blocked);
    const auto bound = world.message<schema::Interrupt::Bind>(thread(0), cap(0, "irq"), [&](auto params, auto& transfers) {
      params.set_notification(add(transfers, cap(0, "event")));
      params.set_bits(1);
    });
    ASSERT_TRUE(bound.ok()) << bound.error();
    ASSERT_TRUE(world.call<schema::Notification::Wait>(thread(0), cap(0, "event")).blocked);
  }
  host::Machine& machine() { return world.machine(); }
  bool was_told() { return thread(0).state == ThreadState::runnable && world.answer(thread(0)).words[0] == 1; }
};

// Six are released at one instant, four at a time.
TEST_F(DeviceWindows, BetweenPortionsOfReleasesADriverDoesNotGoBeforeThem) {
  start_driver(6);
  world.go_to(world.init());
  machine().advance(release(1));
  ASSERT_TRUE(machine().pend_line(kLine));
  (void)machine().fire(CpuId(0));
  world.check();
  EXPECT_FALSE(machine().device_pending(CpuId(0))) << "it was let in on the way";
  EXPECT_TRUE(was_told());
  EXPECT_FALSE(world.is_current(thread(0)));
  world.run_for(Duration::ns(1));
  for (unsigned task = 6; task > 0; --task) {
    EXPECT_TRUE(world.is_current(thread(task))) << task;
    EXPECT_TRUE(await(task).blocked);
  }
  EXPECT_TRUE(world.is_current(thread(0)));
}

// The CPU reaps, and has no thread: first the time comes for which init sleeps, then the interrupt.
TEST_F(DeviceWindows, WhereTheReaperLetsItInTheDriverComes) {
  start_driver(0);
  const Child dead = world.spawn({.cpu = 0});
  ASSERT_TRUE(world.call<schema::ProcessHandle::Kill>(world.init(), dead.handle).error.ok());
  ASSERT_TRUE(kernel::reaper_has_work());
  const Time until = machine().now() + Duration::us(500);
  unsigned windows = 0;
  machine().at_each_interrupt_window([&](CpuId) {
    ++windows;
    if (windows == 1) machine().advance(until);
    if (windows != 2) return;
    EXPECT_EQ(world.cpu(0).thread, nullptr);
    EXPECT_TRUE(machine().pend_line(kLine));
  });
  (void)world.call<schema::Timer::SleepUntil>(world.init(), world.service("timer"), {.ns = until.ns()});
  machine().at_each_interrupt_window({});
  EXPECT_GE(windows, 2u);
  EXPECT_TRUE(was_told());
  EXPECT_TRUE(world.is_current(thread(0)));
}

}  // namespace
}  // namespace capos::ktest
