// SPDX-License-Identifier: Apache-2.0
// What a policy has put in the place of a process's declared share of best effort, for as long as somebody holds it.
//
// Invariants: at most one for a process, which it keeps; with its last reference goes what it has set. The process's own CPU then
// changes the threads, five at a time, with interrupts taken in between. Any CPU; O(1).
#pragma once

#include "objects/object.hpp"
#include "process/process.hpp"

namespace capos::kernel {

[[nodiscard]] bool in_range(std::uint32_t weight, schema::LatencyClass latency) noexcept;
// The process's own CPU gives its threads the share that is in force: at once if that is this one.
void apply_share(Process& process) noexcept;

class ShareControl final : public TypedObject<ShareControl, schema::ShareControl> {
 public:
  static constexpr ObjectType kType = ObjectType::share_control;
  using Interface = schema::ShareControl;
  // Errors: busy (the process has one), quota_exceeded, out_of_memory.
  [[nodiscard]] static ResultOf<Ref<ShareControl>, schema::KernelError> create(Ledger& payer, Process& process) noexcept;

  Outcome set(CallContext&, const Interface::Set::Params::Value&, Interface::Set::Results::Value&) noexcept;
  Outcome clear(CallContext&, const Interface::Clear::Params::Value&, Interface::Clear::Results::Value&) noexcept;
  Outcome get(CallContext&, const Interface::Get::Params::Value&, Interface::Get::Results::Value&) noexcept;

 private:
  template <typename T, typename... Arguments>
  friend T* heap_new(Arguments&&...) noexcept;
  explicit ShareControl(Process& process) noexcept : TypedObject(kType), process_(Ref<Process>::share(process)) {}
  void destroy() noexcept override;

  Ref<Process> process_;
};

}  // namespace capos::kernel
