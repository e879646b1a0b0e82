// SPDX-License-Identifier: Apache-2.0
// A wait that looks for submissions (decision 0018; cf. io_uring_setup(2), IORING_SETUP_SQPOLL).
#include <algorithm>
#include <limits>

#include "capos/hal/relax.hpp"
#include "ipc/ring_state.hpp"

namespace capos::kernel {

namespace {

Time later_by(Time now, std::uint64_t ns) noexcept {
  const std::uint64_t left = ~std::uint64_t{0} - now.ns();
  return ns >= left ? Time::never() : Time::from_ns(now.ns() + ns);
}

}  // namespace

void RingState::begin_polling(std::uint64_t wanted, Time now) noexcept {
  wanted_ = static_cast<std::uint32_t>(std::min<std::uint64_t>(wanted, std::numeric_limits<std::uint32_t>::max()));
  poll_until_ = later_by(now, poll_ns_);
  ask_for_wakeups(false);
}

void RingState::ask_for_wakeups(bool ask) noexcept {
  asks_for_wakeups_ = ask;
  __atomic_store_n(&header_.flags, ask ? abi::kRingNeedsWakeup : 0, __ATOMIC_SEQ_CST);
}

// Whatever there is to do, `now` is later then. False: nothing could be done; entries that find no room may be in the queue.
bool RingState::work_off(Cpu& cpu, Time& now) noexcept {
  const std::uint32_t head = load_once(header_.sq_head), tail = load_once(header_.cq_tail);
  const bool due = timers_.earliest_time() <= now, ready = !ready_.empty();
  if (!due && !has_work() && overflow_.empty() && __atomic_load_n(&header_.sq_tail, __ATOMIC_SEQ_CST) == head) return false;
  if (!overflow_.empty()) flush();
  unfinished_ = false;
  if (due) fire_timers(now);
  start_ready(cpu, now);
  if (alive()) take_submissions(cpu, now);
  now = hal::now();
  const bool taken = load_once(header_.sq_head) != head;
  if (taken) poll_until_ = later_by(now, poll_ns_);
  return taken || due || ready || load_once(header_.cq_tail) != tail;
}

bool RingState::poll(Cpu& cpu, Time& now) noexcept {
  if (!pending_.empty()) return false;  // its account works for those, and it looks here again afterwards
  if (!receives_.empty() || open_mask_ != 0 || thread.incoming != nullptr) {
    // Once: what comes after it has asked brings a wake-up.
    if (asks_for_wakeups_) return false;
    ask_for_wakeups(true);
    return work_off(cpu, now);
  }
  if (asks_for_wakeups_) ask_for_wakeups(false);
  // Interrupts are let in at each turn, whatever the program writes into its indices; and after some work, so that it gets on
  // however many there are.
  for (;;) {
    const bool worked = work_off(cpu, now);
    if (!alive() || now >= wait_until_) return true;
    if (!worked && now >= poll_until_) break;
    hal::cpu_relax();
    pause(cpu);
    now = hal::now();
    if (worked) return true;
  }
  ask_for_wakeups(true);
  return work_off(cpu, now);
}

void RingState::look_again(Cpu& cpu, Time now) noexcept {
  if (poll_ns_ == 0 || thread.state != ThreadState::await_completions) return;
  if (thread.outgoing->kind == CallKind::message) return;  // it does once its account is back
  stop_waiting();
  stalled_ = true;  // continue_enter() takes what there is
  poll_until_ = later_by(now, poll_ns_);
  thread.state = ThreadState::ring_work;
  wake(cpu, now);
}

}  // namespace capos::kernel
