// SPDX-License-Identifier: Apache-2.0
// The ring by hand, for the cases that go through it: entries in, completions out, words in the arena.
#pragma once

#include <cstring>

#include "capos/abi/ring.hpp"
#include "capos/runtime/system_call.hpp"
#include "harness.hpp"

namespace conformance::hand {

using abi::CapCqe;
using abi::CapSqe;
using abi::RingOperation;

inline constexpr std::uint64_t kForever = ~std::uint64_t{0};

inline abi::Ring& ring() noexcept { return *reinterpret_cast<abi::Ring*>(abi::kRingBase); }
inline std::uint64_t* arena_word(std::uint32_t offset) noexcept {
  return reinterpret_cast<std::uint64_t*>(abi::kRingBase + abi::kArenaOffset + offset);
}

inline CapSqe entry_of(RingOperation operation, std::uint64_t user_data, std::uint64_t cap = 0,
                       std::uint8_t flags = 0) noexcept {
  CapSqe entry{};
  entry.operation = static_cast<std::uint8_t>(operation);
  entry.flags = flags;
  entry.user_data = user_data;
  entry.cap = cap;
  return entry;
}

inline void push(const CapSqe& entry) noexcept {
  ring().sq[ring().header.sq_tail % abi::kSubmissionEntries] = entry;
  __atomic_store_n(&ring().header.sq_tail, ring().header.sq_tail + 1, __ATOMIC_RELEASE);
}
inline std::uint32_t waiting() noexcept { return ring().header.cq_tail - ring().header.cq_head; }
inline std::uint32_t left() noexcept { return ring().header.sq_tail - ring().header.sq_head; }

inline CapCqe pop() noexcept {
  CapCqe none{};
  none.result = 1;
  if (waiting() == 0) return none;
  const CapCqe completion = ring().cq[ring().header.cq_head % abi::kCompletionEntries];
  __atomic_store_n(&ring().header.cq_head, ring().header.cq_head + 1, __ATOMIC_RELEASE);
  return completion;
}

// What is next, waiting for it up to 200 ms; result 1 if nothing came.
inline CapCqe next() noexcept {
  if (waiting() == 0) (void)runtime::cap_enter(1, 200 * kMillisecond);
  return pop();
}
inline CapCqe once(const CapSqe& entry) noexcept {
  push(entry);
  (void)runtime::cap_enter(0, 0);
  return next();
}

inline bool is(const CapCqe& completion, std::uint64_t user_data, std::int32_t result = 0) noexcept {
  return completion.user_data == user_data && completion.result == result;
}
inline bool is(const CapCqe& completion, std::uint64_t user_data, TransportError error) noexcept {
  return is(completion, user_data, status_of(error));
}
inline bool is(const CapCqe& completion, std::uint64_t user_data, ExceptionType type, KernelError detail) noexcept {
  return is(completion, user_data, TransportError::exception) &&
         completion.flags == (static_cast<std::uint32_t>(type) | static_cast<std::uint32_t>(detail) << 16);
}

// A parameter message of data words at `offset`: its size.
template <typename... Words>
std::uint32_t place(std::uint32_t offset, Words... words) noexcept {
  const std::uint64_t values[] = {static_cast<std::uint64_t>(words)..., 0};
  constexpr std::uint32_t kCount = sizeof...(Words);
  *arena_word(offset) = kCount == 0 ? 0xffff'fffc : std::uint64_t{kCount} << 32;
  for (std::uint32_t i = 0; i < kCount; ++i) *arena_word(offset + 8 + 8 * i) = values[i];
  return 8 + 8 * kCount;
}

// A call whose parameters are at `area`, results at area + 1024 (1 KiB).
inline CapSqe call_of(abi::CapId cap, std::uint64_t interface_id, std::uint16_t method, std::uint64_t user_data,
                      std::uint32_t area, std::uint32_t params_size) noexcept {
  CapSqe entry = entry_of(RingOperation::call, user_data, cap.raw);
  entry.method = method;
  entry.interface_id = interface_id;
  entry.params_offset = area;
  entry.params_size = params_size;
  entry.results_offset = area + 1024;
  entry.results_capacity = 1024;
  return entry;
}

// Leaves the ring as it was found, whatever a case left behind: cancels what has one of these user_data.
inline void settle(std::initializer_list<std::uint64_t> user_data) noexcept {
  while (waiting() != 0) (void)pop();
  for (const std::uint64_t each : user_data) {
    push(entry_of(RingOperation::finish, 0xdead, each));
    push(entry_of(RingOperation::cancel, 0xdead, each));
    (void)runtime::cap_enter(0, 0);
    while (waiting() != 0) (void)pop();
  }
}

}  // namespace conformance::hand
