// SPDX-License-Identifier: Apache-2.0
// Physical memory: a buddy allocator over blocks of 2^order frames (Knuth, TAOCP 1, 2.5), free frames that are zero apart
// from those that are not.
//
// Whoever needs zeroed memory takes clean blocks; what is given back is dirty until clean_portion() has come to it: in idle
// time, which keeps a stock, or in portions of the call that needs it. So no call zeroes more than a portion at a time.
//
// Invariants: blocks are aligned to their size; a free block's first frame carries its order and kind in the map; two free
// buddies of one kind never coexist (but at the highest order). One byte of map per frame of RAM, kept in RAM itself.
// Bounds: each operation O(kOrders). Any CPU; callers hold the lock of frames().
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
  // All zero. None when no such block is clean.
  [[nodiscard]] FrameBlock allocate_clean(unsigned order) noexcept { return allocate_of(Kind::clean, order); }
  void release(FrameBlock block) noexcept { release_as(Kind::dirty, block); }

  // For clean_portion(): a dirty block of at most that order, of the smallest there is; none when nothing is dirty.
  [[nodiscard]] FrameBlock take_dirty(unsigned order) noexcept;
  void release_clean(FrameBlock block) noexcept { release_as(Kind::clean, block); }

  [[nodiscard]] std::uint64_t free_frames() const noexcept { return free_frames_; }
  [[nodiscard]] std::uint64_t clean_frames() const noexcept { return clean_frames_; }
  [[nodiscard]] bool has_clean(unsigned order) const noexcept;

 private:
  enum class Kind : std::uint8_t { dirty, clean };
  struct FreeBlock {
    FreeBlock* next;
    FreeBlock* previous;
  };
  using Lists = std::array<FreeBlock*, kMaxOrder + 1>;
  void add_range(std::uint64_t first, std::uint64_t end) noexcept;
  [[nodiscard]] FrameBlock allocate_of(Kind kind, unsigned order) noexcept;
  void release_as(Kind kind, FrameBlock block) noexcept;
  void push(Kind kind, std::uint64_t frame, unsigned order) noexcept;
  void take(Kind kind, std::uint64_t frame, unsigned order) noexcept;
  [[nodiscard]] FrameBlock split(Kind kind, unsigned found, unsigned order) noexcept;
  void count(Kind kind, std::int64_t frames) noexcept;
  [[nodiscard]] Lists& lists_of(Kind kind) noexcept { return lists_[static_cast<unsigned>(kind)]; }
  [[nodiscard]] static constexpr std::uint8_t mark_of(Kind kind, unsigned order) noexcept {
    return static_cast<std::uint8_t>(order | static_cast<unsigned>(kind) << 4);
  }

  static constexpr std::uint8_t kNotFree = 0xff;
  std::array<Lists, 2> lists_{};
  std::uint8_t* map_ = nullptr;  // by frame number: mark_of() the free block that starts there, or kNotFree
  std::uint64_t map_frames_ = 0;
  std::uint64_t free_frames_ = 0, clean_frames_ = 0;
};

[[nodiscard]] Locked<FrameAllocator, LockRank::frames>& frames() noexcept;

// Fills 2^order frames with zero. Cost: 512 words a frame.
void zero(FrameBlock block) noexcept;

// Makes up to kCleanPortion free frames zero, outside the lock. False: none was dirty. Cost: about 550 instructions a frame.
inline constexpr unsigned kCleanPortion = 2;
bool clean_portion() noexcept;
// A portion for the stock of clean frames that idle time keeps. False: it is full, or nothing is dirty.
inline constexpr std::uint64_t kCleanStock = 1024;
[[nodiscard]] bool stock_step() noexcept;
// Before a call that takes `frames` zeroed frames, one block of 2^order among them: true if they are there, or if nothing
// is left to clean; else it has done a portion, and the call is to be made again.
[[nodiscard]] bool clean_ahead(std::uint64_t frames, unsigned order) noexcept;

}  // namespace capos::kernel
