// SPDX-License-Identifier: Apache-2.0
// An intrusive balanced tree ordered by eligible time, in which each node knows the earliest deadline below it: so the
// earliest deadline among all that are eligible is one walk from the root.
//
// An AVL tree (G. Adelson-Velsky, E. Landis 1962), augmented as I. Stoica and H. Abdel-Wahab propose for EEVDF (1995).
// Invariants: for any node, eligible times to its left are not later, to its right not earlier; heights of its children
// differ by at most 1; height = 1 + the larger; earliest = the least deadline of its subtree, first in first out among
// equals. Virtual times wrap: they are compared by their signed difference, so all of a tree lie within 2^62 of each
// other. Bounds: insert, remove, find: at most 1.45 log2(n + 2) levels, two rotations on a level. No allocation.
#pragma once

#include <cstddef>
#include <cstdint>

namespace capos::sched {

// Virtual time: weighted service in units of 2^-kVirtualBits ns, modulo 2^64.
using Virtual = std::uint64_t;
[[nodiscard]] constexpr bool virtually_before(Virtual a, Virtual b) noexcept {
  return static_cast<std::int64_t>(a - b) < 0;
}

class FairNode {
 public:
  constexpr FairNode() noexcept = default;
  FairNode(const FairNode&) = delete;
  FairNode& operator=(const FairNode&) = delete;
  [[nodiscard]] bool queued() const noexcept { return height_ != 0; }
  [[nodiscard]] Virtual eligible() const noexcept { return eligible_; }
  [[nodiscard]] Virtual deadline() const noexcept { return deadline_; }

 protected:
  friend class FairTree;
  Virtual eligible_ = 0;
  Virtual deadline_ = 0;

 private:
  FairNode* left_ = nullptr;
  FairNode* right_ = nullptr;
  FairNode* parent_ = nullptr;
  FairNode* earliest_ = nullptr;  // of the subtree, by deadline, then by order_
  std::uint64_t order_ = 0;
  std::uint32_t height_ = 0;  // 0: not queued
};

class FairTree {
 public:
  constexpr FairTree() noexcept = default;
  FairTree(const FairTree&) = delete;
  FairTree& operator=(const FairTree&) = delete;

  [[nodiscard]] bool empty() const noexcept { return root_ == nullptr; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  void insert(FairNode& node) noexcept;  // by the times it holds; it must not be queued
  void remove(FairNode& node) noexcept;  // it must be queued here
  // The earliest deadline among the nodes that are eligible at `now`; nullptr if none is.
  [[nodiscard]] FairNode* earliest_eligible(Virtual now) const noexcept;
  // The node that is eligible first; nullptr if empty.
  [[nodiscard]] FairNode* first_eligible() const noexcept;

  // Every invariant, in O(n); for debug kernels and tests.
  [[nodiscard]] bool well_formed() const noexcept;

 private:
  static std::uint32_t height(const FairNode* node) noexcept { return node == nullptr ? 0 : node->height_; }
  static FairNode* better(FairNode* a, FairNode* b) noexcept;
  static void settle(FairNode& node) noexcept;
  void put_in_place(FairNode& old, FairNode* heir) noexcept;
  FairNode* rotate_left(FairNode& node) noexcept;
  FairNode* rotate_right(FairNode& node) noexcept;
  FairNode* balance(FairNode& node) noexcept;
  void settle_upwards(FairNode* node, const FairNode* moved) noexcept;
  [[nodiscard]] bool subtree_well_formed(const FairNode* node, std::size_t& count) const noexcept;

  FairNode* root_ = nullptr;
  std::size_t size_ = 0;
  std::uint64_t next_order_ = 0;
};

}  // namespace capos::sched
