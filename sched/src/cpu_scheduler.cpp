// SPDX-License-Identifier: Apache-2.0
#include "capos/sched/cpu_scheduler.hpp"

#include <algorithm>

namespace capos::sched {

void CpuScheduler::start(CpuId cpu, Time now) noexcept {
  cpu_ = cpu;
  charged_until_ = now;
}

// --- contexts ---------------------------------------------------------------------------------------------

void CpuScheduler::await(Context& context, ContextState state, Time when) noexcept {
  context.state_ = state;
  release_.insert(context, when);
}

// Apart: the usual wake-up would keep what is compared here at hand for it.
[[gnu::noinline, gnu::cold]] static void insert_by_deadline(EdfQueue<Context>& queue, Context& context) noexcept {
  queue.insert(context, context.due());
}

// In the order of its kind.
inline void CpuScheduler::push_ready(Context& context) noexcept {
  context.state_ = ContextState::ready;
  if (context.edf()) [[unlikely]] {
    insert_by_deadline(edf_, context);
  } else {
    ready_.push_back(context);
  }
}

inline void CpuScheduler::erase_ready(Context& context) noexcept {
  if (context.edf()) [[unlikely]] {
    edf_.remove(context);
  } else {
    ready_.erase(context);
  }
}

// EDF: its deadline has changed.
void CpuScheduler::reorder(Context& context) noexcept {
  if (context.state_ == ContextState::ready) edf_.move(context, context.due());
}

// What runs may have come to a refill of a later deadline.
Context* CpuScheduler::first_due() noexcept {
  if (running_ != nullptr && running_->edf()) reorder(*running_);
  return edf_.earliest();
}

inline Context* CpuScheduler::first_ready() noexcept {
  Context* const first = ready_.highest();
  return first != nullptr || edf_.empty() ? first : first_due();
}

// To the ready queue, or to the release queue until the head refill is usable.
void CpuScheduler::enqueue(Context& context, Time now) noexcept {
  if (context.head_ready(now)) {
    push_ready(context);
  } else {
    await_refill(context);
  }
}

void CpuScheduler::await_refill(Context& context) noexcept {
  context.refills_.gather();
  await(context, ContextState::awaiting_refill, context.refills_.head().time);
}

void CpuScheduler::leave_queues(Context& context) noexcept {
  if (context.state_ == ContextState::ready) {
    erase_ready(context);
  } else if (context.queued()) {
    release_.remove(context);
  } else if (context.state_ == ContextState::awaiting_input) {
    unwatch_deadline(context);
  }
  context.state_ = ContextState::blocked;
}

// From here to the next pick the time belongs to nobody's budget: it counts as idle.
void CpuScheduler::stop_running(Context& context) noexcept {
  if (running_ == &context) running_ = nullptr;
}

bool CpuScheduler::make_ready(Context& context, Time now) noexcept {
  charge(now);
  if (context.state_ == ContextState::blocked) {
    if (context.awaits_start_) [[unlikely]] return false;  // suspended: whatever its thread waited for, it stays so
    if (!context.activate(now)) {
      await_refill(context);
      return false;
    }
    push_ready(context);
    return true;
  }
  return context.state_ == ContextState::ready;
}

void CpuScheduler::block(Context& context, Time now) noexcept {
  charge(now);
  stop_running(context);
  leave_queues(context);
  if (context.edf()) [[unlikely]] context.floor_ = Time::never();
}

void CpuScheduler::remove(Context& context, Time now) noexcept {
  block(context, now);
  unwatch_deadline(context);
  context.jobs_.disarm();
  context.awaits_start_ = false;
}

void CpuScheduler::arm_jobs(Context& context, Time first, Time now) noexcept {
  charge(now);
  unwatch_deadline(context);
  context.jobs_.arm(first);
  const bool waits = context.awaits_start_ || context.state_ == ContextState::awaiting_release ||
                     context.state_ == ContextState::awaiting_input;
  if (!waits) return;
  context.awaits_start_ = false;
  leave_queues(context);
  if (context.parameters_.triggered) return await_input(context, now);
  await(context, ContextState::awaiting_release, first);
}

bool CpuScheduler::wait_next_release(Context& context, Time now) noexcept {
  charge(now);
  return end_job(context, now, kJobNoFlags);
}

bool CpuScheduler::abandon_job(Context& context, Time now) noexcept {
  charge(now);
  return context.jobs_.in_progress() && end_job(context, now, kJobAbandoned);
}

bool CpuScheduler::suspend_jobs(Context& context, Time now) noexcept {
  charge(now);
  if (!context.jobs_.armed()) return false;
  stop_running(context);
  leave_queues(context);
  unwatch_deadline(context);
  const bool ended = context.jobs_.finish(now, kJobAbandoned);
  context.jobs_.disarm();
  context.awaits_start_ = true;
  return ended;
}

void CpuScheduler::resume_jobs(Context& context, Time now) noexcept {
  charge(now);
  context.awaits_start_ = false;
  leave_queues(context);
  unwatch_deadline(context);
  context.jobs_.rearm(now);
  if (context.parameters_.triggered) return await_input(context, now);
  await(context, ContextState::awaiting_release, context.jobs_.next_release());
}

bool CpuScheduler::retune(Context& context, const ContextParameters& parameters, Time now) noexcept {
  charge(now);
  const bool awaited_refill = context.state_ == ContextState::awaiting_refill;
  stop_running(context);
  leave_queues(context);
  unwatch_deadline(context);
  const bool ended = context.jobs_.finish(now, kJobAbandoned);
  context.retune(parameters, ended, now);
  if (context.jobs_.armed()) {
    context.awaits_start_ = false;
    await(context, ContextState::awaiting_release, now);
  } else if (awaited_refill) {
    await(context, ContextState::awaiting_refill, now);
  }
  return ended;
}

void CpuScheduler::set_base_priority(Context& context, Priority priority, Time now) noexcept {
  if (context.edf()) {
    charge(now);
    context.demoted_ = priority < context.parameters_.priority;
    return reorder(context);
  }
  context.base_priority_ = priority;
  if ((context.jobs_.last_finished().flags & kJobAbandoned) == 0) set_priority(context, priority, now);
}

bool CpuScheduler::end_job(Context& context, Time now, std::uint32_t flags) noexcept {
  stop_running(context);
  leave_queues(context);
  if ((flags & kJobAbandoned) == 0) {  // a job that ends itself is in no call
    context.priority_ = context.base_priority_;
    context.floor_ = Time::never();
  }
  unwatch_deadline(context);
  const bool ended = context.jobs_.finish(now, flags);
  context.jobs_.settle_backlog(now, (flags & kJobAbandoned) != 0);
  if (!context.jobs_.armed()) {
    context.awaits_start_ = true;
  } else if (context.parameters_.triggered) [[unlikely]] {
    await_input(context, now);
    release_with_input(context, now, true);
  } else if (context.jobs_.next_release() > now) {
    await(context, ContextState::awaiting_release, context.jobs_.next_release());
  } else {
    release_job(context, now, true);  // that release has passed: the job starts at once
  }
  return ended;
}

// The next release becomes the job in progress, activated at its scheduled time, so that a late timer
// never moves the refills.
[[gnu::always_inline]] inline void CpuScheduler::begin_released(Context& context, Time activation, Time now) noexcept {
  const bool funded = context.activate(activation);
  watch_deadline(context, context.jobs_.current().deadline, now);
  if (funded) [[likely]] {
    push_ready(context);
  } else {
    enqueue(context, now);
    if (context.state_ == ContextState::awaiting_refill) context.jobs_.awaits_refill();
  }
  const Context* const current = running_;
  if (current == nullptr || current->priority_ < context.priority_) return;
  if (!context.edf() || !current->edf() || current->due() <= context.due()) context.jobs_.delayed(current->source);
}

[[gnu::flatten]] void CpuScheduler::release_job(Context& context, Time now, bool late) noexcept {
  context.jobs_.release(now, late);
  begin_released(context, context.jobs_.current().release, now);
}

// --- triggered jobs ---------------------------------------------------------------------------------------

// In no queue, but that its deadline is watched, without its input too.
void CpuScheduler::await_input(Context& context, Time now) noexcept {
  context.state_ = ContextState::awaiting_input;
  watch_deadline(context, context.jobs_.next_deadline(), now);
}

void CpuScheduler::release_with_input(Context& context, Time now, bool late) noexcept {
  if (!context.jobs_.find_input()) return;
  unwatch_deadline(context);
  context.jobs_.release(now, late);
  begin_released(context, context.jobs_.arrival(), now);
}

void CpuScheduler::drop_job(Context& context, Time now) noexcept {
  unwatch_deadline(context);
  context.jobs_.drop_next(now);
  watch_deadline(context, context.jobs_.next_deadline(), now);
}

bool CpuScheduler::take_inputs(Context& context, Inputs inputs, Time now) noexcept {
  charge(now);
  context.jobs_.note_inputs(inputs);
  if (context.state_ != ContextState::awaiting_input) return false;
  if (context.jobs_.next_deadline() < now) {
    drop_job(context, now);
    return true;
  }
  release_with_input(context, now, false);
  return false;
}

ReleaseKind CpuScheduler::release_earliest(Time now) noexcept {
  Context& context = *release_.earliest();
  release_.remove(context);
  if (context.state_ == ContextState::awaiting_refill) {
    enqueue(context, now);
    return ReleaseKind::refill;
  }
  release_job(context, now, false);
  return context.state_ == ContextState::ready ? ReleaseKind::job : ReleaseKind::job_unfunded;
}

// A job that is late before it begins is due at once, but never in the past: the next event stays ahead.
void CpuScheduler::watch_deadline(Context& context, Time deadline, Time now) noexcept {
  deadlines_.insert(context.deadline_, std::max(deadline, now));
}

void CpuScheduler::unwatch_deadline(Context& context) noexcept {
  if (context.deadline_.queued()) deadlines_.remove(context.deadline_);
}

bool CpuScheduler::miss_earliest(Time now) noexcept {
  DeadlineNode& node = *deadlines_.earliest();
  if (node.context().state_ == ContextState::awaiting_input) {
    drop_job(node.context(), now);
    return true;
  }
  deadlines_.remove(node);
  return node.context().jobs_.miss_deadline();
}

void CpuScheduler::yield(Context& context, Time now) noexcept {
  charge(now);
  if (context.state_ != ContextState::ready) return;
  if (context.edf()) return edf_.to_back(context);
  ready_.erase(context);
  ready_.push_back(context);
}

[[gnu::flatten]] Context* CpuScheduler::yield_over(Context& context, Time now) noexcept {
  charge(now);
  if (running_ != &context || !context.head_ready(now)) return nullptr;
  if (context.edf()) [[unlikely]] {
    edf_.to_back(context);
    return nullptr;
  }
  Context* const next = ready_.next(context);
  if (next == nullptr) return nullptr;
  ready_.to_back(context);
  switch_to(next, nullptr, now);
  return next;
}

void CpuScheduler::set_priority(Context& context, Priority priority, Time now) noexcept {
  charge(now);
  if (context.priority_ == priority || context.edf()) return;
  if (context.state_ != ContextState::ready) {
    context.priority_ = priority;
    return;
  }
  ready_.erase(context);
  context.priority_ = priority;
  if (running_ == &context) {
    ready_.push_front(context);
  } else {
    ready_.push_back(context);
  }
}

void CpuScheduler::set_floor(Context& context, Time floor, Time now) noexcept {
  charge(now);
  context.floor_ = floor;
  if (context.edf()) reorder(context);
}

void CpuScheduler::enter_server(Context& context, Duration floor, Time now) noexcept {
  const Time own = context.state_ == ContextState::ready ? context.when() : context.floor_;  // of the budget that it called with
  charge(now);
  if (context.state_ != ContextState::blocked && running_ != &context && first_due() != &context) return;
  context.floor_ = deadline_floor(own, now, floor);
  reorder(context);
}

void CpuScheduler::take_over(Context& context, Time floor, Time now) noexcept {
  charge(now);
  context.floor_ = floor;
  edf_.to_front(context, context.due());
}

// --- best effort ------------------------------------------------------------------------------------------

// Told late, so that a context which preempts best effort does not pay for the queue's arithmetic.
void CpuScheduler::settle() noexcept {
  while (unsettled_ != Duration{}) {  // once, unless it was alone for longer than kMostCharge
    const Duration told = std::min(unsettled_, kMostCharge);
    best_effort_.charge(*served_, told);
    unsettled_ -= told;
  }
}

void CpuScheduler::make_ready(FairEntity& entity, Time now) noexcept {
  charge(now);
  if (entity.queued()) return;
  settle();
  best_effort_.add(entity);
}

void CpuScheduler::block(FairEntity& entity, Time now) noexcept {
  charge(now);
  if (!entity.queued()) return;
  settle();
  best_effort_.remove(entity);
  if (running_entity_ == &entity) running_entity_ = nullptr;
}

void CpuScheduler::yield(FairEntity& entity, Time now) noexcept {
  charge(now);
  if (!entity.queued()) return;
  settle();
  best_effort_.yield(entity);
}

void CpuScheduler::set_share(FairEntity& entity, std::uint32_t weight, Duration request, Time now) noexcept {
  charge(now);
  settle();
  best_effort_.set_weight(entity, weight);
  best_effort_.set_request(entity, request);
}

// --- time -------------------------------------------------------------------------------------------------

void CpuScheduler::charge_running(Time now) noexcept {
  const Duration consumed = now - charged_until_;
  charged_until_ = now;
  if (running_ != nullptr) {
    running_->charge(consumed);
  } else if (running_entity_ != nullptr) {
    unsettled_ += consumed;
  } else {
    idle_time_ += consumed;
  }
}

// What runs has no usable budget any more: it waits for its refill.
void CpuScheduler::put_off_spent(Context& context) noexcept {
  stop_running(context);
  leave_queues(context);
  await_refill(context);
  context.jobs_.budget_spent();
}

Context* CpuScheduler::take_spent(Time now) noexcept {
  charge(now);
  Context* const spent = running_;
  if (spent == nullptr || spent->head_ready(now)) [[likely]] return nullptr;
  put_off_spent(*spent);
  return spent;
}

Context* CpuScheduler::spent_alone(Time now) const noexcept {
  Context* const spent = running_;
  if (spent == nullptr || spent->head_ready(now) || !spent->jobs_.in_progress()) return nullptr;
  if (release_.earliest_time() <= now || deadlines_.earliest_time() < now) return nullptr;
  return spent->parameters_.triggered ? nullptr : spent;
}

[[gnu::flatten]] void CpuScheduler::hold_spent(Context& context, Time now) noexcept {
  running_ = nullptr;
  erase_ready(context);
  context.refills_.gather();
  unwatch_deadline(context);
  context.jobs_.hold(now);
  await(context, ContextState::awaiting_release, context.jobs_.next_release());
}

Context* CpuScheduler::pick_context(Time now) noexcept {
  Context* const next = first_ready();
  if (next == nullptr) return nullptr;
  running_ = next;
  running_entity_ = nullptr;
  next->jobs_.dispatched(now);
  return next;
}

Dispatch CpuScheduler::pick(Time now) noexcept {
  Dispatch next;
  next.overrun = take_spent(now);
  next.context = first_ready();
  if (next.context != nullptr) {
    next.kind = DispatchKind::context;
  } else {
    settle();
    next.entity = best_effort_.pick();
    if (next.entity != nullptr) next.kind = DispatchKind::best_effort;
  }
  switch_to(next.context, next.entity, now);
  return next;
}

bool CpuScheduler::wake_over(Context& context, Time now) noexcept {
  if (!make_ready(context, now)) return false;
  if (running_ != nullptr) {
    if (context.priority_ <= running_->priority_ || !running_->head_ready(now)) return false;
  } else if (running_entity_ == nullptr) {
    return false;  // what ran has just stopped: others may be above
  }
  switch_to(&context, nullptr, now);
  return true;
}

Context* CpuScheduler::release_over(Time now, bool& released) noexcept {
  charge(now);
  if (release_.earliest_time() > now || deadlines_.earliest_time() < now) return nullptr;
  Context& context = *release_.earliest();
  if (context.state_ != ContextState::awaiting_release) return nullptr;
  release_.remove(context);
  release_job(context, now, false);
  released = true;
  if (context.state_ != ContextState::ready || release_.earliest_time() <= now) return nullptr;
  if (running_ == nullptr) {
    if (ready_.size() != 1) return nullptr;
  } else if (context.priority_ <= running_->priority_ || !running_->head_ready(now)) {
    return nullptr;
  }
  switch_to(&context, nullptr, now);
  return &context;
}

void CpuScheduler::switch_to(Context* context, FairEntity* entity, Time now) noexcept {
  if (running_ != nullptr && running_ != context) {
    running_->jobs_.preempted();
    if (context != nullptr) running_->jobs_.delayed(context->source);
  }
  running_ = context;
  running_entity_ = entity;
  if (entity != nullptr) served_ = entity;
  if (context != nullptr) context->jobs_.dispatched(now);
}

bool CpuScheduler::must_switch(Time now) noexcept {
  charge(now);
  if (running_ != nullptr && !running_->head_ready(now)) return true;
  if (Context* const context = first_ready(); context != nullptr) return context != running_;
  if (running_ != nullptr) return true;
  settle();
  return best_effort_.pick() != running_entity_;
}

Time CpuScheduler::next_event_as_picked(Time now) noexcept {
  Time release = release_.earliest_time();
  if (!deadlines_.empty()) release = std::min(release, deadlines_.earliest_time() + Duration::ns(1));
  if (running_ != nullptr) return std::min(release, running_->budget_end(now));
  if (running_entity_ == nullptr || !best_effort_.contended()) return release;
  return std::min(release, now + std::max(running_entity_->request_left() - unsettled_, Duration{}));
}

}  // namespace capos::sched
