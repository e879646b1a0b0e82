// SPDX-License-Identifier: Apache-2.0
// Processes: how they come to be, and how they end.
#include <array>

#include "actions.hpp"

namespace capos::ktest {
namespace {

using schema::KernelError;

constexpr std::size_t kMostProcesses = 16, kMostGrants = 30;

struct Grant {
  std::uint64_t cap = 0;
  Held held;
};

struct SpawnPlan {
  Number number = 0;
  std::uint16_t cpu = 0;
  bool known = true;
  std::uint64_t quota = 0;
  std::vector<Grant> grants;
  std::uint64_t session = 0, supervisor = 0, ledger = 0;  // capabilities; 0: none
};

constexpr std::uint16_t kAnyCpu = 0xffff;

// Whoever holds it stays on its CPU (Model::why_it_stays).
bool binds(const ModelObject& object) {
  switch (object.kind) {
    case Kind::endpoint: case Kind::client: case Kind::timer: return true;
    case Kind::interrupt: return !object.device->follows;
    default: return object.name == "islands" || object.name == "standing";
  }
}

// What a driver needs. No timers: of more than two that are due while a process ends in portions, the model fires all at once, the kernel two.
bool is_of_drivers(const ModelObject& object) {
  if (object.kind == Kind::interrupt) return object.device->follows;
  return object.kind == Kind::notification || object.name == "devices";
}

SpawnPlan plan_spawn(Chapter& c, Who w) {
  SpawnPlan plan;
  plan.number = c.new_number();
  plan.cpu = static_cast<std::uint16_t>(c.random.below(c.world.machine().cpus() + (c.random.one_in(20) ? 1 : 0)));
  const bool freely = c.random.one_in(2);
  if (freely) plan.cpu = kAnyCpu;
  plan.known = !c.random.one_in(30);
  plan.quota = c.random.one_in(10) ? c.random.below(70) : 150 + c.random.below(300);
  const bool all = c.random.one_in(8);  // else what would be refused is left out
  const std::uint64_t session = c.random.one_in(4) ? c.pick(w.process, Kind::session) : 0;
  if (session != 0 && c.model.process(w.process).caps.at(session).interface_id == schema::Session::kInterfaceId) {
    plan.session = session;
  }
  // Nothing else for some, that they may move.
  if (freely && c.random.one_in(2)) {
    for (const auto& [cap, held] : c.model.process(w.process).caps) {
      const bool fine = c.model.find(w.process, cap) != nullptr && held.transfer == schema::TransferScope::any && held.lease == 0;
      if (fine && plan.grants.size() < kMostGrants && is_of_drivers(c.model.object(held.id))) plan.grants.push_back({cap, held});
    }
    return plan;
  }
  // Endpoints first: calls want a server and a client.
  for (const bool endpoints : {true, false}) {
    for (const auto& [cap, held] : c.model.process(w.process).caps) {
      const Kind kind = c.model.object(held.id).kind;
      if ((kind == Kind::endpoint || kind == Kind::client) != endpoints) continue;
      if (freely && binds(c.model.object(held.id)) && !c.random.one_in(8)) continue;
      if (plan.grants.size() == kMostGrants || c.random.one_in(endpoints ? 10 : 3)) continue;
      const bool fine = c.model.find(w.process, cap) != nullptr && held.transfer == schema::TransferScope::any &&
                        (plan.session == 0 || held.lease == 0);
      if (fine || (all && c.random.one_in(2))) plan.grants.push_back({cap, held});
    }
  }
  if (c.random.one_in(freely ? 20 : 3)) plan.supervisor = c.pick(w.process, Kind::client);
  if (c.random.one_in(8)) plan.ledger = c.pick(w.process, Kind::ledger);
  return plan;
}

// Is the grant under a lease that may outlive the session? Puts it under the session if it has none within.
bool outlives(Chapter& c, Held& held, Id session) {
  if (held.lease != 0 && c.model.is_within(held.lease, session)) return false;
  if (held.lease != 0 && !c.model.is_within(session, held.lease)) return true;
  held.lease = session;
  return false;
}

// In the order in which the kernel looks; the grants' leases become those that the child gets.
Error spawn_error(Chapter& c, Who w, SpawnPlan& plan) {
  const Id own = c.model.process(w.process).session;
  Id session = own;
  if (plan.session != 0) {
    const Held* const given = c.model.find(w.process, plan.session);
    if (given == nullptr) return invalid(KernelError::bad_capability);
    session = given->id;
    if (!c.model.holds(session)) return failed(KernelError::expired);
  }
  for (Grant& grant : plan.grants) {
    if (c.model.find(w.process, grant.cap) == nullptr) return invalid(KernelError::bad_capability);
    if (!c.model.may_travel(grant.held, w.process, c.model.session_number(session))) return invalid(KernelError::not_transferable);
    if (plan.session != 0 && outlives(c, grant.held, session)) return invalid(KernelError::mismatch);
  }
  if (plan.supervisor != 0) {
    const Held* const named_one = c.model.find(w.process, plan.supervisor);
    if (named_one == nullptr || named_one->interface_id != schema::FaultHandler::kInterfaceId) {
      return invalid(KernelError::bad_capability);
    }
  }
  if (!plan.known) return invalid(KernelError::not_found);
  if (plan.cpu != kAnyCpu && plan.cpu >= c.world.machine().cpus()) return invalid(KernelError::bad_cpu);
  if (plan.ledger != 0) {
    const Held* const given = c.model.find(w.process, plan.ledger);
    if (given == nullptr || given->interface_id != schema::ResourceLedger::kInterfaceId) return invalid(KernelError::bad_capability);
    if (plan.quota != 0) return invalid(KernelError::bad_range);
  }
  return kNoError;
}

void model_child(Chapter& c, Who w, const SpawnPlan& plan, Id session) {
  ModelProcess& maker = c.model.process(w.process);
  const Id ledger = plan.ledger != 0
                        ? maker.caps.at(plan.ledger).id
                        : c.model.add({.kind = Kind::ledger, .interface_id = schema::ResourceLedger::kInterfaceId});
  // Where it was placed is the kernel's word; test_moving.cpp says where it should be.
  c.model.add_process(plan.number, c.world.process(plan.number).cpu().value());
  ModelProcess& child = c.model.process(plan.number);
  child.placed_freely = plan.cpu == kAnyCpu;
  child.session = session;
  child.weight = maker.weight;
  child.latency = maker.latency;
  child.ledger = ledger;
  if (plan.supervisor != 0) child.supervisor = c.model.object(maker.caps.at(plan.supervisor).id).of;
  child.threads.at(0).supervisor = child.supervisor;
  for (const auto& [name, entry] : c.world.capset_entries(c.world.process(plan.number))) {
    Held held{.interface_id = entry.interface_id};
    if (name.front() == 'g') {
      held = plan.grants[std::stoul(name.substr(1))].held;
    } else if (name == "self.ledger") {
      held.id = ledger;
    } else if (name == "self.memory") {
      held.id = c.model.add({.kind = Kind::virtual_memory, .interface_id = entry.interface_id, .process = plan.number});
    } else {
      // "self.session" tells of the session.
      held.id = c.model.add({.kind = Kind::service, .interface_id = entry.interface_id, .name = name, .of = session});
    }
    c.model.gets(plan.number, entry.cap, held);
  }
  c.model.spawned(w, plan.number);
}

bool spawn(Chapter& c, Who w) {
  const std::uint64_t spawner = c.service(w.process, "spawner");
  if (spawner == 0 || !has_room(c, w) || c.living() >= kMostProcesses) return false;
  SpawnPlan plan = plan_spawn(c, w);
  if (plan.ledger != 0 && !c.random.one_in(10)) plan.quota = 0;
  c.tell(std::to_string(plan.number) + " on cpu " + std::to_string(plan.cpu));
  const Error expected = spawn_error(c, w, plan);
  const Id session = plan.session != 0 ? c.model.process(w.process).caps.at(plan.session).id : c.model.process(w.process).session;
  kernel::Process& process = c.world.process(w.process);
  const auto made = ask<schema::ProcessSpawner::Spawn>(c, w, spawner, expected, [&](auto params, auto& transfers) {
    params.set_name("child");
    params.set_program(plan.known ? "program" : "nobody knows");
    params.set_cpu(plan.cpu);
    params.set_memory_pages(plan.quota);
    params.set_source(plan.number);
    const auto list = params.init_grants(static_cast<std::uint32_t>(plan.grants.size()));
    for (std::uint32_t i = 0; i < plan.grants.size(); ++i) {
      list[i].set_name("g" + std::to_string(i));
      list[i].init_capability().set_capability(add(transfers, abi::CapId{plan.grants[i].cap}));
    }
    if (plan.session != 0) params.set_session(add(transfers, abi::CapId{plan.session}));
    if (plan.supervisor != 0) params.init_supervisor().set_capability(add(transfers, abi::CapId{plan.supervisor}));
    if (plan.ledger != 0) params.set_ledger(add(transfers, abi::CapId{plan.ledger}));
  });
  if (!made.has_value()) return true;
  const abi::CapId handle = made->cap([](auto results) { return results.process(); });
  c.keep_handle(plan.number, *process.capabilities().find(handle)->object());
  model_child(c, w, plan, session);
  c.model.brings(w.process, handle.raw, spawner,
                 c.model.add({.kind = Kind::handle, .interface_id = schema::ProcessHandle::kInterfaceId, .process = plan.number}));
  return true;
}

bool kill(Chapter& c, Who w) {
  // Where there are many and hardly anybody can go on any more, room is made.
  const bool crowded = c.living() + 2 > kMostProcesses && c.able_to_run() <= 4;
  if (!c.random.one_in(crowded ? 2 : 40)) return false;
  const std::uint64_t cap = c.pick(w.process, Kind::handle);
  if (cap == 0) return false;
  const Number victim = object_of(c, w, cap).process;
  c.tell(std::to_string(victim));
  if (victim == w.process) return false;  // "exits" is that
  call_object<schema::ProcessHandle::Kill>(c, w, cap, {}, [&] {
    c.model.kill(w, victim);
    return finds_words();
  });
  return true;
}

bool wait_for_process(Chapter& c, Who w) {
  const std::uint64_t cap = c.pick(w.process, Kind::handle);
  if (cap == 0) return false;
  const Number awaited = object_of(c, w, cap).process;
  c.tell(std::to_string(awaited));
  call_object<schema::ProcessHandle::Wait>(c, w, cap, {}, [&] { return c.model.wait_for(w, awaited); });
  return true;
}

bool ask_state(Chapter& c, Who w) {
  const std::uint64_t cap = c.pick(w.process, Kind::handle);
  if (cap == 0) return false;
  const Number asked = object_of(c, w, cap).process;
  call_object<schema::ProcessHandle::State>(c, w, cap, {}, [&] { return c.model.state_of(asked); });
  return true;
}

// Ends are rare, so that there is something to end.
bool exit(Chapter& c, Who w) {
  if (!c.random.one_in(8)) return false;
  const std::uint64_t code = c.random.below(256);
  kernel::Thread& thread = c.thread(w);
  c.model.exit_process(w.process, {0, code, 0});
  c.world.exit(thread, code);
  return true;
}

bool fault(Chapter& c, Who w) {
  if (c.model.thread(w).supervisor == 0 && !c.random.one_in(8)) return false;
  constexpr std::array<std::uint8_t, 4> kVectors = {14, 14, 6, 13};
  const std::uint8_t vector = kVectors[c.random.below(kVectors.size())];
  const std::uint64_t address = c.random.next();
  c.tell("by vector " + std::to_string(vector));
  kernel::Thread& thread = c.thread(w);
  using schema::ThreadFault;
  const schema::FaultHandler::Fault::Params::Value message{
      .thread = c.model.thread(w).number,
      .kind = vector == 14 ? ThreadFault::page_fault : vector == 6 ? ThreadFault::invalid_instruction : ThreadFault::exception,
      .vector = vector,
      .instruction_pointer = thread.user.instruction_pointer(),
      .stack_pointer = thread.user.stack_pointer(),
      .address = address,
      .error_code = 4};
  Words told{};
  message.to_words(told.data());
  c.model.fault(w, vector, address, told);
  c.world.fault(thread, vector, address);
  return true;
}

constexpr std::array kActions = {
    Action{"spawns", 12, false, spawn},
    Action{"kills", 4, false, kill},
    Action{"waits for process", 1, true, wait_for_process},
    Action{"asks the state", 2, false, ask_state},
    Action{"exits", 2, true, exit},
    Action{"faults", 4, true, fault},
};

}  // namespace

std::span<const Action> process_actions() { return kActions; }

}  // namespace capos::ktest
