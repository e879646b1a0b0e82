// SPDX-License-Identifier: Apache-2.0
// Making processes: from a program of the boot pack, with the capabilities granted and no others.
#pragma once

#include <span>
#include <string_view>

#include "process/process.hpp"

namespace capos::kernel {

struct GrantedCapability {
  std::string_view name;
  Object* object = nullptr;
  std::uint64_t interface_id = 0;
  HoldEdge edge{};
};

struct SpawnRequest {
  std::string_view name;
  std::span<const std::byte> image;
  std::uint32_t number = 0;
  CpuId cpu;
  Ref<Ledger> ledger;           // what it runs on
  Liveness* session = nullptr;  // kept by whoever asks
  SchedulingContext* context = nullptr;  // claimed by the caller
  Ref<Object> supervisor{};              // of its faults; null: none
  Share share{};                         // of best effort
};

// Builds a process that is ready to start, at once, its context not claimed if that fails; every process has "self.memory",
// its VirtualMemory, "self.capabilities", "self.ledger" and, in a session, "self.session". What spawns does it in portions:
// process_build.hpp. Errors: those of ProcessSpawner.spawn.
[[nodiscard]] ResultOf<Ref<Process>, schema::KernelError> build_process(const SpawnRequest& request,
                                                                        std::span<const GrantedCapability> grants) noexcept;
// Its thread begins to run on its CPU.
void start_process(Process& process) noexcept;

[[nodiscard]] Object& process_spawner_service() noexcept;
// The boot pack's programs, for the spawner: those of numbers `from` on are looked at, at most `most`. Which one has that name:
// kNoProgram if none of these; `from` is then the next one, kNoProgram if there is none. O(most).
inline constexpr std::uint32_t kNoProgram = 0xffff'ffff;
[[nodiscard]] std::uint32_t find_program(std::string_view name, std::uint32_t& from, std::uint32_t most) noexcept;
[[nodiscard]] std::span<const std::byte> program_image(std::uint32_t number) noexcept;

class ProcessHandle final : public TypedObject<ProcessHandle, schema::ProcessHandle> {
 public:
  static constexpr ObjectType kType = ObjectType::process_handle;
  using Interface = schema::ProcessHandle;
  explicit ProcessHandle(Process& process) noexcept : TypedObject(kType), process_(Ref<Process>::share(process)) {}

  [[nodiscard]] Process& process() noexcept { return *process_; }

  Outcome wait(CallContext&, const Interface::Wait::Params::Value&, Interface::Wait::Results::Value&) noexcept;
  Outcome kill(CallContext&, const Interface::Kill::Params::Value&, Interface::Kill::Results::Value&) noexcept;
  Outcome state(CallContext&, const Interface::State::Params::Value&, Interface::State::Results::Value&) noexcept;

 private:
  void destroy() noexcept override;
  Ref<Process> process_;
};

}  // namespace capos::kernel
