// SPDX-License-Identifier: Apache-2.0
#include "memory/page_source.hpp"

namespace capos::kernel {

bool PageSource::charge(std::uint64_t pages) noexcept {
  std::uint64_t used = used_.load(std::memory_order_relaxed);
  do {
    if (pages > limit_ - used) return false;
  } while (!used_.compare_exchange_weak(used, used + pages, std::memory_order_relaxed));
  return true;
}

FrameBlock PageSource::take(unsigned order) noexcept {
  const std::uint64_t pages = std::uint64_t{1} << order;
  if (!charge(pages)) return {};
  const FrameBlock block = frames().lock()->allocate(order);
  if (block.is_none()) {
    used_.fetch_sub(pages, std::memory_order_relaxed);
    return {};
  }
  zero(block);
  return block;
}

void PageSource::give(FrameBlock block) noexcept {
  frames().lock()->release(block);
  used_.fetch_sub(block.pages(), std::memory_order_relaxed);
}

void* PageSource::take_page() noexcept {
  const FrameBlock block = take(0);
  return block.is_none() ? nullptr : hal::to_kernel(block.base);
}

void PageSource::give_page(void* page) noexcept { give({hal::to_physical(page), 0}); }

}  // namespace capos::kernel
