// SPDX-License-Identifier: Apache-2.0
// The certificate checker as a sequence of short steps, for who must not work at it for long at a time.
//
// Invariants: a step looks at no more than kLooks tasks, calls, hops, interrupt sources, or pairs of them, whatever the certificate says:
// about 2000 instructions. check_certificate() and longest_busy() (certificate.hpp) are these steps, all of them at once, so
// there is one checker. Between two steps neither the certificate nor what it points to may change: who lets others in
// must notice, and begin again. No allocation.
#pragma once

#include "capos/sched/certificate.hpp"

namespace capos::sched {

namespace claims {

// A look judges one thing, or one pair, or adds one term to a sum.
inline constexpr unsigned kLooks = 16;

// A sum of non-negative nanoseconds that remembers whether it left 63 bits.
class Sum {
 public:
  void add(Duration amount) noexcept { add_times(1, amount); }
  void add_times(std::int64_t count, Duration amount) noexcept {
    std::int64_t product = 0;
    overflow_ |= __builtin_mul_overflow(count, amount.ns(), &product);
    overflow_ |= __builtin_add_overflow(sum_, product, &sum_);
  }
  [[nodiscard]] bool overflow() const noexcept { return overflow_; }
  [[nodiscard]] Duration value() const noexcept { return Duration::ns(sum_); }

 private:
  std::int64_t sum_ = 0;
  bool overflow_ = false;
};

// What a CPU may have to do in a window, as far as it has been summed up (claimed_work.hpp).
struct Work {
  Sum sum;
  std::int64_t jobs = 0;
  Duration blocking{};     // the longest so far
  std::uint32_t next = 0;  // which task, or after them which interrupt source, is to be looked at
};

// What the looks at one thing have found so far, each to its own meaning.
struct SoFar {
  Work work;
  Duration window{};
  std::int64_t jobs = 0;
  std::uint32_t points = 0;
  std::size_t found = 0;
};

// How far a check is: in which family of inequalities, at which thing, and at which second one of the pairs with it.
struct Progress : SoFar {
  const Certificate* certificate = nullptr;
  MachineFacts machine{};
  std::size_t family = 0, index = 0, inner = 0;
  std::array<std::uint16_t, kMaxClaimedTasks> predecessors{};  // of triggered tasks, as far as chains have been looked at
};

}  // namespace claims

class Check {
 public:
  // Both outlive the check.
  void begin(const Certificate& certificate, const MachineFacts& machine) noexcept;
  // The next step. True: every inequality holds. False: there is more to do. An error ends the check.
  [[nodiscard]] ResultOf<bool, Refusal> step() noexcept;

 private:
  claims::Progress progress_;
};

// longest_busy() in steps, of the same length.
class BusySearch {
 public:
  void begin(const Certificate& certificate, CpuId cpu, Duration limit) noexcept;
  // The next step: true if it is found. Errors: as longest_busy().
  [[nodiscard]] ResultOf<bool, Refusal> step() noexcept;
  [[nodiscard]] Duration found() const noexcept { return window_; }

 private:
  const Certificate* certificate_ = nullptr;
  CpuId cpu_{};
  Duration limit_{}, window_{};
  std::uint32_t points_ = 0;
  claims::Work work_;
};

}  // namespace capos::sched
