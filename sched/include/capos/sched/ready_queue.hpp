// SPDX-License-Identifier: Apache-2.0
// The ready contexts of one CPU: 256 first-in-first-out lists and a bitmap of those that are not empty.
//
// Invariant: bit p is set if and only if list p is not empty, bit w of the summary if word w is not zero.
// Bounds: every operation O(1); 4 KiB.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "capos/base/list.hpp"
#include "capos/sched/context.hpp"

namespace capos::sched {

class ReadyQueue {
 public:
  static constexpr std::size_t kPriorities = 256;

  [[nodiscard]] Context* highest() noexcept;
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  void push_back(Context& context) noexcept;
  void push_front(Context& context) noexcept;
  void erase(Context& context) noexcept;
  // Of its level, in which it is queued.
  void to_back(Context& context) noexcept {
    List<Context, ReadyTag>::erase(context);
    lists_[context.priority().value()].push_back(context);
  }

  // The one after it in its level.
  [[nodiscard]] Context* next(Context& context) noexcept;
  // For invariant checks: the first context of a level.
  [[nodiscard]] Context* first(std::size_t priority) noexcept { return lists_[priority].front(); }
  [[nodiscard]] bool marked(std::size_t priority) const noexcept {
    return (bitmap_[priority / 64] >> (priority % 64) & 1u) != 0;
  }

 private:
  void mark(std::size_t priority) noexcept {
    bitmap_[priority / 64] |= std::uint64_t{1} << (priority % 64);
    words_ |= std::uint64_t{1} << (priority / 64);
  }

  std::uint64_t words_ = 0;  // bit w: word w of the bitmap is not zero
  std::array<std::uint64_t, kPriorities / 64> bitmap_{};
  std::array<List<Context, ReadyTag>, kPriorities> lists_{};
  std::size_t size_ = 0;
};

}  // namespace capos::sched
