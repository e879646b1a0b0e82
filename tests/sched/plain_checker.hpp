// SPDX-License-Identifier: Apache-2.0
// The certificate's inequalities as plain loops, each the way it is written down: what the checker in steps is compared with. O(tasks
// * calls^2), and no bound on how long it takes.
#pragma once

#include "capos/sched/certificate.hpp"

namespace capos::sched::test {

[[nodiscard]] ResultOf<void, Refusal> check_plainly(const Certificate& certificate, const MachineFacts& machine) noexcept;

}  // namespace capos::sched::test
