// SPDX-License-Identifier: Apache-2.0
// A process that is being made, in portions: program, stack, first thread. Then it gets its capabilities, at once.
//
// On the CPU of whoever makes it; nobody else knows the process yet. A build that is dropped ends its process.
#pragma once

#include "islands/scheduling_context.hpp"
#include "objects/session.hpp"
#include "process/elf_loader.hpp"
#include "process/spawner.hpp"

namespace capos::kernel {

class ProcessBuild final : public Object {
 public:
  static constexpr ObjectType kType = ObjectType::process_build;

  // Charged to `payer`: this; to the request's ledger: the process. The request's context has been claimed by the caller and
  // is given back if the build fails. `session`: whose capabilities the process may be granted; null: the payer's own.
  // Errors: quota_exceeded, out_of_memory.
  [[nodiscard]] static ResultOf<Ref<ProcessBuild>, schema::KernelError> create(Ledger& payer, const SpawnRequest& request,
                                                                               Ref<Session> session) noexcept;
  // True: all but its capabilities is there. Errors: those of ProcessSpawner.spawn.
  [[nodiscard]] ResultOf<bool, schema::KernelError> step() noexcept;
  // The last step: nothing of it can be undone but with the process. Errors: likewise. O(capabilities).
  [[nodiscard]] ResultOf<void, schema::KernelError> grant(std::span<const GrantedCapability> grants) noexcept;
  // It is whole, and whoever asked has it: the build has done its work.
  [[nodiscard]] Ref<Process> take() noexcept;

  [[nodiscard]] Process& process() noexcept { return *process_; }
  [[nodiscard]] Session* session() noexcept { return session_.get(); }

  [[nodiscard]] std::uint64_t interface_id() const noexcept override { return 0; }
  Outcome call_registers(CallContext&, std::uint64_t, std::uint16_t, const std::uint64_t (&)[8],
                         std::uint64_t (&)[8]) noexcept override {
    return Outcome::unimplemented();
  }
  Outcome call_message(CallContext&, std::uint64_t, std::uint16_t, wire::AnyStructReader,
                       wire::MessageBuilder&) noexcept override {
    return Outcome::unimplemented();
  }

 private:
  template <typename T, typename... Arguments>
  friend T* heap_new(Arguments&&...) noexcept;
  template <typename T>
  friend void heap_delete(T*) noexcept;

  enum class Stage : std::uint8_t { program, stack, thread, whole };

  ProcessBuild(Process& process, const SpawnRequest& request, Ref<Session> session) noexcept;
  ~ProcessBuild() = default;
  void destroy() noexcept override;

  Ref<Process> process_;  // null once it has been taken
  Ref<SchedulingContext> context_;
  Ref<Session> session_;
  ElfLoad load_;
  Stage stage_ = Stage::program;
};

}  // namespace capos::kernel
