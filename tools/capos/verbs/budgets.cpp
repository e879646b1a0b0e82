// SPDX-License-Identifier: Apache-2.0
#include "budgets.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "../support/files.hpp"

namespace capos::cli {
namespace {

using Json = nlohmann::json;

std::optional<std::uint64_t> figure(const Json& entry, const char* key) {
  return entry.contains(key) ? std::optional(entry.at(key).get<std::uint64_t>()) : std::nullopt;
}

// Throws Json::exception for what is missing or of another type.
Budget budget_of(const Json& entry) {
  Budget budget;
  budget.bench = entry.at("bench").get<std::string>();
  budget.name = entry.at("name").get<std::string>();
  budget.operation = entry.at("operation").get<std::string>();
  budget.median = entry.at("median").get<std::uint64_t>();
  budget.max = entry.at("max").get<std::uint64_t>();
  budget.held = figure(entry, "held");
  budget.held_max = figure(entry, "held_max");
  budget.resolution = figure(entry, "resolution").value_or(0);
  budget.sel4 = figure(entry, "sel4");
  budget.sel4_mcs = figure(entry, "sel4_mcs");
  budget.linux_rt = figure(entry, "linux");
  budget.linux_operation = entry.value("linux_operation", "");
  return budget;
}

const report::BenchLine* find_line(const std::vector<report::BenchLine>& lines, const std::string& name) {
  const auto found = std::ranges::find(lines, name, &report::BenchLine::name);
  return found == lines.end() ? nullptr : &*found;
}

}  // namespace

Outcome<std::vector<Budget>> read_budgets(const Paths& paths) {
  const auto file = paths.root / "bench" / "budgets.json";
  const auto text = read_text(file);
  if (!text) return std::unexpected(text.error());
  std::vector<Budget> budgets;
  try {
    for (const Json& entry : Json::parse(*text)) budgets.push_back(budget_of(entry));
  } catch (const Json::exception& error) {
    return problem(fmt::format("{}: {}", file.string(), error.what()), "mend the entry it names");
  }
  for (std::size_t i = 0; i < budgets.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) {
      if (budgets[i].name == budgets[j].name)
        return problem(fmt::format("{}: {} has two entries", file.string(), budgets[i].name), "remove one");
    }
  }
  return budgets;
}

std::vector<std::string> over_budget(const std::vector<Budget>& budgets, std::string_view bench,
                                     const std::vector<report::BenchLine>& lines) {
  std::vector<std::string> faults;
  for (const auto& line : lines) {
    const auto found = std::ranges::find(budgets, line.name, &Budget::name);
    if (found == budgets.end() || found->bench != bench) {
      faults.push_back(fmt::format("{}: has no budget in bench/budgets.json", line.name));
      continue;
    }
    if (line.summary.p50 > found->median_limit()) {
      faults.push_back(fmt::format("{}: median {} is over its budget of {}", line.name, line.summary.p50, found->median_limit()));
    }
    if (line.summary.max > found->max_limit()) {
      faults.push_back(fmt::format("{}: maximum {} is over its budget of {}", line.name, line.summary.max, found->max_limit()));
    }
  }
  return faults;
}

std::vector<std::string> missing_rows(const std::vector<Budget>& budgets, std::string_view bench,
                                      const std::vector<report::BenchLine>& lines) {
  std::vector<std::string> missing;
  for (const auto& budget : budgets) {
    if (budget.bench == bench && find_line(lines, budget.name) == nullptr) missing.push_back(budget.name);
  }
  return missing;
}

Outcome<int> enforce_budgets(const Paths& paths, std::string_view bench,
                             const std::vector<report::BenchLine>& lines) {
  const auto budgets = read_budgets(paths);
  if (!budgets) return std::unexpected(budgets.error());
  const auto faults = over_budget(*budgets, bench, lines);
  for (const auto& fault : faults) fmt::print(stderr, "capos: over budget: {}\n", fault);
  return faults.empty() ? kExitFine : kExitFailed;
}

}  // namespace capos::cli
