// SPDX-License-Identifier: Apache-2.0
// A ticket lock that holds its data. Never taken on a path that an admitted job takes.
//
// Invariant: the data is reached only through a Guard. The kernel runs with interrupts off and is not preemptible, so
// a holder is never interrupted; each critical section is bounded by its author.
#pragma once

#include <atomic>
#include <cstdint>
#include <utility>

#include "capos/hal/machine.hpp"

namespace capos::kernel {

template <typename T>
class Locked {
 public:
  class Guard {
   public:
    explicit Guard(Locked& owner) noexcept : owner_(owner) { owner_.acquire(); }
    ~Guard() { owner_.release(); }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;
    T* operator->() noexcept { return &owner_.data_; }
    T& operator*() noexcept { return owner_.data_; }

   private:
    Locked& owner_;
  };

  constexpr Locked() noexcept = default;
  [[nodiscard]] Guard lock() noexcept { return Guard(*this); }

 private:
  void acquire() noexcept {
    const std::uint32_t ticket = next_.fetch_add(1, std::memory_order_relaxed);
    while (serving_.load(std::memory_order_acquire) != ticket) hal::cpu_relax();
  }
  void release() noexcept {
    serving_.store(serving_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
  }

  std::atomic<std::uint32_t> next_{0};
  std::atomic<std::uint32_t> serving_{0};
  T data_{};
};

}  // namespace capos::kernel
