// SPDX-License-Identifier: Apache-2.0
#include "process/process_build.hpp"

#include <array>
#include <cstring>

#include "core/account.hpp"
#include "core/termination.hpp"
#include "ipc/park.hpp"
#include "objects/table_service.hpp"
#include "process/thread_object.hpp"
#include "resources/charged.hpp"

namespace capos::kernel {
namespace {

using schema::KernelError;

constexpr std::uint64_t kStackPages = 16;
constexpr unsigned kStackOrder = 4;

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

}  // namespace

ProcessBuild::ProcessBuild(Process& process, const SpawnRequest& request, Ref<Session> session) noexcept
    : Object(kType), process_(Ref<Process>::share(process)), session_(std::move(session)), load_(process, request.image) {
  if (request.context != nullptr) context_ = Ref<SchedulingContext>::share(*request.context);
}

ResultOf<Ref<ProcessBuild>, KernelError> ProcessBuild::create(Ledger& payer, const SpawnRequest& request,
                                                              Ref<Session> session) noexcept {
  Ref<Process> process =
      TRY(Process::create(request.name, request.number, *request.ledger, request.session, request.cpu));
  process->shares().declare(request.share);
  process->set_supervisor(request.supervisor);
  auto build = new_object<ProcessBuild>(payer, *process, request, std::move(session));
  if (!build.has_value()) discard_process(Cpu::current(), *process);
  return build;
}

ResultOf<bool, KernelError> ProcessBuild::step() noexcept {
  switch (stage_) {
    case Stage::program:
      if (TRY(load_.step())) stage_ = Stage::stack;
      return false;
    case Stage::stack:
      if (!clean_ahead(kStackPages, kStackOrder)) return false;
      TRY_VOID(process_->map_stack(kStackPages));
      stage_ = Stage::thread;
      return false;
    case Stage::thread:
      if (!clean_ahead(Process::kThreadFrames, Process::kThreadOrder)) return false;
      TRY_VOID(process_->make_main_thread());
      process_->set_entry(load_.entry());
      stage_ = Stage::whole;
      return true;
    case Stage::whole: break;
  }
  return true;
}

ResultOf<void, KernelError> ProcessBuild::grant(std::span<const GrantedCapability> grants) noexcept {
  Process& process = *process_;
  const Ref<VirtualMemoryObject> memory = TRY(new_object<VirtualMemoryObject>(process.ledger(), process));
  Ref<SessionContext> session;
  if (process.session() != nullptr) session = TRY(new_object<SessionContext>(process.ledger(), *process.session()));
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
  if (context_) all[count++] = {"self.context", context_.get(), context_->interface_id()};
  TRY_VOID(grant_all(process, {all.data(), count}));
  Thread& thread = process.main_thread();
  if (context_) bind(*context_, thread);
  give_account(starting_account(thread), thread);
  return {};
}

Ref<Process> ProcessBuild::take() noexcept {
  context_ = {};
  return std::exchange(process_, {});
}

void ProcessBuild::destroy() noexcept {
  if (process_) discard_process(Cpu::current(), *process_);
  if (context_) context_->claimed = false;
  delete_object(this);
}

}  // namespace capos::kernel
