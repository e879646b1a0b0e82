// SPDX-License-Identifier: Apache-2.0
// What a CPU does in a loop that waits for another one: here the driver says what that other one does meanwhile.
#pragma once

namespace capos::hal {

// Calls what Machine::at_each_relax() was given.
void cpu_relax() noexcept;

}  // namespace capos::hal
