// SPDX-License-Identifier: Apache-2.0
#include "islands/lease.hpp"

#include <algorithm>

#include "core/cpu.hpp"
#include "core/spin_lock.hpp"
#include "islands/island.hpp"
#include "process/process.hpp"

namespace capos::kernel {
namespace {

// Processes with best-effort threads, of each CPU.
struct Roll {
  List<Process, BestEffortTag> processes;
  std::uint32_t size = 0;

  void add(Process& process) noexcept {
    processes.push_back(process);
    ++size;
  }
  void take(Process& process) noexcept {
    List<Process, BestEffortTag>::erase(process);
    --size;
  }
};
// One lock, for who moves is in one roll or the other at any instant. Held for O(1), or by a lease for O(CPUs).
constinit SpinLock g_rolls_lock(LockRank::islands);
constinit std::array<Roll, kMaxCpus> g_rolls{};
// Bit c: CPU c is to be leased.
constinit std::atomic<std::uint32_t> g_vacating{0};

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

bool is_enlisted(Process& process) noexcept { return static_cast<ListHook<BestEffortTag>&>(process).linked(); }

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
    g_rolls_lock.acquire();
    Process* const first = slack ? nullptr : g_rolls[id].processes.front();
    if (first == nullptr) {
      set_use(1u << id, slack ? CpuUse::leased_slack : CpuUse::leased);
      g_rolls_lock.release();
      continue;
    }
    Occupant occupant{.cpu = CpuId(id)};
    std::copy_n(first->name().begin(), std::min(first->name().size(), occupant.name.size() - 1), occupant.name.begin());
    g_rolls_lock.release();
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
      if (cpu == nullptr || cpu->use.load(std::memory_order_acquire) != wanted || !may_be_placed(cpu->id) || is_vacating(cpu->id)) continue;
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
  g_rolls_lock.acquire();
  const bool allowed = best_effort_allowed(process.cpu(), false);
  if (allowed && !is_enlisted(process)) g_rolls[process.cpu().value()].add(process);
  g_rolls_lock.release();
  return allowed;
}

void delist_best_effort(Process& process) noexcept {
  g_rolls_lock.acquire();
  if (is_enlisted(process)) g_rolls[process.cpu().value()].take(process);
  g_rolls_lock.release();
}

std::uint32_t enlisted_on(CpuId cpu) noexcept {
  g_rolls_lock.acquire();
  const std::uint32_t count = g_rolls[cpu.value()].size;
  g_rolls_lock.release();
  return count;
}

Process* next_enlisted_on(CpuId cpu) noexcept {
  Roll& roll = g_rolls[cpu.value()];
  g_rolls_lock.acquire();
  Process* const first = roll.processes.front();
  if (first != nullptr) {
    first->acquire();  // it leaves the roll before it may go
    roll.take(*first);
    roll.add(*first);
  }
  g_rolls_lock.release();
  return first;
}

bool relist(Process& process, CpuId to, bool slack) noexcept {
  g_rolls_lock.acquire();
  const CpuUse use = Cpu::find(to)->use.load(std::memory_order_acquire);
  const bool allowed = use == CpuUse::housekeeping || (slack && use == CpuUse::leased_slack);
  if (allowed) {
    g_rolls[process.cpu().value()].take(process);
    g_rolls[to.value()].add(process);
  }
  g_rolls_lock.release();
  return allowed;
}

void set_vacating(std::uint32_t cpus) noexcept { g_vacating.fetch_or(cpus, std::memory_order_acq_rel); }
void end_vacating(std::uint32_t cpus) noexcept { g_vacating.fetch_and(~cpus, std::memory_order_acq_rel); }
bool is_vacating(CpuId cpu) noexcept { return (g_vacating.load(std::memory_order_acquire) >> cpu.value() & 1) != 0; }

bool best_effort_allowed(CpuId id, bool passive) noexcept {
  const Cpu* const cpu = Cpu::find(id);
  return cpu != nullptr && (passive || cpu->use.load(std::memory_order_acquire) != CpuUse::leased);
}

}  // namespace capos::kernel
