// SPDX-License-Identifier: Apache-2.0
// What a CPU does in a loop that waits for another one.
#pragma once

namespace capos::hal {

inline void cpu_relax() noexcept { __builtin_ia32_pause(); }

}  // namespace capos::hal
