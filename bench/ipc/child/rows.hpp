// SPDX-License-Identifier: Apache-2.0
// The rows, by subject. A row's name is its key in bench/budgets.json.
#pragma once

#include "bench.hpp"

namespace ipc_bench {

// What the kernel does by itself: entry, typed calls on its objects, notifications.
void kernel_rows(Bench& bench) noexcept;
// A device's interrupt.
void device_rows(Bench& bench) noexcept;
// Taking authority back.
void authority_rows(Bench& bench) noexcept;
// Calls between programs, and to a thread of the same. prepare_ipc_rows starts that thread; it needs time to get to its
// first receive, before the rows are measured.
void prepare_ipc_rows(Bench& bench) noexcept;
void ipc_rows(Bench& bench) noexcept;
// Rings: operations of one's own, and calls to a server that uses its ring.
void ring_rows(Bench& bench) noexcept;
// To and from threads of the same priority and of a higher one, which prepare_switch_rows starts and switch_rows ends.
void prepare_switch_rows(Bench& bench) noexcept;
void switch_rows(Bench& bench) noexcept;
// Returns every message as it came; returns when the endpoint is gone.
int serve_ring(runtime::Runtime& runtime) noexcept;
// Answers every call with its own words; returns when the endpoint is gone.
void serve_as_it_comes(abi::CapId endpoint) noexcept;

}  // namespace ipc_bench
