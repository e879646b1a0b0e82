// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <vector>

#include "capos/sched/timed_queue.hpp"
#include "random.hpp"

namespace capos::sched {
namespace {

using test::Random;

struct Item : TimedNode {
  int id = 0;
};

TEST(TimedQueue, EmptyHasNoEarliest) {
  const TimedQueue<Item> queue;
  EXPECT_TRUE(queue.empty());
  EXPECT_EQ(queue.earliest(), nullptr);
  EXPECT_TRUE(queue.earliest_time().is_never());
}

TEST(TimedQueue, EqualTimesLeaveInOrderOfInsertion) {
  TimedQueue<Item> queue;
  std::vector<Item> items(64);
  for (std::size_t i = 0; i < items.size(); ++i) {
    items[i].id = static_cast<int>(i);
    queue.insert(items[i], Time::from_ns(5));
  }
  for (int expected = 0; expected < 64; ++expected) {
    Item* const item = queue.earliest();
    ASSERT_EQ(item->id, expected);
    queue.remove(*item);
    EXPECT_FALSE(item->queued());
  }
}

// Against std::multimap, which keeps equal keys in order of insertion too.
class Fuzz {
 public:
  explicit Fuzz(std::uint64_t seed) : random_(seed), items_(200) {
    for (std::size_t i = 0; i < items_.size(); ++i) items_[i].id = static_cast<int>(i);
  }
  void step() {
    const bool first = !queue_.empty() && random_.chance(30);
    Item& item = first ? *queue_.earliest() : items_[static_cast<std::size_t>(random_.between(0, 199))];
    const auto entry = places_.find(item.id);
    if (entry == places_.end()) {
      const Time when = Time::from_ns(static_cast<std::uint64_t>(random_.between(0, 50)));
      queue_.insert(item, when);
      places_[item.id] = reference_.emplace(when, item.id);
    } else {
      queue_.remove(item);
      reference_.erase(entry->second);
      places_.erase(entry);
    }
    ASSERT_EQ(queue_.size(), reference_.size());
    ASSERT_EQ(queue_.empty(), reference_.empty());
    if (!reference_.empty()) {
      ASSERT_EQ(queue_.earliest_time(), reference_.begin()->first);
      ASSERT_EQ(queue_.earliest()->id, reference_.begin()->second);
    }
  }
  [[nodiscard]] bool well_formed() const { return queue_.well_formed(); }
  [[nodiscard]] bool in_order() const {
    const Item* item = queue_.walk_next(nullptr);
    for (const auto& [when, id] : reference_) {
      if (item == nullptr || item->id != id || item->when() != when) return false;
      item = queue_.walk_next(item);
    }
    return item == nullptr;
  }

 private:
  Random random_;
  TimedQueue<Item> queue_;
  std::vector<Item> items_;
  std::multimap<Time, int> reference_;
  std::map<int, std::multimap<Time, int>::iterator> places_;
};

TEST(TimedQueue, AgreesWithMultimap) {
  for (std::uint64_t seed = 0; seed < 20; ++seed) {
    Fuzz fuzz(seed);
    for (int i = 0; i < 20'000; ++i) {
      fuzz.step();
      if (::testing::Test::HasFatalFailure()) return;
      if (i % 50 == 0) {
        ASSERT_TRUE(fuzz.well_formed()) << "seed " << seed << " step " << i;
        ASSERT_TRUE(fuzz.in_order()) << "seed " << seed << " step " << i;
      }
    }
  }
}

// As releases go: the first is taken out and comes again behind most others.
TEST(TimedQueue, TheFirstGoesToTheBackForLong) {
  TimedQueue<Item> queue;
  std::vector<Item> items(1'000);
  Random random(2);
  for (Item& item : items) queue.insert(item, Time::from_ns(static_cast<std::uint64_t>(random.between(0, 999'999))));
  Time last{};
  for (int turn = 0; turn < 50'000; ++turn) {
    Item& first = *queue.earliest();
    ASSERT_GE(first.when(), last);
    last = first.when();
    queue.remove(first);
    queue.insert(first, last + random.duration(Duration::us(900), Duration::ms(1)));
    if (turn % 100 == 0) {
      ASSERT_TRUE(queue.well_formed()) << turn;
    }
  }
}

TEST(TimedQueue, WalkVisitsEachOnce) {
  TimedQueue<Item> queue;
  std::vector<Item> items(300);
  Random random(1);
  for (Item& item : items)
    queue.insert(item, Time::from_ns(static_cast<std::uint64_t>(random.between(0, 99))));
  for (Item* item = queue.walk_next(nullptr); item != nullptr; item = queue.walk_next(item)) ++item->id;
  for (const Item& item : items) EXPECT_EQ(item.id, 1);
}

}  // namespace
}  // namespace capos::sched
