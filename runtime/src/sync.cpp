// SPDX-License-Identifier: Apache-2.0
#include "capos/runtime/sync.hpp"

namespace capos::runtime {

bool Parking::wait(const std::uint32_t& word, std::uint32_t expected, std::uint64_t timeout_ns) noexcept {
  const auto done = space_->park(reinterpret_cast<std::uint64_t>(&word), expected, timeout_ns);
  return done.has_value() || done.error().transport != schema::TransportError::timeout;
}

void Parking::wake(const std::uint32_t& word, std::uint32_t count) noexcept {
  (void)space_->unpark(reinterpret_cast<std::uint64_t>(&word), count);
}

bool Mutex::try_lock() noexcept {
  std::uint32_t expected = kFree;
  return __atomic_compare_exchange_n(&state_, &expected, kHeld, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED);
}

void Mutex::lock(Parking& parking) noexcept {
  if (try_lock()) return;
  while (__atomic_exchange_n(&state_, kContended, __ATOMIC_ACQUIRE) != kFree) (void)parking.wait(state_, kContended);
}

void Mutex::unlock(Parking& parking) noexcept {
  if (__atomic_exchange_n(&state_, kFree, __ATOMIC_RELEASE) == kContended) parking.wake(state_, 1);
}

bool Condition::wait(Mutex& mutex, Parking& parking, std::uint64_t timeout_ns) noexcept {
  const std::uint32_t before = __atomic_load_n(&sequence_, __ATOMIC_RELAXED);
  mutex.unlock(parking);
  const bool in_time = parking.wait(sequence_, before, timeout_ns);
  mutex.lock(parking);
  return in_time;
}

void Condition::notify_one(Parking& parking) noexcept {
  __atomic_add_fetch(&sequence_, 1, __ATOMIC_RELAXED);
  parking.wake(sequence_, 1);
}

void Condition::notify_all(Parking& parking) noexcept {
  __atomic_add_fetch(&sequence_, 1, __ATOMIC_RELAXED);
  parking.wake_all(sequence_);
}

void Once::call(Parking& parking, void (*function)(void*), void* argument) noexcept {
  std::uint32_t state = kNever;
  if (__atomic_compare_exchange_n(&state_, &state, kRunning, false, __ATOMIC_ACQUIRE, __ATOMIC_ACQUIRE)) {
    function(argument);
    __atomic_store_n(&state_, kDone, __ATOMIC_RELEASE);
    parking.wake_all(state_);
    return;
  }
  while (__atomic_load_n(&state_, __ATOMIC_ACQUIRE) != kDone) (void)parking.wait(state_, kRunning);
}

}  // namespace capos::runtime
