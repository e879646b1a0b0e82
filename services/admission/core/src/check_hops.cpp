// SPDX-License-Identifier: Apache-2.0
// Rules about triggered hops: what can be released by another task's finish. The kernel's checker has the same in
// sched/src/checker.cpp.
#include <array>

#include "capos/admission/units.hpp"
#include "capos/sched/certificate.hpp"
#include "check.hpp"

namespace capos::admission {
namespace {

class Hops {
 public:
  Hops(Check& check, schema::Island::Reader island) noexcept : check_(check), tasks_(island.tasks()) {
    for (auto& one : predecessor_) one = kNotFound;
  }

  // At the place of the hop.
  void add(schema::Chain::Reader chain, std::uint32_t hop) noexcept {
    const std::uint32_t before = index_of(tasks_, kMaxTasks, chain.path()[hop - 1]);
    const std::uint32_t task = index_of(tasks_, kMaxTasks, chain.path()[hop]);
    if (before == kNotFound || task == kNotFound || before == task) return;  // reported as such
    check_periods(before, task);
    check_task(task);
    if (predecessor_[task] == before) return;
    if (predecessor_[task] != kNotFound) {
      check_.report("", "hop-predecessors",
                    text("task '", name(task), "' is released by '", name(before), "' and by '", name(predecessor_[task]), "'"),
                    text("one predecessor each: sample what the other one writes, in a chain of its own"));
      return;
    }
    predecessor_[task] = before;
    if (++successors_[before] == sched::kMaxSuccessors + 1) {
      check_.report("", "hop-successors", text("task '", name(before), "' releases more than ", sched::kMaxSuccessors, " others"),
                    text("let one of those release the rest"));
    }
    check_circle(task);
  }

 private:
  [[nodiscard]] std::string_view name(std::uint32_t task) const noexcept { return tasks_[task].name(); }

  void check_periods(std::uint32_t before, std::uint32_t task) noexcept {
    const auto its = period_of(tasks_[task].period()), other = period_of(tasks_[before].period());
    if (!its || !other || *its == *other) return;
    check_.report("", "hop-period", text("task '", name(task), "' is released by '", name(before), "', which has another period"),
                  text("the same period, or hops = sampled"));
  }

  void check_task(std::uint32_t index) noexcept {
    const auto task = tasks_[index];
    const auto period = period_of(task.period());
    const auto deadline = time_ns_or(task.deadline(), 0);
    if (period && deadline && *deadline > static_cast<std::uint64_t>(period->floor().ns())) {
      check_.report("", "hop-deadline",
                    text("task '", name(index), "' is released by another's finish, and due after its period"),
                    text("a deadline of at most the period: it counts from the release of the chain's first task"));
    }
    bool stands_in = task.on_repeated().then() == schema::RepeatedConsequence::fall_back;
    for (std::uint32_t i = 0; i < tasks_.size() && i < kMaxTasks; ++i) {
      const auto rule = tasks_[i].on_repeated();
      stands_in |= rule.then() == schema::RepeatedConsequence::fall_back && rule.fallback() == task.name();
    }
    if (!stands_in) return;
    check_.report("", "hop-fallback",
                  text("task '", name(index), "' is released by another's finish, and falls back or stands in for a task"),
                  text("hops = sampled, or another consequence than fallBack"));
  }

  void check_circle(std::uint32_t task) noexcept {
    std::uint32_t at = task;
    for (std::uint32_t steps = 0; steps < kMaxTasks; ++steps) {
      at = predecessor_[at];
      if (at == kNotFound) return;
      if (at != task) continue;
      check_.report("", "hop-circle", text("task '", name(task), "' is released by its own finish, through others"),
                    text("a chain of triggered hops begins with a task that time releases"));
      predecessor_[task] = kNotFound;
      return;
    }
  }

  Check& check_;
  wire::List<schema::Task> tasks_;
  std::array<std::uint32_t, kMaxTasks> predecessor_;
  std::array<std::uint8_t, kMaxTasks> successors_{};
};

}  // namespace

void check_hops(Check& check, schema::Island::Reader island) noexcept {
  Hops hops(check, island);
  const auto chains = island.chains();
  for (std::uint32_t i = 0; i < chains.size() && i < kMaxChains; ++i) {
    if (chains[i].hops() != schema::HopKind::triggered) continue;
    const Path::Scope chain(check.path, "chains", i);
    for (std::uint32_t hop = 1; hop < chains[i].path().size() && hop < kMaxChainTasks; ++hop) {
      const Path::Scope place(check.path, "path", hop);
      hops.add(chains[i], hop);
    }
  }
}

}  // namespace capos::admission
