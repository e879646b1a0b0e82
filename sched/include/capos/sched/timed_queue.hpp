// SPDX-License-Identifier: Apache-2.0
// An intrusive queue ordered by time, first in first out among equals.
//
// A leftist heap (C. A. Crane, 1972) with parent links, so that any element can be removed.
// Invariants: no node is later than its children; rank(left) >= rank(right); rank = rank(right) + 1.
// Bounds: earliest O(1); insert and remove O(log n) worst case, at most 2 log2(n + 1) steps; no allocation.
#pragma once

#include <cstddef>
#include <cstdint>

#include "capos/base/time.hpp"

namespace capos::sched {

class TimedNode {
 public:
  constexpr TimedNode() noexcept = default;
  TimedNode(const TimedNode&) = delete;
  TimedNode& operator=(const TimedNode&) = delete;
  [[nodiscard]] bool queued() const noexcept { return rank_ != 0; }
  // Meaningful while queued.
  [[nodiscard]] Time when() const noexcept { return when_; }

 private:
  friend class TimedHeap;
  Time when_{};
  std::uint64_t order_ = 0;  // breaks ties: earlier insertion first
  TimedNode* left_ = nullptr;
  TimedNode* right_ = nullptr;
  TimedNode* parent_ = nullptr;
  std::uint32_t rank_ = 0;  // length of the rightmost path; 0 = not queued
};

class TimedHeap {
 public:
  constexpr TimedHeap() noexcept = default;
  TimedHeap(const TimedHeap&) = delete;
  TimedHeap& operator=(const TimedHeap&) = delete;

  [[nodiscard]] bool empty() const noexcept { return root_ == nullptr; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] TimedNode* earliest() const noexcept { return root_; }
  void insert(TimedNode& node, Time when) noexcept;  // the node must not be queued
  // The node must be queued here. Most often it is the earliest, and has no two children to merge.
  void remove(TimedNode& node) noexcept {
    if (root_ != &node || node.right_ != nullptr) return remove_inner(node);
    root_ = node.left_;
    if (root_ != nullptr) root_->parent_ = nullptr;
    node.rank_ = 0;
    --size_;
  }

  // Every invariant of the structure, in O(n); for debug kernels and tests.
  [[nodiscard]] bool well_formed() const noexcept;
  // Pre-order walk: the root for nullptr, nullptr at the end. O(n) in all.
  [[nodiscard]] TimedNode* walk_next(const TimedNode* node) const noexcept;

 private:
  void remove_inner(TimedNode& node) noexcept;
  static bool before(const TimedNode& a, const TimedNode& b) noexcept;
  static std::uint32_t rank(const TimedNode* node) noexcept { return node == nullptr ? 0 : node->rank_; }
  static bool settle(TimedNode& node) noexcept;
  static TimedNode* merge(TimedNode* a, TimedNode* b) noexcept;

  TimedNode* root_ = nullptr;
  std::size_t size_ = 0;
  std::uint64_t next_order_ = 0;
};

// T derives from TimedNode.
template <typename T>
class TimedQueue {
 public:
  [[nodiscard]] bool empty() const noexcept { return heap_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return heap_.size(); }
  [[nodiscard]] T* earliest() const noexcept { return static_cast<T*>(heap_.earliest()); }
  [[nodiscard]] Time earliest_time() const noexcept {
    return heap_.empty() ? Time::never() : heap_.earliest()->when();
  }
  void insert(T& item, Time when) noexcept { heap_.insert(item, when); }
  void remove(T& item) noexcept { heap_.remove(item); }
  [[nodiscard]] bool well_formed() const noexcept { return heap_.well_formed(); }
  [[nodiscard]] T* walk_next(const T* item) const noexcept { return static_cast<T*>(heap_.walk_next(item)); }

 private:
  TimedHeap heap_;
};

}  // namespace capos::sched
