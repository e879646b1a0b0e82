// SPDX-License-Identifier: Apache-2.0
#include "change_walk.hpp"

#include <array>

#include "islands/lease.hpp"
#include "islands/standing.hpp"
#include "memory/object_heap.hpp"

namespace capos::ktest {

using kernel::Thread;
using schema::KernelError;

namespace {

constexpr std::uint16_t kCpu = 1;

Duration ns(std::uint64_t value) { return Duration::ns(static_cast<std::int64_t>(value)); }

}  // namespace

// Everything that a refusal must leave as it is.
struct ChangeWalk::Snapshot {
  std::array<std::uint64_t, kernel::Ledger::kResources> used{};
  std::uint32_t capabilities = 0, leased = 0;
  std::uint64_t frames = 0, heap = 0;
  std::vector<std::uint64_t> islands{};  // serial numbers, parameters, next releases
  bool operator==(const Snapshot&) const = default;
};

ChangeWalk::ChangeWalk(std::uint64_t seed) : world_({.pack = {.cpus = 2, .slice_us = 300}}), seed_(seed), random_(seed) {
  for (int load = 0; load < 2; ++load) (void)world_.spawn({.cpu = kCpu});
}

std::string ChangeWalk::run(unsigned steps) {
  try {
    for (step_ = 0; step_ < steps; ++step_) step();
  } catch (const std::exception& broken) {
    return "seed " + std::to_string(seed_) + ", step " + std::to_string(step_) + ": " + broken.what();
  }
  return {};
}

void ChangeWalk::expect(bool holds, const std::string& what) {
  if (!holds) throw std::runtime_error(what);
}

void ChangeWalk::step() {
  world_.run_to(world_.machine().now());
  reap();
  switch (random_.below(5)) {
    case 0:
    case 1: admit(); break;
    case 2:
    case 3: change_one(); break;
    default: retire_one();
  }
  play(ns(random_.below(random_.one_in(4) ? 4'000'000 : 700'000)));
}

Task ChangeWalk::draw_task(std::size_t number) {
  Task task{.name = "t" + std::to_string(number)};
  task.period_us = static_cast<std::uint32_t>(500 + 250 * random_.below(7));
  task.budget_ns = 20'000 + random_.below(130'000);
  task.priority = static_cast<std::uint8_t>(1 + random_.below(200));
  if (random_.one_in(3)) task.deadline_ns = task.period_us * 1'000 - random_.below(200'000);
  return task;
}

std::optional<ChangeWalk::Bounds> ChangeWalk::analyse(const std::vector<const Claim*>& claims) {
  std::vector<sched::TaskModel> tasks;
  for (const Claim* claim : claims) {
    for (const Task& task : claim->tasks) {
      sched::TaskModel& model = tasks.emplace_back();
      model.cpu = CpuId(kCpu);
      model.period = {task.period_us, 1'000'000};
      model.budget = ns(task.budget_ns);
      model.deadline = task.deadline_ns != 0 ? ns(task.deadline_ns) : Duration::us(task.period_us);
      model.stated = Priority(task.priority);
      model.on_overrun = static_cast<sched::Consequence>(task.on_overrun);
    }
  }
  const PackOverheads o;
  sched::IslandModel model;
  model.cpus = 1u << kCpu;
  model.tasks = tasks;
  model.overheads = {ns(o.release), ns(o.context_switch), ns(o.blocking), ns(o.jitter), 0};
  if (!sched::analyse(model).admitted()) return std::nullopt;
  Bounds bounds;
  auto next = tasks.begin();
  for (const Claim* claim : claims) {
    bounds.emplace_back(next, next + static_cast<std::ptrdiff_t>(claim->tasks.size()));
    next += static_cast<std::ptrdiff_t>(claim->tasks.size());
  }
  return bounds;
}

bool ChangeWalk::make_honest(Claim& claim, const Running* itself, std::vector<std::vector<std::uint64_t>>& others) {
  std::vector<const Claim*> all = {&claim};
  claim.others.clear();
  for (const Running& island : islands_) {
    if (&island == itself) continue;
    all.push_back(&island.claim);
    claim.others.push_back({.name = island.claim.name});
  }
  const auto bounds = analyse(all);
  for (std::size_t i = 0; i < all.size(); ++i) {
    for (std::size_t t = 0; t < all[i]->tasks.size(); ++t) {
      const Task& task = all[i]->tasks[t];
      const std::uint64_t deadline = task.deadline_ns != 0 ? task.deadline_ns : task.period_us * 1'000ul;
      const std::uint64_t bound = bounds ? static_cast<std::uint64_t>((*bounds)[i][t].response.ns()) : deadline;
      if (i == 0) claim.tasks[t].response_ns = bound;
      if (i != 0) claim.others[i - 1].responses_ns.push_back(bound);
    }
  }
  others.clear();
  for (const OtherClaim& other : claim.others) others.push_back(other.responses_ns);
  return bounds.has_value();
}

ChangeWalk::Snapshot ChangeWalk::snapshot() {
  Snapshot found;
  kernel::Process& init = world_.init().process;
  for (std::size_t i = 0; i < found.used.size(); ++i) found.used[i] = init.ledger().used(static_cast<kernel::Resource>(i));
  found.capabilities = init.capabilities().in_use();
  found.leased = kernel::leased_cpus();
  found.frames = World::frames_free();
  found.heap = kernel::heap_use().bytes;
  for (kernel::Island* island = kernel::first_standing(); island != nullptr; island = kernel::next_standing(*island)) {
    found.islands.push_back(island->serial() * 2 + (island->is_changing() ? 1 : 0));
    for (const wire::Word word : island->kept().words()) found.islands.push_back(word);
    for (unsigned task = 0; task < island->size(); ++task) {
      const kernel::SchedulingContext& context = island->context(task);
      const sched::ContextParameters& p = context.sched::Context::parameters();
      for (const std::uint64_t value : {std::uint64_t{p.period.numerator}, static_cast<std::uint64_t>(p.budget.ns()),
                                        static_cast<std::uint64_t>(p.deadline.ns()), std::uint64_t{context.priority().value()},
                                        context.jobs().next_release().ns(), static_cast<std::uint64_t>(context.total_consumed().ns())}) {
        found.islands.push_back(value);
      }
    }
  }
  return found;
}

// A step at each choice of CPU 0.
void ChangeWalk::reap() {
  for (bool dead = true; dead;) {
    (void)world_.enter(world_.init(), static_cast<std::uint64_t>(abi::SystemCall::yield), {}, 0, {});
    dead = false;
    kernel::Process::for_each([&](kernel::Process& process) { dead = dead || !process.alive(); });
  }
}

void ChangeWalk::expect_refused(const Claim& claim, const Running* changes, const Forge& forge, const std::string& why) {
  const Snapshot before = snapshot();
  const std::string refusal = changes == nullptr ? ktest::admit(world_, claim, forge).refusal
                                                 : change(world_, changes->admitted.island, claim, forge).refusal;
  expect(!refusal.empty(), "taken, though " + why);
  expect(snapshot() == before, "refused (" + refusal + "), and something is not as it was: " + why);
  ++counts_.refused;
}

// An honest certificate, made false in one place.
void ChangeWalk::forge_one(const Claim& claim, const Running* changes) {
  Claim forged = claim;
  switch (random_.below(6)) {
    case 0:
      --forged.tasks[random_.below(forged.tasks.size())].response_ns;
      return expect_refused(forged, changes, {}, "it claims a nanosecond less than it needs");
    case 1:
      if (forged.others.empty()) return;
      --forged.others[random_.below(forged.others.size())].responses_ns[0];
      return expect_refused(forged, changes, {}, "it claims a nanosecond less than another needs");
    case 2:
      if (forged.others.empty()) return;
      forged.others.erase(forged.others.begin() + static_cast<std::ptrdiff_t>(random_.below(forged.others.size())));
      return expect_refused(forged, changes, {}, "it leaves an island out");
    case 3:
      if (forged.others.empty()) return;
      forged.others[0].responses_ns.pop_back();
      return expect_refused(forged, changes, {}, "it leaves a task of another out");
    case 4:
      forged.others.push_back({.name = "nobody", .responses_ns = {1'000'000}});
      return expect_refused(forged, changes, {}, "it speaks of an island that there is not");
    default:
      if (changes == nullptr) {
        if (islands_.empty()) return;
        forged.name = islands_.front().claim.name;
        return expect_refused(forged, nullptr, {}, "its name is taken");
      }
      if (random_.one_in(2)) {
        forged.tasks[0].name = "other";
        return expect_refused(forged, changes, {}, "it has another task");
      }
      forged.tasks.pop_back();
      return expect_refused(forged, changes, {}, "it has fewer tasks");
  }
}

// Of the others, from now on.
void ChangeWalk::promise(const std::vector<std::vector<std::uint64_t>>& others, const Running* itself) {
  std::size_t i = 0;
  for (Running& island : islands_) {
    if (&island == itself) continue;
    for (std::size_t t = 0; t < island.players.size(); ++t) {
      island.players[t].promises.push_back({world_.machine().now(), others[i][t]});
    }
    ++i;
  }
}

void ChangeWalk::admit() {
  if (islands_.size() >= 4) return retire_one();
  Claim claim{.cpu = kCpu, .slack = true, .name = "island" + std::to_string(++names_)};
  for (std::uint64_t i = 1 + random_.below(3); i > 0; --i) claim.tasks.push_back(draw_task(i));
  std::vector<std::vector<std::uint64_t>> others;
  const bool fits = make_honest(claim, nullptr, others);
  if (world_.machine().now() <= busy_until_) {
    for (const Running& island : islands_) {
      if (!world_.call<schema::RealtimeIsland::Status>(world_.init(), island.admitted.island).value.changing) continue;
      ++counts_.busy;
      return expect_refused(claim, nullptr, {}, "a change is under way");
    }
  }
  if (!fits) return expect_refused(claim, nullptr, {}, "they do not fit");
  if (random_.one_in(3)) forge_one(claim, nullptr);
  Running made{.claim = claim, .admitted = ktest::admit(world_, claim)};
  expect(made.admitted.refusal.empty(), "an honest certificate is refused: " + made.admitted.refusal);
  promise(others, nullptr);
  for (std::size_t t = 0; t < claim.tasks.size(); ++t) {
    Player player{.child = world_.spawn({.context = made.admitted.contexts[t]})};
    player.thread = &world_.thread(player.child);
    player.promises.push_back({world_.machine().now(), claim.tasks[t].response_ns});
    made.players.push_back(std::move(player));
  }
  islands_.push_back(std::move(made));
  ++counts_.admitted;
}

void ChangeWalk::change_one() {
  if (islands_.empty()) return admit();
  auto found = islands_.begin();
  std::advance(found, static_cast<std::ptrdiff_t>(random_.below(islands_.size())));
  Running& island = *found;
  Claim claim = island.claim;
  for (std::size_t t = 0; t < claim.tasks.size(); ++t) {
    if (!random_.one_in(2)) continue;
    const std::string name = claim.tasks[t].name;
    claim.tasks[t] = draw_task(t);
    claim.tasks[t].name = name;
  }
  std::vector<std::vector<std::uint64_t>> others;
  const bool fits = make_honest(claim, &island, others);
  for (const Running& each : islands_) {
    if (!world_.call<schema::RealtimeIsland::Status>(world_.init(), each.admitted.island).value.changing) continue;
    ++counts_.busy;
    return expect_refused(claim, &island, {}, "a change is under way");
  }
  if (!fits) return expect_refused(claim, &island, {}, "they do not fit");
  if (random_.one_in(3)) forge_one(claim, &island);
  const Changed answer = change(world_, island.admitted.island, claim);
  expect(answer.refusal.empty(), "an honest change is refused: " + answer.refusal);
  const Time now = world_.machine().now();
  island.change_by = now + ns(answer.within_ns);
  busy_until_ = *island.change_by;
  promise(others, &island);
  for (std::size_t t = 0; t < claim.tasks.size(); ++t) island.players[t].promises.push_back({now, claim.tasks[t].response_ns});
  island.claim = std::move(claim);
  ++counts_.changed;
}

void ChangeWalk::retire_one() {
  if (islands_.empty()) return;
  auto found = islands_.begin();
  std::advance(found, static_cast<std::ptrdiff_t>(random_.below(islands_.size())));
  for (const Player& player : found->players) {
    (void)world_.call<schema::ProcessHandle::Kill>(world_.init(), player.child.handle);
  }
  if (!random_.one_in(3)) {
    expect(world_.call<schema::RealtimeIsland::Retire>(world_.init(), found->admitted.island).error == kNoError, "retire");
  }
  for (const Player& player : found->players) expect(world_.release(world_.init(), player.child.handle) == kNoError, "release");
  for (const abi::CapId context : found->admitted.contexts) expect(world_.release(world_.init(), context) == kNoError, "release");
  expect(world_.release(world_.init(), found->admitted.island) == kNoError, "release of the island");
  islands_.erase(found);
  ++counts_.retired;
}

void ChangeWalk::start(Running& island) {
  for (const Player& player : island.players) {
    if (!player.waits) return;
  }
  const Time at = world_.machine().now() + ns(random_.below(1'500'000));
  expect(world_.call<schema::RealtimeIsland::Activate>(world_.init(), island.admitted.island, {.start_ns = at.ns()}).error == kNoError,
         "activate");
  island.active = true;
}

// --- jobs
void ChangeWalk::play(Duration length) {
  const Time end = world_.machine().now() + length;
  while (world_.machine().now() < end) {
    for (Running& island : islands_) {
      if (!island.active) start(island);
      if (island.change_by && world_.machine().now() > *island.change_by) {
        expect(!world_.call<schema::RealtimeIsland::Status>(world_.init(), island.admitted.island).value.changing,
               "a change is not made within the time that it was said to be");
        island.change_by.reset();
      }
    }
    world_.run_to(world_.machine().now());  // mail may arm earlier timers
    Player* current = nullptr;
    for (Running& island : islands_) {
      for (Player& player : island.players) {
        if (world_.is_current(*player.thread)) current = &player;
      }
    }
    if (current != nullptr) {
      play_one(*current, end);
    } else {
      world_.run_to(std::min(end, std::max(world_.machine().next_timer(), world_.machine().now())));
    }
  }
}

// Up to the next event, or the end of its job.
void ChangeWalk::play_one(Player& player, Time until) {
  const abi::CapId own = world_.granted(player.thread->process, "self.context");
  const auto wait = [&] { (void)world_.call<schema::SchedulingContext::WaitNextRelease>(*player.thread, own); };
  if (!player.waits) {
    player.waits = true;
    return wait();
  }
  world_.cpu(kCpu).scheduler.charge(world_.machine().now());
  const kernel::SchedulingContext& context = *player.thread->bound;
  const sched::Job& job = context.jobs().current();
  expect(context.overruns == 0, "the job before " + std::to_string(job.index) + " ran for longer than the walk played it");
  if (job.index != player.job) {
    player.job = job.index;
    const auto budget = static_cast<std::uint64_t>(context.sched::Context::parameters().budget.ns());
    player.work = ns(random_.one_in(2) ? budget - 1 : budget / 2 + random_.below(budget / 2));
  }
  if (job.consumed < player.work) {
    const Time end = world_.machine().now() + (player.work - job.consumed);
    world_.run_to(std::min({end, until, std::max(world_.machine().next_timer(), world_.machine().now())}));
  }
  if (!world_.is_current(*player.thread)) return;
  world_.cpu(kCpu).scheduler.charge(world_.machine().now());
  if (context.jobs().current().consumed < player.work) return;
  wait();
  judge(player);
}

void ChangeWalk::judge(Player& player) {
  const kernel::SchedulingContext& context = *player.thread->bound;
  const sched::Job& job = context.jobs().last_finished();
  expect(context.misses == 0 && context.overruns == 0,
         "a job is late: released " + std::to_string(job.release.ns()) + ", due " + std::to_string(job.deadline.ns()) + ", finished " +
             std::to_string(job.finish.ns()));
  // All that was promised while it was under way; what a change takes back is promised until it is made.
  const Duration settles = Duration::ms(2);
  std::uint64_t bound = player.promises.back().bound_ns;
  for (std::size_t i = 0; i + 1 < player.promises.size(); ++i) {
    if (player.promises[i + 1].from + settles >= job.release) bound = std::max(bound, player.promises[i].bound_ns);
  }
  expect(job.finish - job.release <= ns(bound), "a job takes longer than was promised");
  while (player.promises.size() > 1 && player.promises[1].from + settles < job.release) player.promises.erase(player.promises.begin());
  ++counts_.jobs;
}

}  // namespace capos::ktest
