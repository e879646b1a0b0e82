// SPDX-License-Identifier: Apache-2.0
// Ready work by its absolute deadline: the earliest first, first in first out among equals.
//
// For an EDF island's CPU: C. Liu, J. Layland (1973). A server that is called runs at the floor of its callers'
// deadlines (A. Burns, M. Gutierrez, M. Aldea Rivas, M. Gonzalez Harbour, "A deadline-floor inheritance protocol for
// EDF scheduled embedded real-time systems with resource sharing", IEEE ToC 2015): `lower()` on the call, `restore()`
// on the reply. Then whoever may call it cannot preempt it, and no job is blocked more than once.
//
// Invariant: what runs stays in the queue, and is first in it unless something with a strictly earlier deadline came.
// T derives from TimedNode. Bounds: earliest O(1); everything else O(log n), as in timed_queue.hpp. No allocation.
#pragma once

#include <algorithm>
#include <cstddef>

#include "capos/base/time.hpp"
#include "capos/sched/timed_queue.hpp"

namespace capos::sched {

// The deadline at which a server works that is entered at `now` by work due at `own`: never later than `own`, and early
// enough that no job of its other callers, which arrives from now on, is due before it. `floor`: the least time from
// an arrival to its deadline among the callers, their release jitter taken off; >= 0.
[[nodiscard]] constexpr Time deadline_floor(Time own, Time now, Duration floor) noexcept {
  return std::min(own, now + floor);
}

template <typename T>
class EdfQueue {
 public:
  [[nodiscard]] bool empty() const noexcept { return queue_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return queue_.size(); }
  // What runs, or runs next; nullptr if nothing is ready.
  [[nodiscard]] T* earliest() const noexcept { return queue_.earliest(); }
  // Time::never() if nothing is ready.
  [[nodiscard]] Time earliest_deadline() const noexcept { return queue_.earliest_time(); }
  // Ready, due at `deadline`. True if it is first now: what ran must give way. The item must not be queued.
  bool insert(T& item, Time deadline) noexcept {
    queue_.insert(item, deadline);
    return queue_.earliest() == &item;
  }
  // Not ready any more. The item must be queued here.
  void remove(T& item) noexcept { queue_.remove(item); }
  // An earlier deadline for the time of a call. What runs stays first: nothing ready is due before it.
  void lower(T& item, Time deadline) noexcept { move(item, std::min(item.when(), deadline)); }
  // Its own deadline again. True if something else is first now.
  [[nodiscard]] bool restore(T& item, Time deadline) noexcept {
    move(item, deadline);
    return queue_.earliest() != &item;
  }
  // Either of the two.
  void move(T& item, Time deadline) noexcept {
    if (item.when() == deadline) return;  // keeps its place among equals
    queue_.remove(item);
    queue_.insert(item, deadline);
  }
  // Another deadline, before its equals.
  void to_front(T& item, Time deadline) noexcept {
    queue_.remove(item);
    queue_.insert_first(item, deadline);
  }
  // Behind its equals.
  void to_back(T& item) noexcept {
    const Time deadline = item.when();
    queue_.remove(item);
    queue_.insert(item, deadline);
  }
  [[nodiscard]] bool well_formed() const noexcept { return queue_.well_formed(); }
  [[nodiscard]] T* walk_next(const T* item) const noexcept { return queue_.walk_next(item); }

 private:
  TimedQueue<T> queue_;
};

}  // namespace capos::sched
