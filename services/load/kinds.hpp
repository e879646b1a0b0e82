// SPDX-License-Identifier: Apache-2.0
// The kinds of load.capnp. None of them ends; each runs on best-effort time.
#pragma once

#include "capos/runtime/runtime.hpp"
#include "random.hpp"

namespace capos::load {

// Integer and floating-point arithmetic without pause.
[[noreturn]] void compute(Random random) noexcept;
// Writes and reads, line by line and at random, through up to 8 MiB: as much as the service's memory allows.
[[noreturn]] void thrash_memory(const runtime::Runtime& runtime, Random random) noexcept;
// Calls the echo server, computes a random while, and calls again. Ends the program if an answer is wrong.
[[noreturn]] void call_echo(const runtime::Runtime& runtime, Random random) noexcept;
// Answers such calls.
[[noreturn]] void serve_echo(const runtime::Runtime& runtime) noexcept;

}  // namespace capos::load
