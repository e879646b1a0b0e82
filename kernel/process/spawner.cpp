// SPDX-License-Identifier: Apache-2.0
#include "process/spawner.hpp"

#include "core/account.hpp"
#include "core/termination.hpp"
#include "core/wake.hpp"
#include "ipc/call_context.hpp"
#include "ipc/fault_call.hpp"
#include "islands/binding.hpp"
#include "islands/lease.hpp"
#include "islands/settling.hpp"
#include "objects/session.hpp"
#include "objects/transfer.hpp"
#include "process/process_build.hpp"
#include "resources/charged.hpp"

namespace capos::kernel {
namespace {

using schema::KernelError;

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
  process.started = true;
  if (!process.is_ending()) {
    Cpu& cpu = Cpu::current();
    const Time now = hal::now();
    Thread& thread = process.main_thread();
    if (thread.bound != nullptr) attach(cpu, thread, now);
    start_when_settled(cpu, thread, now);
    if (thread.bound != nullptr && thread.bound->stopped.load(std::memory_order_relaxed)) {  // while the mail was on its way
      raise_lost_time(cpu, thread, schema::ThreadFault::context_stopped, now);
    }
  }
  process.release();
}

using Spawn = schema::ProcessSpawner::Spawn;

// What the message grants, as it says now. `given`: the session that the process is spawned in, if the spawner names one; `session`:
// the one it will be in.
template <typename Item>
Outcome read_grant(CallContext& call, const Item& item, Session* given, std::uint64_t session, GrantedCapability& grant) noexcept {
  CapabilityEntry* const entry = call.argument_entry(item.capability().get_capability());
  if (entry == nullptr) return Outcome::invalid(KernelError::bad_capability);
  if (!may_travel(*entry, call.process().session_number(), session)) return Outcome::invalid(KernelError::not_transferable);
  grant = {item.name(), entry->object(), entry->interface_id(), entry->edge()};
  if (given != nullptr && !lease_within(grant.edge, given->life())) return Outcome::invalid(KernelError::mismatch);
  return Outcome::done();
}

// Other 8 of the CapSet's places are every process's own.
constexpr std::uint32_t kMostGrants = abi::kCapSetCapacity - 8;
constexpr std::uint32_t kGrantsAtOnce = 4;
constexpr std::uint32_t kProgramsAtOnce = 16;

// What has been done before a build begins, as CallProgress::done keeps it.
struct Beginning {
  enum class Stage : std::uint8_t { grants, program, rest };
  explicit Beginning(std::uint64_t done) noexcept : stage(static_cast<Stage>(done >> 32)), next(static_cast<std::uint32_t>(done)) {}
  [[nodiscard]] std::uint64_t done() const noexcept { return std::uint64_t{static_cast<std::uint8_t>(stage)} << 32 | next; }
  void go_on(Stage with, std::uint32_t from) noexcept {
    stage = with;
    next = from;
  }

  Stage stage;
  std::uint32_t next;  // grant to check, program to look at; then the program
};

class ProcessSpawnerService final : public SingletonObject<ProcessSpawnerService, schema::ProcessSpawner> {
 public:
  // In portions: all is checked at first; each capability that it is granted again, as it is when it is granted.
  Outcome spawn(CallContext& call, Spawn::Params::Reader params, Spawn::Results::Builder results) noexcept {
    if (!call.progress.object) return begin(call, params);
    auto& build = static_cast<ProcessBuild&>(*call.progress.object);
    const auto ready = build.step();
    if (!ready.has_value()) return Outcome::failed(ready.error());
    if (!*ready) return Outcome::unfinished();
    const auto list = params.grants();
    if (build.granted() < list.size() && !build.completes()) return grant_portion(call, list, build);
    const auto complete = build.complete();
    if (!complete.has_value()) return Outcome::failed(complete.error());
    if (!*complete) return Outcome::unfinished();
    const auto index = give_handle(call, build.process());
    if (!index.has_value()) return Outcome::overloaded(index.error());
    start_process(*build.take());
    results.set_process(*index);
    call.reschedule = true;
    return Outcome::done();
  }

 private:
  template <typename List>
  static Outcome grant_portion(CallContext& call, const List& list, ProcessBuild& build) noexcept {
    for (std::uint32_t left = kGrantsAtOnce; left != 0 && build.granted() < list.size(); --left) {
      if (build.granted() == kMostGrants) return Outcome::failed(KernelError::out_of_capabilities);
      GrantedCapability grant;
      const Outcome read = read_grant(call, list[build.granted()], build.session(), build.process().session_number(), grant);
      if (read.kind() != Outcome::Kind::done) return read;
      const auto granted = build.grant(grant);
      if (!granted.has_value()) return Outcome::failed(granted.error());
    }
    return Outcome::unfinished();
  }

  // A portion of what is looked at before anything is made.
  static Outcome look(CallContext& call, Spawn::Params::Reader params, Session* given, const Liveness* session, Beginning& so_far) noexcept {
    if (so_far.stage == Beginning::Stage::grants) {
      const auto list = params.grants();
      for (std::uint32_t left = kGrantsAtOnce; left != 0 && so_far.next < list.size(); --left, ++so_far.next) {
        GrantedCapability grant;
        const Outcome read = read_grant(call, list[so_far.next], given, session != nullptr ? session->session() : 0, grant);
        if (read.kind() != Outcome::Kind::done) return read;
      }
      if (so_far.next >= list.size()) so_far.go_on(Beginning::Stage::program, 0);
      return Outcome::unfinished();
    }
    const std::uint32_t found = find_program(params.program(), so_far.next, kProgramsAtOnce);
    if (found != kNoProgram || so_far.next == kNoProgram) so_far.go_on(Beginning::Stage::rest, found);
    return Outcome::unfinished();
  }

  static Outcome begin(CallContext& call, Spawn::Params::Reader params) noexcept {
    Session* const given = params.has_session() ? call.argument<Session>(params.session()) : nullptr;
    if (params.has_session() && given == nullptr) return Outcome::invalid(KernelError::bad_capability);
    if (given != nullptr && !given->life().holds()) return Outcome::failed(KernelError::expired);
    Liveness* const session = given != nullptr ? &given->life() : call.process().session();
    const auto list = params.grants();
    if (list.size() > abi::kCapSetCapacity) return Outcome::overloaded(KernelError::out_of_capabilities);
    Beginning so_far(call.progress.done);
    if (so_far.stage != Beginning::Stage::rest) {
      const Outcome looked = look(call, params, given, session, so_far);
      call.progress.begun = true;
      call.progress.done = so_far.done();
      return looked;
    }
    SpawnRequest request{.name = params.name(),
                         .image = program_image(so_far.next),
                         .number = params.source(),
                         .cpu = CpuId(params.cpu()),
                         .ledger = {},
                         .session = session,
                         .supervisor = {},
                         .share = call.process().shares().declared()};
    auto supervisor = supervisor_of(call, params.has_supervisor(), params.supervisor().get_capability());
    if (!supervisor.has_value()) return Outcome::invalid(supervisor.error());
    request.supervisor = *std::move(supervisor);
    if (request.image.empty()) return Outcome::invalid(KernelError::not_found);
    if (params.has_context()) {
      request.context = call.argument<SchedulingContext>(params.context());
      if (request.context == nullptr) return Outcome::invalid(KernelError::bad_capability);
      if (request.context->stopped) return Outcome::failed(KernelError::bad_state);
      request.cpu = request.context->cpu();
    } else if (params.cpu() == kAnyCpu.value()) {
      request.cpu = least_busy_cpu();
    }
    if (request.context == nullptr && !best_effort_allowed(request.cpu, params.passive())) {
      return Outcome::invalid(KernelError::bad_cpu);
    }
    const Outcome account = find_ledger(call, params, request);
    if (account.kind() != Outcome::Kind::done) return account;
    if (request.context != nullptr && request.context->claimed.exchange(true)) return Outcome::overloaded(KernelError::busy);
    auto build = ProcessBuild::create(call.ledger(), request, given != nullptr ? Ref<Session>::share(*given) : Ref<Session>());
    if (!build.has_value()) {
      if (request.context != nullptr) request.context->claimed = false;
      return Outcome::failed(build.error());
    }
    if (request.context == nullptr && !params.passive()) {
      if (!enlist_best_effort((*build)->process())) return Outcome::invalid(KernelError::bad_cpu);
      (*build)->process().take_place(params.cpu() == kAnyCpu.value());
      // Seen by whoever counts there after it has closed the CPU, or closed to this one.
      if (!may_be_placed(request.cpu)) return Outcome::invalid(KernelError::bad_cpu);
    }
    call.progress.object = *std::move(build);
    call.progress.begun = true;
    return Outcome::unfinished();
  }

  // What the process is to run on: the ledger given, or a child of the spawner's own.
  static Outcome find_ledger(CallContext& call, Spawn::Params::Reader params, SpawnRequest& request) noexcept {
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
};

constinit ProcessSpawnerService g_spawner;

}  // namespace

Object& process_spawner_service() noexcept { return g_spawner; }

ResultOf<Ref<Process>, KernelError> build_process(const SpawnRequest& request,
                                                  std::span<const GrantedCapability> grants) noexcept {
  const Ref<ProcessBuild> build = TRY(ProcessBuild::create(*request.ledger, request, {}));
  while (!TRY(build->step())) {
  }
  for (const GrantedCapability& grant : grants) TRY_VOID(build->grant(grant));
  while (!TRY(build->complete())) {
  }
  return build->take();
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
  Process& victim = *process_;
  call.reschedule = call.yields = true;
  if (victim.home.is(call.cpu.id) && &victim != &call.process()) {
    return kill_portion(call.cpu, victim, hal::now()) ? Outcome::done() : Outcome::unfinished();
  }
  if (victim.alive()) kill_process(victim);
  return Outcome::done();
}

Outcome ProcessHandle::state(CallContext&, const Interface::State::Params::Value&,
                             Interface::State::Results::Value& results) noexcept {
  results.alive = process_->alive();
  results.ready = results.alive && process_->main_thread().has_waited;
  results.cpu = process_->cpu().value();
  return Outcome::done();
}

}  // namespace capos::kernel
