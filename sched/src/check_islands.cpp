// SPDX-License-Identifier: Apache-2.0
// Which claim belongs to which island. No inequality depends on it: those are about CPUs, whoever leases them.
#include "check_steps.hpp"

namespace capos::sched {
namespace claims {

Looked look_at_part(Progress& at) noexcept {
  const std::uint32_t cpus = at.certificate->islands[at.index].cpus;
  if (cpus == 0 || (cpus & ~at.certificate->cpus) != 0) return refuse(Rejection::cpu_not_available, at.index);
  return true;
}

Looked look_at_owner(Progress& at) noexcept {
  const Certificate& c = *at.certificate;
  const TaskClaim& task = c.tasks[at.index];
  if (c.islands.empty() ? task.island != 0 : task.island >= c.islands.size()) return refuse(Rejection::islands, at.index);
  const std::uint32_t cpus = c.islands.empty() ? c.cpus : c.islands[task.island].cpus;
  if (task.cpu.value() >= kMaxCpus || (cpus >> task.cpu.value() & 1u) == 0) return refuse(Rejection::cpu_not_leased, at.index);
  const bool strange = task.fallback < c.tasks.size() && c.tasks[task.fallback].island != task.island;
  if (strange) return refuse(Rejection::islands, at.index);
  return true;
}

// Hops that name no task are look_at_chain()'s to refuse.
Looked look_at_chain_owner(Progress& at) noexcept {
  const Certificate& c = *at.certificate;
  const auto path = c.chains[at.index].tasks;
  const Chunk chunk(at.chunk, path.size());
  for (std::size_t k = std::max<std::size_t>(chunk.begin, 1); k < chunk.end; ++k) {
    if (path[k] >= c.tasks.size() || path[k - 1] >= c.tasks.size()) continue;
    if (c.tasks[path[k]].island != c.tasks[path[k - 1]].island) return refuse(Rejection::islands, at.index);
  }
  return chunk.last;
}

}  // namespace claims

ResultOf<void, Refusal> check_islands(const Certificate& certificate) noexcept {
  using claims::Of;
  static constexpr claims::Family kFamilies[] = {
      {Of::part, claims::look_at_part}, {Of::task, claims::look_at_owner}, {Of::chain, claims::look_at_chain_owner}};
  return claims::judge(certificate, kFamilies);
}

}  // namespace capos::sched
