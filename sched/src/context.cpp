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
  if (p.deadline > period) return fail(ContextError::deadline_exceeds_period);
  if (p.cpu.value() >= kMaxCpus) return fail(ContextError::cpu_out_of_range);
  return {};
}

ResultOf<void, ContextError> Context::configure(const ContextParameters& parameters, Time now) noexcept {
  TRY_VOID(check(parameters));
  parameters_ = parameters;
  priority_ = base_priority_ = parameters.priority;
  refill_period_ = parameters.period.floor();
  refills_.reset(now, parameters.budget);
  jobs_.configure(parameters.period, parameters.deadline, parameters.on_miss);
  total_consumed_ = Duration{};
  return {};
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
