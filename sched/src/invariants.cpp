// SPDX-License-Identifier: Apache-2.0
#include "capos/sched/cpu_scheduler.hpp"

namespace capos::sched {

const char* check_refills(const RefillList& refills, Duration budget, Duration period) noexcept {
  if (refills.size() == 0 || refills.size() > kMaxRefills) return "refills: count out of range";
  if (refills.total() != budget) return "refills: amounts do not sum to the budget";
  for (std::size_t i = 0; i < refills.size(); ++i) {
    if (refills[i].amount <= Duration{}) return "refills: an amount is not positive";
    if (i > 0 && refills[i].time < refills[i - 1].time) return "refills: not ordered by time";
  }
  if (refills.tail().time - refills.head().time > period) return "refills: last is over a period after first";
  return nullptr;
}

const char* CpuScheduler::check_invariants(Time now) noexcept {
  if (const char* broken = check_ready(now); broken != nullptr) return broken;
  if (const char* broken = check_edf(now); broken != nullptr) return broken;
  if (const char* broken = check_release(); broken != nullptr) return broken;
  if (const char* broken = check_deadlines(); broken != nullptr) return broken;
  if (running_ != nullptr && running_entity_ != nullptr) return "two things run at once";
  if (running_ != nullptr && running_->state_ != ContextState::ready) {
    return "the running context is not in the ready queue";
  }
  if (running_entity_ != nullptr && !running_entity_->queued()) return "the running entity is not ready";
  if (unsettled_ != Duration{} && !served_->queued()) return "service is kept of an entity that is not ready";
  return best_effort_.check_invariants();
}

const char* CpuScheduler::check_context(Context& context) noexcept {
  if (context.cpu() != cpu_) return "a context is queued on a CPU that is not its own";
  if (context.linked() && context.queued()) return "a context is in two queues";
  return check_refills(context.refills_, context.parameters_.budget, context.refill_period_);
}

const char* CpuScheduler::check_ready(Time now) noexcept {
  std::size_t count = 0;
  for (std::size_t level = 0; level < ReadyQueue::kPriorities; ++level) {
    if (ready_.marked(level) != (ready_.first(level) != nullptr)) return "ready bitmap and lists disagree";
    for (Context* context = ready_.first(level); context != nullptr; context = ready_.next(*context)) {
      if (++count > ready_.size()) return "ready queue: more contexts than counted";
      if (context->priority().value() != level) return "a ready context is in a list of another priority";
      if (context->state_ != ContextState::ready) return "a context is in the ready queue but not ready";
      if (context != running_ && !context->head_ready(now)) return "a ready context has no budget";
      if (const char* broken = check_context(*context); broken != nullptr) return broken;
    }
  }
  return count == ready_.size() ? nullptr : "ready queue: fewer contexts than counted";
}

const char* CpuScheduler::check_edf(Time now) noexcept {
  if (!edf_.well_formed()) return "queue of deadlines to run by: order or colours broken";
  for (Context* context = edf_.walk_next(nullptr); context != nullptr; context = edf_.walk_next(context)) {
    if (!context->edf()) return "a context of fixed priority is ordered by its deadline";
    if (context->state_ != ContextState::ready) return "a context is in the queue of deadlines to run by but not ready";
    if (context != running_ && !context->head_ready(now)) return "a ready context has no budget";
    if (context != running_ && context->when() != context->due()) return "a ready context is ordered by another deadline than its own";
    if (const char* broken = check_context(*context); broken != nullptr) return broken;
  }
  return nullptr;
}

const char* CpuScheduler::check_release() noexcept {
  if (!release_.well_formed()) return "release queue: order or colours broken";
  for (Context* context = release_.walk_next(nullptr); context != nullptr;
       context = release_.walk_next(context)) {
    const bool release = context->state_ == ContextState::awaiting_release;
    if (!release && context->state_ != ContextState::awaiting_refill) {
      return "a context is in the release queue but does not wait for time";
    }
    if (release && context->when() != context->jobs_.next_release()) {
      return "a context waits for another time than its next release";
    }
    if (!release && context->when() != context->refills_.head().time) {
      return "a context waits for another time than its head refill";
    }
    if (const char* broken = check_context(*context); broken != nullptr) return broken;
  }
  return nullptr;
}

const char* CpuScheduler::check_deadlines() noexcept {
  if (!deadlines_.well_formed()) return "deadline queue: order or colours broken";
  for (DeadlineNode* node = deadlines_.walk_next(nullptr); node != nullptr;
       node = deadlines_.walk_next(node)) {
    const JobTracker& jobs = node->context().jobs();
    if (node->context().state() == ContextState::awaiting_input) {
      if (node->when() < jobs.next_deadline()) return "the deadline of a job without input is watched too early";
      continue;
    }
    if (!jobs.in_progress()) return "a deadline is watched but no job is in progress";
    if (node->when() < jobs.current().deadline) return "a deadline is watched too early";
  }
  return nullptr;
}

}  // namespace capos::sched
