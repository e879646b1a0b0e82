// SPDX-License-Identifier: Apache-2.0
// What a CPU does in a loop that waits for another one, or for time.
#pragma once

namespace capos::hal {

inline void cpu_relax() noexcept { __builtin_ia32_pause(); }
// Where the machine's CPUs are simulated in turn, the others have theirs now.
inline void end_turn() noexcept { __builtin_ia32_pause(); }

}  // namespace capos::hal
