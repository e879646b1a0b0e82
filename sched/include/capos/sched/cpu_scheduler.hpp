// SPDX-License-Identifier: Apache-2.0
// The scheduler of one CPU: contexts by fixed priority or, below those, by deadline (EDF), best effort by weight below them
// (EEVDF), time passed in.
//
// Only its own CPU may call it; it takes no lock. Every operation that takes `now` first charges what runs
// for the time since the last one, so `now` is stamped once, on kernel entry, and never decreases.
// The kernel's turn:
//   release_due(now, visit); deadlines_due(now, visit);   what time has brought
//   the operation of the event itself
//   pick(now), then arm the timer for next_event(now)
// Only pick() takes a spent context off the CPU: a call that finishes or blocks it just in time wins.
//
// Invariants (check_invariants): a context is queued xor blocked; a ready context has a usable head refill,
// except a running one whose budget ended since the last pick; what runs is the first of the highest level.
// Bounds: r = contexts in the release queue, b = ready best-effort entities. Costs stand at each operation; where they say
// O(1), a context of an EDF island takes O(log e) for e such that are ready. No allocation.
#pragma once

#include <cstdint>

#include "capos/base/strong.hpp"
#include "capos/base/time.hpp"
#include "capos/sched/context.hpp"
#include "capos/sched/edf_queue.hpp"
#include "capos/sched/fair_queue.hpp"
#include "capos/sched/ready_queue.hpp"
#include "capos/sched/timed_queue.hpp"

namespace capos::sched {

enum class DispatchKind : std::uint8_t { idle, best_effort, context };

struct Dispatch {
  DispatchKind kind = DispatchKind::idle;
  Context* context = nullptr;          // set if kind is context
  FairEntity* entity = nullptr;        // set if kind is best_effort
  // A context whose budget was spent while its job, or its activation, went on. It now waits for its refill;
  // the caller raises the fault that its island declared. May differ from what was picked; set once per
  // spending.
  Context* overrun = nullptr;
};

// Why a context leaves the release queue.
enum class ReleaseKind : std::uint8_t {
  job,           // a job's scheduled release; it is ready
  job_unfunded,  // a job's scheduled release, its budget not back yet; it goes on waiting for that
  refill,        // a spent budget is back
};

class CpuScheduler {
 public:
  constexpr CpuScheduler() noexcept = default;
  CpuScheduler(const CpuScheduler&) = delete;
  CpuScheduler& operator=(const CpuScheduler&) = delete;

  // Once, before anything else: which CPU this is, and from when on time is charged.
  void start(CpuId cpu, Time now) noexcept;
  [[nodiscard]] CpuId cpu() const noexcept { return cpu_; }

  // --- contexts -------------------------------------------------------------------------------------------
  // Blocked -> ready, activated at `now`; or -> awaiting_refill if no budget is usable. A context that is
  // not blocked stays as it is. True if it is ready now. O(1), or O(log r) without budget.
  bool make_ready(Context& context, Time now) noexcept;
  // Any state -> blocked: it waits for something that is not time. A job in progress stays in progress. EDF: it comes back without a floor.
  // O(1), or O(log r) if it was in the release queue.
  void block(Context& context, Time now) noexcept;
  // The island is retired: blocked, disarmed, and no longer current. Same cost.
  void remove(Context& context, Time now) noexcept;
  // Schedules job 0 at `first`; for a context that already waits in wait_next_release, so that it is released
  // then. Any other goes on as it is until it waits. O(log r).
  void arm_jobs(Context& context, Time first, Time now) noexcept;
  // Ends the job in progress, if any, and waits for the next release, or input; blocks if no release is scheduled yet
  // (see arm_jobs). Stays ready if the next release has passed, or its input has come, and the policy is run_late.
  // A job that so starts after its own deadline is reported by the next deadlines_due().
  // True if a job ended: context.jobs().last_finished() is its record. O(log r).
  bool wait_next_release(Context& context, Time now) noexcept;
  // The same, but the job is ended by a consequence: it is marked so, and releases that have passed are
  // skipped whatever the policy. False and no effect if no job is in progress. O(log r).
  // At the next release the context is ready whatever its thread was doing: if that waits for something that
  // is not time, block() the context then.
  bool abandon_job(Context& context, Time now) noexcept;
  // What has come of a triggered context's inputs, all that was told before included. If it waits for one of them, that job is
  // released. If the deadline of the job that it waits for has passed, that one is dropped instead, and this returns true:
  // context.jobs().current() is its record, see deadlines_due(); then call it again. O(log r).
  [[nodiscard]] bool take_inputs(Context& context, Inputs inputs, Time now) noexcept;
  // Not of a triggered context.
  // No releases until resume_jobs(): the job in progress, if any, is ended and marked as abandoned, and the context blocks,
  // whatever its thread was doing. Its releases keep their grid. True if a job ended. Without effect, and false, if no
  // release is scheduled. O(log r).
  bool suspend_jobs(Context& context, Time now) noexcept;
  // Released again, at the first release of its grid after `now`; those in between count as skipped. Only after
  // suspend_jobs(), or where a thread has come to wait (wait_next_release()) after remove() of an armed context; then also if
  // it is triggered. O(log r).
  void resume_jobs(Context& context, Time now) noexcept;
  // Other parameters (the same CPU), and a full budget, from `now` on. If its releases are armed the next is `now`, of a new
  // grid, whatever its thread was doing: a job in progress is ended and marked as abandoned; if they are suspended they will
  // be of that grid. A demoted task stays demoted. True if a job ended. Precondition: check(parameters). O(log r).
  bool retune(Context& context, const ContextParameters& parameters, Time now) noexcept;
  // What it runs at when no ceiling raises it. Right after its job has ended: at once if the program ended it; else, as the
  // thread may be in a call, from its next wait_next_release() on. Under EDF a priority below its parameters' puts it behind
  // all others of its CPU, at once, but for its floor. O(1).
  void set_base_priority(Context& context, Priority priority, Time now) noexcept;
  // To the back of its priority level. O(1).
  void yield(Context& context, Time now) noexcept;
  // The same for what runs, and makes the next of its level current, as pick() would. nullptr if pick() has to choose: what
  // runs has spent its budget, or is alone in its level, and has not moved. O(1).
  [[nodiscard]] Context* yield_over(Context& context, Time now) noexcept;
  // The effective priority: a server's ceiling on a call, base_priority() on the reply. What runs stays first
  // of its new level, others go to its back. Without effect under EDF. O(1).
  void set_priority(Context& context, Priority priority, Time now) noexcept;
  // Under EDF instead: the floor that a called server works at (deadline_floor(), or what it was before that), Time::never() for
  // none. O(log e).
  void set_floor(Context& context, Time floor, Time now) noexcept;
  // EDF: its call is taken up at `now` by a server of that floor (> 0): deadline_floor() of what it is due at. No floor for one that may run
  // and is not the first: it had to wait for the server, and a floor would let it delay once more who came meanwhile. One that is
  // blocked is about to go on with what is in the server already. O(log e).
  void enter_server(Context& context, Duration floor, Time now) noexcept;
  // EDF: a ready context takes over at `floor` what another one was first with: it comes before all that is due then. O(log e).
  void take_over(Context& context, Time floor, Time now) noexcept;

  // --- best effort ----------------------------------------------------------------------------------------
  // Each O(log b).
  void make_ready(FairEntity& entity, Time now) noexcept;  // no effect if it is ready
  void block(FairEntity& entity, Time now) noexcept;       // no effect if it is not
  void yield(FairEntity& entity, Time now) noexcept;       // gives up the rest of its request; no effect if not ready
  // Ready or not. Ranges: those of FairQueue.
  void set_share(FairEntity& entity, std::uint32_t weight, Duration request, Time now) noexcept;

  // --- time -----------------------------------------------------------------------------------------------
  // Charges what runs up to `now`. O(kMaxRefills).
  void charge(Time now) noexcept {
    if (now > charged_until_) charge_running(now);
  }
  // Moves every context whose time has come out of the release queue and calls visit(Context&, ReleaseKind)
  // for each, in order of time. O(d log r) for d due contexts. The visitor must not call the scheduler.
  template <typename Visitor>
  void release_due(Time now, Visitor&& visit) noexcept {
    while (!release_some(now, ~0u, visit)) {
    }
  }
  // The same for at most `most` of them, earliest first. True if no other is due.
  template <typename Visitor>
  [[nodiscard]] bool release_some(Time now, unsigned most, Visitor&& visit) noexcept {
    charge(now);
    for (; release_.earliest_time() <= now; --most) {
      if (most == 0) return false;
      Context& context = *release_.earliest();
      const ReleaseKind kind = release_earliest(now);
      visit(context, kind);
    }
    return true;
  }
  void release_due(Time now) noexcept {
    release_due(now, [](Context&, ReleaseKind) {});
  }

  // The usual timer event: one job's release, of a context above what runs, and nothing else that is due. Makes it ready and
  // current, as release_due() and pick() would, and returns it. Otherwise nullptr, and those two do what is to be done;
  // `released` is set if this has released a job. O(log r).
  [[nodiscard]] Context* release_over(Time now, bool& released) noexcept;

  // Calls visit(Context&) once for every job in progress whose deadline is before `now`; and for every job that is dropped
  // because its input has not come by then, the first of them if several of a context are. jobs().current() is the job, with
  // kJobNoInput if it was dropped. O(d log r). The visitor must not call the scheduler; what the miss entails is done afterwards.
  template <typename Visitor>
  void deadlines_due(Time now, Visitor&& visit) noexcept {
    while (!deadlines_some(now, ~0u, visit)) {
    }
  }
  // The same for at most `most` deadlines, earliest first. True if no other has passed.
  template <typename Visitor>
  [[nodiscard]] bool deadlines_some(Time now, unsigned most, Visitor&& visit) noexcept {
    for (; deadlines_.earliest_time() < now; --most) {
      if (most == 0) return false;
      Context& context = deadlines_.earliest()->context();
      if (miss_earliest(now)) visit(context);
    }
    return true;
  }

  // If what runs has spent its budget: puts it off to its next refill and returns it, so that the caller can do what its island
  // declared before it picks. nullptr otherwise. O(kMaxRefills), plus O(log r) if it was.
  [[nodiscard]] Context* take_spent(Time now) noexcept;
  // The usual end of a budget: what runs has spent it in the middle of a job that no input releases, and nothing is due. Returns
  // it; nullptr otherwise. After release_over() of that time, which released nothing. O(1).
  [[nodiscard]] Context* spent_alone(Time now) const noexcept;
  // What take_spent() and abandon_job() would do with what spent_alone() has returned; it waits for its next release without
  // having waited for its refill. context.jobs().last_finished() is its record. Nothing runs then. O(log r).
  void hold_spent(Context& context, Time now) noexcept;
  // What pick() would do where a context is ready and nothing runs, as after hold_spent(). nullptr if pick() has to choose. O(1).
  [[nodiscard]] Context* pick_context(Time now) noexcept;
  // Chooses what runs from `now` on and makes it current. A current context whose budget is spent is put off
  // to its next refill first and reported. O(1) if a context is ready, else O(log b); plus O(log r) with an overrun.
  Dispatch pick(Time now) noexcept;
  // make_ready(), and if the context is then above what runs, makes it current: what pick() would do. False if pick() has
  // to choose: it is not ready, or not above, or what runs has spent its budget. O(1), or O(log r) without budget.
  [[nodiscard]] bool wake_over(Context& context, Time now) noexcept;
  // Would pick choose something else than what runs? Call it after release_due. Same cost.
  [[nodiscard]] bool must_switch(Time now) noexcept;
  // When the kernel must act next without being called: the earliest release or refill, a passed deadline,
  // the end of the current budget, the end of the request if another entity waits. Time::never() = no timer.
  // O(kMaxRefills).
  [[nodiscard]] Time next_event(Time now) noexcept {
    charge(now);
    return next_event_as_picked(now);
  }
  // After yield_over() of that time from `before`: the timer that was armed for what comes first stands at `armed`. True if it
  // stands for neither of the two budgets, and so may stay as it is. O(1), a fourth of what computing the next event takes.
  [[nodiscard]] bool timer_stands(const Context& before, Time armed, Time now) const noexcept {
    return running_->surely_runs_past(armed, now) && before.surely_runs_past(armed, now);
  }
  // next_event() right after pick() or wake_over() of that time, which have charged what ran.
  [[nodiscard]] Time next_event_as_picked(Time now) noexcept;

  [[nodiscard]] Context* current_context() const noexcept { return running_; }
  [[nodiscard]] FairEntity* current_entity() const noexcept { return running_entity_; }
  // The earliest release or refill that is to come, or due; Time::never() if there is none. O(1).
  [[nodiscard]] Time next_release() const noexcept { return release_.earliest_time(); }
  [[nodiscard]] Duration idle_time() const noexcept { return idle_time_; }
  [[nodiscard]] Time charged_until() const noexcept { return charged_until_; }

  // The first broken invariant as text, nullptr if all hold. O(contexts); debug kernels and tests.
  [[nodiscard]] const char* check_invariants(Time now) noexcept;

 private:
  ReleaseKind release_earliest(Time now) noexcept;
  void enqueue(Context& context, Time now) noexcept;
  bool end_job(Context& context, Time now, std::uint32_t flags) noexcept;
  void release_job(Context& context, Time now, bool late) noexcept;
  void begin_released(Context& context, Time activation, Time now) noexcept;
  void await_input(Context& context, Time now) noexcept;
  void release_with_input(Context& context, Time now, bool late) noexcept;
  void drop_job(Context& context, Time now) noexcept;
  void watch_deadline(Context& context, Time deadline, Time now) noexcept;
  void unwatch_deadline(Context& context) noexcept;
  bool miss_earliest(Time now) noexcept;
  void await(Context& context, ContextState state, Time when) noexcept;
  [[gnu::noinline]] void await_refill(Context& context) noexcept;
  void push_ready(Context& context) noexcept;
  void erase_ready(Context& context) noexcept;
  void reorder(Context& context) noexcept;
  [[nodiscard]] Context* first_due() noexcept;
  [[nodiscard]] Context* first_ready() noexcept;
  void leave_queues(Context& context) noexcept;
  void stop_running(Context& context) noexcept;
  void put_off_spent(Context& context) noexcept;
  void switch_to(Context* context, FairEntity* entity, Time now) noexcept;
  void settle() noexcept;
  void charge_running(Time now) noexcept;
  [[nodiscard]] const char* check_ready(Time now) noexcept;
  [[nodiscard]] const char* check_edf(Time now) noexcept;
  [[nodiscard]] const char* check_release() noexcept;
  [[nodiscard]] const char* check_deadlines() noexcept;
  [[nodiscard]] const char* check_context(Context& context) noexcept;

  ReadyQueue ready_;
  EdfQueue<Context> edf_;  // those of an EDF island, by due()
  TimedQueue<Context> release_;
  TimedQueue<DeadlineNode> deadlines_;
  FairQueue best_effort_;
  Context* running_ = nullptr;  // at most one of these two
  FairEntity* running_entity_ = nullptr;
  FairEntity* served_ = nullptr;  // the last of them, and what it has had that the queue has not been told
  Duration unsettled_{};
  Time charged_until_{};
  Duration idle_time_{};
  CpuId cpu_{};
};

// The first broken rule of a refill list as text, nullptr if all hold.
[[nodiscard]] const char* check_refills(const RefillList& refills, Duration budget, Duration period) noexcept;

}  // namespace capos::sched
