// SPDX-License-Identifier: Apache-2.0
// cap_enter: works off a thread's submission queue and posts completions.
//
// Each entry completes before the next begins; entries stay in the queue while the completion queue is full, so
// nothing is lost. Every shared word is loaded once. Bounds: at most kSubmissionEntries entries a call, each message
// at most abi::kArenaBytes.
#pragma once

#include "core/cpu.hpp"

namespace capos::kernel {

// Processes what is submitted; returns the number of completions the program can take.
[[nodiscard]] std::uint32_t process_ring(Cpu& cpu, Thread& thread, Time now) noexcept;

}  // namespace capos::kernel
