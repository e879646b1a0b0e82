// SPDX-License-Identifier: Apache-2.0
// What travels between nodes: one cycle's samples, and which cycle's.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "capos/abi/recording.hpp"
#include "capos/schema/media.hpp"

namespace capos::media {

inline constexpr std::uint32_t kFrames = schema::kFramesPerBlock;
inline constexpr std::uint32_t kChannels = 2;
inline constexpr std::uint32_t kRate = schema::kFrameRate;  // Hz
inline constexpr std::uint32_t kSamples = kFrames * kChannels;

// Left and right in turn; full scale is -1 to 1.
using Samples = std::array<float, kSamples>;

struct AudioBlock {
  std::uint64_t cycle = 0;        // the release of the source's job that made it, counted from the island's start
  std::uint64_t released_ns = 0;  // when that release was due; 0: silence in place of a block that did not come
  std::uint64_t silent = 0;       // 1: such a silence, however it was filtered since
  Samples samples{};
};
static_assert(sizeof(AudioBlock) == 24 + 4 * kSamples);

// A block as the driver played it, as it goes to the host.
struct PlayedBlock {
  std::uint64_t released_ns = 0;  // as in AudioBlock
  std::uint32_t latency_ns = 0;   // from that release to the instant at which the driver took the block; 0 with silence
  std::uint32_t silent = 0;
  Samples samples{};
};
static_assert(sizeof(PlayedBlock) == abi::kRecordedBytes);

}  // namespace capos::media
