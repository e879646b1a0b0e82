// SPDX-License-Identifier: Apache-2.0
#include "capos/sched/fair_tree.hpp"

#include <algorithm>

namespace capos::sched {

FairNode* FairTree::better(FairNode* a, FairNode* b) noexcept {
  if (a == nullptr || b == nullptr) return a == nullptr ? b : a;
  if (a->deadline_ != b->deadline_) return virtually_before(b->deadline_, a->deadline_) ? b : a;
  return b->order_ < a->order_ ? b : a;
}

// Height and earliest deadline from the children.
void FairTree::settle(FairNode& node) noexcept {
  node.height_ = 1 + std::max(height(node.left_), height(node.right_));
  node.earliest_ = &node;
  if (node.left_ != nullptr) node.earliest_ = better(node.earliest_, node.left_->earliest_);
  if (node.right_ != nullptr) node.earliest_ = better(node.earliest_, node.right_->earliest_);
}

// `heir` takes the place of `old` below its parent.
void FairTree::put_in_place(FairNode& old, FairNode* heir) noexcept {
  FairNode* const parent = old.parent_;
  if (heir != nullptr) heir->parent_ = parent;
  if (parent == nullptr) {
    root_ = heir;
  } else {
    (parent->left_ == &old ? parent->left_ : parent->right_) = heir;
  }
}

FairNode* FairTree::rotate_left(FairNode& node) noexcept {
  FairNode& up = *node.right_;
  put_in_place(node, &up);
  node.right_ = up.left_;
  if (node.right_ != nullptr) node.right_->parent_ = &node;
  up.left_ = &node;
  node.parent_ = &up;
  settle(node);
  settle(up);
  return &up;
}

FairNode* FairTree::rotate_right(FairNode& node) noexcept {
  FairNode& up = *node.left_;
  put_in_place(node, &up);
  node.left_ = up.right_;
  if (node.left_ != nullptr) node.left_->parent_ = &node;
  up.right_ = &node;
  node.parent_ = &up;
  settle(node);
  settle(up);
  return &up;
}

// The root of the node's subtree after at most two rotations.
FairNode* FairTree::balance(FairNode& node) noexcept {
  const std::uint32_t left = height(node.left_);
  const std::uint32_t right = height(node.right_);
  if (left > right + 1) {
    if (height(node.left_->left_) < height(node.left_->right_)) rotate_left(*node.left_);
    return rotate_right(node);
  }
  if (right > left + 1) {
    if (height(node.right_->right_) < height(node.right_->left_)) rotate_right(*node.right_);
    return rotate_left(node);
  }
  settle(node);
  return &node;
}

// Ends where a subtree is as high as it was and has the same earliest deadline; not before `moved`, which has another
// node's place and its own old figures.
void FairTree::settle_upwards(FairNode* node, const FairNode* moved) noexcept {
  while (node != nullptr) {
    const std::uint32_t height_before = node->height_;
    const FairNode* const earliest_before = node->earliest_;
    const bool passes_moved = node == moved;
    const FairNode* const root = balance(*node);
    const bool same = root->height_ == height_before && root->earliest_ == earliest_before;
    if (same && moved == nullptr) return;
    if (passes_moved) moved = nullptr;
    node = root->parent_;
  }
}

void FairTree::insert(FairNode& node) noexcept {
  node.left_ = node.right_ = node.parent_ = nullptr;
  node.order_ = next_order_++;
  FairNode** link = &root_;
  while (*link != nullptr) {
    node.parent_ = *link;
    link = virtually_before(node.eligible_, (*link)->eligible_) ? &(*link)->left_ : &(*link)->right_;
  }
  *link = &node;
  ++size_;
  settle_upwards(&node, nullptr);
}

void FairTree::remove(FairNode& node) noexcept {
  FairNode* changed = node.parent_;
  FairNode* moved = nullptr;
  if (node.left_ == nullptr || node.right_ == nullptr) {
    put_in_place(node, node.left_ != nullptr ? node.left_ : node.right_);
  } else {
    FairNode* next = node.right_;
    while (next->left_ != nullptr) next = next->left_;
    changed = next->parent_ == &node ? next : next->parent_;
    put_in_place(*next, next->right_);
    next->left_ = node.left_;
    next->right_ = node.right_;  // already without `next`
    next->left_->parent_ = next;
    if (next->right_ != nullptr) next->right_->parent_ = next;
    put_in_place(node, next);
    moved = next;
  }
  node.left_ = node.right_ = node.parent_ = node.earliest_ = nullptr;
  node.height_ = 0;
  --size_;
  settle_upwards(changed, moved);
}

// Where a node is eligible, so is all to its left: what is best there is known, and the rest lies to its right.
FairNode* FairTree::earliest_eligible(Virtual now) const noexcept {
  FairNode* best = nullptr;
  for (FairNode* node = root_; node != nullptr;) {
    if (virtually_before(now, node->eligible_)) {
      node = node->left_;
      continue;
    }
    if (node->left_ != nullptr) best = better(best, node->left_->earliest_);
    best = better(best, node);
    node = node->right_;
  }
  return best;
}

FairNode* FairTree::first_eligible() const noexcept {
  FairNode* node = root_;
  while (node != nullptr && node->left_ != nullptr) node = node->left_;
  return node;
}

// Recursion as deep as the tree; debug only.
bool FairTree::subtree_well_formed(const FairNode* node, std::size_t& count) const noexcept {
  if (node == nullptr) return true;
  if (++count > size_) return false;
  for (const FairNode* child : {node->left_, node->right_}) {
    if (child != nullptr && child->parent_ != node) return false;
    if (!subtree_well_formed(child, count)) return false;
  }
  if (node->left_ != nullptr && virtually_before(node->eligible_, node->left_->eligible_)) return false;
  if (node->right_ != nullptr && virtually_before(node->right_->eligible_, node->eligible_)) return false;
  const std::uint32_t left = height(node->left_);
  const std::uint32_t right = height(node->right_);
  if (left > right + 1 || right > left + 1 || node->height_ != 1 + std::max(left, right)) return false;
  FairNode* best = const_cast<FairNode*>(node);
  for (const FairNode* child : {node->left_, node->right_}) {
    if (child != nullptr) best = better(best, child->earliest_);
  }
  return node->earliest_ == best;
}

bool FairTree::well_formed() const noexcept {
  std::size_t count = 0;
  if (root_ != nullptr && root_->parent_ != nullptr) return false;
  return subtree_well_formed(root_, count) && count == size_;
}

}  // namespace capos::sched
