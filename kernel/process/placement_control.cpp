// SPDX-License-Identifier: Apache-2.0
#include "process/placement_control.hpp"

#include "core/cpu.hpp"
#include "ipc/call_context.hpp"
#include "islands/lease.hpp"
#include "resources/charged.hpp"

namespace capos::kernel {
namespace {

using schema::KernelError;

constinit std::atomic<bool> g_held{false};

static_assert(static_cast<unsigned>(CpuUse::leased_slack) == static_cast<unsigned>(schema::CpuUse::leased_slack));

}  // namespace

ResultOf<Ref<PlacementControl>, KernelError> PlacementControl::create(Ledger& payer) noexcept {
  if (g_held.exchange(true, std::memory_order_acq_rel)) return fail(KernelError::busy);
  auto made = new_object<PlacementControl>(payer);
  if (!made.has_value()) g_held.store(false, std::memory_order_release);
  return made;
}

Outcome PlacementControl::set(CallContext&, const Interface::Set::Params::Value& params, Interface::Set::Results::Value&) noexcept {
  if ((params.cpus & 1) == 0) return Outcome::invalid(KernelError::bad_range);
  set_placement(params.cpus);
  return Outcome::done();
}

Outcome PlacementControl::get(CallContext&, const Interface::Get::Params::Value&, Interface::Get::Results::Value& results) noexcept {
  results.cpus = placement() & running_cpus();
  return Outcome::done();
}

Outcome PlacementControl::cpu(CallContext&, const Interface::Cpu::Params::Value& params, Interface::Cpu::Results::Value& results) noexcept {
  const kernel::Cpu* const cpu = kernel::Cpu::find(CpuId(params.cpu));
  if (cpu == nullptr) return Outcome::invalid(KernelError::bad_cpu);
  results.use = static_cast<schema::CpuUse>(cpu->use.load(std::memory_order_acquire));
  results.processes = cpu->best_effort_processes.load(std::memory_order_seq_cst);
  return Outcome::done();
}

void PlacementControl::destroy() noexcept {
  set_placement(~std::uint32_t{0});
  g_held.store(false, std::memory_order_release);
  delete_object(this);
}

}  // namespace capos::kernel
