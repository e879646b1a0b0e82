// SPDX-License-Identifier: Apache-2.0
// The bounded list of a sporadic server's refills: how much may be consumed, and from when on.
//
// Rules: M. Stanovich, T. Baker, A. Wang, M. Harbour, "Defects of the POSIX sporadic server and how to
// correct them" (RTAS 2010), with the list bounded as in seL4's MCS kernel. What is consumed from a refill
// that was usable from t on returns at t + period, however late the consumption was observed.
//
// Invariants: 1 to kMaxRefills refills, ordered by time; each amount > 0; amounts sum to the budget;
// last time - first time <= period; no amount ever becomes usable earlier than it was.
// Bounds: every operation O(kMaxRefills), no allocation.
#pragma once

#include <array>
#include <cstddef>

#include "capos/base/time.hpp"

namespace capos::sched {

inline constexpr std::size_t kMaxRefills = 8;

// The least budget that a context may have. A piece below it is not kept apart in the tail of the list but
// returns together with the next piece.
inline constexpr Duration kMinBudget = Duration::us(5);

struct Refill {
  Time time;        // usable from here on
  Duration amount;  // > 0
  constexpr bool operator==(const Refill&) const noexcept = default;
};

class RefillList {
 public:
  // One refill of the whole budget, usable from `first` on. `apart`: run_length() ends with each refill, as each has a deadline
  // of its own (EDF).
  void reset(Time first, Duration budget, bool apart = false) noexcept;

  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] const Refill& operator[](std::size_t index) const noexcept {
    return slots_[(first_ + index) % kMaxRefills];
  }
  [[nodiscard]] const Refill& head() const noexcept { return slots_[first_]; }
  [[nodiscard]] const Refill& tail() const noexcept { return (*this)[size_ - 1]; }
  [[nodiscard]] bool usable(Time now) const noexcept { return head().time <= now; }

  // An activation: what was usable before `at` and is unspent is from now on usable from `at`, in one piece.
  // `at` is the scheduled release for a periodic job, the time of waking otherwise.
  // True if the head is usable at `at` then.
  bool activate(Time at) noexcept {
    Refill& head = first();
    if (head.time > at) return false;
    if (size_ == 1) {
      head.time = at;
      return true;
    }
    Refill& second = this->at(1);
    if (second.time > at) {
      head.time = at;
      return true;
    }
    if (size_ != 2) return merge_due(at);
    second = {at, head.amount + second.amount};  // as after most jobs: what was left of the budget, and what was taken
    pop_head();
    return true;
  }

  // Takes `consumed` from the head on and returns it one `period` after the head became usable. More than is
  // usable (a late timer) is taken from the refills to come. Range: consumed >= 0, period > 0.
  void charge(Duration consumed, Duration period) noexcept;

  // For a list whose head is not usable: pieces join until the head holds at least half of the budget, and
  // all of them return with the last. So a spent budget is waited for at most twice in a period, however its
  // owner cut it up.
  void gather() noexcept {
    if (size_ == 1 || (size_ == 2 && at(1).amount <= head().amount)) return;
    gather_pieces();
  }

  // How long the owner may run from `now` on without a break: refills that become usable meanwhile count, unless kept apart.
  // Zero if the head is not usable.
  [[nodiscard]] Duration run_length(Time now) const noexcept {
    if (!usable(now)) return {};
    if (size_ == 1 || (*this)[1].time > now + head().amount) return head().amount;
    return run_length_of_several(now);
  }

  // The sum of what is usable at `now`.
  [[nodiscard]] Duration usable_amount(Time now) const noexcept;
  [[nodiscard]] Duration total() const noexcept;

 private:
  [[nodiscard]] Refill& first() noexcept { return slots_[first_]; }
  [[nodiscard]] Refill& at(std::size_t index) noexcept { return slots_[(first_ + index) % kMaxRefills]; }
  void pop_head() noexcept {
    first_ = (first_ + 1) % kMaxRefills;
    --size_;
  }
  // What is not the usual case of activate(), run_length(), charge() and gather().
  [[nodiscard]] Duration run_length_of_several(Time now) const noexcept;
  [[gnu::noinline]] bool merge_due(Time at) noexcept;
  [[gnu::noinline]] void charge_pieces(Duration consumed, Duration period) noexcept;
  [[gnu::noinline]] void gather_pieces() noexcept;
  void return_later(Refill piece, bool keep_head) noexcept;
  [[nodiscard]] Duration fold_whole_budgets(Duration consumed, Duration period) noexcept;

  std::array<Refill, kMaxRefills> slots_{};
  std::size_t first_ = 0;
  std::size_t size_ = 0;
  bool apart_ = false;
};

}  // namespace capos::sched
