// SPDX-License-Identifier: Apache-2.0
// An analysed island with its certificate in arrays that tests may change.
#pragma once

#include <utility>
#include <vector>

#include "model.hpp"

namespace capos::sched::test {

struct Certified {
  explicit Certified(Island from, Policy policy = Policy::fixed_priority) : island(std::move(from)) {
    island.refresh().policy = policy;
    admitted = analyse(island.model).admitted();
    tasks.resize(island.tasks.size());
    chains.resize(island.chains.size());
    certificate = certify(island.model, tasks, chains);
    calls = island.calls;
    interrupts = island.interrupts;
    machine = {.cpus = 0b1111, .overheads = certificate.overheads};
    refresh();
  }
  Certified(const Certified&) = delete;

  // The certificate with the arrays as they are now.
  Certificate& refresh() {
    certificate.tasks = tasks;
    certificate.chains = chains;
    certificate.calls = calls;
    certificate.interrupts = interrupts;
    return certificate;
  }
  [[nodiscard]] ResultOf<void, Refusal> check() { return check_certificate(refresh(), machine); }

  Island island;
  bool admitted = false;
  std::vector<TaskClaim> tasks;
  std::vector<ChainClaim> chains;
  std::vector<ServerCall> calls;
  std::vector<InterruptSource> interrupts;
  Certificate certificate;
  MachineFacts machine;
};

}  // namespace capos::sched::test
