// SPDX-License-Identifier: Apache-2.0
// All objects of a class, for invariant checks: a kernel built with CAPOS_DEBUG_CHECKS knows every thread and process;
// any other knows none, and Watched costs nothing there. Invariants hold of an object once watch() was called: while
// it is being built, on another CPU perhaps, it is nobody's to look at.
//
// Bounds: making and unmaking one O(1), under a lock; never on a realtime path. for_each O(objects), the lock held.
#pragma once

#include <atomic>

#include "capos/base/list.hpp"
#include "core/spin_lock.hpp"

namespace capos::kernel {

#if defined(CAPOS_DEBUG_CHECKS)
inline constexpr bool kDebugChecks = true;
inline constexpr LockRank kWatchedRank{4};  // below all of LockRank's: making and unmaking may happen under any lock
template <typename T>
struct WatchTag;

// T derives from Watched<T>.
template <typename T>
class Watched : public ListHook<WatchTag<T>> {
 public:
  void watch() noexcept { watched_.store(true, std::memory_order_release); }
  [[nodiscard]] bool is_watched() const noexcept { return watched_.load(std::memory_order_acquire); }
  // `visit` must not make or unmake one, nor take a lock.
  template <typename Visitor>
  static void for_each(Visitor&& visit) noexcept {
    auto all = everyone().lock();
    for (Watched* object = all->front(); object != nullptr; object = all->next(*object)) visit(static_cast<T&>(*object));
  }

 protected:
  // No T yet, nor any more: the list is of what is one all the time.
  Watched() noexcept { everyone().lock()->push_back(*this); }
  ~Watched() {
    auto all = everyone().lock();
    Everyone::erase(*this);
  }

 private:
  using Everyone = List<Watched, WatchTag<T>>;
  // Defined for each class in invariants.cpp, and only there.
  static Locked<Everyone, kWatchedRank>& everyone() noexcept;
  std::atomic<bool> watched_{false};
};
#else
inline constexpr bool kDebugChecks = false;

template <typename T>
class Watched {
 public:
  void watch() noexcept {}
  [[nodiscard]] bool is_watched() const noexcept { return false; }
  template <typename Visitor>
  static void for_each(Visitor&&) noexcept {}
};
#endif

}  // namespace capos::kernel
