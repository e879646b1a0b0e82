// SPDX-License-Identifier: Apache-2.0
// How much one manifest may hold: admission allocates nothing, so every list has an end.
#pragma once

#include <cstddef>
#include <cstdint>

namespace capos::admission {

inline constexpr std::size_t kMaxBinaries = 64;
inline constexpr std::size_t kMaxServices = 64;
inline constexpr std::size_t kMaxBuffers = 64;
inline constexpr std::size_t kMaxRings = 64;
inline constexpr std::size_t kMaxExportsPerService = 16;
inline constexpr std::size_t kMaxGrantsPerService = 32;
inline constexpr std::size_t kMaxIslands = 16;
inline constexpr std::size_t kMaxTasks = 128;  // per island
inline constexpr std::size_t kMaxCallsPerTask = 8;
inline constexpr std::size_t kMaxChains = 32;  // per island
inline constexpr std::size_t kMaxChainTasks = 16;
inline constexpr std::size_t kMaxInterrupts = 16;  // per island
inline constexpr std::size_t kMaxNameLength = 31;  // bytes; what a CapSet entry holds
inline constexpr std::size_t kMaxPathLength = 255;

}  // namespace capos::admission
