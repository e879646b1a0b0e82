// SPDX-License-Identifier: Apache-2.0
#include "capos/sched/timed_queue.hpp"

#include <utility>

namespace capos::sched {

bool TimedHeap::before(const TimedNode& a, const TimedNode& b) noexcept {
  // One comparison of both, without a branch.
  using Key = unsigned __int128;
  return (Key{a.when_.ns()} << 64 | a.order_) < (Key{b.when_.ns()} << 64 | b.order_);
}

// Restores rank order at one node. True if its rank changed, so that its parent must be looked at.
bool TimedHeap::settle(TimedNode& node) noexcept {
  if (rank(node.left_) < rank(node.right_)) std::swap(node.left_, node.right_);
  const std::uint32_t settled = rank(node.right_) + 1;
  const bool changed = node.rank_ != settled;
  node.rank_ = settled;
  return changed;
}

// Merges two heaps whose roots have no parent: down both rightmost paths, which are at most log2(n + 1) long,
// always taking the earlier node, then up again to settle the ranks.
TimedNode* TimedHeap::merge(TimedNode* a, TimedNode* b) noexcept {
  TimedNode* root = nullptr;
  TimedNode* last = nullptr;
  while (a != nullptr && b != nullptr) {
    const bool swap = before(*b, *a);
    TimedNode* const first = swap ? b : a;
    b = swap ? a : b;
    first->parent_ = last;
    (last == nullptr ? root : last->right_) = first;
    last = first;
    a = first->right_;
  }
  TimedNode* const rest = a != nullptr ? a : b;
  if (last == nullptr) return rest;
  last->right_ = rest;
  if (rest != nullptr) rest->parent_ = last;
  // What hangs to the right of each node on the way up is the node below, whose rank is known. No branch: which side is
  // the longer one cannot be foretold.
  std::uint32_t below = rank(rest);
  for (TimedNode* node = last; node != nullptr; node = node->parent_) {
    TimedNode *const left = node->left_, *const right = node->right_;
    const std::uint32_t beside = rank(left);
    const bool swap = beside < below;
    node->left_ = swap ? right : left;
    node->right_ = swap ? left : right;
    below = (swap ? beside : below) + 1;
    node->rank_ = below;
  }
  return root;
}

void TimedHeap::insert(TimedNode& node, Time when) noexcept {
  node.when_ = when;
  node.order_ = next_order_++;
  node.left_ = node.right_ = node.parent_ = nullptr;
  node.rank_ = 1;
  root_ = root_ == nullptr ? &node : merge(root_, &node);
  ++size_;
}

void TimedHeap::remove_inner(TimedNode& node) noexcept {
  TimedNode* const parent = node.parent_;
  if (node.left_ != nullptr) node.left_->parent_ = nullptr;
  if (node.right_ != nullptr) node.right_->parent_ = nullptr;
  TimedNode* const heir = merge(node.left_, node.right_);
  if (heir != nullptr) heir->parent_ = parent;
  if (parent == nullptr) {
    root_ = heir;
  } else {
    (parent->left_ == &node ? parent->left_ : parent->right_) = heir;
  }
  // Each step up that goes on has a rank one higher, so there are at most log2(n + 1) of them.
  for (TimedNode* above = parent; above != nullptr && settle(*above); above = above->parent_) {
  }
  node.rank_ = 0;
  --size_;
}

TimedNode* TimedHeap::walk_next(const TimedNode* node) const noexcept {
  if (node == nullptr) return root_;
  if (node->left_ != nullptr) return node->left_;
  if (node->right_ != nullptr) return node->right_;
  for (const TimedNode* above = node->parent_; above != nullptr; node = above, above = above->parent_) {
    if (above->left_ == node && above->right_ != nullptr) return above->right_;
  }
  return nullptr;
}

bool TimedHeap::well_formed() const noexcept {
  std::size_t count = 0;
  if (root_ != nullptr && root_->parent_ != nullptr) return false;
  for (TimedNode* node = walk_next(nullptr); node != nullptr; node = walk_next(node)) {
    if (++count > size_) return false;
    if (rank(node->left_) < rank(node->right_) || node->rank_ != rank(node->right_) + 1) return false;
    for (const TimedNode* child : {node->left_, node->right_}) {
      if (child != nullptr && (child->parent_ != node || before(*child, *node))) return false;
    }
  }
  return count == size_;
}

}  // namespace capos::sched
