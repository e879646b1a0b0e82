// SPDX-License-Identifier: Apache-2.0
// A ticket lock that holds its data. Never taken on a path that an admitted job takes.
//
// Invariants: the data is reached only through a Guard (clang's thread-safety analysis checks that: core/thread_safety.hpp);
// a CPU takes locks in the order of their ranks only, so none waits for one that waits for it (checked in debug builds).
// The kernel runs with interrupts off and is not preemptible, so a holder is never interrupted; each critical section is
// bounded by its author.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <utility>

#include "capos/hal/machine.hpp"
#include "capos/hal/relax.hpp"
#include "core/assert.hpp"
#include "core/thread_safety.hpp"

namespace capos::kernel {

// Whoever holds a lock may take those below it in this list.
enum class LockRank : std::uint8_t {
  islands = 0,
  dma_buffers = 1,  // makes and drops objects
  device_claims = 2,
  parked_threads = 3,
  object_heap = 4,  // takes frames
  frames = 5,
  console = 6,
};

class CAPOS_CAPABILITY("spin lock") SpinLock {
 public:
  explicit constexpr SpinLock(LockRank rank) noexcept : rank_(rank) {}
  SpinLock(const SpinLock&) = delete;
  SpinLock& operator=(const SpinLock&) = delete;

  void acquire() noexcept CAPOS_ACQUIRE() {
    note_taken();
    const std::uint32_t ticket = next_.fetch_add(1, std::memory_order_relaxed);
    while (serving_.load(std::memory_order_acquire) != ticket) hal::cpu_relax();
  }
  void release() noexcept CAPOS_RELEASE() {
    serving_.store(serving_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    note_released();
  }
#ifdef CAPOS_DEBUG_CHECKS
  // For a test that gives a lock back as another CPU than took it.
  static void forget_holders() noexcept { held_ = {}; }
#endif

 private:
#ifdef CAPOS_DEBUG_CHECKS
  // Bit r: this CPU holds a lock of rank r.
  static inline constinit std::array<std::uint32_t, kMaxCpus> held_{};
  void note_taken() noexcept {
    std::uint32_t& held = held_[hal::this_cpu().value()];
    require(held >> static_cast<unsigned>(rank_) == 0, "locks are taken in the order of their ranks");
    held |= 1u << static_cast<unsigned>(rank_);
  }
  void note_released() noexcept { held_[hal::this_cpu().value()] &= ~(1u << static_cast<unsigned>(rank_)); }
#else
  void note_taken() noexcept {}
  void note_released() noexcept {}
#endif

  std::atomic<std::uint32_t> next_{0};
  std::atomic<std::uint32_t> serving_{0};
  [[maybe_unused]] const LockRank rank_;
};

template <typename T, LockRank kRank>
class Locked {
 public:
  class CAPOS_SCOPED_CAPABILITY Guard {
   public:
    explicit Guard(Locked& owner) noexcept CAPOS_ACQUIRE(owner.lock_) : owner_(owner) { owner.lock_.acquire(); }
    ~Guard() CAPOS_RELEASE() { owner_.lock_.release(); }
    Guard(const Guard&) = delete;
    Guard& operator=(const Guard&) = delete;
    // A Guard holds its lock by construction, which the analysis does not see from within.
    T* operator->() noexcept CAPOS_NOT_ANALYSED { return &owner_.data_; }
    T& operator*() noexcept CAPOS_NOT_ANALYSED { return owner_.data_; }

   private:
    Locked& owner_;
  };

  constexpr Locked() noexcept = default;
  [[nodiscard]] Guard lock() noexcept CAPOS_ACQUIRE(lock_) CAPOS_NOT_ANALYSED { return Guard(*this); }
  // For a panic: all other CPUs stand still, whoever holds the lock.
  [[nodiscard]] T& unlocked() noexcept CAPOS_NOT_ANALYSED { return data_; }

 private:
  SpinLock lock_{kRank};
  T data_ CAPOS_GUARDED_BY(lock_){};
};

}  // namespace capos::kernel
