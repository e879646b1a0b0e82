// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "capos/sched/certificate.hpp"

namespace capos::sched {
namespace {

ResultOf<void, Refusal> refuse(std::size_t task) noexcept {
  return fail(Refusal{Rejection::trigger, static_cast<std::uint16_t>(task), {}, {}});
}

// Calls visit(predecessor, task) for each triggered hop.
template <typename Visitor>
void for_each_hop(const Certificate& c, Visitor&& visit) noexcept {
  for (const ChainClaim& chain : c.chains) {
    if (chain.hops != HopKind::triggered) continue;
    for (std::size_t k = 1; k < chain.tasks.size(); ++k) visit(chain.tasks[k - 1], chain.tasks[k]);
  }
}

// Whoever is reached by going back from a task of a circle is reached for ever.
bool ends(std::span<const std::uint16_t> predecessors, std::uint16_t task) noexcept {
  for (std::size_t steps = 0; steps <= predecessors.size(); ++steps) {
    if (predecessors[task] == kNoTask) return true;
    task = predecessors[task];
  }
  return false;
}

bool may_be_triggered(const Certificate& c, std::size_t i) noexcept {
  const TaskClaim& task = c.tasks[i];
  if (task.deadline > task.period.floor() || task.fallback != kNoTask) return false;
  return std::ranges::none_of(c.tasks, [&](const TaskClaim& other) { return other.fallback == i; });
}

}  // namespace

void find_predecessors(const Certificate& certificate, std::span<std::uint16_t> out) noexcept {
  std::ranges::fill(out, kNoTask);
  for_each_hop(certificate, [&](std::uint16_t before, std::uint16_t task) {
    if (out[task] == kNoTask) out[task] = before;
  });
}

ResultOf<void, Refusal> check_triggers(const Certificate& certificate) noexcept {
  std::array<std::uint16_t, kMaxClaimedTasks> storage;
  const std::span<std::uint16_t> predecessors(storage.data(), certificate.tasks.size());
  find_predecessors(certificate, predecessors);
  std::uint16_t other = kNoTask;
  for_each_hop(certificate, [&](std::uint16_t before, std::uint16_t task) {
    if (predecessors[task] != before) other = task;
  });
  if (other != kNoTask) return refuse(other);
  for (std::size_t i = 0; i < predecessors.size(); ++i) {
    const auto successors = std::ranges::count(predecessors, static_cast<std::uint16_t>(i));
    if (successors > static_cast<std::ptrdiff_t>(kMaxSuccessors)) return refuse(i);
    if (predecessors[i] == kNoTask) continue;
    if (!may_be_triggered(certificate, i) || !ends(predecessors, predecessors[i])) return refuse(i);
  }
  return {};
}

}  // namespace capos::sched
