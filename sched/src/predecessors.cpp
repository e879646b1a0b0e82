// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "capos/sched/certificate.hpp"

namespace capos::sched {

void find_predecessors(const Certificate& certificate, std::span<std::uint16_t> out) noexcept {
  std::ranges::fill(out, kNoTask);
  for (const ChainClaim& chain : certificate.chains) {
    if (chain.hops != HopKind::triggered) continue;
    for (std::size_t k = 1; k < chain.tasks.size(); ++k) {
      if (out[chain.tasks[k]] == kNoTask) out[chain.tasks[k]] = chain.tasks[k - 1];
    }
  }
}

}  // namespace capos::sched
