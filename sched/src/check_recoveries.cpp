// SPDX-License-Identifier: Apache-2.0
#include "check_steps.hpp"

namespace capos::sched {
namespace claims {

// Nothing follows from what it does, it stands in for nobody, and it is the only one of its server.
Looked look_at_recovery(Progress& at) noexcept {
  const Certificate& c = *at.certificate;
  const TaskClaim& recovery = c.tasks[at.index];
  if (recovery.recovers == kNoServer) return true;
  const auto refused = refuse(Rejection::recovery, at.index);
  if (c.policy != Policy::fixed_priority || recovery.on_miss != Consequence::run_late ||
      recovery.on_overrun != Consequence::run_late || recovery.repeated.misses != 0 ||
      recovery.deadline > recovery.period.floor()) {
    return refused;
  }
  const Chunk chunk(at.chunk, c.tasks.size());
  for (std::size_t other = chunk.begin; other < chunk.end; ++other) {
    if (c.tasks[other].fallback == at.index) return refused;
    if (other != at.index && c.tasks[other].recovers == recovery.recovers) return refused;
  }
  return chunk.last;
}

// Nobody waits for a job of it.
Looked look_for_recoveries_in_chain(Progress& at) noexcept {
  const Certificate& c = *at.certificate;
  const auto path = c.chains[at.index].tasks;
  const Chunk chunk(at.chunk, path.size());
  for (std::size_t k = chunk.begin; k < chunk.end; ++k) {
    if (path[k] < c.tasks.size() && c.tasks[path[k]].recovers != kNoServer) return refuse(Rejection::recovery, path[k]);
  }
  return chunk.last;
}

// Its server is called on its CPU, by nobody above it. `found`: whether it is.
Looked look_at_callers_of_recovery(Progress& at) noexcept {
  const Certificate& c = *at.certificate;
  const TaskClaim& recovery = c.tasks[at.index];
  if (recovery.recovers == kNoServer) return true;
  const auto refused = refuse(Rejection::recovery, at.index);
  if (at.chunk == 0) at.found = 0;
  const Chunk chunk(at.chunk, c.calls.size());
  for (std::size_t i = chunk.begin; i < chunk.end; ++i) {
    if (c.calls[i].server != recovery.recovers) continue;
    const TaskClaim& caller = c.tasks[c.calls[i].task];
    if (&caller == &recovery || caller.cpu != recovery.cpu || caller.priority > recovery.priority) return refused;
    at.found = 1;
  }
  if (chunk.last && at.found == 0) return refused;
  return chunk.last;
}

}  // namespace claims

ResultOf<void, Refusal> check_recoveries(const Certificate& certificate) noexcept {
  using claims::Of;
  static constexpr claims::Family kFamilies[] = {{Of::task, claims::look_at_recovery},
                                                 {Of::chain, claims::look_for_recoveries_in_chain},
                                                 {Of::task, claims::look_at_callers_of_recovery}};
  return claims::judge(certificate, kFamilies);
}

}  // namespace capos::sched
