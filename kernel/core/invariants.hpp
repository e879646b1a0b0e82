// SPDX-License-Identifier: Apache-2.0
// What holds whenever the kernel is left, as code.
//
// Of a CPU: the current thread is the owner of the account that the scheduler has picked; each of its threads is queued
// or blocked as its state says, never both; an account has one owner; a call stands in exactly one place, and both its
// ends know it; the timer is armed for the next event.
//
// Bounds: O(threads). For debug kernels and tests.
#pragma once

#include "core/cpu.hpp"

namespace capos::kernel {

// The first thing that does not hold of what `cpu` owns, nullptr if all does. On that CPU as it is about to leave the
// kernel, or anywhere while no CPU is in it.
[[nodiscard]] const char* first_broken(Cpu& cpu) noexcept;

}  // namespace capos::kernel
