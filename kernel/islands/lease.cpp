// SPDX-License-Identifier: Apache-2.0
#include "islands/lease.hpp"

#include "core/cpu.hpp"

namespace capos::kernel {
namespace {

template <typename Predicate>
std::uint32_t cpus_where(Predicate&& predicate) noexcept {
  std::uint32_t mask = 0;
  for (std::uint16_t id = 0; id < kMaxCpus; ++id) {
    const Cpu* const cpu = Cpu::find(CpuId(id));
    if (cpu != nullptr && predicate(cpu->use.load(std::memory_order_acquire))) mask |= 1u << id;
  }
  return mask;
}

void set_use(std::uint32_t cpus, CpuUse use) noexcept {
  for (std::uint16_t id = 0; id < kMaxCpus; ++id) {
    if ((cpus >> id & 1) != 0) Cpu::find(CpuId(id))->use.store(use, std::memory_order_release);
  }
}

}  // namespace

std::uint32_t running_cpus() noexcept {
  return cpus_where([](CpuUse) { return true; });
}

std::uint32_t leased_cpus() noexcept {
  return cpus_where([](CpuUse use) { return use == CpuUse::leased || use == CpuUse::leased_slack; });
}

void lease_cpus(std::uint32_t cpus, bool slack) noexcept {
  set_use(cpus, slack ? CpuUse::leased_slack : CpuUse::leased);
}

void release_cpus(std::uint32_t cpus) noexcept { set_use(cpus, CpuUse::housekeeping); }

CpuId least_busy_cpu() noexcept {
  for (const CpuUse wanted : {CpuUse::housekeeping, CpuUse::leased_slack}) {
    const Cpu* best = nullptr;
    std::uint32_t fewest = 0;
    for (std::uint16_t id = 0; id < kMaxCpus; ++id) {
      const Cpu* const cpu = Cpu::find(CpuId(id));
      if (cpu == nullptr || cpu->use.load(std::memory_order_acquire) != wanted) continue;
      const std::uint32_t processes = cpu->best_effort_processes.load(std::memory_order_relaxed);
      if (best != nullptr && processes >= fewest) continue;
      best = cpu;
      fewest = processes;
    }
    if (best != nullptr) return best->id;
  }
  return kAnyCpu;
}

bool best_effort_allowed(CpuId id, bool passive) noexcept {
  const Cpu* const cpu = Cpu::find(id);
  return cpu != nullptr && (passive || cpu->use.load(std::memory_order_acquire) != CpuUse::leased);
}

}  // namespace capos::kernel
