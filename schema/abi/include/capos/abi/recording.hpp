// SPDX-License-Identifier: Apache-2.0
// Blocks of bytes that a program records for the host: through a ring to the telemetry service, from there in parts into the
// host channel, beside the events (EventKind.block of telemetry.capnp).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace capos::abi {

inline constexpr std::size_t kRecordedPartBytes = 48;  // of an event's 64, the rest says whose and which
inline constexpr std::size_t kRecordedParts = 11;
inline constexpr std::size_t kRecordedBytes = kRecordedParts * kRecordedPartBytes;

// The ring's element.
struct RecordedBlock {
  std::uint64_t number;   // counted by the program
  std::uint64_t program;  // its number, below 2^16
  std::array<std::byte, kRecordedBytes> bytes;
};
static_assert(sizeof(RecordedBlock) == 16 + kRecordedBytes && kRecordedBytes % sizeof(std::uint64_t) == 0);

}  // namespace capos::abi
