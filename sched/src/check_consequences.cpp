// SPDX-License-Identifier: Apache-2.0
#include "check_steps.hpp"

namespace capos::sched {
namespace claims {
namespace {

bool may_fall_back(std::span<const TaskClaim> tasks, const TaskClaim& task) noexcept {
  if (task.fallback >= tasks.size()) return false;
  const TaskClaim& fallback = tasks[task.fallback];
  return &fallback != &task && fallback.cpu == task.cpu && fallback.repeated.misses == 0;
}

}  // namespace

// Of those that share a fallback, the last is refused.
Looked look_at_consequences(Progress& at) noexcept {
  const auto tasks = at.certificate->tasks;
  const TaskClaim& task = tasks[at.index];
  const bool falls_back = task.repeated.then == Repeated::fall_back;
  const auto refused = refuse(Rejection::consequence, at.index);
  if (at.chunk == 0 && (!well_formed(MissRules{task.on_miss, task.on_overrun, task.repeated}) ||
                        (falls_back ? !may_fall_back(tasks, task) : task.fallback != kNoTask))) {
    return refused;
  }
  if (!falls_back) return true;
  const Chunk chunk(at.chunk, at.index);
  for (std::size_t other = chunk.begin; other < chunk.end; ++other) {
    if (tasks[other].fallback == task.fallback) return refused;
  }
  return chunk.last;
}

}  // namespace claims

ResultOf<void, Refusal> check_consequences(std::span<const TaskClaim> tasks) noexcept {
  static constexpr claims::Family kFamilies[] = {{claims::Of::task, claims::look_at_consequences}};
  Certificate certificate;
  certificate.tasks = tasks;
  return claims::judge(certificate, kFamilies);
}

}  // namespace capos::sched
