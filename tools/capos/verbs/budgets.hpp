// SPDX-License-Identifier: Apache-2.0
// bench/budgets.json: what each measured operation may cost, and what it costs elsewhere.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "../support/paths.hpp"
#include "capos/report/analyse.hpp"

namespace capos::cli {

struct Budget {
  std::string bench;  // the verb below `./capos bench` that measures it
  std::string name;
  std::string operation;
  std::uint64_t median = 0, max = 0;                       // guest instructions, inclusive
  // While a figure is above its budget: what it is held at, so that it gets no worse. The table says that it is over.
  std::optional<std::uint64_t> held, held_max;  // its median; its maximum, if that is another
  [[nodiscard]] std::uint64_t median_limit() const { return held.value_or(median); }
  [[nodiscard]] std::uint64_t max_limit() const { return held_max.value_or(held.value_or(max)); }
  std::uint64_t resolution = 0;  // how far apart the stamps of equal operations may lie, by how the row is measured
  std::optional<std::uint64_t> sel4, sel4_mcs, linux_rt;   // same machine; see docs/profiling.md
  std::string linux_operation;
};

// In the table's order. Errors: not the file's shape, an entry without a budget, a name twice.
[[nodiscard]] Outcome<std::vector<Budget>> read_budgets(const Paths& paths);

// What is wrong with `lines` by the budgets of `bench`, a line each: over budget, or without a budget. A budget without
// a line is no fault here: see missing_rows().
[[nodiscard]] std::vector<std::string> over_budget(const std::vector<Budget>& budgets, std::string_view bench,
                                                   const std::vector<report::BenchLine>& lines);
// Names of the budgets of `bench` that `lines` do not have.
[[nodiscard]] std::vector<std::string> missing_rows(const std::vector<Budget>& budgets, std::string_view bench,
                                                    const std::vector<report::BenchLine>& lines);
// Prints over_budget() on stderr; kExitFailed if there is any.
[[nodiscard]] Outcome<int> enforce_budgets(const Paths& paths, std::string_view bench,
                                           const std::vector<report::BenchLine>& lines);

}  // namespace capos::cli
