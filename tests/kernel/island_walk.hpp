// SPDX-License-Identifier: Apache-2.0
// A random walk of islands: tasks, budgets, consequences, servers that run on donated time, supervisors, and every kind of end
// at every moment. Each context is judged by a model (context_model.hpp): what it consumed, that it had budget while it ran,
// that the most urgent ran, each of its jobs, and what its supervisor was told.
//
// Who works for whom is what the programs see: a server works for the caller that its receive names, until it replies, or
// the caller waits for it no longer. The walk is told before time passes, and by how much (host::Machine).
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <set>

#include "context_model.hpp"
#include "islands.hpp"
#include "random.hpp"

namespace capos::ktest {

struct LiveIsland {
  Admitted admitted;
  std::vector<Child> tasks;
  std::vector<std::shared_ptr<ContextModel>> contexts;  // as admitted.contexts
  std::vector<std::pair<Child, std::size_t>> others;    // that stand by, or have stood in, for the context of that number
  bool retired = false;
};

class IslandChapter {
 public:
  static constexpr std::size_t kSteps = 4'000;
  explicit IslandChapter(std::uint64_t seed);
  // Empty: all went well.
  std::string run();
  std::size_t jobs = 0, calls = 0, admissions = 0, spent = 0, faults = 0, judged = 0, asked = 0, restarts = 0, handovers = 0;

 private:
  using Number = std::uint32_t;
  // What is known of a process and its one thread.
  struct Actor {
    std::shared_ptr<ContextModel> context{};  // null: best effort
    kernel::SchedulingContext* kernel_context = nullptr;
    kernel::ThreadState seen{};       // at the last look
    Number works_for = 0;
    bool stands_by = false;           // it was made to, or has lost its context
    bool receives = false;            // it waits for a call, or what it was told has not been looked at
    std::uint8_t ceiling = 0;         // of the endpoint that it serves
    bool is_new = true, ran_on_own = false, stopped = false, supervised = false;
    unsigned told = 0;                // faults of lost time that its supervisor was told of
    unsigned own_faults = 0;          // that it made itself and its supervisor has not been told of
  };

  void step(std::size_t number);
  void pass(CpuId cpu);
  std::vector<std::pair<std::string, abi::CapId>> grants(std::uint16_t cpu);
  // --- init: makes and ends things
  void manage();
  void admit_one(std::uint16_t cpu);
  void spawn_task();
  [[nodiscard]] Error start_task(LiveIsland& island, std::size_t task);
  void restart_task();
  void spawn_standby();
  void rebind();
  void unbind();
  // The actor of whoever is bound to it; nullptr: nobody.
  [[nodiscard]] Actor* bound_to(const ContextModel& context);
  [[nodiscard]] kernel::SchedulingContext& kernel_context(const LiveIsland& island, std::size_t task);
  [[nodiscard]] Message<schema::ProcessSpawner::Spawn> spawn_supervised(const SpawnOptions& options, Number number);
  void spawn_server(std::uint16_t cpu);
  LiveIsland* some_island() { return islands_.empty() ? nullptr : &islands_[random.below(islands_.size())]; }
  void activate();
  void retire();
  void status();
  void forget(Child& child);
  void kill();
  void drop();
  // --- tasks, servers, the supervisor
  void work(kernel::Thread& thread);
  void serve(kernel::Thread& thread, const std::string& which);
  void supervise(kernel::Thread& thread);
  void end();
  void tell(const std::string& what) { last_.back() += what; }

  // --- judging (island_judge.cpp)
  void time_passes(Time to);
  void observe();
  void observe(Number number, kernel::Thread& thread, Actor& actor);
  void see_caller(Actor& actor);
  void take_call(Actor& actor, const Answer& answer);
  void take_fault(Number caller, const Answer& answer);
  void see_stop(Number number, kernel::Thread& thread, Actor& actor);
  void judge(std::uint16_t cpu);
  [[nodiscard]] Actor* find(Number number);
  [[nodiscard]] kernel::Thread* thread_of(Number number);
  // Whose context a thread runs on: the number of the process that it belongs to; 0: none.
  [[nodiscard]] Number account_of(Number number);
  // Who runs on what that process has of its own, through any calls; and how urgently.
  [[nodiscard]] Number worker_of(Number number);
  [[nodiscard]] std::uint8_t priority_of(Number number);
  [[nodiscard]] bool is_ready(Number number);
  void require(bool holds, const std::string& what) {
    if (!holds) throw Unsound(what);
  }

  World world;
  Random random{0};
  std::uint64_t seed_, heap_ = 0;
  Number next_ = 100;
  abi::CapId event_{}, faults_{}, tells_{};
  Child supervisor_{};
  std::vector<abi::CapId> endpoints_, clients_;
  std::vector<LiveIsland> islands_;
  std::vector<Child> servers_;
  std::map<Number, Actor> actors_;
  std::vector<std::pair<std::shared_ptr<ContextModel>, std::uint64_t>> to_arm_;  // when their CPU has taken the mail
  std::deque<std::string> last_;
};

}  // namespace capos::ktest
