// SPDX-License-Identifier: Apache-2.0
// Intrusive doubly linked list: every operation O(1), no allocation.
//
// Invariant: a hook is linked into at most one list. A linked object must be unlinked before it dies.
// T derives from ListHook<Tag>; Tag lets one object carry several hooks.
#pragma once

#include <cstddef>

namespace capos {

template <typename Tag>
class ListHook {
 public:
  constexpr ListHook() noexcept = default;
  ListHook(const ListHook&) = delete;
  ListHook& operator=(const ListHook&) = delete;
  [[nodiscard]] bool linked() const noexcept { return next_ != nullptr; }

 private:
  template <typename T, typename U>
  friend class List;
  ListHook* next_ = nullptr;
  ListHook* previous_ = nullptr;
};

template <typename T, typename Tag>
class List {
  using Hook = ListHook<Tag>;

 public:
  constexpr List() noexcept { head_.next_ = head_.previous_ = &head_; }
  List(const List&) = delete;
  List& operator=(const List&) = delete;

  [[nodiscard]] bool empty() const noexcept { return head_.next_ == &head_; }
  [[nodiscard]] T* front() noexcept { return empty() ? nullptr : owner(head_.next_); }
  // The same of a list that is not empty.
  [[nodiscard]] T& first() noexcept { return *static_cast<T*>(&*head_.next_); }
  [[nodiscard]] T* back() noexcept { return empty() ? nullptr : owner(head_.previous_); }
  // The element after `item`, or nullptr at the end.
  [[nodiscard]] T* next(T& item) noexcept {
    Hook* const hook = static_cast<Hook&>(item).next_;
    return hook == &head_ ? nullptr : owner(hook);
  }

  void push_back(T& item) noexcept { link(static_cast<Hook*>(&item), head_.previous_, &head_); }
  void push_front(T& item) noexcept { link(static_cast<Hook*>(&item), &head_, head_.next_); }
  void insert_before(T& position, T& item) noexcept {
    Hook* const at = static_cast<Hook*>(&position);
    link(static_cast<Hook*>(&item), at->previous_, at);
  }
  static void erase(T& item) noexcept {
    Hook* const hook = static_cast<Hook*>(&item);
    hook->previous_->next_ = hook->next_;
    hook->next_->previous_ = hook->previous_;
    hook->next_ = hook->previous_ = nullptr;
  }
  // `first` to `last` stand in this order in one list; they leave it together. Their hooks are left as they are: linked()
  // does not tell, and what follows can only be pushed to a list again.
  static void erase_run(T& first, T& last) noexcept {
    Hook* const before = static_cast<Hook&>(first).previous_;
    Hook* const after = static_cast<Hook&>(last).next_;
    before->next_ = after;
    after->previous_ = before;
  }
  // What erase_run took, to the back, in its order.
  void push_back_run(T& first, T& last) noexcept {
    static_cast<Hook&>(first).previous_ = head_.previous_;
    static_cast<Hook&>(last).next_ = &head_;
    head_.previous_->next_ = &static_cast<Hook&>(first);
    head_.previous_ = &static_cast<Hook&>(last);
  }
  // Elements of no list, one behind the other, that are to go to a list together; at least one.
  class Run {
   public:
    void add(T& item) noexcept {
      Hook* const hook = static_cast<Hook*>(&item);
      last_->next_ = hook;
      hook->previous_ = last_;
      last_ = hook;
    }

   private:
    friend class List;
    Hook head_;
    Hook* last_ = &head_;
  };
  void push_back(Run& run) noexcept { push_back_run(*owner(run.head_.next_), *owner(run.last_)); }
  T* pop_front() noexcept {
    T* const item = front();
    if (item != nullptr) erase(*item);
    return item;
  }

 private:
  static T* owner(Hook* hook) noexcept { return static_cast<T*>(hook); }
  static void link(Hook* hook, Hook* previous, Hook* next) noexcept {
    hook->previous_ = previous;
    hook->next_ = next;
    previous->next_ = hook;
    next->previous_ = hook;
  }
  Hook head_;
};

}  // namespace capos
