// SPDX-License-Identifier: Apache-2.0
#include "memory/frame_allocator.hpp"

#include <algorithm>
#include <bit>
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
    push(Kind::dirty, first, order);
    count(Kind::dirty, std::int64_t{1} << order);
    first += std::uint64_t{1} << order;
  }
}

void FrameAllocator::count(Kind kind, std::int64_t frames) noexcept {
  free_frames_ += static_cast<std::uint64_t>(frames);
  if (kind == Kind::clean) clean_frames_ += static_cast<std::uint64_t>(frames);
}

void FrameAllocator::push(Kind kind, std::uint64_t frame, unsigned order) noexcept {
  auto* const block = static_cast<FreeBlock*>(hal::to_kernel(address_of(frame)));
  FreeBlock*& first = lists_of(kind)[order];
  block->previous = nullptr;
  block->next = first;
  if (block->next != nullptr) block->next->previous = block;
  first = block;
  map_[frame] = mark_of(kind, order);
}

void FrameAllocator::take(Kind kind, std::uint64_t frame, unsigned order) noexcept {
  auto* const block = static_cast<FreeBlock*>(hal::to_kernel(address_of(frame)));
  if (block->next != nullptr) block->next->previous = block->previous;
  (block->previous != nullptr ? block->previous->next : lists_of(kind)[order]) = block->next;
  block->next = block->previous = nullptr;  // a clean block is all zero again
  map_[frame] = kNotFree;
}

// The first block of order `found`, cut down to `order`; the rest goes back.
FrameBlock FrameAllocator::split(Kind kind, unsigned found, unsigned order) noexcept {
  const std::uint64_t frame = frame_of(hal::to_physical(lists_of(kind)[found]));
  take(kind, frame, found);
  while (found > order) {
    --found;
    push(kind, frame + (std::uint64_t{1} << found), found);
  }
  count(kind, -(std::int64_t{1} << order));
  return {address_of(frame), order};
}

bool FrameAllocator::has_clean(unsigned order) const noexcept {
  const Lists& clean = lists_[static_cast<unsigned>(Kind::clean)];
  return std::any_of(clean.begin() + order, clean.end(), [](const FreeBlock* block) noexcept { return block != nullptr; });
}

FrameBlock FrameAllocator::allocate_of(Kind kind, unsigned order) noexcept {
  unsigned found = order;
  while (found <= kMaxOrder && lists_of(kind)[found] == nullptr) ++found;
  return found > kMaxOrder ? FrameBlock{} : split(kind, found, order);
}

FrameBlock FrameAllocator::allocate(unsigned order) noexcept {
  const FrameBlock block = allocate_of(Kind::dirty, order);
  return block.is_none() ? allocate_of(Kind::clean, order) : block;
}

FrameBlock FrameAllocator::take_dirty(unsigned order) noexcept {
  unsigned found = 0;
  while (found <= kMaxOrder && lists_of(Kind::dirty)[found] == nullptr) ++found;
  return found > kMaxOrder ? FrameBlock{} : split(Kind::dirty, found, std::min(found, order));
}

void FrameAllocator::release_as(Kind kind, FrameBlock block) noexcept {
  std::uint64_t frame = frame_of(block.base);
  unsigned order = block.order;
  count(kind, static_cast<std::int64_t>(block.pages()));
  while (order < kMaxOrder) {
    const std::uint64_t buddy = frame ^ (std::uint64_t{1} << order);
    if (buddy >= map_frames_ || map_[buddy] != mark_of(kind, order)) break;
    take(kind, buddy, order);
    frame = std::min(frame, buddy);
    ++order;
  }
  push(kind, frame, order);
}

bool clean_portion() noexcept {
  unsigned left = kCleanPortion;
  while (left != 0) {
    const FrameBlock block = frames().lock()->take_dirty(static_cast<unsigned>(std::bit_width(left)) - 1);
    if (block.is_none()) break;
    zero(block);
    frames().lock()->release_clean(block);
    left -= static_cast<unsigned>(block.pages());
  }
  return left != kCleanPortion;
}

bool stock_step() noexcept {
  const std::uint64_t stock = frames().lock()->clean_frames();
  return stock < kCleanStock && clean_portion();
}

bool clean_ahead(std::uint64_t count, unsigned order) noexcept {
  {
    auto allocator = frames().lock();
    if (allocator->clean_frames() >= count && allocator->has_clean(order)) return true;
  }
  return !clean_portion();
}

}  // namespace capos::kernel
