// SPDX-License-Identifier: Apache-2.0
// Reads a CPU's trace ring while its CPU writes it (layout: abi/trace.hpp).
//
// Every event is delivered at most once, in order, and never torn: what may have been overwritten while it
// was copied is counted as lost. The writer is not slowed. Bounds: drain() reads at most `capacity` events;
// no allocation.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "capos/abi/trace.hpp"

namespace capos::telemetry {

inline constexpr std::size_t kEventWords = abi::kTraceEventBytes / sizeof(std::uint64_t);
using EventWords = std::array<std::uint64_t, kEventWords>;

class RingReader {
 public:
  RingReader() noexcept = default;  // attached to nothing: only to be assigned to
  // Nothing if the memory does not hold a ring of version 1 with all its events.
  [[nodiscard]] static std::optional<RingReader> attach(std::span<const std::byte> memory) noexcept {
    if (memory.size() < abi::kTraceEventsOffset) return std::nullopt;
    RingReader reader(memory.data());
    const std::uint64_t room = (memory.size() - abi::kTraceEventsOffset) / abi::kTraceEventBytes;
    const std::uint64_t capacity = load(reader.header().capacity);
    if (load(reader.header().magic) != abi::kTraceRingMagic || load(reader.header().version) != 1)
      return std::nullopt;
    if (capacity == 0 || (capacity & (capacity - 1)) != 0 || capacity > room) return std::nullopt;
    reader.capacity_ = capacity;
    return reader;
  }

  // Gives the events up to the head as found now to sink(const EventWords&), oldest first.
  template <typename Sink>
  void drain(Sink&& sink) noexcept {
    const std::uint64_t head = load_acquire(header().head);
    skip_to(oldest(head));
    std::array<EventWords, 32> batch;
    while (next_ < head) {
      const std::uint64_t count = std::min<std::uint64_t>(head - next_, batch.size());
      for (std::uint64_t i = 0; i < count; ++i) copy(next_ + i, batch[i]);
      // Copied before the head is looked at again: what it has not reached since is whole.
      __atomic_thread_fence(__ATOMIC_ACQUIRE);
      const std::uint64_t first = next_, end = next_ + count;
      skip_to(std::min(oldest(load_acquire(header().head)), end));
      for (; next_ < end; ++next_) sink(batch[next_ - first]);
    }
  }

  [[nodiscard]] std::uint64_t lost() const noexcept { return lost_; }
  [[nodiscard]] std::uint64_t interrupts(std::size_t cause) const noexcept {
    return load(header().interrupts[cause]);
  }
  [[nodiscard]] std::uint64_t idle_ns() const noexcept { return load(header().idle_ns); }
  [[nodiscard]] std::uint64_t context_switches() const noexcept { return load(header().context_switches); }

 private:
  explicit RingReader(const std::byte* memory) noexcept : memory_(memory) {}

  template <typename T>
  [[nodiscard]] static T load(const T& shared) noexcept {
    return __atomic_load_n(&shared, __ATOMIC_RELAXED);
  }
  [[nodiscard]] static std::uint64_t load_acquire(const std::uint64_t& shared) noexcept {
    return __atomic_load_n(&shared, __ATOMIC_ACQUIRE);
  }
  [[nodiscard]] const abi::TraceRingHeader& header() const noexcept {
    return *reinterpret_cast<const abi::TraceRingHeader*>(memory_);
  }
  // With `head` events written, the writer may be at the slot of event head - capacity.
  [[nodiscard]] std::uint64_t oldest(std::uint64_t head) const noexcept {
    return head >= capacity_ ? head - capacity_ + 1 : 0;
  }
  void skip_to(std::uint64_t event) noexcept {
    if (event <= next_) return;
    lost_ += event - next_;
    next_ = event;
  }
  void copy(std::uint64_t event, EventWords& to) const noexcept {
    const auto* const from = reinterpret_cast<const std::uint64_t*>(memory_ + abi::kTraceEventsOffset) +
                             (event & (capacity_ - 1)) * kEventWords;
    for (std::size_t i = 0; i < kEventWords; ++i) to[i] = load(from[i]);
  }

  const std::byte* memory_ = nullptr;
  std::uint64_t capacity_ = 0;
  std::uint64_t next_ = 0;  // the next event to deliver
  std::uint64_t lost_ = 0;
};

}  // namespace capos::telemetry
