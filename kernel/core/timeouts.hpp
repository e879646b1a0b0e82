// SPDX-License-Identifier: Apache-2.0
// Waits that end at a time: sleeping threads, calls with a limit, timers of rings and devices. A CPU has a queue of them, and one
// of sleepers alone: those run on best effort, so nothing looks at them while a context runs.
//
// Invariants: a Timeout is in at most one queue; only that CPU starts, cancels and expires it. Its owner cancels it
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
  friend void start_timeout(sched::TimedQueue<Timeout>&, Timeout&, Time, Handler, void*) noexcept;
  friend void cancel_timeout(Timeout&) noexcept;
  friend void suspend_timeout(Timeout&) noexcept;
  friend void resume_timeout(sched::TimedQueue<Timeout>&, Timeout&) noexcept;
  friend void expire_timeouts(sched::TimedQueue<Timeout>&, Cpu&, Time) noexcept;
  sched::TimedQueue<Timeout>* queue_ = nullptr;  // of the last start
  Time suspended_ = Time::never();               // when it would have come
  Handler handler_ = nullptr;
  void* subject_ = nullptr;
};
using TimeoutQueue = sched::TimedQueue<Timeout>;

// `timeout` must not be queued. The CPU's own timer is armed on the way out of the kernel, by leave().
void start_timeout(TimeoutQueue& queue, Timeout& timeout, Time when, Timeout::Handler handler, void* subject) noexcept;
// No effect if it is not queued.
void cancel_timeout(Timeout& timeout) noexcept;
// Its thread goes to another CPU: out of this one's queue, and there into that one's, for the same time and handler. No effect on one that was not queued.
void suspend_timeout(Timeout& timeout) noexcept;
void resume_timeout(TimeoutQueue& queue, Timeout& timeout) noexcept;
// Expires those that are due at `now`, earliest first: at most kTimeoutsAtOnce; the timer is due at once for the rest.
inline constexpr unsigned kTimeoutsAtOnce = 2;
void expire_timeouts(TimeoutQueue& queue, Cpu& cpu, Time now) noexcept;

}  // namespace capos::kernel
