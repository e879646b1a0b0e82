// SPDX-License-Identifier: Apache-2.0
#include "capos/sched/refill_list.hpp"

#include <algorithm>

namespace capos::sched {

void RefillList::reset(Time first, Duration budget, bool apart) noexcept {
  apart_ = apart;
  first_ = 0;
  size_ = 1;
  slots_[0] = {first, budget};
}

bool RefillList::merge_due(Time at_time) noexcept {
  Duration merged{};
  while (size_ != 0 && head().time <= at_time) {
    merged += head().amount;
    pop_head();
  }
  if (merged == Duration{}) return false;
  first_ = (first_ + kMaxRefills - 1) % kMaxRefills;
  ++size_;
  slots_[first_] = {at_time, merged};
  return true;
}

// Beyond the whole budget every refill has been taken n times over: all move n periods on. What remains is
// less than the budget, so that charge() visits each refill once at most.
inline Duration RefillList::fold_whole_budgets(Duration consumed, Duration period) noexcept {
  Refill &head = first(), &second = at(1);
  const Duration budget = size_ == 2 ? head.amount + second.amount : total();
  if (consumed < budget) return consumed;
  const std::int64_t times = consumed < budget * 2 ? 1 : consumed / budget;
  head.time += period * times;
  if (size_ > 1) second.time += period * times;
  for (std::size_t i = 2; i < size_; ++i) at(i).time += period * times;
  return consumed - budget * times;
}

void RefillList::charge(Duration consumed, Duration period) noexcept {
  // The usual case: the head has more, and the tail returns when this piece does.
  if (size_ > 1 && consumed < head().amount) {
    Refill& last = at(size_ - 1);
    if (last.time == head().time + period) {
      first().amount -= consumed;
      last.amount += consumed;
      return;
    }
  }
  charge_pieces(consumed, period);
}

void RefillList::charge_pieces(Duration consumed, Duration period) noexcept {
  if (consumed >= head().amount) consumed = fold_whole_budgets(consumed, period);
  while (consumed > Duration{}) {
    Refill& from = at(0);
    const Refill piece{from.time + period, std::min(consumed, from.amount)};
    from.amount -= piece.amount;
    const bool keep_head = from.amount > Duration{};
    if (!keep_head) pop_head();
    return_later(piece, keep_head);
    consumed -= piece.amount;
  }
}

// Appends a piece that returns at piece.time, which no refill is after. It joins the tail if that is due at
// the same time, or if the tail is too small to stand alone or the list is full: then the tail returns later.
void RefillList::return_later(Refill piece, bool keep_head) noexcept {
  const bool tail_is_free = size_ > (keep_head ? 1u : 0u);
  if (tail_is_free) {
    Refill& last = at(size_ - 1);
    if (last.time == piece.time || last.amount < kMinBudget || size_ == kMaxRefills) {
      last = {piece.time, last.amount + piece.amount};
      return;
    }
  }
  ++size_;
  at(size_ - 1) = piece;
}

void RefillList::gather_pieces() noexcept {
  const Duration half = total() / 2;
  while (size_ > 1 && head().amount < half) {
    const Duration amount = head().amount;
    pop_head();
    at(0).amount += amount;
  }
}

Duration RefillList::run_length_of_several(Time now) const noexcept {
  Duration run = head().amount;
  if (apart_) return run;
  for (std::size_t i = 1; i < size_ && (*this)[i].time <= now + run; ++i) run += (*this)[i].amount;
  return run;
}

Duration RefillList::usable_amount(Time now) const noexcept {
  Duration sum{};
  for (std::size_t i = 0; i < size_ && (*this)[i].time <= now; ++i) sum += (*this)[i].amount;
  return sum;
}

Duration RefillList::total() const noexcept {
  Duration sum{};
  for (std::size_t i = 0; i < size_; ++i) sum += (*this)[i].amount;
  return sum;
}

}  // namespace capos::sched
