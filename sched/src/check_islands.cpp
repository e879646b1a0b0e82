// SPDX-License-Identifier: Apache-2.0
// Which claim belongs to which island. No inequality depends on it: those are about CPUs, whoever leases them.
#include "capos/sched/certificate.hpp"

namespace capos::sched {
namespace {

using Verdict = ResultOf<void, Refusal>;

Verdict refuse(Rejection reason, std::size_t index) noexcept {
  return fail(Refusal{reason, static_cast<std::uint16_t>(index), {}, {}});
}

Verdict check_parts(const Certificate& c) noexcept {
  for (std::size_t i = 0; i < c.islands.size(); ++i) {
    const std::uint32_t cpus = c.islands[i].cpus;
    if (cpus == 0 || (cpus & ~c.cpus) != 0) return refuse(Rejection::cpu_not_available, i);
  }
  return {};
}

Verdict check_task(const Certificate& c, std::size_t i) noexcept {
  const TaskClaim& task = c.tasks[i];
  if (c.islands.empty() ? task.island != 0 : task.island >= c.islands.size()) return refuse(Rejection::islands, i);
  const std::uint32_t cpus = c.islands.empty() ? c.cpus : c.islands[task.island].cpus;
  if (task.cpu.value() >= kMaxCpus || (cpus >> task.cpu.value() & 1u) == 0) return refuse(Rejection::cpu_not_leased, i);
  const bool strange = task.fallback < c.tasks.size() && c.tasks[task.fallback].island != task.island;
  return strange ? refuse(Rejection::islands, i) : Verdict{};
}

// Hops that name no task are check_certificate()'s to refuse.
Verdict check_chain(const Certificate& c, std::size_t index) noexcept {
  const auto path = c.chains[index].tasks;
  for (std::size_t k = 1; k < path.size(); ++k) {
    if (path[k] >= c.tasks.size() || path[k - 1] >= c.tasks.size()) continue;
    if (c.tasks[path[k]].island != c.tasks[path[k - 1]].island) return refuse(Rejection::islands, index);
  }
  return {};
}

}  // namespace

Verdict check_islands(const Certificate& certificate) noexcept {
  TRY_VOID(check_parts(certificate));
  for (std::size_t i = 0; i < certificate.tasks.size(); ++i) TRY_VOID(check_task(certificate, i));
  for (std::size_t i = 0; i < certificate.chains.size(); ++i) TRY_VOID(check_chain(certificate, i));
  return {};
}

}  // namespace capos::sched
