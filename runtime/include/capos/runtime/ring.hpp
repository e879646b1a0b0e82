// SPDX-License-Identifier: Apache-2.0
// The thread's ring and arena: one call at a time, or many operations at once.
//
// One at a time: call() puts a message in, waits, and gives the message that came out; what other operations complete
// meanwhile is kept for reap(). Of the arena it uses the first part, up to limit_calls(): parameters in its first half,
// transfer descriptors behind them, results in its second half. A result stays valid until the next call.
// Many at once: submit() entries with user_data of their own and pieces of the arena of their own, enter(), reap().
// Each thread has its own. Costs: submit and reap a copy of an entry each; enter a system call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "capos/abi/ring.hpp"
#include "capos/abi/syscall.hpp"
#include "capos/runtime/error.hpp"
#include "capos/wire/message.hpp"

namespace capos::runtime {

// Capabilities that travel with a message: add() gives the index to put into the message.
class Transfers {
 public:
  explicit Transfers(abi::TransferDescriptor* descriptors) noexcept : descriptors_(descriptors) {}
  // The receiver gets a copy. More than abi::kMaxTransfers are dropped: the index then names none.
  std::uint32_t add(abi::CapId cap) noexcept { return add(cap, abi::Transfer::copy); }
  // The receiver gets it, the sender has it no more. (Kernel objects take copies only.)
  std::uint32_t move(abi::CapId cap) noexcept { return add(cap, abi::Transfer::move); }
  [[nodiscard]] std::uint32_t count() const noexcept {
    return count_ < abi::kMaxTransfers ? count_ : static_cast<std::uint32_t>(abi::kMaxTransfers);
  }

 private:
  std::uint32_t add(abi::CapId cap, abi::Transfer transfer) noexcept {
    if (count_ < abi::kMaxTransfers) descriptors_[count_] = {cap.raw, static_cast<std::uint32_t>(transfer), 0};
    return count_++;
  }
  abi::TransferDescriptor* descriptors_;
  std::uint32_t count_ = 0;
};

// What a message call brought: the result words, and the capabilities they name.
struct RawReply {
  std::span<const wire::Word> words;
  std::span<const abi::ResultCap> caps;
};

// A ring's queues and arena as its program sees them. O(1) each, no system call.
class RingQueues {
 public:
  // `address`: of the ring. Again after ThreadControl.setRing.
  void attach(std::uint64_t address) noexcept {
    header_ = reinterpret_cast<abi::RingHeader*>(address);
    auto* const base = reinterpret_cast<std::byte*>(header_);
    sq_ = reinterpret_cast<abi::CapSqe*>(base + header_->sq_offset);
    cq_ = reinterpret_cast<abi::CapCqe*>(base + header_->cq_offset);
    sq_mask_ = header_->sq_entries - 1;
    cq_mask_ = header_->cq_entries - 1;
  }
  [[nodiscard]] std::uint64_t address() const noexcept { return reinterpret_cast<std::uint64_t>(header_); }
  // Submissions that fit.
  [[nodiscard]] std::uint32_t entries() const noexcept { return sq_mask_ + 1; }
  [[nodiscard]] std::byte* arena() noexcept { return reinterpret_cast<std::byte*>(header_) + abi::kArenaOffset; }
  // False if the queue is full.
  [[nodiscard]] bool submit(const abi::CapSqe& entry) noexcept {
    const std::uint32_t tail = header_->sq_tail;
    if (tail - __atomic_load_n(&header_->sq_head, __ATOMIC_ACQUIRE) > sq_mask_) return false;
    sq_[tail & sq_mask_] = entry;
    __atomic_store_n(&header_->sq_tail, tail + 1, __ATOMIC_RELEASE);
    return true;
  }
  // The oldest completion that has not been taken.
  [[nodiscard]] std::optional<abi::CapCqe> take() noexcept {
    const std::uint32_t head = header_->cq_head;
    if (__atomic_load_n(&header_->cq_tail, __ATOMIC_ACQUIRE) == head) return std::nullopt;
    const abi::CapCqe completion = cq_[head & cq_mask_];
    __atomic_store_n(&header_->cq_head, head + 1, __ATOMIC_RELEASE);
    return completion;
  }
  // Its thread polls, and has parked: looked at after a submission, or after take() has made room.
  [[nodiscard]] bool needs_wakeup() const noexcept {
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
    return (__atomic_load_n(&header_->flags, __ATOMIC_RELAXED) & abi::kRingNeedsWakeup) != 0;
  }

 private:
  abi::RingHeader* header_ = nullptr;
  abi::CapSqe* sq_ = nullptr;
  abi::CapCqe* cq_ = nullptr;
  std::uint32_t sq_mask_ = 0, cq_mask_ = 0;
};

class CallRing : private RingQueues {
 public:
  static constexpr std::uint64_t kNoLimit = ~std::uint64_t{0};
  // The user_data of call() and release(); not for others.
  static constexpr std::uint64_t kOwnData = ~std::uint64_t{0};

  // `address` as given to _start.
  void attach(std::uint64_t address) noexcept {
    RingQueues::attach(address);
    kept_ = own_kept_;
  }
  // A ring of so many submission entries, see ThreadControl.setRing; `control`: "self.thread", a ThreadControl. What call() must put by goes
  // to `kept` from then on, which must hold kept_for(entries) completions and live as long as the thread. Before anything
  // was submitted, or after everything was reaped. Errors: those of setRing; quotaExceeded if `kept` is too small.
  [[nodiscard]] Result<void> resize(abi::CapId control, std::uint32_t entries,
                                    std::span<abi::CapCqe> kept) noexcept;
  // Every operation there can be, and a full queue besides.
  [[nodiscard]] static constexpr std::uint32_t kept_for(std::uint32_t entries) noexcept {
    return abi::ring_operations(entries) + 2 * entries;
  }
  using RingQueues::entries;

  // --- one at a time
  [[nodiscard]] std::span<wire::Word> params_area() noexcept {
    return {reinterpret_cast<wire::Word*>(arena()), transfers_offset() / sizeof(wire::Word)};
  }
  [[nodiscard]] Transfers transfers() noexcept {
    return Transfers(reinterpret_cast<abi::TransferDescriptor*>(arena() + transfers_offset()));
  }
  // Submits one CALL and waits for its completion.
  [[nodiscard]] Result<RawReply> call(abi::CapId cap, std::uint64_t interface_id, std::uint16_t method,
                                      std::uint32_t params_words, std::uint32_t transfers) noexcept;
  // Gives a capability back.
  Result<void> release(abi::CapId cap) noexcept;
  // call() keeps to the arena's first `bytes` from now on: a multiple of 16, at least 4096.
  void limit_calls(std::uint32_t bytes) noexcept { calls_bytes_ = bytes; }

  // --- many at once
  using RingQueues::arena;
  // If the queue is full, enter() makes room, unless an entry at its head must wait.
  using RingQueues::submit;
  // Hands what was submitted to the kernel and waits until reap() has at least `wanted` completions, or `timeout_ns` are
  // over. Calls on endpoints are made while this waits. The number of completions there are.
  std::uint32_t enter(std::uint32_t wanted, std::uint64_t timeout_ns) noexcept;
  // The oldest completion that has not been taken.
  [[nodiscard]] std::optional<abi::CapCqe> reap() noexcept {
    if (kept_count_ != 0) [[unlikely]] return take_kept();
    return take();
  }
  // Waits for the completion of the operation with that user_data; others are kept for reap().
  [[nodiscard]] abi::CapCqe await(std::uint64_t user_data) noexcept { return await(user_data, user_data); }
  // The same, for one of two.
  [[nodiscard]] abi::CapCqe await(std::uint64_t user_data, std::uint64_t or_this) noexcept;

 private:
  static constexpr std::uint32_t kKept = abi::kRingOperations + abi::kCompletionEntries;

  [[nodiscard]] std::uint32_t results_offset() const noexcept { return calls_bytes_ / 2; }
  [[nodiscard]] std::uint32_t transfers_offset() const noexcept {
    return results_offset() - abi::kMaxTransfers * static_cast<std::uint32_t>(sizeof(abi::TransferDescriptor));
  }
  [[nodiscard]] abi::CapCqe take_kept() noexcept;
  void keep(const abi::CapCqe& completion) noexcept;
  [[nodiscard]] abi::CapCqe perform(const abi::CapSqe& entry) noexcept;

  std::uint32_t calls_bytes_ = abi::kArenaBytes;
  std::uint32_t kept_first_ = 0, kept_count_ = 0, kept_room_ = kKept;
  abi::CapCqe* kept_ = nullptr;
  abi::CapCqe own_kept_[kKept] = {};
};

// The calling thread's. One load and a branch while the program has one thread, one load more afterwards.
[[nodiscard]] CallRing& call_ring() noexcept;

}  // namespace capos::runtime
