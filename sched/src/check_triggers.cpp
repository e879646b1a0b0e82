// SPDX-License-Identifier: Apache-2.0
#include "check_steps.hpp"

namespace capos::sched {
namespace claims {

// The first that names a predecessor is believed; another is refused.
Looked look_at_hops(Progress& at) noexcept {
  const ChainClaim& chain = at.certificate->chains[at.index];
  if (chain.hops != HopKind::triggered) return true;
  const Chunk chunk(at.chunk, chain.tasks.size());
  for (std::size_t k = std::max<std::size_t>(chunk.begin, 1); k < chunk.end; ++k) {
    std::uint16_t& predecessor = at.predecessors[chain.tasks[k]];
    if (predecessor == kNoTask) predecessor = chain.tasks[k - 1];
    if (predecessor != chain.tasks[k - 1]) return refuse(Rejection::trigger, chain.tasks[k]);
  }
  return chunk.last;
}

// `jobs`: its successors. `found`: who is reached by going back from it. Whoever is still somewhere after as many steps as there
// are tasks is in a circle.
Looked look_at_trigger(Progress& at) noexcept {
  const Certificate& c = *at.certificate;
  const TaskClaim& task = c.tasks[at.index];
  const auto refused = refuse(Rejection::trigger, at.index);
  const bool triggered = at.predecessors[at.index] != kNoTask;
  if (at.chunk == 0) {
    if (triggered && (task.deadline > task.period.floor() || task.fallback != kNoTask)) return refused;
    at.found = at.predecessors[at.index];
    at.jobs = 0;
  }
  const Chunk chunk(at.chunk, c.tasks.size());
  for (std::size_t other = chunk.begin; other < chunk.end; ++other) {
    if (at.predecessors[other] == at.index) ++at.jobs;
    if (triggered && c.tasks[other].fallback == at.index) return refused;
    if (at.found != kNoTask) at.found = at.predecessors[at.found];
  }
  if (at.jobs > static_cast<std::int64_t>(kMaxSuccessors)) return refused;
  if (chunk.last && at.found != kNoTask) return refused;
  return chunk.last;
}

}  // namespace claims

void find_predecessors(const Certificate& certificate, std::span<std::uint16_t> out) noexcept {
  std::ranges::fill(out, kNoTask);
  for (const ChainClaim& chain : certificate.chains) {
    if (chain.hops != HopKind::triggered) continue;
    for (std::size_t k = 1; k < chain.tasks.size(); ++k) {
      if (out[chain.tasks[k]] == kNoTask) out[chain.tasks[k]] = chain.tasks[k - 1];
    }
  }
}

ResultOf<void, Refusal> check_triggers(const Certificate& certificate) noexcept {
  static constexpr claims::Family kFamilies[] = {{claims::Of::chain, claims::look_at_hops},
                                                 {claims::Of::task, claims::look_at_trigger}};
  return claims::judge(certificate, kFamilies);
}

}  // namespace capos::sched
