// SPDX-License-Identifier: Apache-2.0
#include "capos/sched/ready_queue.hpp"

#include <bit>

namespace capos::sched {
namespace {

// Precondition: bits != 0.
std::size_t highest_bit(std::uint64_t bits) noexcept {
  if (bits == 0) __builtin_unreachable();  // countl_zero() would ask
  return 63u ^ static_cast<std::size_t>(std::countl_zero(bits));
}

}  // namespace

Context* ReadyQueue::highest() noexcept {
  if (words_ == 0) return nullptr;
  const std::size_t word = highest_bit(words_);
  return &lists_[word * 64 + highest_bit(bitmap_[word])].first();
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
  --size_;
  if (!lists_[priority].empty()) return;
  std::uint64_t& word = bitmap_[priority / 64];
  word &= ~(std::uint64_t{1} << (priority % 64));
  if (word == 0) words_ &= ~(std::uint64_t{1} << (priority / 64));
}

Context* ReadyQueue::next(Context& context) noexcept {
  return lists_[context.priority().value()].next(context);
}

}  // namespace capos::sched
