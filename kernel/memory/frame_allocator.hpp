// SPDX-License-Identifier: Apache-2.0
// Physical memory: a buddy allocator over blocks of 2^order frames (Knuth, TAOCP 1, 2.5).
//
// Invariants: blocks are aligned to their size; a free block's first frame carries its order in the map; two free
// buddies never coexist (but at the highest order). One byte of map per frame of RAM, kept in RAM itself.
// Bounds: allocate and release O(kOrders). Any CPU; callers hold the lock of frames().
#pragma once

#include <array>
#include <cstdint>

#include "capos/hal/machine.hpp"
#include "core/spin_lock.hpp"

namespace capos::kernel {

inline constexpr unsigned kMaxOrder = 10;  // 4 MiB

// A block of 2^order frames; base 0 means "none".
struct FrameBlock {
  hal::PhysicalAddress base;
  unsigned order = 0;
  [[nodiscard]] bool is_none() const noexcept { return base.value() == 0; }
  [[nodiscard]] std::uint64_t pages() const noexcept { return std::uint64_t{1} << order; }
};

class FrameAllocator {
 public:
  // Once, at boot. Takes what it needs for its map out of the largest range.
  void add_ram(std::span<const hal::MemoryRange> ranges) noexcept;

  // Contents undefined. None when no block of that size is free. order: 0 to kMaxOrder.
  [[nodiscard]] FrameBlock allocate(unsigned order) noexcept;
  void release(FrameBlock block) noexcept;

  [[nodiscard]] std::uint64_t free_frames() const noexcept { return free_frames_; }

 private:
  struct FreeBlock {
    FreeBlock* next;
    FreeBlock* previous;
  };
  void add_range(std::uint64_t first, std::uint64_t end) noexcept;
  void push(std::uint64_t frame, unsigned order) noexcept;
  void take(std::uint64_t frame, unsigned order) noexcept;
  [[nodiscard]] bool free_at(std::uint64_t frame, unsigned order) const noexcept;

  static constexpr std::uint8_t kNotFree = 0xff;
  std::array<FreeBlock*, kMaxOrder + 1> lists_{};
  std::uint8_t* map_ = nullptr;  // by frame number: order of the free block that starts there, or kNotFree
  std::uint64_t map_frames_ = 0;
  std::uint64_t free_frames_ = 0;
};

[[nodiscard]] Locked<FrameAllocator, LockRank::frames>& frames() noexcept;

// Fills 2^order frames with zero. Cost: 512 words a frame.
void zero(FrameBlock block) noexcept;

}  // namespace capos::kernel
