// SPDX-License-Identifier: Apache-2.0
#include "check_steps.hpp"

namespace capos::sched::claims {
namespace {

std::size_t count(const Certificate& c, Of things) noexcept {
  switch (things) {
    case Of::frame: return 1;
    case Of::part: return c.islands.size();
    case Of::task: return c.tasks.size();
    case Of::chain: return c.chains.size();
    case Of::call: return c.calls.size();
    case Of::interrupt: return c.interrupts.size();
    case Of::cpu: return kMaxCpus;
  }
  return 0;
}

}  // namespace

void begin(Progress& at, const Certificate& certificate, const MachineFacts& machine) noexcept {
  at = {};
  at.certificate = &certificate;
  at.machine = machine;
  at.predecessors.fill(kNoTask);
}

Looked step(Progress& at, std::span<const Family> families) noexcept {
  for (unsigned looks = 0; looks < kLooks; ++looks) {
    while (at.family < families.size() && at.index == count(*at.certificate, families[at.family].things)) {
      ++at.family;
      at.index = 0;
    }
    if (at.family == families.size()) return true;
    const bool last = TRY(families[at.family].look(at));
    at.chunk = last ? 0 : at.chunk + 1;
    if (last) ++at.index;
  }
  return false;
}

ResultOf<void, Refusal> judge(const Certificate& certificate, std::span<const Family> families) noexcept {
  Progress at;
  begin(at, certificate, {});
  while (!TRY(step(at, families))) {
  }
  return {};
}

}  // namespace capos::sched::claims
