// SPDX-License-Identifier: Apache-2.0
#include "walk.hpp"

#include "core/invariants.hpp"
#include "memory/object_heap.hpp"

namespace capos::ktest {

using kernel::ThreadState;

namespace {

constexpr std::size_t kRemembered = 20;

WorldOptions options_for(std::uint64_t seed) {
  WorldOptions options;
  options.pack.cpus = static_cast<std::uint16_t>(1 + seed % 4);
  options.pack.slice_us = 100 + seed / 4 % 3 * 400;
  options.ram_bytes = 24u << 20;
  return options;
}

ThreadState state_for(Waits waits) {
  switch (waits) {
    case Waits::no: return ThreadState::runnable;
    case Waits::for_reply: return ThreadState::await_reply;
    case Waits::for_server: return ThreadState::await_server;
    case Waits::for_call: return ThreadState::await_call;
    case Waits::for_signal:
    case Waits::for_exit: return ThreadState::await_signal;
    case Waits::asleep: return ThreadState::sleeping;
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

Chapter::Chapter(std::uint64_t seed) : world(options_for(seed)), seed_(seed) {
  model.add_process(World::kInit, 0);
  model.process(World::kInit).started = true;
  for (const auto& [name, cap] : world.capset(world.process(World::kInit))) {
    const Id id = name == "self.memory" ? model.add_virtual_memory(World::kInit) : model.add_service(name);
    model.gets(World::kInit, cap.raw, id);
  }
  // Page tables stay while their space does: init's for the places where the walk maps are counted from the start.
  const abi::CapId memory = world.service("self.memory");
  const auto mapped = world.call<schema::VirtualMemory::Map>(world.init(), memory, {.hint = 0, .size = 4096, .prot = 3});
  const auto unmapped =
      world.call<schema::VirtualMemory::Unmap>(world.init(), memory, {.addr = mapped.value.addr, .size = 4096});
  if (!mapped.error.ok() || !unmapped.error.ok()) throw Unsound("init cannot map a page");
  heap_bytes_ = kernel::heap_use().bytes;
  for (std::size_t i = 0; i < used_.size(); ++i) used_[i] = kernel::machine_ledger().used(static_cast<kernel::Resource>(i));
}

std::uint64_t Chapter::pick(Number number, Kind kind) {
  std::uint64_t chosen = 0;
  std::uint64_t seen = 0;
  for (const auto& [cap, id] : model.process(number).caps) {
    if (model.object(id).kind == kind && random.one_in(++seen)) chosen = cap;
  }
  return chosen;
}

std::uint64_t Chapter::service(Number number, std::string_view name) {
  for (const auto& [cap, id] : model.process(number).caps) {
    if (model.object(id).kind == Kind::service && model.object(id).name == name) return cap;
  }
  return 0;
}

std::size_t Chapter::living() const {
  std::size_t count = 0;
  for (const auto& [number, process] : model.processes()) count += process.alive() ? 1 : 0;
  return count;
}

std::size_t Chapter::able_to_run() const {
  std::size_t count = 0;
  for (const auto& [number, process] : model.processes()) count += process.waits == Waits::no ? 1 : 0;
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
  require(finds.blocked == !answer.has_value(), finds.blocked ? "expected to block: " + answer->error().text() : "blocked");
  ++tally_["(" + (finds.blocked ? "blocked" : answer->error().text()) + ")"];
  if (!answer.has_value()) return;
  if (finds.status != answer->status || (finds.status != 0 && finds.cap != answer->cap)) {
    throw Unsound("expected " + error_of(finds.status, finds.cap).text() + ", found " + answer->error().text());
  }
  if (finds.status != 0) return;
  require(finds.method == answer->method && finds.cap == answer->cap && finds.interface_id == answer->interface_id,
          "a received call is of another method, caller or interface");
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

void Chapter::step(std::size_t number) {
  random = Random(seed_ * 0x2545f4914f6cdd1d + number);
  const auto cpu = static_cast<std::uint16_t>(random.below(world.machine().cpus()));
  const bool runs = world.machine().place(CpuId(cpu)) == host::Place::user;
  // init never waits; so that the others come to run, time goes on more often while it does.
  const bool init = runs && world.cpu(cpu).thread == &world.init();
  if (runs && !random.one_in(init ? 2 : 6)) {
    thread_acts(cpu);
  } else {
    machine_acts(cpu);
  }
}

void Chapter::thread_acts(std::uint16_t cpu) {
  const Number number = world.cpu(cpu).thread->process.number();
  unsigned total = 0;
  for (const Action& action : actions()) total += action.weight;
  for (unsigned attempt = 0; attempt < 8; ++attempt) {
    std::uint64_t drawn = random.below(total);
    const Action* chosen = actions().data();
    while (drawn >= chosen->weight) drawn -= (chosen++)->weight;
    if (number == World::kInit && chosen->may_end) continue;
    const std::string who = "cpu " + std::to_string(cpu) + ", process " + std::to_string(number) + ": " + chosen->name + " ";
    last_.back().resize(last_.back().find(": ") + 2);
    tell(who);
    if (!chosen->run(*this, number)) continue;
    ++tally_[chosen->name];
    return;
  }
  last_.back().resize(last_.back().find(": ") + 2);
  tell("nothing to do");
}

void Chapter::machine_acts(std::uint16_t cpu) {
  host::Machine& machine = world.machine();
  const CpuId id(cpu);
  if (machine.mail_pending(id) && !random.one_in(3)) {
    tell("cpu " + std::to_string(cpu) + " takes its mail");
    ++tally_["mail"];
    model.mail(cpu);
    (void)machine.deliver_mail(id);
  } else if (machine.timer_due(id)) {
    tell("cpu " + std::to_string(cpu) + "'s timer");
    ++tally_["timer"];
    model.timer(cpu, machine.now().ns());
    (void)machine.fire(id);
  } else if (random.one_in(20)) {
    tell("cpu " + std::to_string(cpu) + ": an interrupt of no use");
    (void)(random.one_in(2) ? machine.device_interrupt(id, static_cast<std::uint8_t>(random.below(32)))
                            : machine.spurious_interrupt(id));
  } else {
    std::uint64_t by = random.below(random.one_in(4) ? 2'000'000 : 50'000);
    const Time next = machine.next_timer();
    if (next > machine.now() && !next.is_never() && !random.one_in(3)) {
      by = next.ns() - machine.now().ns();
    }
    tell("time goes on by " + std::to_string(by) + " ns");
    machine.advance(machine.now() + Duration::ns(static_cast<std::int64_t>(by)));
  }
  world.check();
}

// Everything the model says about processes is so.
void Chapter::look() {
  require(model.complaint().empty(), model.complaint());
  std::size_t alive = 0;
  kernel::Process::for_each([&](kernel::Process& process) {
    if (!process.alive()) return;
    ++alive;
    look_at(process);
  });
  require(alive == living(), "other processes live than the model says");
}

void Chapter::look_at(kernel::Process& process) {
  ModelProcess& expected = model.process(process.number());
  const std::string who = "process " + std::to_string(process.number());
  require(expected.alive(), who + " lives");
  require(process.main_thread().state == state_for(expected.waits), who + " waits for something else than the model says");
  require(process.capabilities().in_use() == expected.caps.size(),
          who + " holds " + std::to_string(process.capabilities().in_use()) + " capabilities instead of " +
              std::to_string(expected.caps.size()));
  if (expected.found.has_value()) {
    expect(*expected.found, world.answer(process.main_thread()));
    expected.found.reset();
  }
  if (expected.had.empty() || !random.one_in(4)) return;
  // One CapId that it ever had: resolves if it still has it, never again if not.
  auto had = expected.had.begin();
  std::advance(had, static_cast<long>(random.below(expected.had.size())));
  require((process.capabilities().find(abi::CapId{*had}) != nullptr) == expected.caps.contains(*had),
          who + ": a CapId resolves that must not, or does not and must");
}

// Everything that was made is given up; nothing remains.
void Chapter::end() {
  random = Random(seed_);
  kernel::Thread& init = world.init();
  for (auto& [number, handle] : handles_) {
    const auto key = init.process.capabilities().insert(std::move(handle));
    require(key.has_value(), "init's table is full");
    (void)world.call<schema::ProcessHandle::Kill>(init, *key);
    (void)world.release(init, *key);
  }
  handles_.clear();
  for (auto& endpoint : served_) {
    const auto key = init.process.capabilities().insert(std::move(endpoint));
    require(key.has_value(), "init's table is full");
    (void)world.release(init, *key);
  }
  served_.clear();
  for (const auto& [cap, id] : model.process(World::kInit).caps) {
    const Kind kind = model.object(id).kind;
    if (kind == Kind::service || kind == Kind::virtual_memory) continue;
    require(world.release(init, abi::CapId{cap}).ok(), "a capability cannot be given up");
  }
  const abi::CapId memory{pick(World::kInit, Kind::virtual_memory)};
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
}

}  // namespace capos::ktest
