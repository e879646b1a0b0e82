// SPDX-License-Identifier: Apache-2.0
#include "capos/sched/ready_queue.hpp"

#include <bit>

namespace capos::sched {

Context* ReadyQueue::highest() noexcept {
  for (std::size_t word = bitmap_.size(); word-- > 0;) {
    if (bitmap_[word] == 0) continue;
    const std::size_t bit = 63u - static_cast<std::size_t>(std::countl_zero(bitmap_[word]));
    return lists_[word * 64 + bit].front();
  }
  return nullptr;
}

void ReadyQueue::push_back(Context& context) noexcept {
  const std::size_t priority = context.priority().value();
  lists_[priority].push_back(context);
  mark(priority);
  ++size_;
}

void ReadyQueue::push_front(Context& context) noexcept {
  const std::size_t priority = context.priority().value();
  lists_[priority].push_front(context);
  mark(priority);
  ++size_;
}

void ReadyQueue::erase(Context& context) noexcept {
  const std::size_t priority = context.priority().value();
  List<Context, ReadyTag>::erase(context);
  if (lists_[priority].empty()) bitmap_[priority / 64] &= ~(std::uint64_t{1} << (priority % 64));
  --size_;
}

Context* ReadyQueue::next(Context& context) noexcept {
  return lists_[context.priority().value()].next(context);
}

}  // namespace capos::sched
