// SPDX-License-Identifier: Apache-2.0
#include "islands/lease.hpp"

#include <algorithm>

#include "core/cpu.hpp"
#include "core/spin_lock.hpp"
#include "islands/island.hpp"
#include "process/process.hpp"

namespace capos::kernel {
namespace {

// Processes with best-effort threads.
struct Roll {
  SpinLock lock{LockRank::islands};
  List<Process, BestEffortTag> processes;
};
constinit std::array<Roll, kMaxCpus> g_rolls{};

constinit std::atomic<std::uint32_t> g_placement{~std::uint32_t{0}};

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

ResultOf<void, Occupant> lease_cpus(std::uint32_t cpus, bool slack) noexcept {
  const std::uint32_t anew = cpus & ~leased_cpus();
  for (std::uint16_t id = 0; id < kMaxCpus; ++id) {
    if ((anew >> id & 1) == 0) continue;
    Roll& roll = g_rolls[id];
    roll.lock.acquire();
    Process* const first = slack ? nullptr : roll.processes.front();
    if (first == nullptr) {
      set_use(1u << id, slack ? CpuUse::leased_slack : CpuUse::leased);
      roll.lock.release();
      continue;
    }
    Occupant occupant{.cpu = CpuId(id)};
    std::copy_n(first->name().begin(), std::min(first->name().size(), occupant.name.size() - 1), occupant.name.begin());
    roll.lock.release();
    release_cpus(anew & ((1u << id) - 1));
    return fail(occupant);
  }
  return {};
}

void release_cpus(std::uint32_t cpus) noexcept { set_use(cpus, CpuUse::housekeeping); }

std::uint32_t placement() noexcept { return g_placement.load(std::memory_order_seq_cst); }

void set_placement(std::uint32_t cpus) noexcept { g_placement.store(cpus, std::memory_order_seq_cst); }

CpuId least_busy_cpu() noexcept {
  for (const CpuUse wanted : {CpuUse::housekeeping, CpuUse::leased_slack}) {
    const Cpu* best = nullptr;
    std::uint32_t fewest = 0;
    for (std::uint16_t id = 0; id < kMaxCpus; ++id) {
      const Cpu* const cpu = Cpu::find(CpuId(id));
      if (cpu == nullptr || cpu->use.load(std::memory_order_acquire) != wanted || !may_be_placed(cpu->id)) continue;
      const std::uint32_t processes = cpu->best_effort_processes.load(std::memory_order_relaxed);
      if (best != nullptr && processes >= fewest) continue;
      best = cpu;
      fewest = processes;
    }
    if (best != nullptr) return best->id;
  }
  return kAnyCpu;
}

void release_unused_cpus(std::uint32_t cpus) noexcept {
  for (const Island* other = first_standing(); other != nullptr; other = next_standing(*other)) cpus &= ~other->cpus();
  release_cpus(cpus);
}

bool enlist_best_effort(Process& process) noexcept {
  Roll& roll = g_rolls[process.cpu().value()];
  roll.lock.acquire();
  const bool allowed = best_effort_allowed(process.cpu(), false);
  if (allowed && !static_cast<ListHook<BestEffortTag>&>(process).linked()) roll.processes.push_back(process);
  roll.lock.release();
  return allowed;
}

void delist_best_effort(Process& process) noexcept {
  Roll& roll = g_rolls[process.cpu().value()];
  roll.lock.acquire();
  if (static_cast<ListHook<BestEffortTag>&>(process).linked()) List<Process, BestEffortTag>::erase(process);
  roll.lock.release();
}

bool best_effort_allowed(CpuId id, bool passive) noexcept {
  const Cpu* const cpu = Cpu::find(id);
  return cpu != nullptr && (passive || cpu->use.load(std::memory_order_acquire) != CpuUse::leased);
}

}  // namespace capos::kernel
