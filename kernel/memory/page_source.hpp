// SPDX-License-Identifier: Apache-2.0
// The frames of a ledger: every one taken here is charged there, and given back there.
//
// Any CPU; taking and giving go through the frame allocator's lock: not for admitted jobs.
#pragma once

#include <cstdint>

#include "capos/hal/address_space.hpp"
#include "capos/schema/kernel.hpp"
#include "memory/frame_allocator.hpp"

namespace capos::kernel {

class Ledger;

class PageSource final : public hal::FrameSource {
 public:
  explicit constexpr PageSource(Ledger& ledger) noexcept : ledger_(ledger) {}
  [[nodiscard]] Ledger& ledger() const noexcept { return ledger_; }

  // A block of 2^order zeroed frames, or none. Zeroes it here and now if no such block is clean: see clean_ahead().
  [[nodiscard]] FrameBlock take(unsigned order) noexcept;
  // The same, only if it is clean.
  [[nodiscard]] FrameBlock take_clean(unsigned order) noexcept;
  void give(FrameBlock block) noexcept;
  // One zeroed frame by its kernel address, or nullptr.
  [[nodiscard]] void* take_page() noexcept;
  void give_page(void* page) noexcept;
  // For page tables.
  hal::PhysicalAddress allocate() noexcept override { return take(0).base; }
  void release(hal::PhysicalAddress frame) noexcept override { give({frame, 0}); }

  // Why `pages` could not be had: the ledger's limit (quota_exceeded), or the machine's (out_of_memory).
  [[nodiscard]] schema::KernelError shortage(std::uint64_t pages = 1) const noexcept;

 private:
  Ledger& ledger_;
};

}  // namespace capos::kernel
