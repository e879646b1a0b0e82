// SPDX-License-Identifier: Apache-2.0
#include "actions.hpp"

#include <algorithm>

#include "core/invariants.hpp"
#include "islands/lease.hpp"
#include "memory/object_heap.hpp"
#include "process/moving.hpp"

namespace capos::ktest {

using kernel::ThreadState;

namespace {

constexpr std::size_t kRemembered = 20;
constexpr std::uint32_t kMostUntaken = abi::kCompletionEntries / 2;

WorldOptions options_for(std::uint64_t seed) {
  WorldOptions options;
  options.pack.cpus = static_cast<std::uint16_t>(1 + seed % 4);
  options.pack.slice_us = 100 + seed / 4 % 3 * 400;
  options.ram_bytes = 40u << 20;
  options.entropy = static_cast<hal::EntropyKind>(seed % 3);
  options.channel_bytes = seed % 2 == 0 ? 0 : 16'384;
  return options;
}

ThreadState state_for(Waits waits) {
  switch (waits) {
    case Waits::no: return ThreadState::runnable;
    case Waits::for_reply: return ThreadState::await_reply;
    case Waits::for_server: return ThreadState::await_server;
    case Waits::for_call: return ThreadState::await_call;
    case Waits::for_signal:
    case Waits::for_exit:
    case Waits::for_thread: return ThreadState::await_signal;
    case Waits::asleep: return ThreadState::sleeping;
    case Waits::parked: return ThreadState::parked;
    case Waits::for_supervisor: return ThreadState::await_supervisor;
    case Waits::in_ring: return ThreadState::await_completions;  // see look_at_wait()
    case Waits::dead: break;
  }
  return ThreadState::dead;
}

std::string text_of(const Words& words) {
  std::string text;
  for (const std::uint64_t word : words) text += " " + std::to_string(word);
  return text;
}

}  // namespace

Chapter::Chapter(std::uint64_t seed) : options_(options_for(seed)), world(options_), seed_(seed) {
  start_model();
  world.machine().at_each_interrupt_let_in([this](CpuId cpu, bool mail) {
    if (!ends_) let_in(cpu.value(), mail);
  });
  world.machine().at_each_interrupt_window([this](CpuId cpu) {
    const bool ends = world.cpu(cpu.value()).ending != nullptr;
    if (ends && !ends_ && !world.in_the_middle.has_value()) between_portions(cpu.value());
  });
  // Page tables stay while their space does: init's for the places where the walk maps are counted from the start.
  const abi::CapId memory = world.service("self.memory");
  const auto mapped = world.call<schema::VirtualMemory::Map>(world.init(), memory, {.hint = 0, .size = 4096, .prot = 3});
  const auto unmapped =
      world.call<schema::VirtualMemory::Unmap>(world.init(), memory, {.addr = mapped.value.addr, .size = 4096});
  if (!mapped.error.ok() || !unmapped.error.ok()) throw Unsound("init cannot map a page");
  heap_bytes_ = kernel::heap_use().bytes;
  for (std::size_t i = 0; i < used_.size(); ++i) used_[i] = kernel::machine_ledger().used(static_cast<kernel::Resource>(i));
}

void Chapter::start_model() {
  model.running = [this](std::uint16_t cpu) { return running_on(cpu); };
  model.room_of_ring = [this](Who who) { return abi::kCompletionEntries - completions(thread(who)); };
  model.add_process(World::kInit, 0);
  const Id ledger = model.add({.kind = Kind::ledger, .interface_id = schema::ResourceLedger::kInterfaceId});
  model.process(World::kInit).ledger = ledger;
  for (const auto& [name, entry] : world.capset_entries(world.process(World::kInit))) {
    Id id = ledger;
    if (name == "self.memory") {
      id = model.add({.kind = Kind::virtual_memory, .interface_id = entry.interface_id, .process = World::kInit});
    } else if (name != "self.ledger") {
      id = model.add({.kind = Kind::service, .interface_id = entry.interface_id, .name = name});
    }
    model.gets(World::kInit, entry.cap, {.id = id, .interface_id = entry.interface_id});
    first_caps_.insert(entry.cap);
  }
}

kernel::Thread& Chapter::thread(Who who) {
  auto& threads = world.process(who.process).threads();
  const std::uint32_t number = model.thread(who).number;
  for (kernel::Thread* one = threads.front(); one != nullptr; one = threads.next(*one)) {
    if (one->number == number) return *one;
  }
  throw Unsound("thread " + who.text() + " is not there");
}

std::uint64_t Chapter::pick_of(Number number, std::initializer_list<Kind> kinds) {
  std::uint64_t chosen = 0;
  std::uint64_t seen = 0;
  const bool dead_too = random.one_in(16);
  for (const auto& [cap, held] : model.process(number).caps) {
    const Kind kind = model.object(held.id).kind;
    const bool fits = std::ranges::find(kinds, kind) != kinds.end();
    if (fits && (dead_too || model.find(number, cap) != nullptr) && random.one_in(++seen)) chosen = cap;
  }
  return chosen;
}

std::uint64_t Chapter::pick(Number number, Kind kind) { return pick_of(number, {kind}); }

std::uint64_t Chapter::service(Number number, std::string_view name) {
  std::uint64_t found = 0;
  for (const auto& [cap, held] : model.process(number).caps) {
    const ModelObject& object = model.object(held.id);
    if (object.kind != Kind::service || object.name != name) continue;
    if (model.find(number, cap) != nullptr) return cap;
    found = cap;
  }
  return found;
}

bool Chapter::nothing_is_reaped() {
  bool remains = false;
  kernel::Process::for_each([&](kernel::Process& process) { remains = remains || !process.alive(); });
  return !remains;
}

// While a dead process remains, the kernel may still hold what that had; what one had that could not be made for want of
// memory, nobody knows.
Id Chapter::pick_unheld() {
  std::set<Id> remaining;
  bool known = true;
  kernel::Process::for_each([&](kernel::Process& process) {
    if (process.alive()) return;
    const auto found = model.processes().find(process.number());
    known = known && found != model.processes().end();
    if (known) remaining.insert(found->second.left.begin(), found->second.left.end());
  });
  if (!known) return 0;
  for (const auto& [id, object] : kept_) {
    const ModelObject& one = model.object(id);
    // A DMA buffer or registers may go while a program has them mapped, and stay then.
    if (one.held == 0 && !one.pinned && !remaining.contains(id) && random.one_in(2)) return id;
  }
  return 0;
}

void Chapter::give_up_last(Id id) {
  kernel::Thread& init = world.init();
  const auto key = init.process.capabilities().insert(std::move(kept_.at(id)));
  require(key.has_value(), "init's table is full");
  kept_.erase(id);
  model.process(World::kInit).had.insert(key->raw);
  model.last_is_gone(0, id);
  require(world.release(init, *key).ok(), "the last capability cannot be given up");
}

std::size_t Chapter::living() const {
  std::size_t count = 0;
  for (const auto& [number, process] : model.processes()) count += process.alive() ? 1 : 0;
  return count;
}

std::size_t Chapter::able_to_run() const {
  std::size_t count = 0;
  for (const auto& [number, process] : model.processes()) {
    for (const auto& [serial, one] : process.threads) count += one.waits == Waits::no ? 1 : 0;
  }
  return count;
}

void Chapter::require(bool holds, const std::string& what) {
  if (!holds) throw Unsound(what);
}

void Chapter::expect(Error expected, Error found) {
  require(expected == found, "expected " + expected.text() + ", found " + found.text());
  ++tally_["(" + found.text() + ")"];
}

void Chapter::expect(const Finds& finds, const std::optional<Answer>& answer) {
  // What was to block may have been woken already, if time has passed in the kernel: then look() compares.
  if (finds.blocked && answer.has_value() && was_let_in_) return;
  require(finds.blocked == !answer.has_value(), finds.blocked ? "expected to block: " + answer->error().text() : "blocked");
  ++tally_["(" + (finds.blocked ? "blocked" : answer->error().text()) + ")"];
  if (!answer.has_value()) return;
  if (finds.status != answer->status || (finds.status != 0 && finds.cap != answer->cap)) {
    throw Unsound("expected " + error_of(finds.status, finds.cap).text() + ", found " + answer->error().text());
  }
  if (finds.status != 0) return;
  require(finds.method == answer->method && finds.cap == answer->cap && finds.interface_id == answer->interface_id &&
              finds.one_way == answer->one_way,
          "a received call is of another method, caller or interface, or is none: " + std::to_string(answer->method) + ", " +
              std::to_string(answer->cap) + " instead of " + std::to_string(finds.method) + ", " + std::to_string(finds.cap));
  require(!finds.words_known || finds.words == answer->words,
          "expected words" + text_of(finds.words) + ", found" + text_of(answer->words));
}

std::optional<Failure> Chapter::run(std::span<const std::size_t> steps) {
  std::size_t at = 0;
  try {
    for (const std::size_t number : steps) {
      at = number;
      last_.push_back("step " + std::to_string(number) + ": ");
      if (last_.size() > kRemembered) last_.pop_front();
      step(number);
      look();
    }
    last_.push_back("the end");
    end();
  } catch (const std::exception& broken) {
    return Failure{at, broken.what(), {last_.begin(), last_.end()}};
  }
  return std::nullopt;
}

bool Chapter::is_quiet(std::uint16_t cpu) {
  const host::Machine& machine = world.machine();
  const CpuId id(cpu);
  const bool runs = machine.place(id) == host::Place::user;
  // init does enough.
  const bool init = runs && world.cpu(cpu).thread == &world.init();
  return (!runs || init) && !machine.mail_pending(id) && !machine.timer_due(id);
}

// Time passes and interrupts come until a program does something.
void Chapter::step(std::size_t number) {
  constexpr unsigned kMostEvents = 6;
  random = Random(seed_ * 0x2545f4914f6cdd1d + number);
  for (unsigned event = 0; event < kMostEvents; ++event) {
    model.set_time(world.machine().now().ns());
    auto cpu = static_cast<std::uint16_t>(random.below(world.machine().cpus()));
    // Rather one with something to do.
    for (unsigned again = 0; again < 3 && is_quiet(cpu); ++again) {
      cpu = static_cast<std::uint16_t>(random.below(world.machine().cpus()));
    }
    const bool runs = world.machine().place(CpuId(cpu)) == host::Place::user;
    // init never waits; so that the others come to run, time goes on more often while it does.
    const bool init = runs && world.cpu(cpu).thread == &world.init();
    // What is pending comes first: else the kernel would let it in between two portions of a call, and might leave the call
    // for another thread, half done. The model has calls at once; the conformance program has the others.
    const bool pending = world.machine().mail_pending(CpuId(cpu)) || world.machine().timer_due(CpuId(cpu));
    if (runs && !pending && !random.one_in(init ? 2 : 8)) return thread_acts(cpu);
    machine_acts(cpu);
    tell("; ");
    look();
  }
}

void Chapter::thread_acts(std::uint16_t cpu) {
  const kernel::Thread& running = *world.cpu(cpu).thread;
  const Number number = running.process.number();
  Who who;
  for (const auto& [serial, one] : model.process(number).threads) {
    if (one.alive() && one.number == running.number) who = one.who;
  }
  require(!who.none(), "a thread runs that the model knows nothing of");
  abi::RingHeader& header = world.ring(*world.cpu(cpu).thread).header;
  if (random.one_in(2)) header.cq_head = header.cq_tail;
  const bool stalled = !ring_is_clear(who);
  const std::size_t before = last_.back().size();
  unsigned total = 0;
  for (const Action& action : actions()) total += action.weight;
  for (unsigned attempt = 0; attempt < 8; ++attempt) {
    std::uint64_t drawn = random.below(total);
    const Action* chosen = actions().data();
    while (drawn >= chosen->weight) drawn -= (chosen++)->weight;
    // Behind an entry that waits for all before it nothing gets on.
    if (stalled) chosen = &ring_actions()[1];
    if (number == World::kInit && chosen->may_end) continue;
    last_.back().resize(before);
    tell("cpu " + std::to_string(cpu) + ", thread " + who.text() + ": " + chosen->name + " ");
    if (!chosen->run(*this, who)) continue;
    ++tally_[chosen->name];
    return;
  }
  last_.back().resize(before);
  tell("nothing to do");
}

void Chapter::machine_acts(std::uint16_t cpu) {
  host::Machine& machine = world.machine();
  const CpuId id(cpu);
  if (machine.mail_pending(id) && !random.one_in(3)) {
    tell("cpu " + std::to_string(cpu) + " takes its mail");
    ++tally_["mail"];
    ++mails[cpu];
    model.mail(cpu);
    (void)machine.deliver_mail(id);
    see_leases(cpu);
  } else if (machine.timer_due(id)) {
    tell("cpu " + std::to_string(cpu) + "'s timer");
    ++tally_["timer"];
    ++timers[cpu];
    model.timer(cpu);
    do {
      (void)machine.fire(id);  // it is due at once again where more timeouts had come than expire at a time
    } while (machine.timer_due(id) && !machine.is_off());
  } else if (!world.in_the_middle.has_value() && random.one_in(10) && device_acts(*this)) {
  } else if (!world.in_the_middle.has_value() && machine.cpus() > 1 && random.one_in(5)) {
    const auto asked = static_cast<std::uint16_t>(1 + random.below(machine.cpus() - 1u));
    if (!machine.mail_pending(CpuId(asked))) send_away_from(asked);
  } else if (random.one_in(20)) {
    tell("cpu " + std::to_string(cpu) + ": an interrupt of no use");
    // Lines that somebody has come by device_acts().
    const std::uint64_t line = random.below(24);
    const bool stray = random.one_in(2) && !model.is_line_taken(line);
    ++spurious[cpu];
    (void)(stray ? machine.device_interrupt(id, static_cast<std::uint8_t>(line)) : machine.spurious_interrupt(id));
  } else {
    std::uint64_t by = random.below(random.one_in(4) ? 1'000'000 : 100'000);
    const Time next = machine.next_timer();
    if (next > machine.now() && !next.is_never() && !random.one_in(3)) {
      by = next.ns() - machine.now().ns();
    }
    tell("time goes on by " + std::to_string(by) + " ns");
    machine.advance(machine.now() + Duration::ns(static_cast<std::int64_t>(by)));
  }
  world.check();
}

// At once, and by itself: who leaves in the middle of the mail that a CPU takes gets a part of its own there, and the rest is sent on, which
// the model cannot tell. What comes into the box before a slice ends is sent on in the walk.
void Chapter::send_away_from(std::uint16_t cpu) {
  host::Machine& machine = world.machine();
  tell("cpu " + std::to_string(cpu) + " sends away who may go");
  ++tally_["asked to vacate"];
  kernel::ask_to_vacate(1u << cpu);
  kernel::end_vacating(1u << cpu);
  while (machine.mail_pending(CpuId(cpu))) {
    ++mails[cpu];
    (void)machine.deliver_mail(CpuId(cpu));
    see_moves();
  }
  // Before who has gone has come.
  if (random.one_in(2)) (void)device_acts(*this);
}

void Chapter::see_ends() {
  for (bool more = true; more;) {
    more = false;
    for (const auto& [number, process] : model.processes()) {
      if (!process.ending || !process.alive()) continue;
      kernel::Process* const seen = world.find_process(number);
      std::set<std::uint32_t> living;
      kernel::Thread* one = seen != nullptr ? seen->threads().front() : nullptr;
      for (; one != nullptr; one = seen->threads().next(*one)) living.insert(one->number);
      std::vector<Who> ended;
      for (const auto& [serial, each] : process.threads) {
        if (each.alive() && !living.contains(each.number)) ended.push_back(each.who);
      }
      for (const Who& who : ended) model.leaves_process(who);
      more = more || !ended.empty();
    }
    bool later = false;  // when the CPU leaves the kernel
    for (std::uint16_t id = 0; id < world.machine().cpus(); ++id) later = later || world.cpu(id).doomed != nullptr;
    if (!later) model.end_doomed();
  }
}

void Chapter::see_moves() {
  std::map<Number, std::uint16_t> places;
  kernel::Process::for_each([&](kernel::Process& process) {
    const std::uint16_t cpu = process.home.cpu().value();
    if (process.alive()) places[process.number()] = process.home.is(CpuId(cpu)) ? cpu : cpu | kOnTheWay;
  });
  for (auto& [number, process] : model.processes()) {
    const auto found = places.find(number);
    if (found == places.end() || found->second == process.cpu) continue;
    // What has completed before it went is known by then.
    kernel::Process& seen = world.process(number);
    for (kernel::Thread* one = seen.threads().front(); one != nullptr; one = seen.threads().next(*one)) {
      for (auto& [serial, each] : process.threads) {
        if (each.alive() && each.number == one->number) see_completions(*one, each);
      }
    }
    const std::string why = model.why_it_stays(number);
    require(why.empty(), "process " + std::to_string(number) + " has moved to CPU " + std::to_string(found->second % kOnTheWay) + ": " + why);
    if (process.cpu < kOnTheWay) ++tally_["moves"];
    if (process.cpu < kOnTheWay && !seen.interrupts.empty()) ++tally_["moves with interrupts"];
    if (process.cpu < kOnTheWay && !seen.timers.empty()) ++tally_["moves with timers"];
    model.moves(number, found->second);
  }
}

Who Chapter::running_on(std::uint16_t cpu) {
  const kernel::Thread* const thread = world.cpu(cpu).thread;
  if (thread == nullptr) return {};
  const auto process = model.processes().find(thread->process.number());
  if (process == model.processes().end()) return {};
  for (const auto& [serial, one] : process->second.threads) {
    if (one.alive() && one.number == thread->number) return one.who;
  }
  return {};
}

void Chapter::between_portions(std::uint16_t cpu) {
  const auto cpus = static_cast<std::uint16_t>(world.machine().cpus());
  see_ends();
  if (cpus == 1 || failed_between_ != "") return;
  world.in_the_middle = CpuId(cpu);
  const bool was_let_in = was_let_in_;
  try {
    for (unsigned event = 0; event < 3 && random.one_in(2); ++event) {
      const auto other = static_cast<std::uint16_t>((cpu + 1 + random.below(cpus - 1u)) % cpus);
      tell(" [meanwhile ");
      model.set_time(world.machine().now().ns());
      const bool runs = world.machine().place(CpuId(other)) == host::Place::user;
      if (world.machine().mail_pending(CpuId(other)) || world.machine().timer_due(CpuId(other)) || !runs) {
        machine_acts(other);
      } else {
        thread_acts(other);
      }
      tell("]");
      ++tally_["between portions"];
      look();
    }
  } catch (const std::exception& broken) {
    failed_between_ = broken.what();
  }
  was_let_in_ = was_let_in_ || was_let_in;
  world.in_the_middle.reset();
}

void Chapter::let_in(std::uint16_t cpu, bool mail) {
  model.set_time(world.machine().now().ns());
  see_ends();
  see_new_entries();
  was_let_in_ = true;
  ++tally_[mail ? "mail while it polls" : "timer while it polls"];
  ++(mail ? mails : timers)[cpu];
  if (!mail) return model.timer(cpu);
  model.mail(cpu);
  let_in_.insert(cpu);
}

void Chapter::see_new_entries() {
  for (auto& [number, process] : model.processes()) {
    if (!process.alive()) continue;
    for (auto& [serial, one] : process.threads) {
      if (one.alive() && one.waits == Waits::in_ring && one.polls && model.ring_has_new(one.who) && ring_is_clear(one.who)) {
        model.enters_ring(one.who);
      }
    }
  }
}

void Chapter::see_leases(std::uint16_t cpu) {
  see_ends();
  const bool more = world.machine().mail_pending(CpuId(cpu)) || world.machine().timer_due(CpuId(cpu));
  for (auto& [number, process] : model.processes()) {
    if (process.cpu != cpu || !process.alive()) continue;
    for (auto& [serial, one] : process.threads) {
      if (!one.alive() || !(model.must_stop_waiting(one) || model.must_stop_serving(one))) continue;
      kernel::Thread& seen = thread(one.who);
      if (model.must_stop_serving(one) && seen.serving == nullptr) {
        model.stops_serving(one.who);
        ++tally_["stops serving"];
      }
      if (model.must_stop_waiting(one) && seen.state == ThreadState::runnable) {
        model.stops_waiting(one.who);
        ++tally_["stops waiting"];
      }
      require(more || !(model.must_stop_waiting(one) || model.must_stop_serving(one)),
              "what thread " + one.who.text() + " does goes on under a lease that has ended");
    }
  }
}

// Everything the model says about processes is so.
void Chapter::look() {
  require(failed_between_.empty(), failed_between_);
  see_ends();
  see_moves();
  require(model.complaint().empty(), model.complaint());
  model.set_time(world.machine().now().ns());
  model.forget_written();
  see_new_entries();
  was_let_in_ = false;
  for (const std::uint16_t cpu : std::exchange(let_in_, {})) see_leases(cpu);
  std::vector<kernel::Process*> alive;  // for_each() may not throw
  kernel::Process::for_each([&](kernel::Process& process) {
    if (process.alive()) alive.push_back(&process);
  });
  for (kernel::Process* const process : alive) {
    if (world.in_the_middle == process->cpu()) continue;
    require(!process->is_ending(), "a process goes on ending, and nobody goes on with that");
    look_at(*process);
  }
  require(world.in_the_middle.has_value() || alive.size() == living(), "other processes live than the model says");
}

void Chapter::look_at(kernel::Process& process) {
  ModelProcess& expected = model.process(process.number());
  const std::string who = "process " + std::to_string(process.number());
  require(expected.alive(), who + " lives");
  std::size_t threads = 0;
  for (kernel::Thread* one = process.threads().front(); one != nullptr; one = process.threads().next(*one)) {
    ++threads;
    ModelThread* match = nullptr;
    for (auto& [serial, each] : expected.threads) {
      if (each.alive() && each.number == one->number) match = &each;
    }
    require(match != nullptr, who + " has a thread " + std::to_string(one->number) + " that must not be");
    look_at(*one, *match);
  }
  require(threads == expected.living(), who + " has lost a thread");
  require(process.capabilities().in_use() == expected.caps.size(),
          who + " holds " + std::to_string(process.capabilities().in_use()) + " capabilities instead of " +
              std::to_string(expected.caps.size()));
  if (expected.had.empty() || !random.one_in(4)) return;
  // One CapId that it ever had: resolves if it still has it and may use it, never again if not.
  auto had = expected.had.begin();
  std::advance(had, static_cast<long>(random.below(expected.had.size())));
  require((process.capabilities().find(abi::CapId{*had}) != nullptr) == (model.find(process.number(), *had) != nullptr),
          who + ": a CapId resolves that must not, or does not and must");
}

bool Chapter::ring_is_clear(Who who) {
  const abi::RingHeader& header = world.ring(thread(who)).header;
  return header.sq_head == header.sq_tail;
}

std::uint32_t Chapter::completions(kernel::Thread& thread) {
  const abi::RingHeader& header = world.ring(thread).header;
  return header.cq_tail - header.cq_head;
}

void Chapter::see_completions(kernel::Thread& thread, ModelThread& expected) {
  const abi::Ring& ring = world.ring(thread);
  for (; expected.seen != ring.header.cq_tail; ++expected.seen) {
    const abi::CapCqe& completion = ring.cq[expected.seen % abi::kCompletionEntries];
    if (World::is_of_a_message(completion.user_data)) continue;
    const std::string wrong = model.completed(expected.who, completion);
    require(wrong.empty(), "thread " + expected.who.text() + ": " + wrong);
    ++tally_["completions"];
  }
}

// It waits in cap_enter: with reason, and no longer.
void Chapter::look_at_wait(kernel::Thread& thread, ModelThread& expected) {
  const std::string who = "thread " + expected.who.text();
  const std::uint32_t there = completions(thread);
  const bool patient = model.now() < expected.ring_until;
  // Whether a wait that polls has ever parked, between two looks as well, is the kernel's word.
  if (expected.polls) expected.waited = expected.waited || thread.has_waited;
  if (thread.state == ThreadState::await_completions) {
    // No entry is overlooked: who submits one sees that it looks no longer.
    require(!expected.polls || world.ring(thread).header.flags == abi::kRingNeedsWakeup, who + " has parked and does not ask to be woken");
    require(there < expected.wanted, who + " waits for completions that are there");
    require(patient || world.machine().timer_due(thread.home.cpu()), who + " waits longer than it said");
  } else if (thread.state != ThreadState::ring_work) {
    require(thread.state == ThreadState::runnable, who + " waits for something else than completions");
    const Answer answer = world.answer(thread);
    require(answer.words[0] >= expected.wanted || !patient, who + " has stopped waiting and has not what it wanted");
    require(answer.words[0] <= there, who + " is told of completions that are not there");  // more may have come since
    require(world.ring(thread).header.flags == 0, who + " asks to be woken and runs");
    expected.waits = Waits::no;
    expected.polls = false;
    expect(finds_words(answer.words[0]), answer);
  }
}

bool Chapter::is_between_portions(Who who) {
  see_ends();
  return model.thread(who).alive() && thread(who).state == ThreadState::call_work;
}

void Chapter::look_at(kernel::Thread& thread, ModelThread& expected) {
  see_completions(thread, expected);
  if (expected.in_call && thread.state == ThreadState::call_work) return;
  expected.in_call = false;
  if (expected.waits == Waits::in_ring) look_at_wait(thread, expected);
  // Somebody takes them before there is no room for more: what a full queue does is the affair of test_ring and of fuzzing.
  if (completions(thread) >= kMostUntaken) world.ring(thread).header.cq_head = world.ring(thread).header.cq_tail;
  if (expected.waits == Waits::in_ring) return;
  // An interrupt came behind the last of its entries: it goes on in the kernel when it runs.
  if (expected.waits == Waits::no && thread.state == ThreadState::ring_work) return;
  const bool leased = expected.wait_lease != 0 && state_for(expected.waits) == ThreadState::await_signal;
  require(thread.state == (leased ? ThreadState::await_leased : state_for(expected.waits)),
          "thread " + expected.who.text() + " waits for something else than the model says: state " +
              std::to_string(static_cast<int>(thread.state)) + " instead of " + std::to_string(static_cast<int>(state_for(expected.waits))));
  if (!expected.found.has_value()) return;
  expect(*expected.found, world.answer(thread));
  expected.found.reset();
}

// What waits in init's ring is called off, for it holds notifications. First what may stand in its queue has its turn.
void Chapter::clear_ring() {
  kernel::Thread& thread = world.init();
  const auto take_all = [&] { world.ring(thread).header.cq_head = world.ring(thread).header.cq_tail; };
  while (!ring_is_clear(init())) {
    take_all();
    world.run_for(Duration::us(500));
    (void)world.enter_ring(thread);
  }
  for (const std::uint64_t target : model.ring_ops_that_wait(init())) {
    take_all();
    abi::CapSqe entry{};
    entry.operation = static_cast<std::uint8_t>(abi::RingOperation::cancel);
    entry.cap = target;
    (void)world.complete(thread, entry);
  }
  take_all();
}

// Everything that was made is given up; nothing remains.
void Chapter::end() {
  random = Random(seed_);
  ends_ = true;
  kernel::Thread& init = world.init();
  clear_ring();
  for (auto& [number, handle] : handles_) {
    const auto key = init.process.capabilities().insert(std::move(handle));
    require(key.has_value(), "init's table is full");
    (void)world.call<schema::ProcessHandle::Kill>(init, *key);
    (void)world.release(init, *key);
  }
  handles_.clear();
  for (auto& [id, object] : kept_) {
    const auto key = init.process.capabilities().insert(std::move(object));
    require(key.has_value(), "init's table is full");
    (void)world.release(init, *key);
  }
  kept_.clear();
  for (const auto& [cap, held] : model.process(World::kInit).caps) {
    if (first_caps_.contains(cap)) continue;
    require(world.release(init, abi::CapId{cap}).ok(), "a capability cannot be given up");
  }
  const abi::CapId memory = world.service("self.memory");
  for (const auto& [address, region] : model.process(World::kInit).pages) {
    const auto done = world.call<schema::VirtualMemory::Unmap>(init, memory, {.addr = address, .size = 4096});
    require(done.error.ok(), "a page cannot be unmapped");
  }
  world.settle();
  std::size_t processes = 0;
  kernel::Process::for_each([&](kernel::Process&) { ++processes; });
  require(processes == 1, "a dead process remains");
  for (std::size_t i = 0; i < used_.size(); ++i) {
    const auto resource = static_cast<kernel::Resource>(i);
    if (resource == kernel::Resource::log_bytes) continue;  // spent for good
    const std::uint64_t used = kernel::machine_ledger().used(resource);
    require(used == used_[i], "of resource " + std::to_string(i) + " are charged " + std::to_string(used) +
                                  " instead of " + std::to_string(used_[i]));
  }
  require(kernel::heap_use().bytes == heap_bytes_, "kernel objects remain: " + std::to_string(kernel::heap_use().bytes) +
                                                       " bytes instead of " + std::to_string(heap_bytes_));
  const auto code = static_cast<std::uint8_t>(random.below(hal::kExitPanic));
  (void)world.call<schema::SystemControl::Shutdown>(init, world.service("control"), {.code = code});
  require(world.machine().is_off() && world.machine().exit_code() == code, "the machine is not switched off as it was told to be");
}

}  // namespace capos::ktest
