// SPDX-License-Identifier: Apache-2.0
// The release queue and the ready queue beside std::set and a binary heap, refills beside std::deque, at 10 to 10^5 entries;
// admission beside the textbook's recurrence. All of a case run in turn within each iteration: the ratios are of one run.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <queue>
#include <set>
#include <vector>

#include "capos/sched/analysis.hpp"
#include "capos/sched/ready_queue.hpp"
#include "capos/sched/refill_list.hpp"
#include "capos/sched/timed_queue.hpp"
#include "median.hpp"

namespace capos::sched {
namespace {

constexpr int kTurns = 256;

template <typename Subject>
double time_of(Subject& subject) {
  const auto start = std::chrono::steady_clock::now();
  for (int turn = 0; turn < kTurns; ++turn) subject.turn();
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
}

// Ours first; the counters are the others' median times by ours.
template <typename Ours, typename First, typename Second>
void compare(benchmark::State& state, const char* first_name, const char* second_name) {
  const auto count = static_cast<std::size_t>(state.range(0));
  Ours ours(count);
  First first(count);
  Second second(count);
  Passes our_time, first_time, second_time;
  // An iteration is one turn: what the benchmark waits for is as long as it was told, not kTurns times that.
  while (state.KeepRunningBatch(kTurns)) {
    const double mine = time_of(ours);
    our_time.add(mine);
    first_time.add(time_of(first));
    second_time.add(time_of(second));
    state.SetIterationTime(mine);
  }
  state.counters[first_name] = first_time.by(our_time);
  state.counters[second_name] = second_time.by(our_time);
}

std::uint64_t period_of(std::size_t i) { return 100'000 + i * 7919 % 900'000; }

// --- Who is released next: taken out, and put back a period later.
struct OurReleases {
  struct Item : TimedNode {
    std::uint64_t period = 0;
  };
  explicit OurReleases(std::size_t count) : items(count) {
    for (std::size_t i = 0; i < count; ++i) {
      items[i].period = period_of(i);
      queue.insert(items[i], Time::from_ns(items[i].period));
    }
  }
  void turn() {
    Item& item = *queue.earliest();
    const Time next = item.when() + Duration::ns(static_cast<std::int64_t>(item.period));
    queue.remove(item);
    queue.insert(item, next);
  }
  std::deque<Item> items;
  TimedQueue<Item> queue;
};

struct Release {
  std::uint64_t when, period, order;
  bool operator<(const Release& other) const { return when != other.when ? when < other.when : order < other.order; }
  bool operator>(const Release& other) const { return other < *this; }
};
struct SetReleases {
  explicit SetReleases(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) queue.insert({period_of(i), period_of(i), next++});
  }
  void turn() {
    auto node = queue.extract(queue.begin());
    node.value().when += node.value().period;
    node.value().order = next++;
    queue.insert(std::move(node));
  }
  std::set<Release> queue;
  std::uint64_t next = 0;
};
struct HeapReleases {
  explicit HeapReleases(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) queue.push({period_of(i), period_of(i), next++});
  }
  void turn() {
    Release first = queue.top();
    queue.pop();
    first.when += first.period;
    first.order = next++;
    queue.push(first);
  }
  std::priority_queue<Release, std::vector<Release>, std::greater<>> queue;
  std::uint64_t next = 0;
};
void release_queue(benchmark::State& state) { compare<OurReleases, SetReleases, HeapReleases>(state, "set/ours", "heap/ours"); }
BENCHMARK(release_queue)->RangeMultiplier(10)->Range(10, 100'000)->UseManualTime();

// --- Who runs: the most urgent goes to the end of its priority.
int priority_of(std::size_t i) { return static_cast<int>(i * 37 % 256); }

struct OurReady {
  explicit OurReady(std::size_t count) : contexts(count) {
    for (std::size_t i = 0; i < count; ++i) {
      (void)contexts[i].configure({.budget = Duration::us(10),
                                   .period = {1, 1000},
                                   .deadline = Duration::us(1000),
                                   .priority = Priority(static_cast<std::uint8_t>(priority_of(i))),
                                   .cpu = CpuId(1),
                                   .island = IslandId(1)},
                                  Time{});
      queue.push_back(contexts[i]);
    }
  }
  void turn() {
    Context& first = *queue.highest();
    queue.erase(first);
    queue.push_back(first);
  }
  std::deque<Context> contexts;
  ReadyQueue queue;
};
struct Ready {
  int priority;
  std::uint64_t order;
  bool operator<(const Ready& other) const {  // the most urgent first, of equals the longest there
    return priority != other.priority ? priority > other.priority : order < other.order;
  }
  bool operator>(const Ready& other) const { return other < *this; }
};
struct SetReady {
  explicit SetReady(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) queue.insert({priority_of(i), next++});
  }
  void turn() {
    auto node = queue.extract(queue.begin());
    node.value().order = next++;
    queue.insert(std::move(node));
  }
  std::set<Ready> queue;
  std::uint64_t next = 0;
};
struct HeapReady {
  explicit HeapReady(std::size_t count) {
    for (std::size_t i = 0; i < count; ++i) queue.push({priority_of(i), next++});
  }
  void turn() {
    Ready first = queue.top();
    queue.pop();
    first.order = next++;
    queue.push(first);
  }
  std::priority_queue<Ready, std::vector<Ready>, std::greater<>> queue;
  std::uint64_t next = 0;
};
void ready_queue(benchmark::State& state) { compare<OurReady, SetReady, HeapReady>(state, "set/ours", "heap/ours"); }
BENCHMARK(ready_queue)->RangeMultiplier(10)->Range(10, 100'000)->UseManualTime();

// --- Refills of that many contexts in turn: a fifth of the budget is used, and comes back a period later.
constexpr std::int64_t kBudget = 100'000, kPeriod = 1'000'000, kUsed = kBudget / 5;

struct OurRefills {
  explicit OurRefills(std::size_t count) : lists(count) {
    for (auto& list : lists) list.reset(Time{}, Duration::ns(kBudget));
  }
  void turn() {
    RefillList& list = lists[next];
    if (++next == lists.size()) {
      next = 0;
      now += Duration::ns(kPeriod / 5);
    }
    (void)list.activate(now);
    list.charge(Duration::ns(kUsed), Duration::ns(kPeriod));
  }
  std::vector<RefillList> lists;
  std::size_t next = 0;
  Time now{};
};
// The same rule without a bound on pieces, on containers that grow.
template <typename Pieces>
struct LooseRefills {
  explicit LooseRefills(std::size_t count) : lists(count) {
    for (auto& list : lists) list.insert(list.end(), {0, kBudget});
  }
  void turn() {
    Pieces& list = lists[next];
    if (++next == lists.size()) {
      next = 0;
      now += kPeriod / 5;
    }
    std::int64_t usable = 0;  // what may be used is one piece from now on
    while (!list.empty() && list.begin()->first <= now) {
      usable += list.begin()->second;
      list.erase(list.begin());
    }
    if (usable > kUsed) list.insert(list.begin(), {now, usable - kUsed});
    list.insert(list.end(), {now + kPeriod, std::min(usable, kUsed)});
  }
  std::vector<Pieces> lists;
  std::size_t next = 0;
  std::int64_t now = 0;
};
using Piece = std::pair<std::int64_t, std::int64_t>;
void refills(benchmark::State& state) {
  compare<OurRefills, LooseRefills<std::multiset<Piece>>, LooseRefills<std::deque<Piece>>>(state, "set/ours", "deque/ours");
}
BENCHMARK(refills)->RangeMultiplier(10)->Range(10, 100'000)->UseManualTime();

// --- Admission. The peer: the recurrence R = C + sum of ceil(R / T) C over the more urgent (Joseph and Pandya, 1986), with
// none of what ours also counts: overheads, blocking, jitter, calls, chains.
struct Island {
  explicit Island(std::int64_t count) {
    for (std::int64_t i = 0; i < count; ++i) {
      TaskModel task;
      task.cpu = CpuId(1);
      task.period = {static_cast<std::uint32_t>(100'000 * (1 + i % 10)), 1'000'000};
      task.deadline = task.period.floor();
      task.budget = task.deadline / (2 * count);
      task.stated = Priority(static_cast<std::uint8_t>(200 - i % 10));  // by rate: they have not a level each
      tasks.push_back(task);
    }
    model = {.name = "bench", .cpus = 0b10, .islands = {}, .tasks = tasks, .chains = {}, .calls = {}, .interrupts = {}, .overheads = {}};
  }
  Island(const Island&) = delete;  // the model looks into the tasks
  std::vector<TaskModel> tasks;
  IslandModel model;
};

bool textbook(const std::vector<TaskModel>& tasks, std::vector<std::size_t>& order) {
  order.resize(tasks.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  std::ranges::stable_sort(order, {}, [&](std::size_t i) { return tasks[i].deadline.ns(); });
  for (std::size_t place = 0; place < order.size(); ++place) {
    const std::int64_t own = tasks[order[place]].budget.ns(), limit = tasks[order[place]].deadline.ns();
    for (std::int64_t response = own, before = 0; response != before;) {
      before = response;
      response = own;
      for (std::size_t i = 0; i < place; ++i) {
        const std::int64_t period = tasks[order[i]].period.floor().ns();
        response += (before + period - 1) / period * tasks[order[i]].budget.ns();
      }
      if (response > limit) return false;
    }
  }
  return true;
}

// An island has at most 256 tasks: a thousand are four islands, one after the other.
void admission(benchmark::State& state) {
  const std::int64_t count = state.range(0), each = count > 250 ? 250 : count;
  std::deque<Island> islands;
  for (std::int64_t i = 0; i < count / each; ++i) islands.emplace_back(each);
  std::vector<std::size_t> order;
  for (auto& island : islands) {
    if (!analyse(island.model).admitted() || !textbook(island.tasks, order)) return state.SkipWithError("not admitted");
  }
  Passes our_time, their_time;
  for (auto _ : state) {
    const auto start = std::chrono::steady_clock::now();
    for (auto& island : islands) benchmark::DoNotOptimize(analyse(island.model));
    const auto middle = std::chrono::steady_clock::now();
    for (auto& island : islands) benchmark::DoNotOptimize(textbook(island.tasks, order));
    const auto end = std::chrono::steady_clock::now();
    our_time.add(std::chrono::duration<double>(middle - start).count());
    their_time.add(std::chrono::duration<double>(end - middle).count());
    state.SetIterationTime(std::chrono::duration<double>(middle - start).count());
  }
  state.counters["textbook/ours"] = their_time.by(our_time);
}
BENCHMARK(admission)->Arg(10)->Arg(100)->Arg(1000)->UseManualTime();

}  // namespace
}  // namespace capos::sched
