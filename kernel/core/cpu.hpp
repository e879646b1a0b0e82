// SPDX-License-Identifier: Apache-2.0
// What a CPU owns: its scheduler, its timeouts, its mailbox, its trace ring, the thread it runs.
//
// Invariants: only the CPU itself touches its scheduler, timeouts and current thread; others reach it by mail.
// The current thread is the owner of the account that the scheduler has picked. The timer is armed for the first that happens;
// of sleepers while no context runs, and of best effort's events not while it gives way (gives_way()). No path through here allocates, or
// takes a lock that another CPU takes.
#pragma once

#include <array>
#include <cstddef>

#include "capos/abi/ring.hpp"
#include "capos/sched/cpu_scheduler.hpp"
#include "core/mailbox.hpp"
#include "core/timeouts.hpp"
#include "core/watched.hpp"
#include "ipc/lease_use.hpp"
#include "process/thread.hpp"
#include "trace/trace_ring.hpp"

namespace capos::kernel {

class ModeChange;

// Who may run on a CPU.
enum class CpuUse : std::uint8_t {
  off,           // not started
  housekeeping,  // best effort
  leased,        // an island's contexts only
  leased_slack,  // an island's contexts, best effort below them
};

// Cpu::quantum_end of a CPU that rests: past, always, so that the timer's handler looks further.
inline constexpr Time kRestsInTurns{};

class Cpu {
 public:
  [[nodiscard]] static Cpu& current() noexcept { return *static_cast<Cpu*>(hal::cpu_local()); }
  // The CPU of that number, or nullptr if it is not running.
  [[nodiscard]] static Cpu* find(CpuId id) noexcept;
  // The same, running or not yet.
  [[nodiscard]] static Cpu* registered(CpuId id) noexcept;
  [[nodiscard]] static unsigned count() noexcept;
  // Allocates and registers a CPU's block and trace ring. nullptr: out of memory.
  [[nodiscard]] static Cpu* create(CpuId id, std::uint64_t trace_events) noexcept;
  // Mail for it, from any CPU: the box, and its interrupt. The mail is posted by the caller.
  void deliver(Mail& mail) noexcept;
  // On the CPU itself, first thing.
  void start(Time now) noexcept;

  CpuId id{};
  std::atomic<CpuUse> use{CpuUse::off};
  std::atomic<std::uint32_t> best_effort_processes{0};  // that live here and have time of their own; any CPU
  sched::CpuScheduler scheduler;
  TimeoutQueue timeouts;
  TimeoutQueue sleepers;  // best effort in Timer.sleepUntil
  Thread* thread = nullptr;  // in user mode, or about to be
  Mailbox mailbox;
  LeaseUses lease_uses;
  TraceRing trace;
  Time armed = Time::never();
  // Of its turn (turns.hpp): written by the CPU itself, by others when it rests.
  std::atomic<Time> quantum_end{kRestsInTurns};
  std::atomic<Time> wakes{Time::never()};  // when it rested last: what its timer was armed for
  // Of what ended, or is to, since the last leave(): in these five. Where switches are traced it is always set, for then leave()
  // is the only way to another thread: whoever would go there directly looks at this first.
  bool remains = false;  // set too where a choice is to be made and interrupts are let in before it
  SchedulingContext* stopping = nullptr;  // their islands are to be stopped
  Thread* doomed = nullptr;
  Thread* ended_threads = nullptr;
  Process* ended_processes = nullptr;
  Process* ending = nullptr;  // processes with threads that have not ended yet: until these have, leave() ends them in portions

  // Waits for an instant at which no context is ready (islands/settling.hpp).
  bool awaits_idle = false;  // something of these
  bool unsettled = false;    // contexts have gone, and what they delayed may be under way
  SchedulingContext* arming = nullptr;
  Mail arming_mail;
  ModeChange* changes = nullptr;

  // It rests, and takes work from others if it keeps house (process/moving.hpp). Written by itself; by whoever sends it a process, to false.
  std::atomic<bool> idles{false};
  // What leases have asked for (process/moving.hpp).
  std::atomic<std::uint32_t> vacate_asked{0};  // how often; by CPU 0
  std::atomic<std::uint32_t> vacated{0};       // which of these times has been answered last; by itself, as the rest
  Mail vacate_mail;
  std::uint32_t vacating_for = 0;              // which it works for
  std::uint32_t to_vacate = 0;                 // of its best-effort processes, to look at

  // Scratch for messages: what came in, and what goes out.
  std::byte* message_in = nullptr;   // abi::kArenaBytes
  std::byte* message_out = nullptr;  // abi::kArenaBytes
};

// Parameters of the run, set at boot and constant then.
struct KernelParameters {
  Duration quantum{};        // simulation quantum (turns.hpp); zero: none
  Duration slice = Duration::ms(2);
  std::uint64_t trace_events = 8192;
  bool trace_switches = false;  // RunParams.traceSwitches
  bool gives_way = false;       // best effort does, see gives_way()
};
[[nodiscard]] KernelParameters& parameters() noexcept;

// What runs is best effort, or nothing, and a release so near that it would have to wait for what the kernel is about to begin: the
// end of a slice, a sleeper's wake-up, a call on a kernel object. Those are put off until after it, as their thread would get no further
// by then: a release waits for what takes longer than this only.
inline constexpr Duration kNear = Duration::ns(600);
[[nodiscard]] inline bool gives_way(const Cpu& cpu, Time now) noexcept {
  return parameters().gives_way && cpu.scheduler.current_context() == nullptr && cpu.scheduler.next_release() <= now + kNear;
}
// False: it does not, for certain.
[[nodiscard]] inline bool may_give_way(const Cpu& cpu, Time now) noexcept { return cpu.armed <= now + kNear; }

// --- The ways out of the kernel.
// Chooses who runs, arms the timer, goes there. `now` as stamped at entry.
[[noreturn]] void leave(Cpu& cpu, Time now) noexcept;
// Panics if something does not hold of what this CPU owns (invariants.hpp); on every way out if kDebugChecks.
void check_invariants(Cpu& cpu) noexcept;
// To `thread`, whose context the scheduler has made current over that of cpu.thread (wake_over()): arms the timer, goes there.
[[noreturn]] void go_on_over(Cpu& cpu, Thread& thread, Time now) noexcept;
// The same where the timer may stay as it is.
[[noreturn]] void go_on_as_armed(Cpu& cpu, Thread& thread) noexcept;
// The same as go_on_over() for a thread that waits for the job which has just been released (release_over()); from idle, too.
[[noreturn]] void begin_over(Cpu& cpu, Thread& thread, Time now) noexcept;
// Back to the thread that entered: nothing that matters to the scheduler has changed.
[[noreturn]] inline void resume() noexcept {
  if constexpr (kDebugChecks) check_invariants(Cpu::current());
  hal::resume_user();
}
// Neither resume() nor a direct switch arms the timer: it must be early enough for who has begun to wait.
[[nodiscard]] inline bool timer_is_late(const Cpu& cpu) noexcept { return cpu.timeouts.earliest_time() < cpu.armed; }
// Interrupted, nothing done: to the current thread, or to rest, until the next release, which is near (gives_way()).
[[noreturn]] void await_near_release(Cpu& cpu) noexcept;
// A thread in ThreadState::call_work has been dispatched: its call, from the beginning, with what progress it has made.
[[noreturn]] void continue_call(Thread& thread) noexcept;
// Its call ends instead.
void end_call_work(Thread& thread, schema::TransportError why) noexcept;
// To `next`, on the account it has just been given from the thread that runs now.
[[noreturn]] void switch_directly(Cpu& cpu, Thread& next) noexcept;

}  // namespace capos::kernel
