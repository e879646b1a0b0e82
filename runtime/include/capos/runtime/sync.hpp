// SPDX-License-Identifier: Apache-2.0
// Mutex, condition and once for the threads of one program, on ParkSpace. A word each; constinit-able; no destructor.
//
// For best-effort threads only: a waiter lends its priority to nobody, so a realtime job that waits here waits as long as
// the holder's turn is away. Uncontended: no system call. Threads wait in order, but a newcomer may overtake them.
//
//   constinit Mutex mutex;   ...   Parking parking(runtime);   Lock lock(mutex, parking);
#pragma once

#include <cstdint>

#include "capos/runtime/runtime.hpp"
#include "capos/schema/threads.hpp"

namespace capos::runtime {

// The program's "self.park".
class Parking {
 public:
  explicit Parking(const Runtime& runtime) noexcept : space_(runtime.need<schema::ParkSpace>("self.park")) {}
  static constexpr std::uint64_t kNoLimit = ~std::uint64_t{0};
  // Waits while the word is `expected`; may return early. False when `timeout_ns` are over.
  bool wait(const std::uint32_t& word, std::uint32_t expected, std::uint64_t timeout_ns = kNoLimit) noexcept;
  void wake(const std::uint32_t& word, std::uint32_t count) noexcept;
  void wake_all(const std::uint32_t& word) noexcept { wake(word, ~std::uint32_t{0}); }

 private:
  Capability<schema::ParkSpace> space_;
};

// The three states of U. Drepper, "Futexes are tricky" (2011), section 5.
class Mutex {
 public:
  constexpr Mutex() noexcept = default;
  Mutex(const Mutex&) = delete;
  Mutex& operator=(const Mutex&) = delete;
  void lock(Parking& parking) noexcept;
  [[nodiscard]] bool try_lock() noexcept;
  // By whoever holds it.
  void unlock(Parking& parking) noexcept;

 private:
  static constexpr std::uint32_t kFree = 0, kHeld = 1, kContended = 2;
  std::uint32_t state_ = kFree;
};

class Lock {
 public:
  Lock(Mutex& mutex, Parking& parking) noexcept : mutex_(mutex), parking_(parking) { mutex_.lock(parking_); }
  ~Lock() { mutex_.unlock(parking_); }
  Lock(const Lock&) = delete;
  Lock& operator=(const Lock&) = delete;

 private:
  Mutex& mutex_;
  Parking& parking_;
};

// Always with the same mutex, held.
class Condition {
 public:
  constexpr Condition() noexcept = default;
  Condition(const Condition&) = delete;
  Condition& operator=(const Condition&) = delete;
  // Lets go of the mutex, waits for a notification, takes the mutex again. May return without one. False after `timeout_ns`.
  bool wait(Mutex& mutex, Parking& parking, std::uint64_t timeout_ns = Parking::kNoLimit) noexcept;
  void notify_one(Parking& parking) noexcept;
  void notify_all(Parking& parking) noexcept;

 private:
  std::uint32_t sequence_ = 0;
};

// Runs a function once, however many threads ask; all return when it has returned.
class Once {
 public:
  constexpr Once() noexcept = default;
  Once(const Once&) = delete;
  Once& operator=(const Once&) = delete;
  void call(Parking& parking, void (*function)(void*), void* argument) noexcept;

 private:
  static constexpr std::uint32_t kNever = 0, kRunning = 1, kDone = 2;
  std::uint32_t state_ = kNever;
};

}  // namespace capos::runtime
