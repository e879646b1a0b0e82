// SPDX-License-Identifier: Apache-2.0
// Who waits on a word of memory, and the lists of them: one of each process, one of each memory object.
#pragma once

#include <cstdint>

#include "capos/base/list.hpp"

namespace capos::kernel {

class MemoryObject;
struct ParkTag;

inline constexpr std::uint32_t kMaxSharedParked = 128;
// PARKs of a process's rings on its own words. Its threads always have a place.
inline constexpr std::uint32_t kMaxRingParked = 64;

// The word: an address of its process, or an offset in a memory object.
struct ParkKey {
  MemoryObject* memory = nullptr;  // null: private
  std::uint64_t offset = 0;
};

// A thread in park(), or a ring's PARK.
class ParkWaiter : public ListHook<ParkTag> {
 public:
  explicit constexpr ParkWaiter(bool ring) noexcept : by_ring(ring) {}

  ParkKey parked_at;
  ParkWaiter* next_woken = nullptr;  // taken out by an unpark that is under way
  const bool by_ring;                // an Operation, else a Thread
};

struct ParkList {
  List<ParkWaiter, ParkTag> waiters;  // each kept by what park.cpp says
  std::uint32_t size = 0;
};

}  // namespace capos::kernel
