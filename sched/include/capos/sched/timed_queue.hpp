// SPDX-License-Identifier: Apache-2.0
// An intrusive queue ordered by time, first in first out among equals unless inserted first.
//
// A red-black tree (R. Bayer 1972; L. Guibas, R. Sedgewick 1978) that knows its first node, as Linux's timerqueue: what is due
// goes out at one end, where a heap would have to find its next root among all the others.
// Invariants: in order of time from left to right, equals in order of insertion, but for insert_first(); no red node has a red child, nor is the root
// red; every way down from a node to where a child is missing has as many black nodes.
// Bounds: earliest O(1); insert and remove O(log n) worst case: at most 2 log2(n + 1) levels down and as many up, two rotations
// on insertion, three on removal; removal of the earliest O(1) amortised. No allocation.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "capos/base/time.hpp"

namespace capos::sched {

class TimedNode {
 public:
  constexpr TimedNode() noexcept = default;
  TimedNode(const TimedNode&) = delete;
  TimedNode& operator=(const TimedNode&) = delete;
  [[nodiscard]] bool queued() const noexcept { return colour_ != Colour::none; }
  // Meaningful while queued.
  [[nodiscard]] Time when() const noexcept { return when_; }

 private:
  friend class TimedTree;
  enum class Colour : std::uint8_t { none, red, black };  // none: not queued
  Time when_{};
  TimedNode* parent_ = nullptr;
  std::array<TimedNode*, 2> child_{};  // earlier; later, or as late
  Colour colour_ = Colour::none;
};

class TimedTree {
 public:
  constexpr TimedTree() noexcept = default;
  TimedTree(const TimedTree&) = delete;
  TimedTree& operator=(const TimedTree&) = delete;

  [[nodiscard]] bool empty() const noexcept { return root_ == nullptr; }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] TimedNode* earliest() const noexcept { return first_; }
  // Time::never() if it is empty.
  [[nodiscard]] Time earliest_time() const noexcept { return first_time_; }
  void insert(TimedNode& node, Time when) noexcept {  // the node must not be queued
    node.when_ = when;
    node.child_ = {};
    ++size_;
    if (root_ != nullptr) return insert_below(node);
    node.parent_ = nullptr;
    node.colour_ = TimedNode::Colour::black;
    root_ = first_ = &node;
    first_time_ = when;
  }
  // The same, before its equals. when > 0.
  void insert_first(TimedNode& node, Time when) noexcept {
    insert(node, when - Duration::ns(1));
    node.when_ = when;
    if (first_ == &node) first_time_ = when;
  }
  // The node must be queued here. Most often it is alone.
  void remove(TimedNode& node) noexcept {
    if (--size_ != 0) return remove_among(node);
    node.colour_ = TimedNode::Colour::none;
    root_ = first_ = nullptr;
    first_time_ = Time::never();
  }

  // Every invariant of the structure, in O(n log n); for debug kernels and tests.
  [[nodiscard]] bool well_formed() const noexcept;
  // In order: the first for nullptr, nullptr at the end. O(n) in all.
  [[nodiscard]] TimedNode* walk_next(const TimedNode* node) const noexcept;

 private:
  using Colour = TimedNode::Colour;
  [[gnu::noinline]] void insert_below(TimedNode& node) noexcept;
  [[gnu::noinline]] void remove_among(TimedNode& node) noexcept;
  void take_out(TimedNode& node) noexcept;
  void put_in_place(TimedNode& old, TimedNode* heir) noexcept;
  void rotate(TimedNode& node, bool side) noexcept;
  void settle_red(TimedNode* node) noexcept;
  void settle_short(TimedNode* above, bool side) noexcept;
  static bool is_red(const TimedNode* node) noexcept { return node != nullptr && node->colour_ == Colour::red; }
  static bool side_of(const TimedNode& node) noexcept { return node.parent_->child_[1] == &node; }
  [[nodiscard]] std::size_t blacks_above(const TimedNode* node) const noexcept;

  TimedNode* root_ = nullptr;
  TimedNode* first_ = nullptr;
  Time first_time_ = Time::never();  // its time
  std::size_t size_ = 0;
};

// T derives from TimedNode.
template <typename T>
class TimedQueue {
 public:
  [[nodiscard]] bool empty() const noexcept { return tree_.empty(); }
  [[nodiscard]] std::size_t size() const noexcept { return tree_.size(); }
  [[nodiscard]] T* earliest() const noexcept { return static_cast<T*>(tree_.earliest()); }
  [[nodiscard]] Time earliest_time() const noexcept { return tree_.earliest_time(); }
  void insert(T& item, Time when) noexcept { tree_.insert(item, when); }
  void insert_first(T& item, Time when) noexcept { tree_.insert_first(item, when); }  // before its equals
  void remove(T& item) noexcept { tree_.remove(item); }
  [[nodiscard]] bool well_formed() const noexcept { return tree_.well_formed(); }
  [[nodiscard]] T* walk_next(const T* item) const noexcept { return static_cast<T*>(tree_.walk_next(item)); }

 private:
  TimedTree tree_;
};

}  // namespace capos::sched
