// SPDX-License-Identifier: Apache-2.0
#include "memory/page_source.hpp"

#include "resources/ledger.hpp"

namespace capos::kernel {

FrameBlock PageSource::take(unsigned order) noexcept {
  const std::uint64_t pages = std::uint64_t{1} << order;
  if (!ledger_.charge(Resource::frames, pages)) return {};
  FrameBlock block = frames().lock()->allocate_clean(order);
  if (!block.is_none()) return block;
  block = frames().lock()->allocate(order);
  if (block.is_none()) {
    ledger_.give_back(Resource::frames, pages);
  } else {
    zero(block);
  }
  return block;
}

FrameBlock PageSource::take_clean(unsigned order) noexcept {
  const std::uint64_t pages = std::uint64_t{1} << order;
  if (!ledger_.charge(Resource::frames, pages)) return {};
  const FrameBlock block = frames().lock()->allocate_clean(order);
  if (block.is_none()) ledger_.give_back(Resource::frames, pages);
  return block;
}

void PageSource::give(FrameBlock block) noexcept {
  frames().lock()->release(block);
  ledger_.give_back(Resource::frames, block.pages());
}

schema::KernelError PageSource::shortage(std::uint64_t pages) const noexcept {
  return ledger_.left(Resource::frames) < pages ? schema::KernelError::quota_exceeded : schema::KernelError::out_of_memory;
}

void* PageSource::take_page() noexcept {
  const FrameBlock block = take(0);
  return block.is_none() ? nullptr : hal::to_kernel(block.base);
}

void PageSource::give_page(void* page) noexcept { give({hal::to_physical(page), 0}); }

}  // namespace capos::kernel
