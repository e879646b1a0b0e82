// SPDX-License-Identifier: Apache-2.0
// What the walk of islands does; island_judge.cpp judges it.
#include "island_walk.hpp"

#include <algorithm>

#include "islands/binding.hpp"
#include "memory/object_heap.hpp"

namespace capos::ktest {

using kernel::Thread;
using Await = schema::SchedulingContext::WaitNextRelease;

namespace {

constexpr std::uint64_t kServed = 5;
constexpr std::uint8_t kCeilings[] = {60, 120};

}  // namespace

IslandChapter::IslandChapter(std::uint64_t seed)
    : world({.pack = {.cpus = static_cast<std::uint16_t>(1 + seed % 3), .slice_us = 300}}), seed_(seed) {
  heap_ = kernel::heap_use().bytes;
  event_ = world.make_notification();
  for (std::uint16_t cpu = 0; cpu < world.machine().cpus(); ++cpu) {
    for (const std::uint64_t minimum : {0u, 40'000u}) {
      endpoints_.push_back(world.make_endpoint(kServed, minimum, kCeilings[minimum != 0]));
      clients_.push_back(world.connect(endpoints_.back()));
    }
  }
  faults_ = world.make_endpoint(schema::FaultHandler::kInterfaceId);
  tells_ = world.connect(faults_);
  supervisor_ = world.spawn({.grants = {{"faults", faults_}}, .name = "supervisor"});
  actors_[supervisor_.number] = {};
  world.machine().at_each_passing([this](Time to) { time_passes(to); });
}

std::string IslandChapter::run() {
  std::size_t number = 0;
  try {
    for (; number < kSteps; ++number) step(number);
    end();
  } catch (const std::exception& broken) {
    std::string text = "CAPOS_WALK_SEED=" + std::to_string(seed_) + ", step " + std::to_string(number) + ": " + broken.what();
    for (const std::string& action : last_) text += "\n  " + action;
    return text;
  }
  return {};
}

void IslandChapter::step(std::size_t number) {
  random = Random(seed_ * 0x9fb21c651e98df25 + number);
  const auto cpu = static_cast<std::uint16_t>(random.below(world.machine().cpus()));
  const bool runs = world.machine().place(CpuId(cpu)) == host::Place::user;
  const bool init = runs && world.cpu(cpu).thread == &world.init();
  last_.push_back("step " + std::to_string(number) + ", cpu " + std::to_string(cpu) + ": ");
  if (last_.size() > 20) last_.pop_front();
  const bool pending = world.machine().mail_pending(CpuId(cpu)) || world.machine().timer_due(CpuId(cpu));
  if (pending) {
    pass(CpuId(cpu));  // else it might come between two portions of a call, and another thread be chosen
  } else if (init && random.one_in(3)) {
    manage();
  } else if (runs && !init && !random.one_in(3)) {
    work(*world.cpu(cpu).thread);
  } else {
    pass(CpuId(cpu));
  }
  world.check();
  observe();
  for (std::uint16_t each = 0; each < world.machine().cpus(); ++each) judge(each);
}

void IslandChapter::pass(CpuId cpu) {
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

std::vector<std::pair<std::string, abi::CapId>> IslandChapter::grants(std::uint16_t cpu) {
  std::vector<std::pair<std::string, abi::CapId>> all = {{"event", event_}};
  for (unsigned i = 0; i < 2; ++i) {
    all.emplace_back("serve" + std::to_string(i), endpoints_[cpu * 2u + i]);
    all.emplace_back("service" + std::to_string(i), clients_[cpu * 2u + i]);
  }
  return all;
}

// --- init: makes and ends things
void IslandChapter::manage() {
  const auto cpu = static_cast<std::uint16_t>(random.below(world.machine().cpus()));
  // Islands come to run mostly: their tasks are made, and they are activated.
  if (random.one_in(2)) return random.one_in(2) ? spawn_task() : activate();
  if (random.one_in(4)) {
    switch (random.below(5)) {
      case 0: return restart_task();
      case 1: return spawn_standby();
      case 2: return unbind();
      default: return rebind();
    }
  }
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

void IslandChapter::admit_one(std::uint16_t cpu) {
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
  std::vector<std::shared_ptr<ContextModel>> contexts;
  for (const Task& task : claim.tasks) {
    const std::uint64_t period = std::uint64_t{task.period_us} * 1'000;
    contexts.push_back(std::make_shared<ContextModel>(ContextRules{.budget = task.budget_ns,
                                                                   .period = period,
                                                                   .deadline = task.deadline_ns != 0 ? task.deadline_ns : period,
                                                                   .priority = task.priority,
                                                                   .cpu = cpu,
                                                                   .runs_late = task.on_miss == kRunLate,
                                                                   .may_abandon = task.on_miss == kHold || task.on_overrun == kHold,
                                                                   .stops_on_miss = task.on_miss == kStopTask,
                                                                   .stops_on_overrun = task.on_overrun == kStopTask},
                                                      world.machine().now().ns()));
  }
  islands_.push_back({std::move(made), {}, std::move(contexts), {}});
}

void IslandChapter::spawn_task() {
  for (LiveIsland& island : islands_) {
    const std::size_t task = island.tasks.size();
    if (task == island.admitted.contexts.size()) continue;
    island.tasks.emplace_back();
    if (!start_task(island, task).ok()) island.tasks.pop_back();
    return;
  }
}

Error IslandChapter::start_task(LiveIsland& island, std::size_t task) {
  const std::uint32_t number = next_++;
  tell("spawns task " + std::to_string(number));
  const std::uint16_t cpu = island.contexts[task]->rules().cpu;
  const SpawnOptions options{.context = island.admitted.contexts[task], .grants = grants(cpu)};
  // The supervisor works on CPU 0, for those of its own CPU.
  const bool supervised = cpu == 0 && random.one_in(2);
  const auto made = supervised ? spawn_supervised(options, number) : world.try_spawn(options, number);
  if (!made.ok()) return made.error();
  Actor& actor = actors_[number];
  actor.context = island.contexts[task];
  actor.kernel_context = &kernel_context(island, task);
  actor.supervised = supervised;
  // Else it is to be armed before its new thread comes there.
  if (std::ranges::none_of(to_arm_, [&](const auto& each) { return each.first == island.contexts[task]; })) island.contexts[task]->gains_thread();
  island.tasks[task] = {made.cap([](auto results) { return results.process(); }), number};
  return kNoError;
}

kernel::SchedulingContext& IslandChapter::kernel_context(const LiveIsland& island, std::size_t task) {
  return *kernel::object_cast<kernel::SchedulingContext>(world.init().process.capabilities().find(island.admitted.contexts[task])->object());
}

IslandChapter::Actor* IslandChapter::bound_to(const ContextModel& context) {
  for (auto& [number, actor] : actors_) {
    if (actor.context.get() == &context) return &actor;
  }
  return nullptr;
}

// One whose process has ended, on its context.
void IslandChapter::restart_task() {
  LiveIsland* const island = some_island();
  if (island == nullptr) return;
  for (std::size_t task = 0; task < island->tasks.size(); ++task) {
    if (thread_of(island->tasks[task].number) != nullptr) continue;
    const bool taken = bound_to(*island->contexts[task]) != nullptr, stopped = kernel_context(*island, task).stopped.load();
    const Child old = island->tasks[task];
    const Error error = start_task(*island, task);
    require(!error.ok() || (!taken && !stopped), "a task is started again on a context that is taken");
    require(error.detail != schema::KernelError::busy || taken, "a task cannot be started again on a context that is free");
    if (!error.ok()) return;
    ++restarts;
    (void)world.release(world.init(), old.handle);
    return;
  }
}

void IslandChapter::spawn_standby() {
  LiveIsland* const island = some_island();
  if (island == nullptr || island->others.size() >= 3) return;
  const std::size_t task = random.below(island->contexts.size());
  const std::uint32_t number = next_++;
  tell("spawns standby " + std::to_string(number));
  const std::uint16_t cpu = island->contexts[task]->rules().cpu;
  auto granted = grants(cpu);
  granted.emplace_back("self.context", island->admitted.contexts[task]);
  const auto made = world.try_spawn({.cpu = cpu, .passive = true, .grants = granted}, number);
  if (!made.ok()) return;
  actors_[number].stands_by = true;
  island->others.push_back({{made.cap([](auto results) { return results.process(); }), number}, task});
}

// A thread that stands by gets a context, whether that has a thread or not; one that has a context, or has ended, gets none.
void IslandChapter::rebind() {
  LiveIsland* const island = some_island();
  if (island == nullptr || island->tasks.empty()) return;
  const bool other = !island->others.empty() && random.one_in(2);
  const std::size_t at = random.below(other ? island->others.size() : island->tasks.size());
  const Child to = other ? island->others[at].first : island->tasks[at];
  const std::size_t task = other ? island->others[at].second : at;
  const std::shared_ptr<ContextModel>& context = island->contexts[task];
  tell("binds " + std::to_string(to.number) + " to context " + std::to_string(task));
  const Thread* const thread = thread_of(to.number);
  const bool waits = thread != nullptr && kernel::stands_by(*thread);
  if (thread != nullptr && thread->bound == nullptr && !waits) return;  // what it computes then the model does not say
  const OthersTakeMail others(world);
  const auto made = world.message<schema::SchedulingContext::Bind>(world.init(), island->admitted.contexts[task], [&](auto params, auto& transfers) {
    params.init_thread().set_capability(add(transfers, to.handle));
  });
  Actor* const before = bound_to(*context);
  if (!made.ok()) return;
  require(thread != nullptr && waits, "a thread that does not stand by is bound");
  Actor& actor = actors_.at(to.number);
  require(actor.context == nullptr, "a thread that has a context is bound to another");
  actor.context = context;
  actor.kernel_context = &kernel_context(*island, task);
  actor.stands_by = false;
  actor.is_new = false;
  actor.stopped = false;
  actor.seen = kernel::ThreadState::await_release;
  actor.ran_on_own = true;
  ++handovers;
  if (before == nullptr) return context->waits(world.machine().now().ns());
  before->context = nullptr;
  before->stands_by = true;
}

void IslandChapter::unbind() {
  LiveIsland* const island = some_island();
  if (island == nullptr) return;
  const std::size_t task = random.below(island->contexts.size());
  tell("unbinds context " + std::to_string(task));
  const OthersTakeMail others(world);
  const auto done = world.call<schema::SchedulingContext::Unbind>(world.init(), island->admitted.contexts[task]);
  if (done.blocked) throw Unsound("unbinding does not come to an end");
  if (!done.error.ok()) return;
  Actor* const before = bound_to(*island->contexts[task]);
  require(before != nullptr, "nobody was bound");
  before->context = nullptr;
  before->stands_by = true;
  island->contexts[task]->loses_thread(world.machine().now().ns());
}

Message<schema::ProcessSpawner::Spawn> IslandChapter::spawn_supervised(const SpawnOptions& options, Number number) {
  return world.message<schema::ProcessSpawner::Spawn>(world.init(), world.service("spawner"), [&](auto params, auto& transfers) {
    params.set_name(options.program);
    params.set_program(options.program);
    params.set_memory_pages(options.memory_pages);
    params.set_source(number);
    params.set_context(add(transfers, options.context));
    params.init_supervisor().set_capability(add(transfers, tells_));
    const auto list = params.init_grants(static_cast<std::uint32_t>(options.grants.size()));
    for (std::uint32_t i = 0; i < options.grants.size(); ++i) {
      list[i].set_name(options.grants[i].first);
      list[i].init_capability().set_capability(add(transfers, options.grants[i].second));
    }
  });
}

void IslandChapter::spawn_server(std::uint16_t cpu) {
  if (servers_.size() >= 6) return;
  const std::uint32_t number = next_++;
  tell("spawns server " + std::to_string(number));
  const auto made = world.try_spawn({.cpu = cpu, .passive = true, .grants = grants(cpu)}, number);
  if (!made.ok()) return;
  actors_[number] = {};
  servers_.push_back({made.cap([](auto results) { return results.process(); }), number});
}

void IslandChapter::activate() {
  LiveIsland* const island = some_island();
  if (island == nullptr) return;
  tell("activates");
  const Time start = world.machine().now() + Duration::ns(static_cast<std::int64_t>(random.below(300'000)));
  const auto done = world.call<schema::RealtimeIsland::Activate>(world.init(), island->admitted.island, {.start_ns = start.ns()});
  if (!done.error.ok()) return;
  for (const auto& context : island->contexts) to_arm_.emplace_back(context, start.ns());
}

void IslandChapter::retire() {
  LiveIsland* const island = some_island();
  if (island == nullptr) return;
  tell("retires");
  island->retired = true;
  (void)world.call<schema::RealtimeIsland::Retire>(world.init(), island->admitted.island);
}

void IslandChapter::status() {
  LiveIsland* const island = some_island();
  if (island == nullptr) return;
  tell("asks");
  const auto found = world.call<schema::RealtimeIsland::Status>(world.init(), island->admitted.island);
  if (!found.error.ok()) throw Unsound("status is refused: " + found.error.text());
}

void IslandChapter::forget(Child& child) {
  (void)world.call<schema::ProcessHandle::Kill>(world.init(), child.handle);
  (void)world.release(world.init(), child.handle);
}

void IslandChapter::kill() {
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
void IslandChapter::drop() {
  if (islands_.empty()) return;
  const std::size_t at = random.below(islands_.size());
  LiveIsland& island = islands_[at];
  tell("drops an island");
  island.retired = true;
  const bool island_first = random.one_in(2);
  if (island_first) (void)world.release(world.init(), island.admitted.island);
  for (Child& task : island.tasks) forget(task);
  for (auto& [other, task] : island.others) forget(other);
  for (const abi::CapId context : island.admitted.contexts) (void)world.release(world.init(), context);
  if (!island_first) (void)world.release(world.init(), island.admitted.island);
  islands_.erase(islands_.begin() + static_cast<long>(at));
}

// --- tasks and servers
void IslandChapter::work(Thread& thread) {
  const auto cap = [&](std::string_view name) { return world.granted(thread.process, name); };
  const abi::CapId context = cap("self.context");
  const Number number = thread.process.number();
  if (number == supervisor_.number) return supervise(thread);
  if (actors_.at(number).stands_by && thread.bound == nullptr) {
    tell("process " + std::to_string(number) + " stands by");
    const bool stands = world.call<schema::SchedulingContext::StandBy>(thread, context).blocked;
    const kernel::Object& object = *thread.process.capabilities().find(context)->object();
    require(stands != static_cast<const kernel::SchedulingContext&>(object).stopped.load(), "a thread without a context cannot stand by, or can for one that was stopped");
    if (!stands) world.exit(thread, 0);
    return;
  }
  const std::string which = std::to_string(random.below(2));
  tell("process " + std::to_string(thread.process.number()) + " ");
  const std::uint64_t drawn = random.below(60) + (random.one_in(8) ? 0 : 2);  // ends are rare
  if (drawn == 0) {
    tell("exits");
    return world.exit(thread, 0);
  }
  if (drawn == 1) {
    tell("faults");
    ++actors_.at(number).own_faults;
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
    serve(thread, which);
  } else if (drawn < 26) {
    tell("asks what it consumed");
    const auto found = world.call<schema::SchedulingContext::Consumed>(thread, context);
    require(found.error.ok(), "what a context consumed is not told: " + found.error.text());
    const std::uint64_t expected = actors_.at(number).context->consumed();
    require(found.value.total_ns == expected, "a context has consumed " + std::to_string(found.value.total_ns) + " ns instead of " + std::to_string(expected));
    ++asked;
  } else if (drawn < 45) {
    tell("waits for its release");
    const auto own = actors_.at(number).context;
    const std::uint64_t at = world.machine().now().ns();
    const bool bound = account_of(number) == number;
    const auto found = world.call<Await>(thread, context);
    // It may go on with the next job at once.
    const bool refused = found.error == transport(schema::TransportError::not_bound);
    require(refused != bound, refused ? "a task on its own time cannot wait for its release" : "a task on another's time waits for its release");
    if (refused) return;
    ++jobs;
    own->waits(at);
    if (!found.blocked) actors_.at(number).seen = kernel::ThreadState::await_release;
  } else {
    tell("enters its ring");
    (void)world.enter_ring(thread);
  }
}

void IslandChapter::serve(Thread& thread, const std::string& which) {
  Actor& actor = actors_.at(thread.process.number());
  const auto hold = kernel::Ref<Thread>::share(thread);
  actor.works_for = 0;
  actor.ceiling = kCeilings[which == "1"];
  const auto found = world.reply_receive(thread, world.granted(thread.process, "serve" + which), {}, random.one_in(5) ? 1 : 0);
  actor.receives = !found.has_value();
  if (found.has_value()) take_call(actor, *found);
}

// It answers in every way, and some that make no sense.
void IslandChapter::supervise(Thread& thread) {
  Actor& actor = actors_.at(supervisor_.number);
  using Results = schema::FaultHandler::Fault::Results::Value;
  Results results{};
  results.action = static_cast<schema::FaultAction>(random.below(random.one_in(8) ? 5 : 4));
  results.instruction_pointer = abi::kProgramBase;
  results.stack_pointer = abi::kStackTop;
  Words words{};
  results.to_words(words.data());
  tell("supervises");
  const auto found = world.reply_receive(thread, world.granted(thread.process, "faults"), words);
  actor.receives = !found.has_value();
  if (found.has_value() && found->error().ok()) take_fault(static_cast<Number>(found->cap), *found);
}

void IslandChapter::end() {
  tell("the end");
  world.machine().at_each_passing({});
  while (!islands_.empty()) drop();
  for (Child& server : servers_) forget(server);
  forget(supervisor_);
  (void)world.release(world.init(), tells_);
  (void)world.release(world.init(), faults_);
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

}  // namespace capos::ktest
