// SPDX-License-Identifier: Apache-2.0
// Ctrl-C as a flag: the command in hand ends in order and reports what there is. A second Ctrl-C ends at
// once.
#pragma once

namespace capos::cli {

void catch_interrupts();
[[nodiscard]] bool interrupted();

}  // namespace capos::cli
