// SPDX-License-Identifier: Apache-2.0
#include "capos/sched/context.hpp"

namespace capos::sched {

ResultOf<void, ContextError> check(const ContextParameters& p) noexcept {
  if (p.period.denominator == 0 || p.period.is_zero()) return fail(ContextError::period_out_of_range);
  const Duration period = p.period.floor();
  if (period < kMinPeriod || p.period.ceil() > kMaxPeriod) return fail(ContextError::period_out_of_range);
  if (p.budget < kMinBudget) return fail(ContextError::budget_below_minimum);
  if (p.budget > period) return fail(ContextError::budget_exceeds_period);
  if (p.deadline < p.budget) return fail(ContextError::deadline_below_budget);
  const bool may_be_long = p.on_miss == Consequence::run_late && !p.triggered;
  if (p.deadline > (may_be_long ? kMaxPeriod : period)) return fail(ContextError::deadline_exceeds_period);
  if (p.cpu.value() >= kMaxCpus) return fail(ContextError::cpu_out_of_range);
  if (p.jitter < Duration{} || p.jitter > kMaxPeriod) return fail(ContextError::jitter_out_of_range);
  return {};
}

ResultOf<void, ContextError> Context::configure(const ContextParameters& parameters, Time now) noexcept {
  TRY_VOID(check(parameters));
  parameters_ = parameters;
  priority_ = base_priority_ = parameters.edf ? Priority{} : parameters.priority;
  floor_ = Time::never();
  activated_ = now;
  demoted_ = false;
  refill_period_ = parameters.period.floor();
  refills_.reset(now, parameters.budget, parameters.edf);
  jobs_.configure(parameters.period, parameters.deadline, parameters.on_miss, parameters.triggered, parameters.jitter);
  total_consumed_ = Duration{};
  return {};
}

// A thread whose job was cut off may be in a call, at its server's ceiling.
void Context::retune(const ContextParameters& parameters, bool keep_priority, Time now) noexcept {
  if (!parameters.edf) {
    if (base_priority_ == parameters_.priority) base_priority_ = parameters.priority;  // not demoted
    if (!keep_priority) priority_ = base_priority_;
  }
  activated_ = now;
  parameters_ = parameters;
  refill_period_ = parameters.period.floor();
  refills_.reset(now, parameters.budget, parameters.edf);
  jobs_.restart(parameters.period, parameters.deadline, parameters.on_miss, now);
}

Duration Context::remaining(Time now) const noexcept {
  return full_budget() ? parameters_.budget : refills_.usable_amount(now);
}

void Context::charge(Duration consumed) noexcept {
  total_consumed_ += consumed;
  jobs_.charged(consumed);
  if (!full_budget()) refills_.charge(consumed, refill_period_);
}

}  // namespace capos::sched
