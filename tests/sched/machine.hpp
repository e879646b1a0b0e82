// SPDX-License-Identifier: Apache-2.0
// A CpuScheduler with a clock and shorthands, for tests that read as scenarios.
#pragma once

#include <gtest/gtest.h>

#include <deque>
#include <utility>
#include <vector>

#include "capos/sched/cpu_scheduler.hpp"

namespace capos::sched::test {

constexpr Duration us(std::int64_t value) { return Duration::us(value); }
constexpr Time at_us(std::uint64_t value) { return Time::from_ns(value * 1000); }

class Machine {
 public:
  Machine() { cpu.start(CpuId(1), Time{}); }

  Context& context(int priority, Duration budget, Duration period,
                   Consequence on_miss = Consequence::run_late) {
    Context& made = contexts_.emplace_back();
    made.source = static_cast<std::uint32_t>(contexts_.size());
    const auto result = made.configure({.budget = budget,
                                        .period = Period::from_ns(static_cast<std::uint32_t>(period.ns())),
                                        .deadline = period,
                                        .priority = Priority(static_cast<std::uint8_t>(priority)),
                                        .cpu = CpuId(1),
                                        .island = IslandId(1),
                                        .on_miss = on_miss},
                                       now);
    EXPECT_TRUE(result.has_value());
    return made;
  }

  // A context that waits for job 0 at `first`.
  Context& periodic(int priority, Duration budget, Duration period, Time first,
                    Consequence on_miss = Consequence::run_late) {
    Context& made = context(priority, budget, period, on_miss);
    cpu.wait_next_release(made, now);
    cpu.arm_jobs(made, first, now);
    return made;
  }

  Dispatch pick() {
    const Dispatch dispatch = cpu.pick(now);
    EXPECT_STREQ(cpu.check_invariants(now), nullptr);
    return dispatch;
  }

  // What the kernel does when time is `to`, nothing else having happened since.
  Dispatch run_to(Time to) {
    now = to;
    cpu.release_due(now, [this](Context& c, ReleaseKind kind) { releases.emplace_back(&c, kind); });
    cpu.deadlines_due(now, [this](Context& c) { misses.push_back(&c); });
    return pick();
  }
  Dispatch run_to_us(std::uint64_t to) { return run_to(at_us(to)); }
  Dispatch run_to_event() { return run_to(cpu.next_event(now)); }

  CpuScheduler cpu;
  Time now{};
  std::vector<std::pair<Context*, ReleaseKind>> releases;
  std::vector<Context*> misses;

 private:
  std::deque<Context> contexts_;
};

}  // namespace capos::sched::test
