// SPDX-License-Identifier: Apache-2.0
// A process that is being made, in portions: program, stack, first thread, its capabilities.
//
// On the CPU of whoever makes it; nobody else knows the process yet. A build that is dropped ends its process.
#pragma once

#include "islands/scheduling_context.hpp"
#include "objects/session.hpp"
#include "process/elf_loader.hpp"
#include "process/spawner.hpp"

namespace capos::kernel {

class ProcessBuild final : public CallState {
 public:
  static constexpr ObjectType kType = ObjectType::process_build;

  // Charged to `payer`: this; to the request's ledger: the process. The request's context has been claimed by the caller and
  // is given back if the build fails. `session`: whose capabilities the process may be granted; null: the payer's own.
  // Errors: quota_exceeded, out_of_memory.
  [[nodiscard]] static ResultOf<Ref<ProcessBuild>, schema::KernelError> create(Ledger& payer, const SpawnRequest& request,
                                                                               Ref<Session> session) noexcept;
  // True: all but its capabilities is there. Errors: those of ProcessSpawner.spawn.
  [[nodiscard]] ResultOf<bool, schema::KernelError> step() noexcept;
  // Then what it is granted, one after the other: O(1). `granted`: how many it has so far. Errors: likewise.
  [[nodiscard]] ResultOf<void, schema::KernelError> grant(const GrantedCapability& grant) noexcept;
  [[nodiscard]] std::uint32_t granted() const noexcept { return granted_; }
  // It gets what every process has besides: is complete() at work?
  [[nodiscard]] bool completes() const noexcept { return stage_ > Stage::grants; }
  // A portion of that; true: it is whole. Errors: likewise.
  [[nodiscard]] ResultOf<bool, schema::KernelError> complete() noexcept;
  // It is whole, and whoever asked has it: the build has done its work.
  [[nodiscard]] Ref<Process> take() noexcept;

  [[nodiscard]] Process& process() noexcept { return *process_; }
  [[nodiscard]] Session* session() noexcept { return session_.get(); }

 private:
  template <typename T, typename... Arguments>
  friend T* heap_new(Arguments&&...) noexcept;
  template <typename T>
  friend void heap_delete(T*) noexcept;

  enum class Stage : std::uint8_t { program, stack, stack_pages, thread, capset, grants, own, last };

  ProcessBuild(Process& process, const SpawnRequest& request, Ref<Session> session) noexcept;
  ~ProcessBuild() = default;
  void destroy() noexcept override;

  Ref<Process> process_;  // null once it has been taken
  Ref<SchedulingContext> context_;
  Ref<Session> session_;
  ElfLoad load_;
  Stage stage_ = Stage::program;
  std::uint32_t granted_ = 0;
  Ref<Thread> thread_;        // the first, until it is whole
  Ref<MemoryObject> capset_;  // until it is mapped
};

}  // namespace capos::kernel
