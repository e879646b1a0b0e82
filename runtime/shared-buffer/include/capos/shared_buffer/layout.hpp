// SPDX-License-Identifier: Apache-2.0
// The bytes of a single-producer single-consumer ring in memory that two processes share.
//
// Layout: a header of four cache lines (identity, producer, consumer, states), then `capacity` slots of a
// stamp and an element each. The identity line is written once by the creator. The producer's line is written
// by the producer, the consumer's by the consumer; `consumer_asleep` and `producer_asleep` are set by the
// side that sleeps and cleared by the side that wakes it. Nothing in these bytes is trusted: each side keeps
// its own index and the geometry privately, and loads the other side's words once.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>
#include <type_traits>

#include "capos/abi/shared_buffer.hpp"
#include "capos/base/result.hpp"

namespace capos {

inline constexpr std::size_t kCacheLine = 64;
inline constexpr std::uint64_t kRingMagic = 0x316e'6952'5043'6170;  // "paCPRin1" read as little endian
inline constexpr std::uint32_t kRingVersion = 1;
inline constexpr std::uint32_t kMaxRingCapacity = 1u << 24;
inline constexpr std::uint32_t kMaxRingElement = 1u << 16;  // bytes

enum class RingError : std::uint8_t {
  memory_misaligned = 1,  // the memory does not begin on a cache line
  memory_too_small,       // fewer bytes than header and slots need
  bad_capacity,           // zero, above kMaxRingCapacity, or no power of two
  wrong_magic,            // never created, or something else lies here
  wrong_version,
  wrong_element_size,  // the sides were built with different element types
  bad_indices,         // more elements in flight than the ring holds
  full,                // push: no space; the element is dropped and counted as an overrun
  empty,               // pop: nothing there; counted as an underrun
  peer_index_invalid,  // the other side published an index that is impossible
  stale_slot,          // a slot's stamp does not follow the one before; the slot is skipped
  bad_waits,           // no RingWaits
};

// How the sides of a ring wait for each other: whoever makes it says so, for good; each side reads it once, as it attaches. What a
// publication costs follows from it. The side that publishes has to see that the other has gone to sleep, or be seen by it, and an
// x86 processor lets a load pass the store before it (Intel SDM, volume 3, 9.2.3.4): only a full fence stops that, unless
// there is nothing to see, or both sides run on one CPU, whose own loads do not pass its own stores. A word of a wrong kind costs
// wake-ups of who chose it, nothing else. Followed by tests/models/buffer.pml, with store buffers.
enum class RingWaits : std::uint32_t {
  across_cpus = 0,  // either may sleep: a full fence for each publication
  on_one_cpu = 1,   // either may sleep, and both run on one CPU (as all threads of a process do): no fence
  never = 2,        // neither sleeps: both look again by themselves. No fence; prepare_sleep() says no
};
inline constexpr std::uint32_t kLastRingWaits = 2;

// What is known of one side; set by itself (attached, closed) or by who supervises it (dead, revoked): the kernel for a
// buffer that it made (BufferState of devices.capnp has the same values).
enum class RingPeerState : std::uint32_t { absent = 0, attached = 1, closed = 2, dead = 3, revoked = 4 };

// Why an element was dropped.
enum class OverrunCause : std::uint8_t {
  consumer_absent,   // nobody has attached yet
  consumer_behind,   // it runs, but has not caught up
  consumer_asleep,   // it was or is waiting for its notification
  consumer_gone,     // closed or dead
  consumer_invalid,  // its index is impossible
};
inline constexpr std::size_t kOverrunCauses = 5;

// Why there was nothing to take.
enum class UnderrunCause : std::uint8_t {
  producer_absent,
  producer_behind,   // it runs, but has sent nothing since
  producer_gone,     // closed or dead; nothing more will come
  producer_invalid,  // its index is impossible
};
inline constexpr std::size_t kUnderrunCauses = 4;

struct alignas(kCacheLine) RingIdentity {
  std::atomic<std::uint64_t> magic;  // written last, with release
  std::uint32_t version;
  std::uint32_t element_bytes;
  std::uint32_t capacity;
  std::uint32_t waits;  // a RingWaits
};

struct alignas(kCacheLine) RingProducerLine {
  std::atomic<std::uint64_t> head;      // index of the next slot to fill
  std::atomic<std::uint64_t> attempts;  // elements offered, the dropped ones included: the stamp of the last
  std::atomic<std::uint32_t> consumer_asleep;
};

struct alignas(kCacheLine) RingConsumerLine {
  std::atomic<std::uint64_t> tail;        // index of the next slot to take
  std::atomic<std::uint64_t> last_stamp;  // stamp of the last element taken
  std::atomic<std::uint32_t> producer_asleep;
};

struct alignas(kCacheLine) RingStates {
  std::atomic<std::uint32_t> producer;  // a RingPeerState
  std::atomic<std::uint32_t> consumer;
};

struct RingHeader {
  RingIdentity identity;
  RingProducerLine producer;
  RingConsumerLine consumer;
  RingStates states;
};
static_assert(sizeof(RingHeader) == 4 * kCacheLine);
static_assert(offsetof(RingHeader, producer) == 64 && offsetof(RingHeader, consumer) == 128);
static_assert(offsetof(RingHeader, states) == abi::kBufferStatesOffset && sizeof(RingHeader) == abi::kBufferLeastBytes);
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

template <typename T>
struct RingSlot {
  static_assert(std::is_trivially_copyable_v<T>, "elements cross address spaces as bytes");
  static_assert(alignof(T) <= kCacheLine && sizeof(T) <= kMaxRingElement);
  std::uint64_t stamp;
  T element;
};

[[nodiscard]] constexpr bool is_ring_capacity(std::uint32_t capacity) noexcept {
  return capacity != 0 && capacity <= kMaxRingCapacity && (capacity & (capacity - 1)) == 0;
}

// Bytes that a ring of `capacity` elements of T occupies.
template <typename T>
[[nodiscard]] constexpr std::size_t ring_bytes(std::uint32_t capacity) noexcept {
  return sizeof(RingHeader) + std::size_t{capacity} * sizeof(RingSlot<T>);
}

// The largest capacity whose ring fits into `bytes`; 0 when not even one element fits.
template <typename T>
[[nodiscard]] constexpr std::uint32_t ring_capacity_for(std::size_t bytes) noexcept {
  std::uint32_t capacity = kMaxRingCapacity;
  while (capacity != 0 && ring_bytes<T>(capacity) > bytes) capacity /= 2;
  return capacity;
}

// Geometry of an attached ring, private to its holder: what the shared header said once, after checks.
struct RingView {
  RingHeader* header = nullptr;
  std::byte* slots = nullptr;
  std::uint32_t mask = 0;
  RingWaits waits = RingWaits::across_cpus;

  [[nodiscard]] std::uint64_t capacity() const noexcept { return std::uint64_t{mask} + 1; }
  template <typename T>
  [[nodiscard]] RingSlot<T>* slot(std::uint64_t index) const noexcept {
    return reinterpret_cast<RingSlot<T>*>(slots) + (index & mask);
  }
};

namespace detail {

// Makes an index visible. False: the peer does not sleep, so nobody has to look whether it does.
inline bool publish(std::atomic<std::uint64_t>& index, std::uint64_t value, RingWaits waits) noexcept {
  if (waits == RingWaits::across_cpus) {
    index.store(value, std::memory_order_seq_cst);
    return true;
  }
  index.store(value, std::memory_order_release);
  std::atomic_signal_fence(std::memory_order_seq_cst);  // the compiler's order is the CPU's own
  return waits == RingWaits::on_one_cpu;
}

[[nodiscard]] inline bool on_cache_line(const void* address) noexcept {
  return (reinterpret_cast<std::uintptr_t>(address) & (kCacheLine - 1)) == 0;
}

[[nodiscard]] ResultOf<RingView, RingError> inline check_ring(std::span<std::byte> memory,
                                                              std::size_t element_bytes,
                                                              std::size_t slot_bytes) noexcept {
  if (!on_cache_line(memory.data())) return fail(RingError::memory_misaligned);
  if (memory.size() < sizeof(RingHeader)) return fail(RingError::memory_too_small);
  auto* const header = reinterpret_cast<RingHeader*>(memory.data());
  if (header->identity.magic.load(std::memory_order_acquire) != kRingMagic)
    return fail(RingError::wrong_magic);
  if (*const_cast<volatile std::uint32_t*>(&header->identity.version) != kRingVersion)
    return fail(RingError::wrong_version);
  if (*const_cast<volatile std::uint32_t*>(&header->identity.element_bytes) != element_bytes)
    return fail(RingError::wrong_element_size);
  const std::uint32_t capacity = *const_cast<volatile std::uint32_t*>(&header->identity.capacity);
  if (!is_ring_capacity(capacity)) return fail(RingError::bad_capacity);
  if ((memory.size() - sizeof(RingHeader)) / slot_bytes < capacity) return fail(RingError::memory_too_small);
  const std::uint32_t waits = *const_cast<volatile std::uint32_t*>(&header->identity.waits);
  if (waits > kLastRingWaits) return fail(RingError::bad_waits);
  return RingView{header, memory.data() + sizeof(RingHeader), capacity - 1, static_cast<RingWaits>(waits)};
}

}  // namespace detail

// Makes an empty ring in `memory`, which must begin on a cache line and hold ring_bytes<T>(capacity). Both
// sides attach afterwards. `first_index` exists so that tests can place the indices next to their
// wrap-around.
template <typename T>
[[nodiscard]] ResultOf<void, RingError> create_ring(std::span<std::byte> memory, std::uint32_t capacity,
                                                    RingWaits waits = RingWaits::across_cpus,
                                                    std::uint64_t first_index = 0) noexcept {
  if (!is_ring_capacity(capacity)) return fail(RingError::bad_capacity);
  if (!detail::on_cache_line(memory.data())) return fail(RingError::memory_misaligned);
  if (memory.size() < ring_bytes<T>(capacity)) return fail(RingError::memory_too_small);
  auto* const header = reinterpret_cast<RingHeader*>(memory.data());
  header->identity.magic.store(0, std::memory_order_relaxed);
  header->producer.head.store(first_index, std::memory_order_relaxed);
  header->producer.attempts.store(first_index, std::memory_order_relaxed);
  header->producer.consumer_asleep.store(0, std::memory_order_relaxed);
  header->consumer.tail.store(first_index, std::memory_order_relaxed);
  header->consumer.last_stamp.store(first_index, std::memory_order_relaxed);
  header->consumer.producer_asleep.store(0, std::memory_order_relaxed);
  header->states.producer.store(0, std::memory_order_relaxed);
  header->states.consumer.store(0, std::memory_order_relaxed);
  header->identity.version = kRingVersion;
  header->identity.element_bytes = sizeof(T);
  header->identity.capacity = capacity;
  header->identity.waits = static_cast<std::uint32_t>(waits);
  header->identity.magic.store(kRingMagic, std::memory_order_release);
  return {};
}

// For who supervises the two sides (the kernel's death notice arrives there): the named side has died without
// closing. The survivor sees it as `producer_gone` or `consumer_gone`.
inline void mark_producer_dead(RingHeader& header) noexcept {
  header.states.producer.store(static_cast<std::uint32_t>(RingPeerState::dead), std::memory_order_release);
}
inline void mark_consumer_dead(RingHeader& header) noexcept {
  header.states.consumer.store(static_cast<std::uint32_t>(RingPeerState::dead), std::memory_order_release);
}

}  // namespace capos
