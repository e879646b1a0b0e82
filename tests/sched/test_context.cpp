// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "capos/sched/context.hpp"

namespace capos::sched {
namespace {

ContextParameters sound() {
  return {.budget = Duration::us(100),
          .period = {1, 1000},
          .deadline = Duration::us(900),
          .priority = Priority(10),
          .cpu = CpuId(1),
          .island = IslandId(1)};
}

void expect_error(const ContextParameters& parameters, ContextError error) {
  const auto result = check(parameters);
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error(), error);
}

TEST(ContextParameters, BudgetOneMicrosecondEitherSide) {
  ContextParameters p = sound();
  p.budget = kMinBudget;
  EXPECT_TRUE(check(p).has_value());
  p.budget = kMinBudget - Duration::us(1);
  expect_error(p, ContextError::budget_below_minimum);
  p.budget = p.deadline;
  EXPECT_TRUE(check(p).has_value());
  p.budget = p.deadline + Duration::us(1);
  expect_error(p, ContextError::deadline_below_budget);
  p.budget = Duration::us(1001);
  expect_error(p, ContextError::budget_exceeds_period);
}

TEST(ContextParameters, DeadlineOneMicrosecondEitherSide) {
  ContextParameters p = sound();
  p.deadline = Duration::us(1000);
  EXPECT_TRUE(check(p).has_value());
  p.deadline = Duration::us(1001);
  p.on_miss = Consequence::skip;
  expect_error(p, ContextError::deadline_exceeds_period);
}

TEST(ContextParameters, BeyondThePeriodOnlyIfReleasesAreKept) {
  ContextParameters p = sound();
  p.deadline = kMaxPeriod;
  EXPECT_TRUE(check(p).has_value());
  p.deadline = kMaxPeriod + Duration::ns(1);
  expect_error(p, ContextError::deadline_exceeds_period);
  p.deadline = Duration::us(1001);
  for (const Consequence other : {Consequence::skip, Consequence::hold, Consequence::stop_task, Consequence::stop_island}) {
    p.on_miss = other;
    expect_error(p, ContextError::deadline_exceeds_period);
  }
  p.on_miss = Consequence::run_late;
  p.triggered = true;
  expect_error(p, ContextError::deadline_exceeds_period);
  p.deadline = Duration::us(1000);
  EXPECT_TRUE(check(p).has_value());
}

TEST(ContextParameters, JitterRange) {
  ContextParameters p = sound();
  p.triggered = true;
  p.jitter = kMaxPeriod;
  EXPECT_TRUE(check(p).has_value());
  p.jitter = kMaxPeriod + Duration::ns(1);
  expect_error(p, ContextError::jitter_out_of_range);
  p.jitter = -Duration::ns(1);
  expect_error(p, ContextError::jitter_out_of_range);
}

TEST(ContextParameters, PeriodOneMicrosecondEitherSide) {
  ContextParameters p = sound();
  p.budget = p.deadline = kMinBudget;
  p.period = {10, 1'000'000};
  EXPECT_TRUE(check(p).has_value());
  p.period = {9, 1'000'000};
  expect_error(p, ContextError::period_out_of_range);
  p.period = {3600, 1};
  EXPECT_TRUE(check(p).has_value());
  p.period = {3'600'000'001, 1'000'000};
  expect_error(p, ContextError::period_out_of_range);
  p.period = {0, 1};
  expect_error(p, ContextError::period_out_of_range);
  p.period = {1, 0};
  expect_error(p, ContextError::period_out_of_range);
}

TEST(ContextParameters, CpuRange) {
  ContextParameters p = sound();
  p.cpu = CpuId(kMaxCpus);
  expect_error(p, ContextError::cpu_out_of_range);
}

TEST(Context, ABadConfigurationChangesNothing) {
  Context context;
  ASSERT_TRUE(context.configure(sound(), Time{}).has_value());
  ContextParameters bad = sound();
  bad.budget = Duration{};
  ASSERT_FALSE(context.configure(bad, Time{}).has_value());
  EXPECT_EQ(context.parameters().budget, Duration::us(100));
}

TEST(Context, FullBudgetNeverEnds) {
  ContextParameters p = sound();
  p.budget = p.deadline = Duration::ms(1);
  Context context;
  ASSERT_TRUE(context.configure(p, Time{}).has_value());
  EXPECT_TRUE(context.full_budget());
  EXPECT_TRUE(context.budget_end(Time{}).is_never());
  EXPECT_EQ(context.remaining(Time{}), Duration::ms(1));
}

}  // namespace
}  // namespace capos::sched
