// SPDX-License-Identifier: Apache-2.0
// A thread that does nothing but work off its ring: other threads of the program submit to it without entering the kernel
// (docs/decisions/0018).
//
//   RingPoller::Plan plan{.poll_ns = 20'000};                     // best effort: polls until nothing has come for 20 us
//   auto poller = RingPoller::start(runtime, plan);               // `plan` lives as long
//   (void)poller->submit(entry);                                  // a store; a system call if the poller has parked
//   while (const auto completion = poller->reap()) ...
//
// One thread submits and reaps at a time. Who wants to sleep until a completion comes links an UNPARK behind the entry and
// parks. RECEIVE and RETURN belong into the ring of the thread that serves.
#pragma once

#include <cstdint>
#include <optional>

#include "capos/runtime/ring.hpp"
#include "capos/runtime/thread.hpp"

namespace capos::runtime {

class RingPoller {
 public:
  struct Plan {
    std::uint64_t poll_ns = 20'000;  // it parks when nothing has come for so long; above 0
    abi::CapId context{};            // whose budget it spends, of this CPU; null: best effort
    std::uint64_t job_ns = 0;        // with a context: how long after each release it works; below its budget
  };

  // Errors: those of Thread::start.
  [[nodiscard]] static Result<RingPoller> start(const Runtime& runtime, const Plan& plan) noexcept;

  // The poller's: messages of entries lie there.
  [[nodiscard]] std::byte* arena() noexcept { return ring_.arena(); }
  // False if the queue is full.
  [[nodiscard]] bool submit(const abi::CapSqe& entry) noexcept {
    if (!ring_.submit(entry)) return false;
    wake_if_parked();
    return true;
  }
  // The same without a wake-up: a poller that works on a context looks at its queue at each of its releases.
  [[nodiscard]] bool submit_quietly(const abi::CapSqe& entry) noexcept { return ring_.submit(entry); }
  // The oldest completion. Room in a full queue is seen at once, or with the next submission if the poller has parked.
  [[nodiscard]] std::optional<abi::CapCqe> reap() noexcept { return ring_.take(); }
  [[nodiscard]] bool parked() const noexcept { return ring_.needs_wakeup(); }
  void wake_if_parked() noexcept {
    if (parked()) [[unlikely]] (void)thread_.capability()->wake_ring();
  }
  // Ends the thread; what is under way ends without completions.
  Result<Thread::Exit> stop() noexcept;

 private:
  explicit RingPoller(Thread thread) noexcept;
  Thread thread_;
  RingQueues ring_;
};

}  // namespace capos::runtime
