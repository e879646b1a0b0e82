// SPDX-License-Identifier: Apache-2.0
// A random walk of islands: tasks, budgets, consequences, servers that run on donated time, and every kind of end at
// every moment. No model says what is to happen; every invariant holds after each step, and nothing remains at the end.
// CAPOS_WALK_STEPS (2 * 10^5 if not given) and CAPOS_WALK_SEED as for the other walk.
#include <gtest/gtest.h>

#include <cstdlib>
#include <deque>

#include "islands.hpp"
#include "memory/object_heap.hpp"
#include "random.hpp"

namespace capos::ktest {
namespace {

using kernel::Thread;
using Await = schema::SchedulingContext::WaitNextRelease;

constexpr std::size_t kChapter = 4'000;

struct LiveIsland {
  Admitted admitted;
  std::vector<Child> tasks;
};

class IslandChapter {
 public:
  explicit IslandChapter(std::uint64_t seed)
      : world({.pack = {.cpus = static_cast<std::uint16_t>(1 + seed % 3), .slice_us = 300}}), seed_(seed) {
    heap_ = kernel::heap_use().bytes;
    event_ = world.make_notification();
    for (std::uint16_t cpu = 0; cpu < world.machine().cpus(); ++cpu) {
      for (const std::uint64_t minimum : {0u, 40'000u}) {
        endpoints_.push_back(world.make_endpoint(5, minimum, static_cast<std::uint8_t>(60 + 60 * (minimum != 0))));
        clients_.push_back(world.connect(endpoints_.back()));
      }
    }
  }

  // Empty: all went well.
  std::string run() {
    std::size_t number = 0;
    try {
      for (; number < kChapter; ++number) step(number);
      end();
    } catch (const std::exception& broken) {
      std::string text = "CAPOS_WALK_SEED=" + std::to_string(seed_) + ", step " + std::to_string(number) + ": " + broken.what();
      for (const std::string& action : last_) text += "\n  " + action;
      return text;
    }
    return {};
  }
  std::size_t jobs = 0, calls = 0, admissions = 0;

 private:
  void step(std::size_t number) {
    random = Random(seed_ * 0x9fb21c651e98df25 + number);
    const auto cpu = static_cast<std::uint16_t>(random.below(world.machine().cpus()));
    const bool runs = world.machine().place(CpuId(cpu)) == host::Place::user;
    const bool init = runs && world.cpu(cpu).thread == &world.init();
    last_.push_back("step " + std::to_string(number) + ", cpu " + std::to_string(cpu) + ": ");
    if (last_.size() > 20) last_.pop_front();
    if (init && random.one_in(3)) {
      manage();
    } else if (runs && !init && !random.one_in(3)) {
      work(*world.cpu(cpu).thread);
    } else {
      pass(CpuId(cpu));
    }
    world.check();
  }

  void pass(CpuId cpu) {
    host::Machine& machine = world.machine();
    if (machine.mail_pending(cpu) && !random.one_in(3)) {
      tell("mail");
      (void)machine.deliver_mail(cpu);
    } else if (machine.timer_due(cpu)) {
      tell("timer");
      (void)machine.fire(cpu);
    } else {
      const Time next = machine.next_timer();
      std::int64_t by = static_cast<std::int64_t>(random.below(random.one_in(5) ? 800'000 : 15'000));
      if (!next.is_never() && next > machine.now() && !random.one_in(3)) by = (next - machine.now()).ns() + (random.one_in(4) ? 1 : 0);
      tell(std::to_string(by) + " ns");
      machine.advance(machine.now() + Duration::ns(by));
    }
  }

  std::vector<std::pair<std::string, abi::CapId>> grants(std::uint16_t cpu) {
    std::vector<std::pair<std::string, abi::CapId>> all = {{"event", event_}};
    for (unsigned i = 0; i < 2; ++i) {
      all.emplace_back("serve" + std::to_string(i), endpoints_[cpu * 2u + i]);
      all.emplace_back("service" + std::to_string(i), clients_[cpu * 2u + i]);
    }
    return all;
  }

  // --- init: makes and ends things
  void manage() {
    const auto cpu = static_cast<std::uint16_t>(random.below(world.machine().cpus()));
    // Islands come to run mostly: their tasks are made, and they are activated.
    if (random.one_in(2)) return random.one_in(2) ? spawn_task() : activate();
    switch (random.below(9)) {
      case 0:
      case 1: return admit_one(cpu);
      case 2: return spawn_server(cpu);
      case 3: return activate();
      case 4: tell("signals"); (void)world.call<schema::Notification::Signal>(world.init(), event_, {.bits = 1}); return;
      case 5: return random.one_in(5) ? kill() : activate();
      case 6: return random.one_in(8) ? retire() : activate();
      case 7: return status();
      default: return random.one_in(8) ? drop() : spawn_task();
    }
  }

  void admit_one(std::uint16_t cpu) {
    if (islands_.size() >= 3) return;
    Claim claim{.cpu = cpu, .slack = cpu == 0 || random.one_in(2)};
    constexpr std::uint16_t kAll[] = {kRunLate, kSkip, kHold, kStopTask};
    for (std::uint64_t i = 1 + random.below(3); i > 0; --i) {
      const auto period = static_cast<std::uint32_t>(500 + 250 * random.below(4));
      claim.tasks.push_back({.name = "t" + std::to_string(i),
                             .period_us = period,
                             .budget_ns = 5'000 + random.below(100'000),
                             .priority = static_cast<std::uint8_t>(20 * i + random.below(2)),
                             .on_miss = kAll[random.below(4)],
                             .on_overrun = kAll[random.below(4)]});
    }
    tell("admits on " + std::to_string(cpu));
    Admitted made = admit(world, claim);
    if (!made.refusal.empty()) return;
    ++admissions;
    islands_.push_back({std::move(made), {}});
  }

  void spawn_task() {
    for (LiveIsland& island : islands_) {
      if (island.tasks.size() == island.admitted.contexts.size()) continue;
      const std::uint32_t number = next_++;
      tell("spawns task " + std::to_string(number));
      const auto context = world.call<schema::SchedulingContext::Parameters>(world.init(), island.admitted.contexts[island.tasks.size()]);
      const auto made = world.try_spawn({.context = island.admitted.contexts[island.tasks.size()],
                                         .grants = grants(static_cast<std::uint16_t>(context.value.cpu))}, number);
      if (made.ok()) island.tasks.push_back({made.cap([](auto results) { return results.process(); }), number});
      return;
    }
  }

  void spawn_server(std::uint16_t cpu) {
    if (servers_.size() >= 6) return;
    const std::uint32_t number = next_++;
    tell("spawns server " + std::to_string(number));
    const auto made = world.try_spawn({.cpu = cpu, .passive = true, .grants = grants(cpu)}, number);
    if (made.ok()) servers_.push_back({made.cap([](auto results) { return results.process(); }), number});
  }

  LiveIsland* some_island() { return islands_.empty() ? nullptr : &islands_[random.below(islands_.size())]; }

  void activate() {
    LiveIsland* const island = some_island();
    if (island == nullptr) return;
    tell("activates");
    const Time start = world.machine().now() + Duration::ns(static_cast<std::int64_t>(random.below(300'000)));
    (void)world.call<schema::RealtimeIsland::Activate>(world.init(), island->admitted.island, {.start_ns = start.ns()});
  }

  void retire() {
    LiveIsland* const island = some_island();
    if (island == nullptr) return;
    tell("retires");
    (void)world.call<schema::RealtimeIsland::Retire>(world.init(), island->admitted.island);
  }

  void status() {
    LiveIsland* const island = some_island();
    if (island == nullptr) return;
    tell("asks");
    const auto found = world.call<schema::RealtimeIsland::Status>(world.init(), island->admitted.island);
    if (!found.error.ok()) throw Unsound("status is refused: " + found.error.text());
  }

  void forget(Child& child) {
    (void)world.call<schema::ProcessHandle::Kill>(world.init(), child.handle);
    (void)world.release(world.init(), child.handle);
  }

  void kill() {
    if (servers_.empty() || random.one_in(2)) {
      LiveIsland* const island = some_island();
      if (island == nullptr || island->tasks.empty()) return;
      tell("kills task " + std::to_string(island->tasks.back().number));
      (void)world.call<schema::ProcessHandle::Kill>(world.init(), island->tasks[random.below(island->tasks.size())].handle);
    } else {
      const std::size_t at = random.below(servers_.size());
      tell("kills server " + std::to_string(servers_[at].number));
      forget(servers_[at]);
      servers_.erase(servers_.begin() + static_cast<long>(at));
    }
  }

  // The island's capabilities are given up, in either order, and its tasks killed.
  void drop() {
    if (islands_.empty()) return;
    const std::size_t at = random.below(islands_.size());
    LiveIsland& island = islands_[at];
    tell("drops an island");
    const bool island_first = random.one_in(2);
    if (island_first) (void)world.release(world.init(), island.admitted.island);
    for (Child& task : island.tasks) forget(task);
    for (const abi::CapId context : island.admitted.contexts) (void)world.release(world.init(), context);
    if (!island_first) (void)world.release(world.init(), island.admitted.island);
    islands_.erase(islands_.begin() + static_cast<long>(at));
  }

  // --- tasks and servers
  void work(Thread& thread) {
    const auto cap = [&](std::string_view name) { return world.granted(thread.process, name); };
    const abi::CapId context = cap("self.context");
    const std::string which = std::to_string(random.below(2));
    tell("process " + std::to_string(thread.process.number()) + " ");
    const std::uint64_t drawn = random.below(60) + (random.one_in(8) ? 0 : 2);  // ends are rare
    if (drawn == 0) {
      tell("exits");
      return world.exit(thread, 0);
    }
    if (drawn == 1) {
      tell("faults");
      return world.fault(thread, 13, 0);
    }
    if (drawn < 6) {
      tell("waits for a signal");
      (void)world.call<schema::Notification::Wait>(thread, cap("event"));
    } else if (drawn < 20) {
      tell("calls service " + which);
      ++calls;
      (void)world.call(thread, cap("service" + which), 5, 0);
    } else if (context.is_null() || drawn < 23) {
      tell("serves " + which);
      (void)world.reply_receive(thread, cap("serve" + which), {}, random.one_in(5) ? 1 : 0);
    } else if (drawn < 26) {
      tell("asks what it consumed");
      (void)world.call<schema::SchedulingContext::Consumed>(thread, context);
    } else if (drawn < 45) {
      tell("waits for its release");
      if (world.call<Await>(thread, context).blocked) ++jobs;
    } else {
      tell("enters its ring");
      (void)world.enter_ring(thread);
    }
  }

  void end() {
    tell("the end");
    while (!islands_.empty()) drop();
    for (Child& server : servers_) forget(server);
    for (const abi::CapId client : clients_) (void)world.release(world.init(), client);
    for (const abi::CapId endpoint : endpoints_) (void)world.release(world.init(), endpoint);
    (void)world.release(world.init(), event_);
    world.settle();
    std::size_t processes = 0;
    kernel::Process::for_each([&](kernel::Process&) { ++processes; });
    if (processes != 1) throw Unsound("a dead process remains");
    if (kernel::heap_use().bytes != heap_) {
      throw Unsound("kernel objects remain: " + std::to_string(kernel::heap_use().bytes) + " bytes instead of " + std::to_string(heap_));
    }
  }

  void tell(const std::string& what) { last_.back() += what; }

  World world;
  Random random{0};
  std::uint64_t seed_, heap_ = 0;
  std::uint32_t next_ = 100;
  abi::CapId event_{};
  std::vector<abi::CapId> endpoints_, clients_;
  std::vector<LiveIsland> islands_;
  std::vector<Child> servers_;
  std::deque<std::string> last_;
};

std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 0);
}

TEST(IslandWalk, KeepsEveryInvariant) {
  const std::uint64_t steps = number_from("CAPOS_WALK_STEPS", 200'000), seed = number_from("CAPOS_WALK_SEED", 1);
  std::size_t jobs = 0, calls = 0, admissions = 0;
  for (std::uint64_t number = 0; number * kChapter < steps; ++number) {
    IslandChapter chapter(seed + number);
    const std::string broken = chapter.run();
    if (!broken.empty()) FAIL() << broken;
    jobs += chapter.jobs;
    calls += chapter.calls;
    admissions += chapter.admissions;
  }
  std::printf("%zu jobs, %zu calls, %zu islands\n", jobs, calls, admissions);
  EXPECT_GT(jobs, steps / 200);
  EXPECT_GT(calls, steps / 200);
  EXPECT_GT(admissions, steps / 2'000);
}

}  // namespace
}  // namespace capos::ktest
