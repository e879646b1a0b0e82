// SPDX-License-Identifier: Apache-2.0
// EEVDF's turn (pick, charge a whole request) at native speed, beside the same discipline on std::set and on binary
// heaps. The three run in turn within each iteration, so the ratios are of one run; nanoseconds on a shared machine are
// not comparable between runs.
#include <benchmark/benchmark.h>

#include <chrono>
#include <deque>
#include <queue>
#include <set>
#include <vector>

#include "capos/sched/fair_queue.hpp"
#include "median.hpp"

namespace capos::sched {
namespace {

constexpr int kTurns = 256;

struct Item {
  std::uint64_t eligible = 0;
  std::uint64_t deadline = 0;
  std::uint64_t weight = 1;
  std::uint64_t request = 0;
  std::uint64_t id = 0;
};

struct ByEligible {
  bool operator()(const Item* a, const Item* b) const {
    return a->eligible != b->eligible ? a->eligible < b->eligible : a->id < b->id;
  }
};
struct ByDeadline {
  bool operator()(const Item* a, const Item* b) const {
    return a->deadline != b->deadline ? a->deadline < b->deadline : a->id < b->id;
  }
};
template <typename Order>
struct Reversed {
  bool operator()(const Item* a, const Item* b) const { return Order{}(b, a); }
};

// Those that wait for virtual time, and those that are eligible: each queue ordered by what it asks for.
struct Sets {
  std::set<Item*, ByEligible> waiting;
  std::set<Item*, ByDeadline> eligible;
  void add(Item& item) { waiting.insert(&item); }
  Item* pick(std::uint64_t now) {
    while (!waiting.empty() && (*waiting.begin())->eligible <= now) {
      eligible.insert(waiting.extract(waiting.begin()).value());
    }
    return eligible.empty() ? *waiting.begin() : *eligible.begin();
  }
  void take(Item& item) {
    if (eligible.erase(&item) == 0) waiting.erase(&item);
  }
};

struct Heaps {
  std::priority_queue<Item*, std::vector<Item*>, Reversed<ByEligible>> waiting;
  std::priority_queue<Item*, std::vector<Item*>, Reversed<ByDeadline>> eligible;
  bool from_waiting = false;
  void add(Item& item) { waiting.push(&item); }
  Item* pick(std::uint64_t now) {
    for (; !waiting.empty() && waiting.top()->eligible <= now; waiting.pop()) eligible.push(waiting.top());
    from_waiting = eligible.empty();
    return from_waiting ? waiting.top() : eligible.top();
  }
  void take(Item&) { from_waiting ? waiting.pop() : eligible.pop(); }
};

template <typename Queue>
struct Rival {
  explicit Rival(std::size_t count) : items(count) {
    for (std::size_t i = 0; i < count; ++i) {
      Item& item = items[i];
      item.id = i;
      item.weight = 1 + i * 37 % 200;
      item.request = 1'000'000 + i * 977 % 3'000'000;
      item.deadline = (item.request << kVirtualBits) / item.weight;
      weight += item.weight;
      queue.add(item);
    }
  }
  void turn() {
    Item& item = *queue.pick(now);
    queue.take(item);
    const std::uint64_t units = item.request << kVirtualBits;
    now += units / weight;
    item.eligible += units / item.weight;
    item.deadline = item.eligible + units / item.weight;
    queue.add(item);
  }
  std::deque<Item> items;
  Queue queue;
  std::uint64_t weight = 0;
  std::uint64_t now = 0;
};

struct Ours {
  explicit Ours(std::size_t count) : entities(count) {
    for (std::size_t i = 0; i < count; ++i) {
      queue.set_weight(entities[i], static_cast<std::uint32_t>(1 + i * 37 % 200));
      queue.set_request(entities[i], Duration::ns(static_cast<std::int64_t>(1'000'000 + i * 977 % 3'000'000)));
      queue.add(entities[i]);
    }
  }
  void turn() {
    FairEntity& entity = *queue.pick();
    queue.charge(entity, entity.request_left());
  }
  std::deque<FairEntity> entities;
  FairQueue queue;
};

template <typename Subject>
double time_of(Subject& subject) {
  const auto start = std::chrono::steady_clock::now();
  for (int turn = 0; turn < kTurns; ++turn) subject.turn();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

void fair_turn(benchmark::State& state) {
  const auto count = static_cast<std::size_t>(state.range(0));
  Ours ours(count);
  Rival<Sets> sets(count);
  Rival<Heaps> heaps(count);
  Passes our_time, set_time, heap_time;
  for (auto _ : state) {
    const double mine = time_of(ours);
    our_time.add(mine);
    set_time.add(time_of(sets));
    heap_time.add(time_of(heaps));
    state.SetIterationTime(mine);
  }
  state.SetItemsProcessed(state.iterations() * kTurns);
  state.counters["set/fair"] = set_time.by(our_time);
  state.counters["heap/fair"] = heap_time.by(our_time);
}
BENCHMARK(fair_turn)->RangeMultiplier(10)->Range(10, 100'000)->UseManualTime();

}  // namespace
}  // namespace capos::sched
