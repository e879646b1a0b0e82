// SPDX-License-Identifier: Apache-2.0
#include "process/spawner.hpp"

#include <array>
#include <cstring>

#include "core/account.hpp"
#include "core/termination.hpp"
#include "core/wake.hpp"
#include "ipc/call_context.hpp"
#include "ipc/fault_call.hpp"
#include "ipc/park.hpp"
#include "islands/lease.hpp"
#include "objects/session.hpp"
#include "objects/table_service.hpp"
#include "objects/transfer.hpp"
#include "process/elf_loader.hpp"
#include "process/thread_object.hpp"
#include "resources/charged.hpp"

namespace capos::kernel {
namespace {

using schema::KernelError;

constexpr std::uint64_t kStackPages = 16;

// The CapSet page of a new process; its capabilities go into the process's table.
ResultOf<void, KernelError> grant_all(Process& process, std::span<const GrantedCapability> grants) noexcept {
  Ref<MemoryObject> page = TRY(MemoryObject::create(process, 1));
  auto& capset = *static_cast<abi::CapSet*>(page->kernel_address());
  capset.magic = abi::kCapSetMagic;
  for (const GrantedCapability& grant : grants) {
    if (capset.count == abi::kCapSetCapacity) return fail(KernelError::out_of_capabilities);
    abi::CapSetEntry& entry = capset.entries[capset.count++];
    if (grant.name.empty() || grant.name.size() >= sizeof entry.name) return fail(KernelError::bad_range);
    std::memcpy(entry.name, grant.name.data(), grant.name.size());
    const abi::CapId id =
        TRY(process.capabilities().insert(Ref<Object>::share(*grant.object), grant.interface_id, grant.edge));
    entry.cap = id.raw;
    entry.interface_id = grant.interface_id;
  }
  return process.install_capset(std::move(page));
}

ResultOf<void, KernelError> fill_process(Process& process, const SpawnRequest& request,
                                         std::span<const GrantedCapability> grants) noexcept {
  const std::uint64_t entry = TRY(load_elf(process, request.image));
  process.set_supervisor(request.supervisor);
  TRY_VOID(process.prepare(kStackPages));
  process.set_entry(entry);
  const Ref<VirtualMemoryObject> memory = TRY(new_object<VirtualMemoryObject>(process.ledger(), process));
  Ref<SessionContext> session;
  if (request.session != nullptr) session = TRY(new_object<SessionContext>(process.ledger(), *request.session));
  std::array<GrantedCapability, abi::kCapSetCapacity> all;
  if (grants.size() + 8 > all.size()) return fail(KernelError::out_of_capabilities);
  std::size_t count = 0;
  for (const GrantedCapability& grant : grants) all[count++] = grant;
  all[count++] = {"self.capabilities", &capability_table_service(), capability_table_service().interface_id()};
  all[count++] = {"self.ledger", &process.ledger(), process.ledger().interface_id()};
  if (session) all[count++] = {"self.session", session.get(), session->interface_id()};
  all[count++] = {"self.memory", memory.get(), memory->interface_id()};
  all[count++] = {"self.threads", &thread_factory_service(), thread_factory_service().interface_id()};
  all[count++] = {"self.park", &park_space_service(), park_space_service().interface_id()};
  all[count++] = {"self.thread", &thread_control_service(), thread_control_service().interface_id()};
  if (request.context != nullptr) {
    all[count++] = {"self.context", request.context, request.context->interface_id()};
  }
  TRY_VOID(grant_all(process, {all.data(), count}));
  Thread& thread = process.main_thread();
  if (request.context != nullptr) bind(*request.context, thread);
  give_account(own_account(thread), thread);
  return {};
}

// What the process is granted under its session ends with the session. False if a lease that the capability is under
// already may outlive it.
bool lease_within(HoldEdge& edge, Liveness& session) noexcept {
  if (edge.lease != nullptr && edge.lease->is_within(session)) return true;
  if (edge.lease != nullptr && !session.is_within(*edge.lease)) return false;
  edge.lease = &session;
  return true;
}

// The spawner pays for its handle.
ResultOf<std::uint32_t, KernelError> give_handle(CallContext& call, Process& process) noexcept {
  return call.give(TRY(new_object<ProcessHandle>(call.ledger(), process)));
}

void start_here(void* subject) noexcept {
  Process& process = *static_cast<Process*>(subject);
  if (process.alive()) {
    process.main_thread().watch();
    make_ready(Cpu::current(), process.main_thread().account, hal::now());
  }
  process.release();
}

class ProcessSpawnerService final : public SingletonObject<ProcessSpawnerService, schema::ProcessSpawner> {
 public:
  Outcome spawn(CallContext& call, schema::ProcessSpawner::Spawn::Params::Reader params,
                schema::ProcessSpawner::Spawn::Results::Builder results) noexcept {
    Session* const given = params.has_session() ? call.argument<Session>(params.session()) : nullptr;
    if (params.has_session() && given == nullptr) return Outcome::invalid(KernelError::bad_capability);
    if (given != nullptr && !given->life().holds()) return Outcome::failed(KernelError::expired);
    Liveness* const session = given != nullptr ? &given->life() : call.process().session();
    const std::uint64_t session_number = session != nullptr ? session->session() : 0;
    std::array<GrantedCapability, abi::kCapSetCapacity> grants;
    const auto list = params.grants();
    if (list.size() > grants.size()) return Outcome::overloaded(KernelError::out_of_capabilities);
    for (std::uint32_t i = 0; i < list.size(); ++i) {
      CapabilityEntry* const entry = call.argument_entry(list[i].capability().get_capability());
      if (entry == nullptr) return Outcome::invalid(KernelError::bad_capability);
      if (!may_travel(*entry, call.process().session_number(), session_number)) {
        return Outcome::invalid(KernelError::not_transferable);
      }
      grants[i] = {list[i].name(), entry->object(), entry->interface_id(), entry->edge()};
      if (given != nullptr && !lease_within(grants[i].edge, given->life())) return Outcome::invalid(KernelError::mismatch);
    }
    SpawnRequest request{.name = params.name(),
                         .image = find_program(params.program()),
                         .number = params.source(),
                         .cpu = CpuId(params.cpu()),
                         .ledger = {},
                         .session = session,
                         .supervisor = {},
                         .share = call.process().share()};
    auto supervisor = supervisor_of(call, params.has_supervisor(), params.supervisor().get_capability());
    if (!supervisor.has_value()) return Outcome::invalid(supervisor.error());
    request.supervisor = *std::move(supervisor);
    if (request.image.empty()) return Outcome::invalid(KernelError::not_found);
    if (params.has_context()) {
      request.context = call.argument<SchedulingContext>(params.context());
      if (request.context == nullptr) return Outcome::invalid(KernelError::bad_capability);
      if (request.context->stopped) return Outcome::failed(KernelError::bad_state);
      request.cpu = request.context->cpu();
    } else if (!best_effort_allowed(request.cpu, params.passive())) {
      return Outcome::invalid(KernelError::bad_cpu);
    }
    const Outcome account = find_ledger(call, params, request);
    if (account.kind() != Outcome::Kind::done) return account;
    if (request.context != nullptr && request.context->claimed.exchange(true)) return Outcome::overloaded(KernelError::busy);
    const Outcome outcome = build_and_start(call, request, {grants.data(), list.size()}, results);
    if (request.context != nullptr && outcome.kind() != Outcome::Kind::done) request.context->claimed = false;
    return outcome;
  }

 private:
  // What the process is to run on: the ledger given, or a child of the spawner's own.
  static Outcome find_ledger(CallContext& call, schema::ProcessSpawner::Spawn::Params::Reader params,
                             SpawnRequest& request) noexcept {
    if (params.has_ledger()) {
      Ledger* const given = call.argument<Ledger>(params.ledger());
      if (given == nullptr) return Outcome::invalid(KernelError::bad_capability);
      if (params.memory_pages() != 0) return Outcome::invalid(KernelError::bad_range);
      request.ledger = Ref<Ledger>::share(*given);
      return Outcome::done();
    }
    auto child = call.ledger().create_child(amounts_for(params.memory_pages(), call.ledger()));
    if (!child.has_value()) return Outcome::overloaded(child.error());
    request.ledger = *std::move(child);
    return Outcome::done();
  }

  static Outcome build_and_start(CallContext& call, const SpawnRequest& request,
                                 std::span<const GrantedCapability> grants,
                                 schema::ProcessSpawner::Spawn::Results::Builder results) noexcept {
    auto process = build_process(request, grants);
    if (!process.has_value()) return Outcome::failed(process.error());
    const auto index = give_handle(call, **process);
    if (!index.has_value()) {
      discard_process(call.cpu, **process);
      return Outcome::overloaded(index.error());
    }
    start_process(**process);
    results.set_process(*index);
    call.reschedule = true;
    return Outcome::done();
  }
};

constinit ProcessSpawnerService g_spawner;

}  // namespace

Object& process_spawner_service() noexcept { return g_spawner; }

ResultOf<Ref<Process>, KernelError> build_process(const SpawnRequest& request,
                                                  std::span<const GrantedCapability> grants) noexcept {
  Ref<Process> process =
      TRY(Process::create(request.name, request.number, *request.ledger, request.session, request.cpu));
  process->set_share(request.share);
  const auto filled = fill_process(*process, request, grants);
  if (filled.has_value()) return process;
  discard_process(Cpu::current(), *process);
  return fail(filled.error());
}

void start_process(Process& process) noexcept {
  process.acquire();
  if (!post(process.cpu(), process.start_mail, start_here, &process)) process.release();
}

void ProcessHandle::destroy() noexcept { delete_object(this); }

Outcome ProcessHandle::wait(CallContext& call, const Interface::Wait::Params::Value&,
                            Interface::Wait::Results::Value& results) noexcept {
  const auto ended = [&]() noexcept {
    const ExitRecord& exit = process_->exit_record();
    results.reason = exit.reason;
    results.code = exit.code;
    results.address = exit.address;
    return Outcome::done();
  };
  if (!process_->alive()) return ended();
  if (!call.may_block) return Outcome::transport(schema::TransportError::invalid_operation);
  if (!process_->waiter.enter(call.thread)) return Outcome::overloaded(KernelError::busy);
  if (!process_->alive() && process_->waiter.leave(call.thread)) return ended();
  await_event(call, process_->waiter, *this, nullptr);
  return Outcome::blocked();
}

Outcome ProcessHandle::kill(CallContext& call, const Interface::Kill::Params::Value&,
                            Interface::Kill::Results::Value&) noexcept {
  if (process_->alive()) kill_process(*process_);
  call.reschedule = true;
  return Outcome::done();
}

Outcome ProcessHandle::state(CallContext&, const Interface::State::Params::Value&,
                             Interface::State::Results::Value& results) noexcept {
  results.alive = process_->alive();
  results.ready = results.alive && process_->main_thread().has_waited;
  return Outcome::done();
}

}  // namespace capos::kernel
