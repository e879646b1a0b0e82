// SPDX-License-Identifier: Apache-2.0
#include "process/process_build.hpp"

#include <cstring>

#include "core/account.hpp"
#include "core/termination.hpp"
#include "islands/binding.hpp"
#include "ipc/park.hpp"
#include "objects/table_service.hpp"
#include "process/thread_object.hpp"
#include "resources/charged.hpp"

namespace capos::kernel {
namespace {

using schema::KernelError;

constexpr std::uint64_t kStackPages = 16;
constexpr unsigned kStackOrder = 4;

}  // namespace

ProcessBuild::ProcessBuild(Process& process, const SpawnRequest& request, Ref<Session> session) noexcept
    : CallState(kType), process_(Ref<Process>::share(process)), session_(std::move(session)), load_(process, request.image) {
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
      TRY_VOID(process_->begin_stack(kStackPages));
      stage_ = Stage::stack_pages;
      return false;
    case Stage::stack_pages:
      if (TRY(process_->memory().map_portion(abi::kStackTop - kStackPages * hal::kPageSize))) stage_ = Stage::thread;
      return false;
    case Stage::thread:
      if (!clean_ahead(Process::kThreadFrames, Process::kThreadOrder)) return false;
      if (!thread_) {
        thread_ = TRY(process_->begin_thread());
        return false;
      }
      if (!TRY(thread_->equip_some())) return false;
      process_->add_thread(*thread_);
      thread_ = {};
      process_->set_entry(load_.entry());
      stage_ = Stage::capset;
      return false;
    case Stage::capset:
      capset_ = TRY(MemoryObject::create(*process_, 1));
      static_cast<abi::CapSet*>(capset_->kernel_address())->magic = abi::kCapSetMagic;
      stage_ = Stage::grants;
      return true;
    default: break;
  }
  return true;
}

ResultOf<void, KernelError> ProcessBuild::grant(const GrantedCapability& grant) noexcept {
  auto& capset = *static_cast<abi::CapSet*>(capset_->kernel_address());
  if (capset.count == abi::kCapSetCapacity) return fail(KernelError::out_of_capabilities);
  abi::CapSetEntry& entry = capset.entries[capset.count++];
  if (grant.name.empty() || grant.name.size() >= sizeof entry.name) return fail(KernelError::bad_range);
  std::memcpy(entry.name, grant.name.data(), grant.name.size());
  const abi::CapId id =
      TRY(process_->capabilities().insert(Ref<Object>::share(*grant.object), grant.interface_id, grant.edge));
  entry.cap = id.raw;
  entry.interface_id = grant.interface_id;
  ++granted_;
  return {};
}

ResultOf<bool, KernelError> ProcessBuild::complete() noexcept {
  Process& process = *process_;
  const auto service = [&](std::string_view name, Object& object) noexcept {
    return grant({.name = name, .object = &object, .interface_id = object.interface_id()});
  };
  if (stage_ == Stage::grants) {
    const Ref<VirtualMemoryObject> memory = TRY(new_object<VirtualMemoryObject>(process.ledger(), process));
    Ref<SessionContext> session;
    if (process.session() != nullptr) session = TRY(new_object<SessionContext>(process.ledger(), *process.session()));
    TRY_VOID(service("self.capabilities", capability_table_service()));
    TRY_VOID(service("self.ledger", process.ledger()));
    if (session) TRY_VOID(service("self.session", *session));
    TRY_VOID(service("self.memory", *memory));
    stage_ = Stage::own;
    return false;
  }
  if (stage_ == Stage::own) {
    TRY_VOID(service("self.threads", thread_factory_service()));
    TRY_VOID(service("self.park", park_space_service()));
    TRY_VOID(service("self.thread", thread_control_service()));
    if (context_) TRY_VOID(service("self.context", *context_));
    stage_ = Stage::last;
    return false;
  }
  TRY_VOID(process.install_capset(std::move(capset_)));
  Thread& thread = process.main_thread();
  if (context_) {
    make_for(*context_, thread);
  } else {
    give_account(starting_account(thread), thread);
  }
  return true;
}

Ref<Process> ProcessBuild::take() noexcept {
  context_ = {};
  return std::exchange(process_, {});
}

void ProcessBuild::destroy() noexcept {
  thread_ = {};  // it keeps the process
  if (process_) discard_process(Cpu::current(), *process_);
  if (context_) context_->claimed = false;
  delete_object(this);
}

}  // namespace capos::kernel
