// SPDX-License-Identifier: Apache-2.0
// What kernel and programs agree on in a shared buffer's memory: where the ring's state words are, and the bits of its
// notifications. The rest of the layout is the programs' (runtime/shared-buffer).
#pragma once

#include <cstddef>
#include <cstdint>

namespace capos::abi {

// Two words of 32 bits: the producer's state, then the consumer's; BufferState of devices.capnp.
inline constexpr std::size_t kBufferStatesOffset = 192;
inline constexpr std::size_t kBufferLeastBytes = 256;

inline constexpr std::uint64_t kBufferDataBit = 1;  // the peer has called wakePeer
inline constexpr std::uint64_t kBufferPeerBit = 2;  // the peer's state has changed

}  // namespace capos::abi
