// SPDX-License-Identifier: Apache-2.0
// Completing a blocked call: results into the thread's registers, its account back to the scheduler.
#pragma once

#include <cstdint>

#include "process/process.hpp"

namespace capos::kernel {

// On the thread's own CPU: the call it is blocked in returns `status` with `words` set by the caller of this.
void complete_call(Thread& thread, std::int32_t status, Time now) noexcept;

// From any CPU: ends Notification.wait (the waiter takes `notification`'s bits when it gets there).
void wake_for_signal(Thread& thread) noexcept;
// From any CPU: ends ProcessHandle.wait; `exit` lives as long as the process.
void wake_for_exit(Thread& thread, const ProcessExit& exit) noexcept;

}  // namespace capos::kernel
