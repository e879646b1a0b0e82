// SPDX-License-Identifier: Apache-2.0
#include "capos/sched/certificate.hpp"

namespace capos::sched {
namespace {

bool may_stand_in(std::span<const TaskClaim> tasks, std::size_t i) noexcept {
  const std::uint16_t fallback = tasks[i].fallback;
  if (fallback >= tasks.size() || fallback == i) return false;
  if (tasks[fallback].cpu != tasks[i].cpu || tasks[fallback].repeated.misses != 0) return false;
  for (std::size_t other = 0; other < i; ++other) {
    if (tasks[other].fallback == fallback) return false;
  }
  return true;
}

}  // namespace

ResultOf<void, Refusal> check_consequences(std::span<const TaskClaim> tasks) noexcept {
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    const TaskClaim& task = tasks[i];
    const bool falls_back = task.repeated.then == Repeated::fall_back;
    if (!well_formed(MissRules{task.on_miss, task.on_overrun, task.repeated}) ||
        (falls_back ? !may_stand_in(tasks, i) : task.fallback != kNoTask)) {
      return fail(Refusal{Rejection::consequence, static_cast<std::uint16_t>(i), {}, {}});
    }
  }
  return {};
}

}  // namespace capos::sched
