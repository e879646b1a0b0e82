// SPDX-License-Identifier: Apache-2.0
#include "capos/sched/timed_queue.hpp"

#include <cstddef>

namespace capos::sched {

// `heir` takes the place of `old` below its parent.
inline void TimedTree::put_in_place(TimedNode& old, TimedNode* heir) noexcept {
  TimedNode* const parent = old.parent_;
  if (heir != nullptr) heir->parent_ = parent;
  if (parent == nullptr) {
    root_ = heir;
  } else {
    parent->child_[parent->child_[1] == &old] = heir;
  }
}

// The node's child on that side takes its place, and the node becomes that one's child on the other side.
inline void TimedTree::rotate(TimedNode& node, bool side) noexcept {
  TimedNode& up = *node.child_[side];
  TimedNode* const between = up.child_[!side];
  node.child_[side] = between;
  if (between != nullptr) between->parent_ = &node;
  put_in_place(node, &up);
  up.child_[!side] = &node;
  node.parent_ = &up;
}

void TimedTree::insert_below(TimedNode& node) noexcept {
  const Time when = node.when_;
  TimedNode* above = nullptr;
  bool later = false;
  for (TimedNode* at = root_; at != nullptr; at = at->child_[later]) {
    above = at;
    later = when >= at->when_;
  }
  above->child_[later] = &node;
  node.parent_ = above;
  node.colour_ = Colour::red;
  if (when < first_time_) {
    first_ = &node;
    first_time_ = when;
  }
  if (above->colour_ == Colour::red) settle_red(&node);
}

// A red node below a red one. Where the other child of the node above both is red too, all three change colour, and the question
// goes two levels up.
void TimedTree::settle_red(TimedNode* node) noexcept {
  for (TimedNode* above = node->parent_; is_red(above); above = node->parent_) {
    TimedNode* const top = above->parent_;  // the root is black
    const bool side = side_of(*above);
    TimedNode* const beside = top->child_[!side];
    if (!is_red(beside)) {
      if (node == above->child_[!side]) {
        rotate(*above, !side);
        above = node;
      }
      rotate(*top, side);
      above->colour_ = Colour::black;
      top->colour_ = Colour::red;
      return;
    }
    above->colour_ = beside->colour_ = Colour::black;
    if (top == root_) return;
    top->colour_ = Colour::red;
    node = top;
  }
}

void TimedTree::remove_among(TimedNode& node) noexcept {
  TimedNode* const later = node.child_[1];
  if (&node == first_) {
    first_ = later != nullptr ? later : node.parent_;  // nothing to its left: to its right one red node at most
    first_time_ = first_->when_;
  } else if (later != nullptr && node.child_[0] != nullptr) {
    // The next one leaves its place, and takes the node's.
    TimedNode* next = later;
    while (next->child_[0] != nullptr) next = next->child_[0];
    take_out(*next);
    put_in_place(node, next);
    next->colour_ = node.colour_;
    next->child_ = node.child_;
    for (TimedNode* const child : next->child_) {
      if (child != nullptr) child->parent_ = next;
    }
    node.colour_ = Colour::none;
    return;
  }
  take_out(node);
}

// A node with one child at most, and not alone.
inline void TimedTree::take_out(TimedNode& node) noexcept {
  TimedNode* const child = node.child_[0] != nullptr ? node.child_[0] : node.child_[1];
  const bool black = node.colour_ == Colour::black;
  node.colour_ = Colour::none;
  if (child != nullptr) {  // red, and the node is black
    put_in_place(node, child);
    child->colour_ = Colour::black;
    return;
  }
  TimedNode* const above = node.parent_;
  const bool side = side_of(node);
  above->child_[side] = nullptr;
  if (black) settle_short(above, side);
}

// Below `above`, on that side, the ways down have one black node less than others.
void TimedTree::settle_short(TimedNode* above, bool side) noexcept {
  for (;;) {
    TimedNode* other = above->child_[!side];
    if (other->colour_ == Colour::red) {
      rotate(*above, !side);
      other->colour_ = Colour::black;
      above->colour_ = Colour::red;
      other = above->child_[!side];
    }
    TimedNode *outer = other->child_[!side], *const inner = other->child_[side];
    if (is_red(outer) || is_red(inner)) {
      if (!is_red(outer)) {
        rotate(*other, side);
        outer = other;
        other = inner;
      }
      rotate(*above, !side);
      other->colour_ = above->colour_;
      above->colour_ = outer->colour_ = Colour::black;
      return;
    }
    other->colour_ = Colour::red;
    if (above->colour_ == Colour::red || above == root_) {
      above->colour_ = Colour::black;
      return;
    }
    side = side_of(*above);
    above = above->parent_;
  }
}

TimedNode* TimedTree::walk_next(const TimedNode* node) const noexcept {
  if (node == nullptr) return first_;
  if (TimedNode* next = node->child_[1]; next != nullptr) {
    while (next->child_[0] != nullptr) next = next->child_[0];
    return next;
  }
  TimedNode* above = node->parent_;
  for (; above != nullptr && above->child_[1] == node; above = above->parent_) node = above;
  return above;
}

// Black nodes from the root down to this one.
std::size_t TimedTree::blacks_above(const TimedNode* node) const noexcept {
  std::size_t count = 0;
  for (; node != nullptr; node = node->parent_) count += node->colour_ == Colour::black;
  return count;
}

bool TimedTree::well_formed() const noexcept {
  if (root_ == nullptr) return first_ == nullptr && size_ == 0 && first_time_.is_never();
  if (root_->parent_ != nullptr || first_->child_[0] != nullptr || first_time_ != first_->when_) return false;
  const std::size_t blacks = blacks_above(first_);
  std::size_t count = 0;
  Time before{};
  for (const TimedNode* node = first_; node != nullptr; node = walk_next(node)) {
    if (++count > size_ || !node->queued() || node->when_ < before) return false;
    before = node->when_;
    if (is_red(node) && (node == root_ || is_red(node->parent_))) return false;
    for (const TimedNode* const child : node->child_) {
      if (child == nullptr ? blacks_above(node) != blacks : child->parent_ != node) return false;
    }
  }
  return count == size_;
}

}  // namespace capos::sched
