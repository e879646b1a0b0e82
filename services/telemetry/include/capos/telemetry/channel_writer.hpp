// SPDX-License-Identifier: Apache-2.0
// Writes the channel to the host (layout: abi/trace.hpp).
//
// The host may read at any time: an event is in place before the count that covers it, the magic number is
// written last. What finds the channel full is counted. Bounds: O(1) each; no allocation.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

#include "capos/abi/trace.hpp"
#include "capos/telemetry/ring_reader.hpp"

namespace capos::telemetry {

struct ChannelFacts {
  std::uint32_t cpus = 0;  // 1 to 16
  std::uint64_t features = 0;
  std::uint64_t tsc_hz = 0;
};

class ChannelWriter {
 public:
  // Lays out the channel in `memory`, whatever was there. Nothing if it has no room for events.
  [[nodiscard]] static std::optional<ChannelWriter> create(std::span<std::byte> memory,
                                                           const ChannelFacts& facts) noexcept {
    if (memory.size() < abi::kHostEventsOffset + abi::kTraceEventBytes) return std::nullopt;
    ChannelWriter writer(memory.data());
    abi::HostChannelHeader& header = writer.header();
    __atomic_store_n(&header.magic, 0, __ATOMIC_RELEASE);
    std::memset(memory.data(), 0, sizeof header);
    header.version = 1;
    header.capacity = (memory.size() - abi::kHostEventsOffset) / abi::kTraceEventBytes;
    header.cpus = facts.cpus;
    header.features = facts.features;
    header.tsc_hz = facts.tsc_hz;
    __atomic_store_n(&header.magic, abi::kHostChannelMagic, __ATOMIC_RELEASE);
    return writer;
  }

  // In place, but not counted before publish().
  void append(const EventWords& event) noexcept {
    if (next_ == header().capacity) {
      ++dropped_;
      return;
    }
    std::memcpy(memory_ + abi::kHostEventsOffset + next_ * abi::kTraceEventBytes, event.data(), sizeof event);
    ++next_;
  }
  void count_dropped(std::uint64_t events) noexcept { dropped_ += events; }
  void publish(std::uint64_t now_ns) noexcept {
    store(header().dropped, dropped_);
    store(header().now_ns, now_ns);
    store(header().written, next_);
  }
  void set_state(abi::HostRunState state) noexcept {
    store(header().state, static_cast<std::uint32_t>(state));
  }
  void set_islands_start(std::uint64_t time_ns) noexcept { store(header().islands_start_ns, time_ns); }
  // cpu: below the number of CPUs given at create().
  [[nodiscard]] abi::HostCpuCounters& counters(std::size_t cpu) noexcept { return header().per_cpu[cpu]; }

 private:
  explicit ChannelWriter(std::byte* memory) noexcept : memory_(memory) {}
  template <typename T>
  static void store(T& shared, T value) noexcept {
    __atomic_store_n(&shared, value, __ATOMIC_RELEASE);
  }
  [[nodiscard]] abi::HostChannelHeader& header() noexcept {
    return *reinterpret_cast<abi::HostChannelHeader*>(memory_);
  }

  std::byte* memory_;
  std::uint64_t next_ = 0, dropped_ = 0;
};

}  // namespace capos::telemetry
