// SPDX-License-Identifier: Apache-2.0
#include "process/moving.hpp"

#include "core/assert.hpp"
#include "devices/event_timer.hpp"
#include "devices/interrupt.hpp"
#include "ipc/ring_state.hpp"
#include "islands/lease.hpp"
#include "process/process.hpp"
#include "trace/switches.hpp"

namespace capos::kernel {
namespace {

// It has nothing to do with this CPU but for its time, its timeout and what is live here.
bool may_move(Thread& thread) noexcept {
  switch (thread.state) {
    case ThreadState::runnable:
      if (!thread.entity.queued()) return false;
      break;
    case ThreadState::sleeping:
    case ThreadState::await_signal:
    case ThreadState::parked: break;
    default: return false;
  }
  if (thread.wait_lease.active() || thread.progress.begun || !thread.ring_state->nothing_under_way()) return false;
  // It can neither call nor serve, nor have a context or a supervisor, without what binds its process (CapabilityTable::binds_to_cpu).
  const bool own_time = thread.bound == nullptr && thread.account.context == nullptr && thread.account.entity == &thread.entity;
  const bool in_no_call = thread.outgoing == &thread.direct_call && thread.direct_call.idle() && thread.fault_call.idle() &&
                          thread.incoming == nullptr && thread.serving == nullptr && !thread.supervisor;
  require(own_time && in_no_call, "what may move runs on its own time, in no call");
  return true;
}

bool brings_interrupts(Process& process) noexcept { return !process.interrupts.empty() || !process.timers.empty(); }

// What goes with it is little, and its own.
bool may_move_with_devices(Process& process) noexcept {
  std::uint32_t count = process.bound_interrupts;
  for (EventTimer* timer = process.timers.front(); timer != nullptr; timer = process.timers.next(*timer)) {
    if (++count > kMostDevices || timer->is_shared()) return false;
  }
  return count <= kMostDevices;
}

bool can_be_reached_at(Process& process, CpuId cpu) noexcept {
  for (Interrupt* one = process.interrupts.front(); one != nullptr; one = process.interrupts.next(*one)) {
    if (!one->can_go_to(cpu)) return false;
  }
  return true;
}

// `waiting`: one of its threads is to wait for its turn, and none may be at work.
bool may_move(Cpu& cpu, Process& process, bool waiting) noexcept {
  // One that is on its way here, or is being made, is others' to look at.
  if (!process.home.is(cpu.id) || !process.started) return false;
  if (!process.placed_freely() || process.is_ending() || process.has_supervisor()) return false;
  if (process.capabilities().binds_to_cpu() || !may_move_with_devices(process)) return false;
  bool waits = false;
  unsigned count = 0;
  for (Thread* thread = process.threads().front(); thread != nullptr; thread = process.threads().next(*thread)) {
    if (++count > kMostThreads || !may_move(*thread) || (waiting && thread == cpu.thread)) return false;
    waits = waits || thread->entity.queued();
  }
  return waits || !waiting;
}

// Mail to the CPU where it is to live.
void take_in(void* subject) noexcept {
  Process& process = *static_cast<Process*>(subject);
  Cpu& cpu = Cpu::current();
  const Time now = hal::now();
  for (Thread* thread = process.threads().front(); thread != nullptr; thread = process.threads().next(*thread)) {
    thread->home.arrive_at(cpu.id);
    resume_timeout(thread->state == ThreadState::sleeping ? cpu.sleepers : cpu.timeouts, thread->timeout);
    if (thread->state == ThreadState::runnable) cpu.scheduler.make_ready(thread->entity, now);
  }
  process.home.arrive_at(cpu.id);
  for (EventTimer* timer = process.timers.front(); timer != nullptr; timer = process.timers.next(*timer)) timer->arrive_at(cpu);
  // Last, for what has come meanwhile wakes threads.
  for (Interrupt* one = process.interrupts.front(); one != nullptr; one = process.interrupts.next(*one)) one->arrive_at(cpu.id);
  process.release();
}

// False, and nothing has changed, if `to` has been leased meanwhile (`slack`: without slack), or taken from those where best effort may be placed, or if
// one of its interrupts cannot be sent there.
bool send(Cpu& cpu, Process& process, Cpu& to, bool slack, Time now) noexcept {
  if (!can_be_reached_at(process, to.id)) return false;
  // Counted first: who closes a CPU to placement counts there then.
  to.best_effort_processes.fetch_add(1, std::memory_order_seq_cst);
  if (!may_be_placed(to.id) || !relist(process, to.id, slack)) {
    to.best_effort_processes.fetch_sub(1, std::memory_order_relaxed);
    return false;
  }
  cpu.best_effort_processes.fetch_sub(1, std::memory_order_relaxed);
  require(cpu.ended_threads == nullptr, "what is left of a thread is taken out of its process where that lives");
  // What is live while nobody runs is whoever ran last.
  if (cpu.thread == nullptr || &cpu.thread->process == &process) {
    hal::leave_user();
    if (cpu.thread != nullptr) trace_dispatch(cpu, nullptr);
    cpu.thread = nullptr;
  }
  for (Thread* thread = process.threads().front(); thread != nullptr; thread = process.threads().next(*thread)) {
    suspend_timeout(thread->timeout);
    cpu.scheduler.block(thread->entity, now);
    thread->home.leave_for(to.id);
  }
  for (EventTimer* timer = process.timers.front(); timer != nullptr; timer = process.timers.next(*timer)) timer->leave_for(to.id);
  process.home.leave_for(to.id);
  for (Interrupt* one = process.interrupts.front(); one != nullptr; one = process.interrupts.next(*one)) one->leave_for(to.id);
  process.moved_at = now;
  to.idles.store(false, std::memory_order_relaxed);
  process.acquire();
  (void)post_later(to.id, process.move_mail, take_in, &process);  // its own, and delivered before it can be sent again
  return true;
}

// A housekeeping CPU that rests, and may be given something; nullptr: none.
Cpu* resting_cpu(const Cpu& but) noexcept {
  for (std::uint16_t id = 0; id < kMaxCpus; ++id) {
    Cpu* const cpu = Cpu::find(CpuId(id));
    if (cpu == nullptr || cpu == &but || !cpu->idles.load(std::memory_order_relaxed)) continue;
    const bool keeps_house = cpu->use.load(std::memory_order_acquire) == CpuUse::housekeeping;
    if (keeps_house && may_be_placed(cpu->id) && !is_vacating(cpu->id)) return cpu;
  }
  return nullptr;
}

// Has it been sent on so lately that it stays for now?
bool has_just_come(const Process& process, Time now) noexcept {
  return !process.moved_at.is_never() && now < process.moved_at + kStay;
}

// One that a lease wants away. True if it has gone. Whose interrupts or timers would come there does not go to where an island has been admitted: that
// has not counted with them.
bool send_away(Cpu& cpu, Process& process, Time now) noexcept {
  if (!may_move(cpu, process, false)) return false;
  Cpu* const to = Cpu::find(least_busy_cpu());
  return to != nullptr && to != &cpu && send(cpu, process, *to, !brings_interrupts(process), now);
}

// The next portion of what a lease has asked for; the rest by an interrupt.
void vacate(void* subject) noexcept {
  Cpu& cpu = *static_cast<Cpu*>(subject);
  if (const std::uint32_t asked = cpu.vacate_asked.load(std::memory_order_acquire); asked != cpu.vacating_for) {
    cpu.vacating_for = asked;
    cpu.to_vacate = enlisted_on(cpu.id);
  }
  if (cpu.ended_threads != nullptr) return (void)post_later(cpu.id, cpu.vacate_mail, vacate, &cpu);  // until they are buried
  const Time now = hal::now();
  unsigned looks = 0;
  bool gone = false, comes = false;
  while (cpu.to_vacate != 0 && looks < kLookedAt && !gone && !comes) {
    Process* const process = next_enlisted_on(cpu.id);
    if (process == nullptr) break;
    ++looks;
    comes = !process->home.is(cpu.id);  // the mail that brings it is in the box, or about to be
    if (!comes) {
      --cpu.to_vacate;
      gone = send_away(cpu, *process, now);
    }
    process->release();
  }
  if (cpu.to_vacate != 0 && (gone || comes || looks == kLookedAt)) return (void)post_later(cpu.id, cpu.vacate_mail, vacate, &cpu);
  cpu.to_vacate = 0;
  cpu.vacated.store(cpu.vacating_for, std::memory_order_release);
}

}  // namespace

void balance(Cpu& cpu, Time now) noexcept {
  if (is_vacating(cpu.id)) return;  // whose own looks, each at the next of the roll, are not to be mixed with these
  if (Cpu::count() == 1 || cpu.use.load(std::memory_order_relaxed) != CpuUse::housekeeping || cpu.ended_threads != nullptr) return;
  Cpu* const to = resting_cpu(cpu);
  if (to == nullptr) return;
  bool sent = false;
  for (unsigned looks = 0; looks < kLookedAt && !sent; ++looks) {
    Process* const process = next_enlisted_on(cpu.id);
    if (process == nullptr) return;
    sent = may_move(cpu, *process, true) && !has_just_come(*process, now) && send(cpu, *process, *to, false, now);
    process->release();
  }
}

void ask_to_vacate(std::uint32_t cpus) noexcept {
  set_vacating(cpus);
  for (std::uint16_t id = 0; id < kMaxCpus; ++id) {
    if ((cpus >> id & 1) == 0) continue;
    Cpu& cpu = *Cpu::find(CpuId(id));
    cpu.vacate_asked.fetch_add(1, std::memory_order_release);
    (void)post_later(cpu.id, cpu.vacate_mail, vacate, &cpu);  // else one is under way, which sees that it is asked anew
  }
}

bool have_vacated(std::uint32_t cpus) noexcept {
  for (std::uint16_t id = 0; id < kMaxCpus; ++id) {
    if ((cpus >> id & 1) == 0) continue;
    const Cpu& cpu = *Cpu::find(CpuId(id));
    if (cpu.vacated.load(std::memory_order_acquire) != cpu.vacate_asked.load(std::memory_order_relaxed)) return false;
  }
  return true;
}

}  // namespace capos::kernel
