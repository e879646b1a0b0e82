// SPDX-License-Identifier: Apache-2.0
#include "core/cpu.hpp"

#include <algorithm>
#include <bit>

#include "core/account.hpp"
#include "core/assert.hpp"
#include "core/job_trace.hpp"
#include "core/termination.hpp"
#include "core/turns.hpp"
#include "ipc/ring_state.hpp"
#include "islands/settling.hpp"
#include "memory/frame_allocator.hpp"
#include "process/process.hpp"
#include "process/reaper.hpp"
#include "trace/switches.hpp"

namespace capos::kernel {
namespace {

constinit std::array<Cpu*, kMaxCpus> g_cpus{};
constinit unsigned g_count = 0;
constinit KernelParameters g_parameters;

std::byte* scratch() noexcept {
  const FrameBlock block = frames().lock()->allocate(std::bit_width(abi::kArenaPages - 1));
  return block.is_none() ? nullptr : static_cast<std::byte*>(hal::to_kernel(block.base));
}

Thread* owner_of(const sched::Dispatch& dispatch) noexcept {
  if (dispatch.context != nullptr) return static_cast<Thread*>(dispatch.context->owner);
  if (dispatch.entity != nullptr) return static_cast<Thread*>(dispatch.entity->owner);
  return nullptr;
}

bool stock_is_short() noexcept {
  const std::uint64_t clean = frames().lock()->clean_frames();
  return clean < kCleanStock;
}

// How long best effort runs between two steps of the reaper.
constexpr Duration kReaperPause = Duration::us(5);

// On the numbers: std::min, and ?: on objects, would keep both in memory.
constexpr Time earlier(Time a, Time b) noexcept { return Time::from_ns(b.ns() < a.ns() ? b.ns() : a.ns()); }

void arm_for(Cpu& cpu, Time wanted) noexcept {
  if (wanted == cpu.armed) return;
  cpu.armed = wanted;
  hal::arm_timer(wanted);
}

// For the first that happens while a context runs: after pick() or wake_over() of that time. No quantum ends its turn.
void arm_under_context(Cpu& cpu, Time now) noexcept {
  cpu.quantum_end.store(Time::never(), std::memory_order_relaxed);
  arm_for(cpu, earlier(cpu.scheduler.next_event_as_picked(now), cpu.timeouts.earliest_time()));
}

// For the first that happens, whoever runs: after pick() of that time.
void arm(Cpu& cpu, Time quantum_end, Time now) noexcept {
  cpu.quantum_end.store(quantum_end, std::memory_order_relaxed);
  Time first = earlier(earlier(cpu.scheduler.next_event_as_picked(now), cpu.timeouts.earliest_time()), quantum_end);
  if (cpu.scheduler.current_context() == nullptr) first = earlier(first, cpu.sleepers.earliest_time());
  arm_for(cpu, first);
}

// A job that was abandoned is followed by a release whatever its thread does then. While that waits for something that
// is not time, or works on a caller's account, the context waits on with it.
bool still_waits(const Thread& thread, const sched::Context& context) noexcept {
  return (!goes_on(thread.state) && thread.state != ThreadState::await_release) || thread.account.context != &context;
}

sched::Dispatch choose(Cpu& cpu, Time now) noexcept {
  for (;;) {
    if (sched::Context* const spent = cpu.scheduler.take_spent(now)) [[unlikely]] {
      note_overrun(cpu, static_cast<SchedulingContext&>(*spent), now);
      if (cpu.remains) clear_remains(cpu);
    }
    const sched::Dispatch next = cpu.scheduler.pick(now);
    if (next.context == nullptr || !still_waits(*owner_of(next), *next.context)) return next;
    cpu.scheduler.block(*next.context, now);
  }
}

// Of work in idle time: interrupts, and the machine's other CPUs where they are simulated in turn.
void between_steps() noexcept {
  if (in_turns()) hal::end_turn();
  hal::interrupt_window();
}

// The ends that are under way, in portions, each after interrupts were let in: as long as nobody more urgent than best effort is
// ready, and where one of those that end would run. Returns when somebody else is to.
Time go_on_with_ends(Cpu& cpu, Time now) noexcept {
  for (;;) {
    clear_remains(cpu);
    if (cpu.ending == nullptr) return now;
    const sched::Dispatch next = choose(cpu, now);
    Thread* const thread = owner_of(next);
    const bool ends = thread != nullptr && thread->process.is_ending();
    if (next.context != nullptr && !ends) return now;
    arm(cpu, Time::never(), now);
    between_steps();
    now = hal::now();
    if (ends) {
      end_thread(cpu, *thread, thread->process.exit_record(), now);
    } else {
      end_portion(cpu, now);
    }
  }
}

// What the current thread does in the kernel goes on.
[[noreturn]] void go_on() noexcept {
  Cpu& cpu = Cpu::current();
  Thread& thread = *cpu.thread;
  if (thread.state == ThreadState::ring_work) thread.ring_state->continue_enter(cpu, hal::now());
  continue_call(thread);
}

}  // namespace

KernelParameters& parameters() noexcept { return g_parameters; }

Cpu* Cpu::registered(CpuId id) noexcept { return id.value() < kMaxCpus ? g_cpus[id.value()] : nullptr; }

Cpu* Cpu::find(CpuId id) noexcept {
  Cpu* const cpu = registered(id);
  return cpu == nullptr || cpu->use.load(std::memory_order_acquire) == CpuUse::off ? nullptr : cpu;
}

unsigned Cpu::count() noexcept { return g_count; }

Cpu* Cpu::create(CpuId id, std::uint64_t trace_events) noexcept {
  constexpr auto kOrder = static_cast<unsigned>(std::bit_width((sizeof(Cpu) - 1) / hal::kPageSize));
  const FrameBlock block = frames().lock()->allocate(kOrder);
  if (block.is_none()) return nullptr;
  Cpu* const cpu = ::new (hal::to_kernel(block.base)) Cpu();
  cpu->id = id;
  cpu->message_in = scratch();
  cpu->message_out = scratch();
  if (cpu->message_in == nullptr || cpu->message_out == nullptr || !cpu->trace.create(id, trace_events)) return nullptr;
  g_cpus[id.value()] = cpu;
  ++g_count;
  return cpu;
}

void Cpu::start(Time now) noexcept {
  hal::set_cpu_local(this);
  scheduler.start(id, now);
  remains = parameters().trace_switches;
  use.store(CpuUse::housekeeping, std::memory_order_release);
  if (in_turns()) {
    make_busy(*this);
  } else {
    quantum_end.store(Time::never());
  }
}

void Cpu::deliver(Mail& mail) noexcept {
  if (!mailbox.push(mail)) return;
  hal::send_mailbox_interrupt(id);
  if (in_turns()) make_busy(*this);
}

[[gnu::noinline]] void leave(Cpu& cpu, Time now) noexcept {
  if (cpu.remains) [[unlikely]] now = go_on_with_ends(cpu, now);
  sched::Dispatch next = choose(cpu, now);
  if (next.context == nullptr) {
    if (cpu.awaits_idle) [[unlikely]] {
      settle(cpu, now);
      next = choose(cpu, now);
    }
    // What went may have set a server free or woken somebody, and took time: the choice is made again.
    if (next.entity != nullptr && cpu.id == CpuId(0) && reaper_has_work()) {
      // What led here, and what goes on from here, may be long. Who is woken meanwhile goes by leave(): this CPU may have no thread.
      cpu.remains = true;
      arm(cpu, Time::never(), now);
      between_steps();
      (void)reap_step();
      next = choose(cpu, now = hal::now());
      if (next.context == nullptr) {
        arm(cpu, Time::never(), now);
        between_steps();
      }
    }
  }
  Thread* const thread = owner_of(next);
  Time end = in_turns() ? turn_end(cpu, next.kind, now) : Time::never();
  const bool open = in_turns() && next.entity != nullptr && end.is_never();
  if (open) end = open_turn_end(cpu, now);
  // A thread that competes with nobody has no slice: the reaper is to come again all the same.
  if (next.entity != nullptr && cpu.id == CpuId(0) && reaper_has_work()) end = earlier(end, now + kReaperPause);
  arm(cpu, end, now);
  if (open && !turn_stays_open(cpu)) arm(cpu, turn_end(cpu, next.kind, now), now);
  if (thread == nullptr) {
    if (cpu.thread != nullptr) trace_dispatch(cpu, nullptr);
    cpu.thread = nullptr;
    cpu.trace.note_idle(cpu.scheduler.idle_time());
    // A step leaves everything consistent: an interrupt taken in the window does not come back here.
    bool reaped = false;
    if (cpu.id == CpuId(0) && reaper_has_work()) between_steps();
    for (; cpu.id == CpuId(0) && reap_step(); reaped = true) between_steps();
    if (reaped) leave(cpu, hal::now());  // what went may have set a server free
    // What led here is a stretch of its own.
    while (cpu.id == CpuId(0) && stock_is_short()) {
      between_steps();
      if (!stock_step()) break;
    }
    if constexpr (kDebugChecks) check_invariants(cpu);
    cpu.idles.store(true, std::memory_order_relaxed);
    if (in_turns()) rest(cpu);
    hal::idle();
  }
  if (thread != cpu.thread) {
    cpu.thread = thread;
    cpu.idles.store(false, std::memory_order_relaxed);
    cpu.trace.count_switch();
    trace_dispatch(cpu, thread);
    hal::switch_user(thread->user, thread->process.memory().space());
  }
  if (thread->state == ThreadState::await_release) {
    begin_job(*thread);
  } else if (thread->state != ThreadState::runnable) [[unlikely]] {
    hal::go_on_in(go_on);  // this may come from there
  }
  resume();
}

[[gnu::flatten]] void go_on_over(Cpu& cpu, Thread& thread, Time now) noexcept {
  arm_under_context(cpu, now);
  go_on_as_armed(cpu, thread);
}

[[gnu::flatten]] void go_on_as_armed(Cpu& cpu, Thread& thread) noexcept {
  hal::UserState& live = cpu.thread->user;
  cpu.thread = &thread;
  cpu.trace.count_switch();
  hal::switch_user_between(live, thread.user, thread.process.memory().space());
  resume();
}

[[gnu::flatten]] void begin_over(Cpu& cpu, Thread& thread, Time now) noexcept {
  arm_under_context(cpu, now);
  Thread* const before = cpu.thread;
  cpu.thread = &thread;
  cpu.trace.count_switch();
  if (before != nullptr) {
    hal::switch_user_between(before->user, thread.user, thread.process.memory().space());
  } else {
    hal::switch_user(thread.user, thread.process.memory().space());
  }
  begin_job(thread);
  resume();
}

void await_near_release(Cpu& cpu) noexcept {
  arm_for(cpu, cpu.scheduler.next_release());
  if (cpu.thread == nullptr) hal::idle();
  if (cpu.thread->state != ThreadState::runnable) hal::go_on_in(go_on);
  resume();
}

void switch_directly(Cpu& cpu, Thread& next) noexcept {
  cpu.thread = &next;
  trace_dispatch(cpu, &next);
  hal::switch_user(next.user, next.process.memory().space());
  resume();
}

bool post(CpuId id, Mail& mail, Mail::Handler handler, void* subject) noexcept {
  if (id == Cpu::current().id) {
    handler(subject);
    return true;
  }
  return post_later(id, mail, handler, subject);
}

bool post_to(const Home& home, Mail& mail, Mail::Handler handler, void* subject) noexcept {
  if (!home.is(Cpu::current().id)) return post_later(home.cpu(), mail, handler, subject);
  handler(subject);
  return true;
}

bool post_later(CpuId id, Mail& mail, Mail::Handler handler, void* subject) noexcept {
  if (mail.posted.exchange(true, std::memory_order_acq_rel)) return false;
  mail.handler = handler;
  mail.subject = subject;
  Cpu* const target = Cpu::find(id);
  require(target != nullptr, "mail goes to a running CPU");
  target->deliver(mail);
  return true;
}

}  // namespace capos::kernel
