// SPDX-License-Identifier: Apache-2.0
#include "capos/sched/certificate.hpp"

namespace capos::sched {
namespace {

// Nothing follows from what it does, and nobody waits for a job of it.
bool stands_alone(const Certificate& c, std::size_t i) noexcept {
  const TaskClaim& recovery = c.tasks[i];
  if (recovery.on_miss != Consequence::run_late || recovery.on_overrun != Consequence::run_late) return false;
  if (recovery.repeated.misses != 0 || recovery.deadline > recovery.period.floor()) return false;
  for (std::size_t other = 0; other < c.tasks.size(); ++other) {
    if (c.tasks[other].fallback == i) return false;
    if (other != i && c.tasks[other].recovers == recovery.recovers) return false;
  }
  for (const ChainClaim& chain : c.chains) {
    for (const std::uint16_t task : chain.tasks) {
      if (task == i) return false;
    }
  }
  return true;
}

// Called on its CPU, by nobody above it.
bool is_called(const Certificate& c, const TaskClaim& recovery) noexcept {
  bool called = false;
  for (const ServerCall& call : c.calls) {
    if (call.server != recovery.recovers) continue;
    const TaskClaim& caller = c.tasks[call.task];
    if (&caller == &recovery || caller.cpu != recovery.cpu || caller.priority > recovery.priority) return false;
    called = true;
  }
  return called;
}

}  // namespace

ResultOf<void, Refusal> check_recoveries(const Certificate& certificate) noexcept {
  for (std::size_t i = 0; i < certificate.tasks.size(); ++i) {
    const TaskClaim& task = certificate.tasks[i];
    if (task.recovers == kNoServer) continue;
    if (certificate.policy != Policy::fixed_priority || !stands_alone(certificate, i) || !is_called(certificate, task)) {
      return fail(Refusal{Rejection::recovery, static_cast<std::uint16_t>(i), {}, {}});
    }
  }
  return {};
}

}  // namespace capos::sched
