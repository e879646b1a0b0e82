// SPDX-License-Identifier: Apache-2.0
// Best-effort processes that move from one housekeeping CPU to another, whole (decision 0029).
//
// Who may move: what was placed freely (ProcessSpawner.spawn with cpu 65535) and is bound to no CPU. What binds for good is a
// capability of an endpoint's either side, of an interrupt that was opened for a CPU, of another's event timer, a scheduling context's, an island's or its
// authority's (CapabilityTable::binds_to_cpu), and a supervisor. What binds for now is a thread on a context, in a call, or with a ring operation
// under way; so does having more than kMostThreads threads, or kMostDevices interrupts and timers, or a timer that another process has had.
// The interrupts that it has bound go with it, and its timers (decision 0032): not to a leased CPU, nor to one that devices cannot interrupt.
// A thread that is ready, sleeps, is parked or waits for a signal or an end goes along, its timeout and its debt of best effort with it.
//
// Only the CPU where a process lives sends it away, by mail; nobody looks into another's queues. Two occasions:
//  - balance(): at the end of a slice a housekeeping CPU on which others wait sends one of them to a housekeeping CPU that rests. A process is
//    sent so at most once in kStay. Bounds: kLookedAt processes looked at, one sent.
//  - a lease (ask_to_vacate()): the CPU sends all that may move to where the fewest live, one in a portion, until it has looked at each.
// Sending and taking in are O(threads), at most kMostThreads, and O(interrupts and timers), at most kMostDevices, each O(log n) in the queues of best
// effort and of timeouts or two device accesses; interrupts off. No allocation. On the way a process is nobody's, and mail for it is sent on (core/home.hpp).
#pragma once

#include "core/cpu.hpp"

namespace capos::kernel {

inline constexpr unsigned kMostThreads = 8;
inline constexpr unsigned kMostDevices = 8;
inline constexpr unsigned kLookedAt = 4;
inline constexpr Duration kStay = Duration::ms(10);

// At the end of a slice; the caller leaves the kernel by leave(). O(CPUs) where nobody rests.
void balance(Cpu& cpu, Time now) noexcept;

// By CPU 0, of CPUs that are not leased: asks each to send away what may move, and keeps others from moving there until end_vacating(); has every one
// of them done so? Others may have been spawned there meanwhile.
void ask_to_vacate(std::uint32_t cpus) noexcept;
[[nodiscard]] bool have_vacated(std::uint32_t cpus) noexcept;

}  // namespace capos::kernel
