// SPDX-License-Identifier: Apache-2.0
// Layout of a CPU's trace ring and of the channel to the host. Events are TraceEvent of telemetry.capnp.
//
// Trace ring: one header page, then `capacity` events. The kernel alone writes; readers map it read-only. An event
// is complete once `head` has passed it; one that is `capacity` behind may be overwritten while it is read, so a
// reader copies it, then checks head again, and counts what it lost. The writer never waits.
//
// Host channel: one header page, then `capacity` events, written once, in the order they were drained, by the
// telemetry service; the host may read below `written` at any time. When it is full, events are counted in `dropped`.
#pragma once

#include <cstddef>
#include <cstdint>

namespace capos::abi {

inline constexpr std::size_t kTraceEventBytes = 64;
inline constexpr std::uint64_t kTraceRingMagic = 0x474e495245434152;    // "RACERING"
inline constexpr std::uint64_t kHostChannelMagic = 0x4e414843534f5043;  // "CPOSCHAN"
inline constexpr std::size_t kInterruptCauses = 16;

struct TraceRingHeader {
  std::uint64_t magic;
  std::uint32_t version;        // 1
  std::uint32_t cpu;
  std::uint64_t capacity;       // a power of two
  std::uint64_t reserved[5];
  alignas(64) std::uint64_t head;             // events ever written
  std::uint64_t interrupts[kInterruptCauses]; // by InterruptCause of telemetry.capnp
  std::uint64_t idle_ns;                      // halted
  std::uint64_t context_switches;
};
inline constexpr std::size_t kTraceEventsOffset = 4096;
static_assert(sizeof(TraceRingHeader) <= kTraceEventsOffset);

struct HostCpuCounters {
  std::uint64_t interrupts[kInterruptCauses];       // since boot
  std::uint64_t interrupts_island[kInterruptCauses]; // while islands were active
  std::uint64_t idle_ns;
  std::uint64_t context_switches;
  std::uint64_t lost_events;                  // overwritten before they were drained
  std::uint64_t reserved[5];
};

enum class HostRunState : std::uint32_t { booting = 0, running = 1, finished = 2 };

struct HostChannelHeader {
  std::uint64_t magic;
  std::uint32_t version;        // 1
  std::uint32_t state;          // HostRunState
  std::uint64_t capacity;       // events
  std::uint64_t written;        // events in place
  std::uint64_t dropped;        // events that found the channel full
  std::uint64_t now_ns;         // guest time of the last drain
  std::uint64_t islands_start_ns;
  std::uint32_t cpus;
  std::uint32_t reserved;
  std::uint64_t features;       // what the kernel uses: MachineFeature bits
  std::uint64_t tsc_hz;
  HostCpuCounters per_cpu[16];
};
inline constexpr std::size_t kHostEventsOffset = 8192;
static_assert(sizeof(HostChannelHeader) <= kHostEventsOffset);

}  // namespace capos::abi
