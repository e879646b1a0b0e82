// SPDX-License-Identifier: Apache-2.0
// Takes ended processes apart, a bounded step at a time, on the boot CPU and never before admitted work.
#pragma once

namespace capos::kernel {

class Process;

// Any CPU. Takes over one reference.
void hand_to_reaper(Process& process) noexcept;
// Boot CPU only.
[[nodiscard]] bool reaper_has_work() noexcept;
// One step; false if there is nothing to do. Boot CPU only.
bool reap_step() noexcept;

}  // namespace capos::kernel
