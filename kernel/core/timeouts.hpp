// SPDX-License-Identifier: Apache-2.0
// Waits that end at a time: sleeping threads, calls with a limit, timers of rings and devices; one queue a CPU.
//
// Invariants: a Timeout is in at most one CPU's queue; only that CPU starts, cancels and expires it. Its owner cancels it
// when it ends the wait otherwise, and before it dies. Contexts' releases and budgets are not here: the scheduler has them.
// Bounds: start and cancel O(log n), n: timeouts of the CPU; expire O(log n) for each that is due. No allocation.
#pragma once

#include "capos/sched/timed_queue.hpp"

namespace capos::kernel {

class Cpu;

class Timeout : public sched::TimedNode {
 public:
  // Runs on the CPU when the time has come, the timeout no longer queued; may start it again, for later than `now`.
  using Handler = void (*)(void* subject, Cpu& cpu, Time now) noexcept;

 private:
  friend void start_timeout(Cpu&, Timeout&, Time, Handler, void*) noexcept;
  friend void expire_timeouts(Cpu&, Time) noexcept;
  friend void suspend_timeout(Cpu&, Timeout&) noexcept;
  friend void resume_timeout(Cpu&, Timeout&) noexcept;
  Time suspended_ = Time::never();  // when it would have come
  Handler handler_ = nullptr;
  void* subject_ = nullptr;
};

// `timeout` must not be queued. The CPU's own timer is armed on the way out of the kernel, by leave().
void start_timeout(Cpu& cpu, Timeout& timeout, Time when, Timeout::Handler handler, void* subject) noexcept;
// No effect if it is not queued.
void cancel_timeout(Cpu& cpu, Timeout& timeout) noexcept;
// Its thread goes to another CPU: out of this one's queue, and there into that one's, for the same time and handler. No effect on one that was not queued.
void suspend_timeout(Cpu& cpu, Timeout& timeout) noexcept;
void resume_timeout(Cpu& cpu, Timeout& timeout) noexcept;
// Expires those that are due at `now`, earliest first: at most kTimeoutsAtOnce; the timer is due at once for the rest.
inline constexpr unsigned kTimeoutsAtOnce = 4;
void expire_timeouts(Cpu& cpu, Time now) noexcept;

}  // namespace capos::kernel
