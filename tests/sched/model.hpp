// SPDX-License-Identifier: Apache-2.0
// Islands for tests, with shorthands in microseconds.
#pragma once

#include <deque>
#include <string>
#include <vector>

#include "capos/sched/analysis.hpp"

namespace capos::sched::test {

constexpr Duration us(std::int64_t value) { return Duration::us(value); }

struct Island {
  std::vector<TaskModel> tasks;
  std::vector<ChainModel> chains;
  std::vector<ServerCall> calls;
  std::vector<InterruptSource> interrupts;
  Overheads overheads;
  std::deque<std::string> names;
  std::deque<std::vector<std::uint16_t>> paths;
  IslandModel model;

  // Deadline 0: the period, implicit. Priority -1: derived.
  TaskModel& task(std::int64_t period_us, std::int64_t budget_us, std::int64_t deadline_us = 0,
                  int priority = -1, std::uint16_t cpu = 1) {
    TaskModel made;
    made.name = names.emplace_back("t" + std::to_string(tasks.size()));
    made.cpu = CpuId(cpu);
    made.period = {static_cast<std::uint32_t>(period_us), 1'000'000};
    made.budget = us(budget_us);
    made.implicit_deadline = deadline_us == 0;
    made.deadline = us(deadline_us == 0 ? period_us : deadline_us);
    if (priority >= 0) made.stated = Priority(static_cast<std::uint8_t>(priority));
    return tasks.emplace_back(made);
  }
  void chain(std::vector<std::uint16_t> path, std::int64_t bound_us, HopKind hops = HopKind::sampled) {
    paths.push_back(std::move(path));
    ChainModel made;
    made.name = "chain";
    made.tasks = paths.back();
    made.bound = us(bound_us);
    made.hops = hops;
    chains.push_back(made);
  }
  IslandModel& refresh() {
    model = {.name = "island",
             .cpus = 0b110,
             .tasks = tasks,
             .chains = chains,
             .calls = calls,
             .interrupts = interrupts,
             .overheads = overheads};
    return model;
  }
  Analysis analyse() { return sched::analyse(refresh()); }
};

inline Overheads typical_overheads() {
  Overheads o;
  o.release = Duration::ns(900);
  o.context_switch = Duration::ns(700);
  o.blocking = Duration::ns(2500);
  o.jitter = Duration::ns(2000);
  return o;
}

}  // namespace capos::sched::test
