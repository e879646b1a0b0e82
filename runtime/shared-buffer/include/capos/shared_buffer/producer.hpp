// SPDX-License-Identifier: Apache-2.0
// The producing side of a shared ring.
//
// One thread of one process holds it. Invariant: head - (the last valid tail) <= capacity, so no slot that
// the consumer may still read is ever written, whatever the consumer publishes. Every operation is wait-free:
// push costs one slot copy, at most one read of the consumer's line when the ring looks full, and one
// store, with a full fence where the consumer may sleep on another CPU (RingWaits). A full ring drops the new element; the consumer sees the gap in the stamps.
#pragma once

#include <array>

#include "capos/shared_buffer/layout.hpp"

namespace capos {

// What a successful push asks of its caller.
enum class PushOutcome : std::uint8_t {
  stored,       // nothing more to do
  wake_needed,  // the consumer sleeps and this was the first element since: signal it
};

template <typename T>
class RingProducer {
 public:
  // Takes the producing end of the ring in `memory`. A second producer beside a living one is a bug of the
  // caller that the ring cannot see; after a death the successor continues where the dead one published.
  // Errors: memory_misaligned, memory_too_small, wrong_magic, wrong_version, wrong_element_size,
  // bad_capacity, bad_waits, bad_indices.
  [[nodiscard]] static ResultOf<RingProducer, RingError> attach(std::span<std::byte> memory) noexcept {
    const RingView view = TRY(detail::check_ring(memory, sizeof(T), sizeof(RingSlot<T>)));
    const std::uint64_t head = view.header->producer.head.load(std::memory_order_acquire);
    const std::uint64_t tail = view.header->consumer.tail.load(std::memory_order_acquire);
    if (head - tail > view.capacity()) return fail(RingError::bad_indices);
    view.header->states.producer.store(static_cast<std::uint32_t>(RingPeerState::attached),
                                       std::memory_order_release);
    return RingProducer(view, head, tail, view.header->producer.attempts.load(std::memory_order_acquire));
  }

  // Appends a copy of `element`. Errors: full (dropped and counted), peer_index_invalid (dropped and
  // counted).
  [[nodiscard]] ResultOf<PushOutcome, RingError> push(const T& element) noexcept {
    ++attempts_;
    if (head_ - cached_tail_ == view_.capacity()) {
      if (const RingError error = refresh_tail(); error != RingError{}) return drop(error);
    }
    RingSlot<T>* const slot = view_.slot<T>(head_);
    slot->stamp = attempts_;
    slot->element = element;
    ++head_;
    view_.header->producer.attempts.store(attempts_, std::memory_order_relaxed);
    // Against the consumer's "asleep, then look again": one of the two sees the other.
    if (!detail::publish(view_.header->producer.head, head_, view_.waits)) return PushOutcome::stored;
    return wake_if_asleep();
  }

  // True when the caller may now wait for space: the ring is still full after this side declared itself
  // asleep. Never with RingWaits::never. Afterwards, whether it waited or not, call finish_sleep().
  [[nodiscard]] bool prepare_sleep() noexcept {
    if (view_.waits == RingWaits::never) return false;
    view_.header->consumer.producer_asleep.store(1, std::memory_order_seq_cst);
    const std::uint64_t tail = view_.header->consumer.tail.load(std::memory_order_seq_cst);
    return head_ - tail == view_.capacity();
  }
  void finish_sleep() noexcept { view_.header->consumer.producer_asleep.store(0, std::memory_order_relaxed); }

  // Says that nothing more will come. Returns true when the consumer sleeps and must be notified.
  [[nodiscard]] bool close() noexcept {
    view_.header->states.producer.store(static_cast<std::uint32_t>(RingPeerState::closed),
                                        std::memory_order_seq_cst);
    return view_.header->producer.consumer_asleep.exchange(0, std::memory_order_seq_cst) != 0;
  }

  [[nodiscard]] bool consumer_gone() const noexcept {
    const std::uint32_t state = view_.header->states.consumer.load(std::memory_order_acquire);
    return state >= static_cast<std::uint32_t>(RingPeerState::closed);
  }

  [[nodiscard]] std::uint64_t capacity() const noexcept { return view_.capacity(); }
  // Elements offered since the ring was made, the dropped ones included.
  [[nodiscard]] std::uint64_t attempts() const noexcept { return attempts_; }
  [[nodiscard]] std::uint64_t overruns(OverrunCause cause) const noexcept {
    return overruns_[static_cast<std::size_t>(cause)];
  }
  [[nodiscard]] std::uint64_t overruns() const noexcept {
    std::uint64_t sum = 0;
    for (const std::uint64_t count : overruns_) sum += count;
    return sum;
  }
  // Why the last push failed; meaningful after an error.
  [[nodiscard]] OverrunCause last_overrun() const noexcept { return last_overrun_; }

 private:
  RingProducer(RingView view, std::uint64_t head, std::uint64_t tail, std::uint64_t attempts) noexcept
      : view_(view), head_(head), cached_tail_(tail), attempts_(attempts) {}

  // Reads the consumer's index once. It may move forward from the last valid one, never beyond our head.
  [[nodiscard]] RingError refresh_tail() noexcept {
    const std::uint64_t tail = view_.header->consumer.tail.load(std::memory_order_acquire);
    if (head_ - tail > view_.capacity()) return RingError::peer_index_invalid;
    cached_tail_ = tail;
    return head_ - tail == view_.capacity() ? RingError::full : RingError{};
  }

  [[nodiscard]] std::unexpected<RingError> drop(RingError error) noexcept {
    last_overrun_ = error == RingError::peer_index_invalid ? OverrunCause::consumer_invalid : full_cause();
    ++overruns_[static_cast<std::size_t>(last_overrun_)];
    view_.header->producer.attempts.store(attempts_, std::memory_order_relaxed);
    return fail(error);
  }

  [[nodiscard]] OverrunCause full_cause() const noexcept {
    const auto state =
        static_cast<RingPeerState>(view_.header->states.consumer.load(std::memory_order_acquire));
    if (state == RingPeerState::absent) return OverrunCause::consumer_absent;
    if (state != RingPeerState::attached) return OverrunCause::consumer_gone;
    const bool asleep = view_.header->producer.consumer_asleep.load(std::memory_order_relaxed) != 0;
    return asleep || (woke_ && woken_at_ == cached_tail_ + 1) ? OverrunCause::consumer_asleep
                                                              : OverrunCause::consumer_behind;
  }

  [[nodiscard]] PushOutcome wake_if_asleep() noexcept {
    auto& asleep = view_.header->producer.consumer_asleep;
    if (asleep.load(std::memory_order_seq_cst) == 0) return PushOutcome::stored;
    asleep.store(0, std::memory_order_relaxed);
    woke_ = true;
    woken_at_ = head_;  // it has not run since if its tail is still just before the element that woke it
    return PushOutcome::wake_needed;
  }

  RingView view_;
  std::uint64_t head_;
  std::uint64_t cached_tail_;
  std::uint64_t attempts_;
  bool woke_ = false;
  std::uint64_t woken_at_ = 0;
  std::array<std::uint64_t, kOverrunCauses> overruns_{};
  OverrunCause last_overrun_{};
};

}  // namespace capos
