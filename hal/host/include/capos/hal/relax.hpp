// SPDX-License-Identifier: Apache-2.0
// What a CPU does in a loop that waits for another one, or for time: here the driver says what that other one does meanwhile.
#pragma once

namespace capos::hal {

// The clock moves on by 100 ns: what waits in a loop sees time pass. Then calls what Machine::at_each_relax() was given.
void cpu_relax() noexcept;
// The driver says whose turn it is.
inline void end_turn() noexcept {}

}  // namespace capos::hal
