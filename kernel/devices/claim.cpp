// SPDX-License-Identifier: Apache-2.0
#include "devices/claim.hpp"

#include <algorithm>
#include <array>

#include "core/spin_lock.hpp"

namespace capos::kernel {

using schema::KernelError;

namespace {

struct Held {
  std::uint64_t first = 0, count = 0;  // count 0: free
  std::uint64_t serial = 0;
  DeviceKind resource = DeviceKind::interrupt;
};
struct Table : std::array<Held, kMaxClaims> {
  std::uint64_t taken = 0;  // so far
};
constinit Locked<Table, LockRank::device_claims> g_held;

bool is_taken(const Table& table, DeviceKind resource, std::uint64_t first, std::uint64_t count) noexcept {
  return std::any_of(table.begin(), table.end(), [&](const Held& held) {
    return held.count != 0 && held.resource == resource && first < held.first + held.count &&
           held.first < first + count;
  });
}

// kMaxClaims if the table is full.
std::size_t enter(Table& table, DeviceKind resource, std::uint64_t first, std::uint64_t count) noexcept {
  const auto place = std::find_if(table.begin(), table.end(), [](const Held& held) { return held.count == 0; });
  if (place != table.end()) *place = {first, count, ++table.taken, resource};
  return static_cast<std::size_t>(place - table.begin());
}

}  // namespace

ResultOf<Claim, KernelError> Claim::take(DeviceKind resource, std::uint64_t first, std::uint64_t count) noexcept {
  auto table = g_held.lock();
  if (is_taken(*table, resource, first, count)) return fail(KernelError::overlap);
  const std::size_t place = enter(*table, resource, first, count);
  if (place == kMaxClaims) return fail(KernelError::out_of_memory);
  return Claim(static_cast<std::uint16_t>(place));
}

ResultOf<Claim, KernelError> Claim::take_any(DeviceKind resource, std::uint64_t first, std::uint64_t end) noexcept {
  auto table = g_held.lock();
  while (first < end && is_taken(*table, resource, first, 1)) ++first;
  if (first == end) return fail(KernelError::out_of_memory);
  const std::size_t place = enter(*table, resource, first, 1);
  if (place == kMaxClaims) return fail(KernelError::out_of_memory);
  return Claim(static_cast<std::uint16_t>(place));
}

void Claim::give_back() noexcept {
  if (place_ != kNone) (*g_held.lock())[place_].count = 0;
  place_ = kNone;
}

void Claim::give_back(void (*last)(void*), void* subject) noexcept {
  auto table = g_held.lock();
  last(subject);
  if (place_ != kNone) (*table)[place_].count = 0;
  place_ = kNone;
}

ClaimIdentity Claim::identity() const noexcept {
  if (place_ == kNone) return {};
  return {place_, (*g_held.lock())[place_].serial};
}

bool Claim::while_held(const ClaimIdentity& claim, void (*what)(void*), void* subject) noexcept {
  auto table = g_held.lock();
  if (claim.place == kNone || (*table)[claim.place].count == 0 || (*table)[claim.place].serial != claim.serial) return false;
  what(subject);
  return true;
}

std::uint64_t Claim::first() const noexcept { return (*g_held.lock())[place_].first; }

}  // namespace capos::kernel
