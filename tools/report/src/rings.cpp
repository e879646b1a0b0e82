// SPDX-License-Identifier: Apache-2.0
#include "capos/report/rings.hpp"

#include <algorithm>
#include <bit>
#include <tuple>

#include "capos/abi/ring_identity.hpp"
#include "capos/shared_buffer/layout.hpp"

namespace capos::report {
namespace {

constexpr std::size_t kPage = 4096;

template <typename T>
T load(const std::byte* at) {
  return __atomic_load_n(reinterpret_cast<const T*>(at), __ATOMIC_RELAXED);
}

bool is_submission_queue(std::uint32_t entries) {
  return std::has_single_bit(entries) && entries >= abi::kSubmissionEntries && entries <= abi::kMaxSubmissionEntries;
}

void add_ring(const std::byte* page, std::uint64_t place, RingsSeen& found) {
  const auto word = [page](std::size_t offset) { return load<std::uint32_t>(page + offset); };
  const std::byte* const identity = page + abi::kRingIdentityOffset;
  if (load<std::uint64_t>(identity) != abi::kRingIdentityMagic) return;
  const std::uint32_t entries = word(offsetof(abi::RingHeader, sq_entries));
  if (!is_submission_queue(entries) || word(offsetof(abi::RingHeader, cq_entries)) != 2 * entries) return;
  if (word(offsetof(abi::RingHeader, arena_bytes)) != abi::kArenaBytes) return;
  found.threads.push_back({
      .place = place,
      .process = load<std::uint32_t>(identity + offsetof(abi::RingIdentity, process)),
      .thread = load<std::uint32_t>(identity + offsetof(abi::RingIdentity, thread)),
      .entries = entries,
      .submitted = word(offsetof(abi::RingHeader, sq_tail)),
      .taken = word(offsetof(abi::RingHeader, sq_head)),
      .completed = word(offsetof(abi::RingHeader, cq_tail)),
      .reaped = word(offsetof(abi::RingHeader, cq_head)),
      .asks_for_wakeups = (word(offsetof(abi::RingHeader, flags)) & abi::kRingNeedsWakeup) != 0,
  });
}

void add_buffer(const std::byte* page, std::uint64_t place, RingsSeen& found) {
  const std::byte* const identity = page + offsetof(RingHeader, identity);
  const std::byte* const producer = page + offsetof(RingHeader, producer);
  const std::byte* const consumer = page + offsetof(RingHeader, consumer);
  const auto capacity = load<std::uint32_t>(identity + offsetof(RingIdentity, capacity));
  const auto element = load<std::uint32_t>(identity + offsetof(RingIdentity, element_bytes));
  if (load<std::uint32_t>(identity + offsetof(RingIdentity, version)) != kRingVersion || !is_ring_capacity(capacity)) return;
  if (element == 0 || element > kMaxRingElement) return;
  found.buffers.push_back({
      .place = place,
      .capacity = capacity,
      .element_bytes = element,
      .offered = load<std::uint64_t>(producer + offsetof(RingProducerLine, attempts)),
      .pushed = load<std::uint64_t>(producer + offsetof(RingProducerLine, head)),
      .popped = load<std::uint64_t>(consumer + offsetof(RingConsumerLine, tail)),
      .producer = load<std::uint32_t>(page + offsetof(RingHeader, states) + offsetof(RingStates, producer)),
      .consumer = load<std::uint32_t>(page + offsetof(RingHeader, states) + offsetof(RingStates, consumer)),
  });
}

}  // namespace

void find_rings(std::span<const std::byte> memory, std::uint64_t place, RingsSeen& found) {
  for (std::size_t at = 0; at + kPage <= memory.size(); at += kPage) {
    const std::byte* const page = memory.data() + at;
    const auto head = load<std::uint64_t>(page);
    if (static_cast<std::uint32_t>(head) == abi::kRingMagic) add_ring(page, place + at, found);
    if (head == kRingMagic) add_buffer(page, place + at, found);
  }
  std::ranges::sort(found.threads, {}, [](const RingSeen& ring) { return std::tuple(ring.process, ring.thread, ring.place); });
}

}  // namespace capos::report
