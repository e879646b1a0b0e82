// SPDX-License-Identifier: Apache-2.0
#include "capos/media/link.hpp"

namespace capos::media {

using schema::XrunCause;
using schema::XrunKind;

bool BlockInput::attach() noexcept {
  if (ring_) return true;
  const auto attached = RingConsumer<AudioBlock>::attach(memory_);
  if (attached.has_value()) ring_ = *attached;
  return attached.has_value();
}

BlockInput::Taken BlockInput::silence(std::uint64_t cycle, XrunCause cause, std::uint64_t dropped) noexcept {
  constexpr std::uint64_t kMost = ~std::uint32_t{0};
  Taken taken{.block = {.cycle = cycle, .silent = 1}, .xrun = XrunReport{XrunKind::underrun, cause}};
  taken.xrun->dropped = static_cast<std::uint32_t>(dropped < kMost ? dropped : kMost);
  return taken;
}

XrunCause BlockInput::cause_of(RingError error) const noexcept {
  if (error == RingError::stale_slot) return XrunCause::bad_block;
  switch (ring_->last_underrun()) {
    case UnderrunCause::producer_gone: return XrunCause::upstream_gone;
    case UnderrunCause::producer_invalid: return XrunCause::bad_block;
    case UnderrunCause::producer_absent:
    case UnderrunCause::producer_behind: break;
  }
  return XrunCause::upstream_late;
}

BlockInput::Taken BlockInput::take(std::uint64_t cycle) noexcept {
  if (!attach()) return silence(cycle, XrunCause::upstream_late, 0);
  const auto item = ring_->pop_newest();
  if (!item.has_value()) return silence(cycle, cause_of(item.error()), 0);
  // A block of a later cycle cannot be: who writes it has its turn before this node, cycle by cycle.
  if (item->element.cycle > cycle) return silence(cycle, XrunCause::bad_block, item->skipped + 1);
  if (item->element.cycle < cycle) return silence(cycle, XrunCause::upstream_late, item->skipped + 1);
  return {item->element, std::nullopt};
}

std::optional<BlockOutput> BlockOutput::create(std::span<std::byte> memory) noexcept {
  const std::uint32_t capacity = ring_capacity_for<AudioBlock>(memory.size());
  if (capacity < 2 || !create_ring<AudioBlock>(memory, capacity, RingWaits::never).has_value()) return std::nullopt;
  const auto ring = RingProducer<AudioBlock>::attach(memory);
  if (!ring.has_value()) return std::nullopt;
  return BlockOutput(*ring);
}

std::optional<XrunReport> BlockOutput::put(const AudioBlock& block) noexcept {
  if (ring_.push(block).has_value()) return std::nullopt;
  XrunCause cause = XrunCause::downstream_late;
  if (ring_.last_overrun() == OverrunCause::consumer_gone) cause = XrunCause::downstream_gone;
  if (ring_.last_overrun() == OverrunCause::consumer_invalid) cause = XrunCause::bad_block;
  return XrunReport{XrunKind::overrun, cause};
}

}  // namespace capos::media
