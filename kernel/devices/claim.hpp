// SPDX-License-Identifier: Apache-2.0
// What of the machine's devices has been handed out: nothing is, twice.
//
// Invariant: no two claims on one kind of resource overlap. A claim lasts as long as its token.
// Bounds: at most kMaxClaims; taking and giving back O(kMaxClaims) under a lock. Not for realtime paths.
#pragma once

#include <cstdint>
#include <utility>

#include "capos/base/result.hpp"
#include "capos/schema/kernel.hpp"

namespace capos::kernel {

enum class DeviceKind : std::uint8_t { interrupt, ports, memory, pci_function };

inline constexpr unsigned kMaxClaims = 256;

// A claim as others know it, without keeping it. No two claims have the same; that of an empty one is never held.
struct ClaimIdentity {
  std::uint16_t place = 0xffff;
  std::uint64_t serial = 0;
};

// The token of a claim; may be empty. Any CPU.
class Claim {
 public:
  constexpr Claim() noexcept = default;
  // [first, first + count), without overflow. Errors: overlap, out_of_memory (kMaxClaims exist).
  [[nodiscard]] static ResultOf<Claim, schema::KernelError> take(DeviceKind resource, std::uint64_t first,
                                                                 std::uint64_t count) noexcept;
  // One of [first, end) that is free. Errors: out_of_memory if none is.
  [[nodiscard]] static ResultOf<Claim, schema::KernelError> take_any(DeviceKind resource, std::uint64_t first,
                                                                     std::uint64_t end) noexcept;
  Claim(Claim&& other) noexcept : place_(std::exchange(other.place_, kNone)) {}
  Claim& operator=(Claim&& other) noexcept {
    std::swap(place_, other.place_);
    return *this;
  }
  ~Claim() { give_back(); }
  void give_back() noexcept;
  // The same, `last(subject)` first, under the lock.
  void give_back(void (*last)(void*), void* subject) noexcept;
  [[nodiscard]] ClaimIdentity identity() const noexcept;
  // Runs `what(subject)` under the lock, unless that claim has been given back: then false. What it does is a few device
  // accesses.
  [[nodiscard]] static bool while_held(const ClaimIdentity& claim, void (*what)(void*), void* subject) noexcept;
  // Of a claim that is not empty.
  [[nodiscard]] std::uint64_t first() const noexcept;

 private:
  static constexpr std::uint16_t kNone = 0xffff;
  explicit constexpr Claim(std::uint16_t place) noexcept : place_(place) {}
  std::uint16_t place_ = kNone;
};

}  // namespace capos::kernel
