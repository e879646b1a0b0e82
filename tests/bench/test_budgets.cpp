// SPDX-License-Identifier: Apache-2.0
// bench/budgets.json is well-formed, and a figure over its budget is told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "verbs/budgets.hpp"

namespace capos::cli {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

const std::vector<Budget> kBudgets{{.bench = "ipc", .name = "call", .operation = "", .median = 400, .max = 420},
                                   {.bench = "ipc", .name = "null", .operation = "", .median = 60, .max = 60}};

report::BenchLine line(std::string name, std::uint64_t median, std::uint64_t max) {
  return {std::move(name), "instructions", {.samples = 9, .min = 1, .p50 = median, .p99 = max, .p999 = max, .max = max}};
}

TEST(Budgets, TheFileIsReadAndHasEveryRowOnce) {
  const auto budgets = read_budgets({.root = CAPOS_SOURCE_DIR, .build = {}, .out_root = {}});
  ASSERT_TRUE(budgets.has_value()) << budgets.error().cause;
  EXPECT_GE(budgets->size(), 13u);
  for (const auto& budget : *budgets) {
    EXPECT_GT(budget.median, 0u) << budget.name;
    EXPECT_GE(budget.max, budget.median) << budget.name;
    EXPECT_FALSE(budget.operation.empty()) << budget.name;
  }
}

TEST(Budgets, AFigureAtItsBudgetIsFine) {
  EXPECT_THAT(over_budget(kBudgets, "ipc", {line("call", 400, 420), line("null", 60, 60)}), IsEmpty());
}

TEST(Budgets, MedianAndMaximumOverBudgetAreToldWithTheFigure) {
  EXPECT_THAT(over_budget(kBudgets, "ipc", {line("call", 401, 420)}), ElementsAre(HasSubstr("call: median 401")));
  EXPECT_THAT(over_budget(kBudgets, "ipc", {line("call", 400, 421)}), ElementsAre(HasSubstr("call: maximum 421")));
}

TEST(Budgets, AFigureThatIsHeldMayBeOverItsBudgetButNotGetWorse) {
  const std::vector<Budget> held{{.bench = "ipc", .name = "call", .operation = "", .median = 400, .max = 400, .held = 410}};
  EXPECT_THAT(over_budget(held, "ipc", {line("call", 410, 410)}), IsEmpty());
  const std::vector<Budget> apart{{.bench = "ipc", .name = "call", .operation = "", .median = 400, .max = 400, .held_max = 900}};
  EXPECT_THAT(over_budget(apart, "ipc", {line("call", 400, 900)}), IsEmpty());
  EXPECT_EQ(over_budget(apart, "ipc", {line("call", 401, 901)}).size(), 2u);
  EXPECT_THAT(over_budget(held, "ipc", {line("call", 411, 411)}),
              ElementsAre(HasSubstr("median 411"), HasSubstr("maximum 411")));
}

TEST(Budgets, AFigureWithoutABudgetIsTold) {
  EXPECT_THAT(over_budget(kBudgets, "ipc", {line("other", 1, 1)}), ElementsAre(HasSubstr("no budget")));
  EXPECT_THAT(over_budget(kBudgets, "wakeup", {line("call", 1, 1)}), ElementsAre(HasSubstr("no budget")));
}

TEST(Budgets, RowsThatWereNotMeasuredAreNamed) {
  EXPECT_THAT(missing_rows(kBudgets, "ipc", {line("null", 1, 1)}), ElementsAre("call"));
  EXPECT_THAT(missing_rows(kBudgets, "wakeup", {}), IsEmpty());
}

}  // namespace
}  // namespace capos::cli
