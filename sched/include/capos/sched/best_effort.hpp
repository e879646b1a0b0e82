// SPDX-License-Identifier: Apache-2.0
// What runs in the time that no context uses: entities in turn, each for a slice (round robin).
//
// Invariant: the front entity is the one that runs or runs next. A slice ends only when a second entity is
// ready; time lost to contexts does not count. Bounds: every operation O(1).
#pragma once

#include <cstddef>

#include "capos/base/list.hpp"
#include "capos/base/time.hpp"

namespace capos::sched {

inline constexpr Duration kDefaultSlice = Duration::ms(5);

struct BestEffortTag;

class BestEffortEntity : public ListHook<BestEffortTag> {
 public:
  Duration slice = kDefaultSlice;  // > 0
  void* owner = nullptr;           // the kernel's thread; never touched here
  [[nodiscard]] bool ready() const noexcept { return linked(); }
  [[nodiscard]] Duration total_consumed() const noexcept { return total_consumed_; }

 private:
  friend class BestEffortQueue;
  Duration slice_left_{};
  Duration total_consumed_{};
};

class BestEffortQueue {
 public:
  [[nodiscard]] BestEffortEntity* front() noexcept { return list_.front(); }
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool contended() const noexcept { return size_ >= 2; }

  void add(BestEffortEntity& entity) noexcept {
    entity.slice_left_ = entity.slice;
    list_.push_back(entity);
    ++size_;
  }
  void remove(BestEffortEntity& entity) noexcept {
    List<BestEffortEntity, BestEffortTag>::erase(entity);
    --size_;
  }
  void charge(BestEffortEntity& entity, Duration consumed) noexcept {
    entity.slice_left_ -= consumed;
    entity.total_consumed_ += consumed;
  }
  // Sends the front entity to the back with a new slice if its slice is used up, or if it gives it up.
  void rotate_if_due(bool yield) noexcept {
    BestEffortEntity* const entity = list_.front();
    if (entity == nullptr || (!yield && entity->slice_left_ > Duration{})) return;
    entity->slice_left_ = entity->slice;
    list_.erase(*entity);
    list_.push_back(*entity);
  }
  // The rest of the front entity's slice. Precondition: not empty.
  [[nodiscard]] Duration slice_left() noexcept { return list_.front()->slice_left_; }

 private:
  List<BestEffortEntity, BestEffortTag> list_;
  std::size_t size_ = 0;
};

}  // namespace capos::sched
