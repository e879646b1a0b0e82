// SPDX-License-Identifier: Apache-2.0
#include "core/turns.hpp"

#include <algorithm>

namespace capos::kernel {
namespace {

// Best effort, with nothing that ends its turn. Like kRestsInTurns no time that anything happens at.
constexpr Time kOpen = Time::from_ns(Time::never().ns() - 1);

// What ends a turn on the way to the halt has the CPU wait for whole turns of others, as if it had work: a timer that is early by some ns,
// and armed anew. Until then it counts as busy.
constexpr Duration kSoon = Duration::us(1);

// Longer than most jobs: an end in the middle of one would be for nothing. Whom a device's timer has put off waits for so long at most.
constexpr Duration kLongestWait = Duration::us(20);

constinit std::atomic<unsigned> g_busy = 0;  // CPUs that do not rest

bool others_are_busy() noexcept { return g_busy.load() > 1; }

// Of best effort while another CPU is busy. Of the time from here the others have their part first: arming a timer ends a turn, too.
Duration longest_turn() noexcept {
  return std::min(parameters().quantum, Duration::ns(parameters().quantum.ns() / 3 * g_busy.load()));
}

}  // namespace

void make_busy(Cpu& cpu) noexcept {
  Time rests = kRestsInTurns;
  if (!cpu.quantum_end.compare_exchange_strong(rests, Time::never())) return;
  g_busy.fetch_add(1);
  for (std::uint16_t id = 0; id < Cpu::count(); ++id) {
    const Cpu* const other = Cpu::find(CpuId(id));
    if (other != nullptr && other != &cpu && other->quantum_end.load() == kOpen) hal::send_mailbox_interrupt(CpuId(id));
  }
}

void rest(Cpu& cpu) noexcept {
  if (cpu.armed <= hal::now() + kSoon) return;
  cpu.wakes.store(cpu.armed);
  cpu.quantum_end.store(kRestsInTurns);
  g_busy.fetch_sub(1);
  if (!cpu.mailbox.is_empty()) make_busy(cpu);
}

Time turn_end(const Cpu& cpu, sched::DispatchKind kind, Time now) noexcept {
  if (kind != sched::DispatchKind::best_effort || !others_are_busy()) return Time::never();
  const Time stands = cpu.quantum_end.load(std::memory_order_relaxed);
  return stands > now && stands < kOpen ? stands : now + longest_turn();
}

Time open_turn_end(const Cpu& cpu, Time now) noexcept {
  Time first = Time::never();
  for (std::uint16_t id = 0; id < Cpu::count(); ++id) {
    const Cpu* const other = Cpu::find(CpuId(id));
    if (other != nullptr && other != &cpu) first = std::min(first, other->wakes.load());
  }
  return first.is_never() ? first : std::max(first, now) + kLongestWait;
}

bool turn_stays_open(Cpu& cpu) noexcept {
  cpu.quantum_end.store(kOpen);
  return !others_are_busy();
}

void enter_turn(Cpu& cpu) noexcept {
  const Time end = cpu.quantum_end.load(std::memory_order_relaxed);
  if (end == kRestsInTurns) {
    make_busy(cpu);
  } else if (end == kOpen || end <= hal::now()) {
    hal::end_turn();
  }
}

}  // namespace capos::kernel
