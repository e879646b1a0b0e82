// SPDX-License-Identifier: Apache-2.0
#include "islands/binding.hpp"

#include <algorithm>

#include "capos/hal/relax.hpp"
#include "core/account.hpp"
#include "core/spin_lock.hpp"
#include "ipc/call_context.hpp"
#include "process/process.hpp"
#include "resources/charged.hpp"

namespace capos::kernel {
namespace {

using schema::KernelError;
using Done = ResultOf<void, KernelError>;

constexpr std::uint32_t kNobody = 0xffff'ffff;

// Over the context's pointer to its thread: its own CPU writes it, others look who is there (have_waiting_threads).
constinit SpinLock g_threads(LockRank::islands);

void set_thread(SchedulingContext& context, Thread* thread) noexcept {
  if (thread != nullptr) thread->acquire();
  g_threads.acquire();
  Thread* const before = std::exchange(context.thread, thread);
  g_threads.release();
  if (before != nullptr) before->release();
}

void record(Cpu& cpu, SchedulingContext& context, const Thread* thread, Time now) noexcept {
  const std::uint32_t program = thread == nullptr ? kNobody : 1u << 31 | (thread->process.number() & 0xffff);
  cpu.trace.emit(now, schema::EventKind::binding, context.source, program, thread == nullptr ? 0 : thread->number);
}

// It waits for a release: no job is begun, so none is cut off.
bool is_between_jobs(const Thread& thread) noexcept {
  return thread.state == ThreadState::await_release && thread.account.context == thread.bound && thread.incoming == nullptr;
}

// It runs, or waits, on time of its own or none, for nobody else.
bool is_free(const Thread& thread) noexcept {
  if (thread.outgoing != &thread.direct_call || !thread.direct_call.idle() || !thread.fault_call.idle() || thread.incoming != nullptr) return false;
  switch (thread.state) {
    case ThreadState::await_release: return stands_by(thread);
    case ThreadState::await_call: return thread.account.is_none();
    case ThreadState::runnable:
    case ThreadState::sleeping:
    case ThreadState::await_signal:
    case ThreadState::await_leased:
    case ThreadState::parked: return thread.account.entity == &thread.entity;
    default: return false;
  }
}

// Best effort has lost a thread of the process: perhaps its last.
void leave_best_effort(Process& process) noexcept {
  auto& threads = process.threads();
  for (Thread* thread = threads.front(); thread != nullptr; thread = threads.next(*thread)) {
    if (thread->bound == nullptr && !stands_by(*thread)) return;
  }
  process.leave_best_effort();
}

void let_stand_by(SchedulingContext& context, Thread& thread) noexcept {
  thread.bound = nullptr;
  thread.account = {};
  context.owner = nullptr;
  context.release();
}

void give_context(Cpu& cpu, SchedulingContext& context, Thread& thread, Time now) noexcept {
  make_for(context, thread);
  thread.process.capabilities().bind_to_cpu();
  if (thread.state == ThreadState::await_call) {
    thread.account = {};  // the next caller's, or its own if it is sent something
  } else {
    cpu.scheduler.block(thread.entity, now);
  }
  attach(cpu, thread, now);
  if (thread.state == ThreadState::sleeping) {  // no sleeper on best effort any more
    suspend_timeout(thread.timeout);
    resume_timeout(cpu.timeouts, thread.timeout);
  }
  if (goes_on(thread.state)) make_ready(cpu, thread.account, now);
  leave_best_effort(thread.process);
}

// Why the thread cannot be bound; none: it can.
KernelError obstacle(const Cpu& cpu, Thread& thread, const Thread* caller) noexcept {
  if (!thread.home.is(cpu.id)) return KernelError::bad_cpu;
  if (&thread == caller || thread.has_ended() || thread.process.is_ending()) return KernelError::bad_state;
  const bool may = thread.process.started && thread.bound == nullptr && is_free(thread);
  return may ? KernelError::none : KernelError::busy;
}

Done bind_here(Cpu& cpu, SchedulingContext& context, Thread& thread, const Thread* caller, Time now) noexcept {
  if (const KernelError why = obstacle(cpu, thread, caller); why != KernelError::none) return fail(why);
  if (context.recovery || context.stopped.load(std::memory_order_relaxed)) return fail(KernelError::bad_state);
  Thread* const before = context.thread;
  const bool waits = stands_by(thread);
  const bool has_run = context.jobs().armed() || context.off_grid;
  // What is new waits for an idle instant (settling.hpp).
  if (!waits && !has_run && cpu.unsettled) return fail(KernelError::busy);
  if (before == nullptr) {
    if (context.claimed.exchange(true)) return fail(KernelError::busy);
  } else {
    if (!is_between_jobs(*before) || (!waits && context.jobs().in_progress())) return fail(KernelError::busy);
    let_stand_by(context, *before);
    if (!waits) take_off_grid(cpu, context, now);
  }
  give_context(cpu, context, thread, now);
  if (waits && before == nullptr) {
    (void)cpu.scheduler.wait_next_release(context, now);
    if (context.off_grid) back_on_grid(cpu, context, now);
  }
  return {};
}

Done unbind_here(Cpu& cpu, SchedulingContext& context, Time now) noexcept {
  Thread* const thread = context.thread;
  if (context.recovery) return fail(KernelError::bad_state);
  if (thread == nullptr) return fail(context.claimed.load() ? KernelError::busy : KernelError::bad_state);
  if (!is_between_jobs(*thread) || context.jobs().in_progress()) return fail(KernelError::busy);
  take_off_grid(cpu, context, now);
  let_stand_by(context, *thread);
  set_thread(context, nullptr);
  context.claimed = false;
  record(cpu, context, nullptr, now);
  return {};
}

Outcome outcome_of(KernelError error) noexcept {
  switch (error) {
    case KernelError::none: return Outcome::done();
    case KernelError::busy: return Outcome::overloaded(error);
    case KernelError::bad_cpu: return Outcome::invalid(error);
    default: return Outcome::failed(error);
  }
}

KernelError error_of(const Done& done) noexcept { return done.has_value() ? KernelError::none : done.error(); }

// What is asked of another CPU, which answers by mail. The caller looks for the answer in portions.
class Rebinding final : public CallState {
 public:
  static constexpr ObjectType kType = ObjectType::rebinding;

  Rebinding(SchedulingContext& context, Ref<Thread> thread) noexcept
      : CallState(kType), context_(Ref<SchedulingContext>::share(context)), thread_(std::move(thread)) {}
  ~Rebinding() = default;

  // `thread` null: unbind.
  static Outcome ask(CallContext& call, SchedulingContext& context, Ref<Thread> thread) noexcept {
    auto made = new_object<Rebinding>(call.ledger(), context, std::move(thread));
    if (!made.has_value()) return Outcome::overloaded(made.error());
    Rebinding& own = **made;
    call.progress.object = *std::move(made);
    call.progress.begun = call.progress.has_parameters = true;
    own.acquire();
    (void)post_later(context.cpu(), own.mail_, answer_here, &own);
    return Outcome::unfinished();
  }
  [[nodiscard]] Outcome outcome() const noexcept {
    const std::uint32_t answer = answer_.load(std::memory_order_acquire);
    if (answer != kNone) return outcome_of(static_cast<KernelError>(answer));
    hal::cpu_relax();
    return Outcome::unfinished();
  }

 private:
  static constexpr std::uint32_t kNone = ~std::uint32_t{0};

  static void answer_here(void* subject) noexcept {
    auto& own = *static_cast<Rebinding*>(subject);
    Cpu& cpu = Cpu::current();
    const Time now = hal::now();
    const Done done = own.thread_ ? bind_here(cpu, *own.context_, *own.thread_, nullptr, now) : unbind_here(cpu, *own.context_, now);
    own.answer_.store(static_cast<std::uint32_t>(error_of(done)), std::memory_order_release);
    own.release();
  }
  void destroy() noexcept override { delete_object(this); }

  Ref<SchedulingContext> context_;
  Ref<Thread> thread_;
  Mail mail_;
  std::atomic<std::uint32_t> answer_{kNone};
};

}  // namespace

void make_for(SchedulingContext& context, Thread& thread) noexcept {
  context.acquire();
  thread.bound = &context;
  thread.account = starting_account(thread);
}

void attach(Cpu& cpu, Thread& thread, Time now) noexcept {
  SchedulingContext& context = *thread.bound;
  set_thread(context, &thread);
  if (!context.recovery) context.owner = &thread;  // also of a server that waits: it is not to run before it is sent something
  // What the last one's calls or a demotion have left.
  cpu.scheduler.set_priority(context, context.base_priority(), now);
  cpu.scheduler.set_floor(context, Time::never(), now);
  if (std::exchange(context.had_thread, true)) record(cpu, context, &thread, now);
}

void give_up_context(Cpu& cpu, Thread& thread, Time now) noexcept {
  SchedulingContext* const context = thread.bound;
  if (context == nullptr) return;
  take_off_grid(cpu, *context, now);
  thread.bound = nullptr;
  if (context->thread == &thread) {
    context->owner = nullptr;
    set_thread(*context, nullptr);
  }
  context->claimed = false;
  context->release();
}

bool have_waiting_threads(std::span<const Ref<SchedulingContext>> contexts) noexcept {
  g_threads.acquire();
  const bool all = std::ranges::all_of(contexts, [](const Ref<SchedulingContext>& context) noexcept {
    const Thread* const thread = context->thread;
    return thread != nullptr && !thread->has_ended() && thread->has_waited;
  });
  g_threads.release();
  return all;
}

void take_off_grid(Cpu& cpu, SchedulingContext& context, Time now) noexcept {
  context.off_grid = context.off_grid || context.jobs().armed();
  cpu.scheduler.remove(context, now);
  context.job_start = Time::never();
}

void back_on_grid(Cpu& cpu, SchedulingContext& context, Time now) noexcept {
  if (context.stopped.load(std::memory_order_relaxed)) return;
  context.off_grid = false;
  cpu.scheduler.resume_jobs(context, now);
}

Outcome bind_to(CallContext& call, SchedulingContext& context, Thread* thread) noexcept {
  CallProgress& progress = call.progress;
  if (progress.begun) return static_cast<Rebinding&>(*progress.object).outcome();
  if (thread == nullptr) return Outcome::invalid(KernelError::bad_capability);
  if (context.cpu() != call.cpu.id) {
    if (thread == &call.thread) return Outcome::invalid(KernelError::bad_cpu);
    return Rebinding::ask(call, context, Ref<Thread>::share(*thread));
  }
  call.reschedule = true;
  return outcome_of(error_of(bind_here(call.cpu, context, *thread, &call.thread, call.now)));
}

Outcome unbind_from(CallContext& call, SchedulingContext& context) noexcept {
  CallProgress& progress = call.progress;
  if (progress.begun) return static_cast<Rebinding&>(*progress.object).outcome();
  if (context.cpu() != call.cpu.id) return Rebinding::ask(call, context, {});
  return outcome_of(error_of(unbind_here(call.cpu, context, call.now)));
}

Outcome stand_by(CallContext& call, SchedulingContext& context) noexcept {
  if (!call.may_block) return Outcome::transport(schema::TransportError::invalid_operation);
  if (call.cpu.id != context.cpu()) return Outcome::transport(schema::TransportError::wrong_cpu);
  Thread& caller = call.thread;
  if (caller.bound != nullptr || !is_free(caller) || context.stopped.load(std::memory_order_relaxed)) {
    return Outcome::failed(KernelError::bad_state);
  }
  block(call.cpu, caller.account, call.now);
  caller.account = {};
  caller.state = ThreadState::await_release;
  caller.has_waited = true;
  leave_best_effort(caller.process);
  return Outcome::blocked();
}

}  // namespace capos::kernel
