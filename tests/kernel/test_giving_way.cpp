// SPDX-License-Identifier: Apache-2.0
// A release finds the kernel free: what best effort would begin there just before is put off, and a sleeper's time is not looked at while a
// context runs.
#include <gtest/gtest.h>

#include "islands.hpp"
#include "islands/scheduling_context.hpp"

namespace capos::ktest {
namespace {

using kernel::Thread;
using kernel::ThreadState;
using Await = schema::SchedulingContext::WaitNextRelease;
using Now = schema::Timer::Now;
using Sleep = schema::Timer::SleepUntil;

// A task that waits for its first release, and two programs on best effort. Every look at the clock costs time.
class GivingWay : public testing::Test {
 protected:
  static constexpr Duration kLook = Duration::ns(50);

  void SetUp() override {
    island_ = admit_honest(world_, {.tasks = {{}}});
    task_ = world_.spawn({.context = island_.contexts[0]});
    sleeper_ = world_.spawn({.grants = {{"timer", world_.service("timer")}}});
    worker_ = world_.spawn({.grants = {{"timer", world_.service("timer")}}});
    (void)world_.call<Await>(task(), world_.granted(task().process, "self.context"));
    release_ = world_.machine().now() + Duration::ms(1);
    const auto done = world_.call<schema::RealtimeIsland::Activate>(world_.init(), island_.island, {.start_ns = release_.ns()});
    ASSERT_TRUE(done.error.ok());
    // Nobody else has anything to do then.
    ASSERT_TRUE(world_.call<Sleep>(world_.init(), world_.service("timer"), {.ns = (release_ + Duration::s(1)).ns()}).blocked);
  }
  [[nodiscard]] Thread& task() { return world_.thread(task_); }
  [[nodiscard]] Thread& sleeper() { return world_.thread(sleeper_); }
  [[nodiscard]] Thread& worker() { return world_.thread(worker_); }
  void sleep_until(Thread& thread, Time until) {
    ASSERT_TRUE(world_.call<Sleep>(thread, world_.granted(thread.process, "timer"), {.ns = until.ns()}).blocked);
  }
  void end_job() { (void)world_.call<Await>(task(), world_.granted(task().process, "self.context")); }

  World world_{{.clock_step = kLook, .gives_way = true}};
  Admitted island_;
  Child task_, sleeper_, worker_;
  Time release_{};
};

TEST_F(GivingWay, ACallJustBeforeAReleaseBeginsAfterTheJob) {
  sleep_until(sleeper(), release_ + Duration::s(1));
  world_.go_to(worker());
  world_.machine().advance(release_ - Duration::ns(400));
  EXPECT_TRUE(world_.call<Now>(worker(), world_.granted(worker().process, "timer")).blocked);
  ASSERT_TRUE(world_.is_current(task()));
  EXPECT_LT(world_.machine().now(), release_ + Duration::ns(400));
  end_job();
  ASSERT_TRUE(world_.is_current(worker()));
  const auto now = world_.called<Now>(world_.answer(worker()));
  EXPECT_TRUE(now.error.ok());
  EXPECT_GT(now.value.ns, static_cast<std::uint64_t>(release_.ns())) << "it was not made anew";
}

TEST_F(GivingWay, ACallThatIsEarlierIsMadeAtOnce) {
  sleep_until(sleeper(), release_ + Duration::s(1));
  world_.go_to(worker());
  world_.machine().advance(release_ - kernel::kNear - Duration::us(1));
  const auto now = world_.call<Now>(worker(), world_.granted(worker().process, "timer"));
  EXPECT_FALSE(now.blocked);
  EXPECT_LT(now.value.ns, static_cast<std::uint64_t>(release_.ns()));
}

TEST_F(GivingWay, ASleeperWhoseTimeComesJustBeforeAReleaseIsWokenAfterTheJob) {
  sleep_until(sleeper(), release_ - Duration::ns(300));
  sleep_until(worker(), release_ + Duration::s(1));
  world_.run_to(release_ - Duration::ns(150));
  EXPECT_EQ(sleeper().state, ThreadState::sleeping);
  EXPECT_EQ(world_.machine().timer(CpuId(0)), release_);
  world_.run_to(release_);
  ASSERT_TRUE(world_.is_current(task()));
  EXPECT_EQ(sleeper().state, ThreadState::sleeping);
  end_job();
  world_.run_for(Duration::us(1));
  EXPECT_TRUE(world_.is_current(sleeper()));
}

TEST_F(GivingWay, NoSleeperInterruptsAJob) {
  sleep_until(sleeper(), release_ + Duration::us(5));
  sleep_until(worker(), release_ + Duration::s(1));
  world_.run_to(release_);
  ASSERT_TRUE(world_.is_current(task()));
  EXPECT_GT(world_.machine().timer(CpuId(0)), release_ + Duration::us(5)) << "its timer is armed under a job";
  world_.run_to(release_ + Duration::us(10));
  ASSERT_TRUE(world_.is_current(task()));
  EXPECT_EQ(sleeper().state, ThreadState::sleeping);
  end_job();
  world_.run_for(Duration::us(1));
  EXPECT_TRUE(world_.is_current(sleeper()));
}

}  // namespace
}  // namespace capos::ktest
