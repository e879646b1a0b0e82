// SPDX-License-Identifier: Apache-2.0
// One side of a kernel-made shared buffer, claimed and mapped: what RingProducer or RingConsumer attaches to.
//
//   auto side = BufferSide::claim(runtime.need<schema::BufferProducer>("samples"));    // once; Result<BufferSide>
//   (void)create_ring<Sample>(side->memory(), 64);                                    // the first producer
//   auto ring = RingProducer<Sample>::attach(side->memory());
//   if (ring->push(sample) == PushOutcome::wake_needed) (void)side->wake_peer();
//   if (ring->prepare_sleep()) (void)side->wait();
#pragma once

#include <cstddef>
#include <span>

#include "capos/abi/shared_buffer.hpp"
#include "capos/runtime/capability.hpp"
#include "capos/schema/devices.hpp"

namespace capos::runtime {

class BufferSide {
 public:
  // Takes the side; its memory stays mapped for ever. Errors: those of claim and BufferEnd.map. Not for realtime work.
  template <typename Facet>
  [[nodiscard]] static Result<BufferSide> claim(Capability<Facet> facet) noexcept {
    BufferSide side;
    auto claimed = TRY(facet->claim([](auto) {}));
    side.end_ = claimed.template capability<schema::BufferEnd>(claimed.reader().end());
    auto told = TRY(side.end_->notification([](auto) {}));
    side.event_ = told.template capability<schema::Notification>(told.reader().notification());
    const auto mapped = TRY(side.end_->map(0));
    side.memory_ = {reinterpret_cast<std::byte*>(mapped.addr), mapped.size};
    return side;
  }

  [[nodiscard]] std::span<std::byte> memory() const noexcept { return memory_; }
  // One system call. Errors: bad_state, revoked.
  Result<void> wake_peer() noexcept {
    const auto done = end_->wake_peer();
    if (!done.has_value()) return fail(done.error());
    return {};
  }
  // Blocks until the peer wakes this side or its state changes: bits of abi/shared_buffer.hpp.
  [[nodiscard]] Result<std::uint64_t> wait() noexcept { return TRY(event_->wait()).bits; }
  // The kernel's word on the peer. One system call.
  [[nodiscard]] Result<schema::BufferState> peer() noexcept { return TRY(end_->peer()).state; }
  [[nodiscard]] OwnedCapability<schema::BufferEnd>& end() noexcept { return end_; }
  [[nodiscard]] OwnedCapability<schema::Notification>& event() noexcept { return event_; }

 private:
  BufferSide() noexcept = default;
  OwnedCapability<schema::BufferEnd> end_;
  OwnedCapability<schema::Notification> event_;
  std::span<std::byte> memory_;
};

}  // namespace capos::runtime
