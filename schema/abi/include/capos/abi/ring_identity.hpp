// SPDX-License-Identifier: Apache-2.0
// Whose ring a page is, for who looks at the machine's memory from outside (./capos top). In the ring's first line, behind what
// RingHeader says there.
//
// The kernel writes it when it makes the ring and takes it away when the thread has ended; nobody in the guest reads it. The ring's
// program can write there too: who looks believes it no more than the program.
#pragma once

#include <cstddef>
#include <cstdint>

#include "capos/abi/ring.hpp"

namespace capos::abi {

inline constexpr std::uint64_t kRingIdentityMagic = 0x646e'6957'676e'6952;  // "RingWind" read as little endian
inline constexpr std::size_t kRingIdentityOffset = 32;

struct RingIdentity {
  std::uint64_t magic;
  std::uint32_t process;  // its number, as its events carry it
  std::uint32_t thread;   // of that process; 0: its first
};
static_assert(sizeof(RingIdentity) == 16);
static_assert(offsetof(RingHeader, operations) + sizeof(std::uint32_t) <= kRingIdentityOffset);
static_assert(kRingIdentityOffset + sizeof(RingIdentity) <= offsetof(RingHeader, sq_head));

}  // namespace capos::abi
