// SPDX-License-Identifier: Apache-2.0
// A process's account of memory: every frame taken for it is charged here, and given back here.
//
// Invariants: used <= limit; when all that a process made is gone, used is 0. Any CPU (atomic counters);
// taking and giving go through the frame allocator's lock: not for admitted jobs.
#pragma once

#include <atomic>
#include <cstdint>

#include "capos/hal/address_space.hpp"
#include "memory/frame_allocator.hpp"

namespace capos::kernel {

class PageSource final : public hal::FrameSource {
 public:
  explicit constexpr PageSource(std::uint64_t limit_pages) noexcept : limit_(limit_pages) {}

  // A block of 2^order zeroed frames, or none.
  [[nodiscard]] FrameBlock take(unsigned order) noexcept;
  void give(FrameBlock block) noexcept;
  // One zeroed frame by its kernel address, or nullptr.
  [[nodiscard]] void* take_page() noexcept;
  void give_page(void* page) noexcept;
  // For page tables.
  hal::PhysicalAddress allocate() noexcept override { return take(0).base; }
  void release(hal::PhysicalAddress frame) noexcept override { give({frame, 0}); }

  [[nodiscard]] std::uint64_t used() const noexcept { return used_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t limit() const noexcept { return limit_; }

 private:
  [[nodiscard]] bool charge(std::uint64_t pages) noexcept;
  std::uint64_t limit_;
  std::atomic<std::uint64_t> used_{0};
};

}  // namespace capos::kernel
