// SPDX-License-Identifier: Apache-2.0
// The consuming side of a shared ring.
//
// One thread of one process holds it. Invariant: only slots between the own tail and a valid published head
// are read, each once, into private memory. Every operation is wait-free: pop and pop_newest cost one slot
// copy and one read of the producer's line when the known elements are used up. A hostile producer can send
// any bytes and any stamps, hence wrong elements, but cannot make this side read outside the slots or loop.
#pragma once

#include <array>

#include "capos/shared_buffer/layout.hpp"

namespace capos {

template <typename T>
struct RingItem {
  T element;
  std::uint64_t stamp;    // position among all elements ever offered, from first_index + 1
  std::uint64_t lost;     // elements dropped by the producer between the previous item and this one
  std::uint64_t skipped;  // pop_newest: older elements passed over
  bool wake_needed;       // the producer sleeps for want of space: signal it
};

template <typename T>
class RingConsumer {
 public:
  // Takes the consuming end of the ring in `memory`; the same rules and errors as RingProducer::attach.
  [[nodiscard]] static ResultOf<RingConsumer, RingError> attach(std::span<std::byte> memory) noexcept {
    const RingView view = TRY(detail::check_ring(memory, sizeof(T), sizeof(RingSlot<T>)));
    const std::uint64_t tail = view.header->consumer.tail.load(std::memory_order_acquire);
    const std::uint64_t head = view.header->producer.head.load(std::memory_order_acquire);
    if (head - tail > view.capacity()) return fail(RingError::bad_indices);
    view.header->states.consumer.store(static_cast<std::uint32_t>(RingPeerState::attached),
                                       std::memory_order_release);
    return RingConsumer(view, tail, head, view.header->consumer.last_stamp.load(std::memory_order_acquire));
  }

  // Takes the oldest element. Errors: empty, peer_index_invalid (both counted as underruns), stale_slot (the
  // slot is passed over and counted).
  [[nodiscard]] ResultOf<RingItem<T>, RingError> pop() noexcept {
    if (tail_ == cached_head_) {
      if (const RingError error = refresh_head(); error != RingError{}) return underrun(error);
    }
    return take(0);
  }

  // Takes the newest element and passes over all older ones: what a controller wants of its sensor.
  // The same errors as pop.
  [[nodiscard]] ResultOf<RingItem<T>, RingError> pop_newest() noexcept {
    if (const RingError error = refresh_head(); error != RingError{}) return underrun(error);
    return take(cached_head_ - tail_ - 1);
  }

  // Elements waiting now, at most the capacity; 0 when the producer's index is impossible.
  [[nodiscard]] std::uint64_t available() noexcept {
    return refresh_head() == RingError{} ? cached_head_ - tail_ : 0;
  }

  // True when the caller may now wait: nothing is there after this side declared itself asleep, and the
  // producer has not gone. Never with RingWaits::never. Afterwards, whether it waited or not, call finish_sleep().
  [[nodiscard]] bool prepare_sleep() noexcept {
    if (view_.waits == RingWaits::never) return false;
    view_.header->producer.consumer_asleep.store(1, std::memory_order_seq_cst);
    const std::uint64_t head = view_.header->producer.head.load(std::memory_order_seq_cst);
    return head == tail_ && !producer_gone();
  }
  void finish_sleep() noexcept { view_.header->producer.consumer_asleep.store(0, std::memory_order_relaxed); }

  // Says that nothing more will be taken. Returns true when the producer sleeps and must be notified.
  [[nodiscard]] bool close() noexcept {
    view_.header->states.consumer.store(static_cast<std::uint32_t>(RingPeerState::closed),
                                        std::memory_order_seq_cst);
    return view_.header->consumer.producer_asleep.exchange(0, std::memory_order_seq_cst) != 0;
  }

  // Closed or dead. What it had published before can still be taken.
  [[nodiscard]] bool producer_gone() const noexcept {
    const std::uint32_t state = view_.header->states.producer.load(std::memory_order_seq_cst);
    return state >= static_cast<std::uint32_t>(RingPeerState::closed);
  }

  [[nodiscard]] std::uint64_t capacity() const noexcept { return view_.capacity(); }
  [[nodiscard]] std::uint64_t underruns(UnderrunCause cause) const noexcept {
    return underruns_[static_cast<std::size_t>(cause)];
  }
  [[nodiscard]] std::uint64_t underruns() const noexcept {
    std::uint64_t sum = 0;
    for (const std::uint64_t count : underruns_) sum += count;
    return sum;
  }
  // Why the last pop found nothing; meaningful after an error.
  [[nodiscard]] UnderrunCause last_underrun() const noexcept { return last_underrun_; }
  // Elements known to be dropped by the producer, from gaps in the stamps.
  [[nodiscard]] std::uint64_t lost() const noexcept { return lost_; }
  [[nodiscard]] std::uint64_t stale_slots() const noexcept { return stale_slots_; }

 private:
  RingConsumer(RingView view, std::uint64_t tail, std::uint64_t head, std::uint64_t last_stamp) noexcept
      : view_(view), tail_(tail), cached_head_(head), last_stamp_(last_stamp) {}

  // Reads the producer's index once. It may only move forward from the last valid one, by at most the space
  // that the own tail leaves.
  [[nodiscard]] RingError refresh_head() noexcept {
    const std::uint64_t head = view_.header->producer.head.load(std::memory_order_acquire);
    if (head - tail_ > view_.capacity() || head - tail_ < cached_head_ - tail_)
      return RingError::peer_index_invalid;
    cached_head_ = head;
    return head == tail_ ? RingError::empty : RingError{};
  }

  // Copies the slot `skip` ahead of the tail and frees it with all before it.
  [[nodiscard]] ResultOf<RingItem<T>, RingError> take(std::uint64_t skip) noexcept {
    const RingSlot<T>* const slot = view_.slot<T>(tail_ + skip);
    // volatile: one load, so that what is checked is what is used
    const std::uint64_t stamp = *const_cast<const volatile std::uint64_t*>(&slot->stamp);
    RingItem<T> item{slot->element, stamp, 0, skip, false};
    tail_ += skip + 1;
    const std::uint64_t step = stamp - last_stamp_;
    // Stamps grow by one for each element and each drop; half the number range tells forward from backward.
    const bool forward = step > skip && step < (std::uint64_t{1} << 63);
    if (forward) {
      item.lost = step - skip - 1;
      lost_ += item.lost;
      last_stamp_ = stamp;
    }
    item.wake_needed = publish_tail();
    if (forward) return item;
    ++stale_slots_;
    return fail(RingError::stale_slot);
  }

  [[nodiscard]] bool publish_tail() noexcept {
    view_.header->consumer.last_stamp.store(last_stamp_, std::memory_order_relaxed);
    if (!detail::publish(view_.header->consumer.tail, tail_, view_.waits)) return false;
    auto& asleep = view_.header->consumer.producer_asleep;
    if (asleep.load(std::memory_order_seq_cst) == 0) return false;
    asleep.store(0, std::memory_order_relaxed);
    return true;
  }

  [[nodiscard]] std::unexpected<RingError> underrun(RingError error) noexcept {
    last_underrun_ = error == RingError::peer_index_invalid ? UnderrunCause::producer_invalid : empty_cause();
    ++underruns_[static_cast<std::size_t>(last_underrun_)];
    return fail(error);
  }

  [[nodiscard]] UnderrunCause empty_cause() const noexcept {
    const auto state =
        static_cast<RingPeerState>(view_.header->states.producer.load(std::memory_order_acquire));
    if (state == RingPeerState::absent) return UnderrunCause::producer_absent;
    return state == RingPeerState::attached ? UnderrunCause::producer_behind : UnderrunCause::producer_gone;
  }

  RingView view_;
  std::uint64_t tail_;
  std::uint64_t cached_head_;
  std::uint64_t last_stamp_;
  std::uint64_t lost_ = 0;
  std::uint64_t stale_slots_ = 0;
  std::array<std::uint64_t, kUnderrunCauses> underruns_{};
  UnderrunCause last_underrun_{};
};

}  // namespace capos
