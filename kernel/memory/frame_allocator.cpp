// SPDX-License-Identifier: Apache-2.0
#include "memory/frame_allocator.hpp"

#include <algorithm>
#include <cstring>

namespace capos::kernel {
namespace {

constinit Locked<FrameAllocator, LockRank::frames> g_frames;

std::uint64_t frame_of(hal::PhysicalAddress address) noexcept { return address.value() / hal::kPageSize; }
hal::PhysicalAddress address_of(std::uint64_t frame) noexcept {
  return hal::PhysicalAddress(frame * hal::kPageSize);
}

}  // namespace

Locked<FrameAllocator, LockRank::frames>& frames() noexcept { return g_frames; }

void zero(FrameBlock block) noexcept {
  std::memset(hal::to_kernel(block.base), 0, block.pages() * hal::kPageSize);
}

void FrameAllocator::add_ram(std::span<const hal::MemoryRange> ranges) noexcept {
  std::uint64_t highest = 0;
  const hal::MemoryRange* largest = nullptr;
  for (const hal::MemoryRange& range : ranges) {
    highest = std::max(highest, frame_of(range.base) + range.size / hal::kPageSize);
    if (largest == nullptr || range.size > largest->size) largest = &range;
  }
  if (largest == nullptr) return;
  const std::uint64_t map_pages = (highest + hal::kPageSize - 1) / hal::kPageSize;
  if (largest->size / hal::kPageSize <= map_pages) return;
  map_ = static_cast<std::uint8_t*>(hal::to_kernel(largest->base));
  map_frames_ = highest;
  std::memset(map_, kNotFree, map_pages * hal::kPageSize);
  for (const hal::MemoryRange& range : ranges) {
    const std::uint64_t first = frame_of(range.base) + (&range == largest ? map_pages : 0);
    add_range(std::max<std::uint64_t>(first, 1), frame_of(range.base) + range.size / hal::kPageSize);
  }
}

void FrameAllocator::add_range(std::uint64_t first, std::uint64_t end) noexcept {
  while (first < end) {
    unsigned order = kMaxOrder;
    while ((first & ((std::uint64_t{1} << order) - 1)) != 0 || first + (std::uint64_t{1} << order) > end) --order;
    push(first, order);
    free_frames_ += std::uint64_t{1} << order;
    first += std::uint64_t{1} << order;
  }
}

void FrameAllocator::push(std::uint64_t frame, unsigned order) noexcept {
  auto* const block = static_cast<FreeBlock*>(hal::to_kernel(address_of(frame)));
  block->previous = nullptr;
  block->next = lists_[order];
  if (block->next != nullptr) block->next->previous = block;
  lists_[order] = block;
  map_[frame] = static_cast<std::uint8_t>(order);
}

void FrameAllocator::take(std::uint64_t frame, unsigned order) noexcept {
  auto* const block = static_cast<FreeBlock*>(hal::to_kernel(address_of(frame)));
  if (block->next != nullptr) block->next->previous = block->previous;
  (block->previous != nullptr ? block->previous->next : lists_[order]) = block->next;
  map_[frame] = kNotFree;
}

bool FrameAllocator::free_at(std::uint64_t frame, unsigned order) const noexcept {
  return frame < map_frames_ && map_[frame] == order;
}

FrameBlock FrameAllocator::allocate(unsigned order) noexcept {
  unsigned found = order;
  while (found <= kMaxOrder && lists_[found] == nullptr) ++found;
  if (found > kMaxOrder) return {};
  const std::uint64_t frame = frame_of(hal::to_physical(lists_[found]));
  take(frame, found);
  while (found > order) {
    --found;
    push(frame + (std::uint64_t{1} << found), found);
  }
  free_frames_ -= std::uint64_t{1} << order;
  return {address_of(frame), order};
}

void FrameAllocator::release(FrameBlock block) noexcept {
  std::uint64_t frame = frame_of(block.base);
  unsigned order = block.order;
  free_frames_ += block.pages();
  while (order < kMaxOrder) {
    const std::uint64_t buddy = frame ^ (std::uint64_t{1} << order);
    if (!free_at(buddy, order)) break;
    take(buddy, order);
    frame = std::min(frame, buddy);
    ++order;
  }
  push(frame, order);
}

}  // namespace capos::kernel
