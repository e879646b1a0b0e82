// SPDX-License-Identifier: Apache-2.0
#include "margins.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "capos/sched/sensitivity.hpp"

namespace capos::cli {
namespace {

using Json = nlohmann::ordered_json;

struct Margins {
  std::vector<sched::TaskMargins> tasks;
  sched::IslandMargins island;
};

Margins margins_of(IslandVerdict& verdict) {
  sched::IslandModel& model = verdict.admission->model().view;
  Margins margins{std::vector<sched::TaskMargins>(model.tasks.size()), {}};
  std::vector<Duration> scratch(model.tasks.size());
  sched::find_margins(model, margins.tasks);
  margins.island = sched::find_island_margins(model, scratch);
  return margins;
}

std::string us(Duration time) { return exact_us(static_cast<std::uint64_t>(time.ns())); }

// How far from `now` to `limit`, of `now`.
std::string percent(Duration now, Duration limit) {
  return fmt::format("{:+.1f}%", 100.0 * static_cast<double>((limit - now).ns()) / static_cast<double>(now.ns()));
}

constexpr const char* kNoProof =
    "What was measured is no proof of what can happen: a budget is a bound only if no path of the program takes longer.";

std::uint64_t with_margin(std::uint64_t measured_ns, unsigned percent, std::uint64_t least_ns) {
  const std::uint64_t scaled = measured_ns + (measured_ns * percent + 99) / 100;
  return std::max(least_ns, (scaled + 999) / 1000 * 1000);
}

std::uint64_t least_budget(const sched::IslandModel& model, std::size_t index) {
  Duration least = sched::kMinBudget;
  for (const sched::ServerCall& call : model.calls) {
    if (call.task == index) least = std::max(least, call.wcet);
  }
  return static_cast<std::uint64_t>(least.ns());
}

// The task's object in result.json; null if it is not there as it should be.
const Json* find_task(const Json& result, std::string_view island, std::string_view task) {
  if (!result.is_object() || !result.contains("islands") || !result["islands"].is_array()) return nullptr;
  for (const Json& one : result["islands"]) {
    if (one.value("name", "") != island || !one.contains("tasks") || !one["tasks"].is_array()) continue;
    for (const Json& candidate : one["tasks"]) {
      if (candidate.value("name", "") == task && candidate.contains("consumed_max_ns") &&
          candidate["consumed_max_ns"].is_number_unsigned()) {
        return &candidate;
      }
    }
  }
  return nullptr;
}

Outcome<ProposedBudget> propose(const sched::IslandModel& model, std::size_t index, const Json& result,
                                unsigned margin_percent) {
  const sched::TaskModel& task = model.tasks[index];
  const std::string name = fmt::format("{}.{}", model.name, task.name);
  const Json* const measured = find_task(result, model.name, task.name);
  if (measured == nullptr || measured->value("jobs", std::uint64_t{0}) == 0) {
    return problem(fmt::format("the result has no measured job of task '{}'", name),
                   "give the result.json of a run of this manifest, for example out/demo/result.json");
  }
  constexpr std::uint64_t kMost = 3'600'000'000'000;
  const auto most = (*measured)["consumed_max_ns"].get<std::uint64_t>();
  if (most > kMost) return problem(fmt::format("task '{}' is said to have consumed more than an hour", name), "mend the result");
  return ProposedBudget{name,
                        measured->value("jobs", std::uint64_t{0}),
                        most,
                        with_margin(most, margin_percent, least_budget(model, index)),
                        static_cast<std::uint64_t>(task.budget.ns()),
                        measured->value("overruns", std::uint64_t{0}) != 0};
}

Duration proposed(const Proposal& proposal, const admission::IslandModel& model, const sched::TaskModel& task) {
  const std::string name = fmt::format("{}.{}", model.parts[task.island].name, task.name);
  const auto found = std::ranges::find(proposal.budgets, name, &ProposedBudget::task);
  return found == proposal.budgets.end() ? task.budget : Duration::ns(static_cast<std::int64_t>(found->proposed_ns));
}

// Whether all of them fit at once.
void judge(std::vector<IslandVerdict>& verdicts, Proposal& proposal) {
  proposal.admitted = true;
  for (IslandVerdict& verdict : verdicts) {
    sched::IslandModel& model = verdict.admission->model().view;
    std::vector<Duration> original;
    for (sched::TaskModel& task : model.tasks) {
      original.push_back(task.budget);
      task.budget = proposed(proposal, verdict.admission->model(), task);
    }
    const sched::Analysis analysis = sched::analyse(model);
    if (!analysis.admitted() && proposal.admitted) {
      proposal.admitted = false;
      proposal.refusal = fmt::format("island '{}' does not fit with them", model.name);
    }
    for (std::size_t i = 0; i < original.size(); ++i) model.tasks[i].budget = original[i];
    (void)sched::analyse(model);
  }
}

}  // namespace

std::string render_margins(IslandVerdict& verdict) {
  const Margins margins = margins_of(verdict);
  const sched::IslandModel& model = verdict.admission->model().view;
  std::string text = fmt::format("island {}: room before it is refused, one change at a time\n", model.name);
  text += fmt::format("  {:<20} {:>12} {:>13} {:>9} {:>13} {:>13} {:>8} {:>13} {:>13}\n", "task", "budget", "at most",
                      "", "period", "at least", "", "deadline", "at least");
  for (std::size_t i = 0; i < model.tasks.size(); ++i) {
    const sched::TaskModel& task = model.tasks[i];
    if (!verdict.admission->model().is_own(task)) continue;
    const sched::TaskMargins& m = margins.tasks[i];
    text += fmt::format("  {:<20} {:>12} {:>13} {:>9} {:>13} {:>13} {:>8} {:>13} {:>13}\n", task.name, us(task.budget),
                        us(m.budget), percent(task.budget, m.budget), us(task.period.ceil()), us(m.period),
                        percent(task.period.ceil(), m.period), us(task.deadline), us(m.deadline));
  }
  const auto ppm = margins.island.all_budgets_ppm;
  return text + fmt::format("  all budgets together: up to x {}.{:06}\n", ppm / 1'000'000, ppm % 1'000'000);
}

Json margins_json(IslandVerdict& verdict) {
  const Margins margins = margins_of(verdict);
  const sched::IslandModel& model = verdict.admission->model().view;
  Json json{{"all_budgets_ppm", margins.island.all_budgets_ppm}, {"tasks", Json::array()}};
  for (std::size_t i = 0; i < model.tasks.size(); ++i) {
    if (!verdict.admission->model().is_own(model.tasks[i])) continue;
    json["tasks"].push_back({{"name", model.tasks[i].name},
                             {"budget_at_most_ns", margins.tasks[i].budget.ns()},
                             {"period_at_least_ns", margins.tasks[i].period.ns()},
                             {"deadline_at_least_ns", margins.tasks[i].deadline.ns()}});
  }
  return json;
}

Outcome<Proposal> propose_budgets(std::vector<IslandVerdict>& verdicts, const std::string& result_json,
                                  unsigned margin_percent) {
  const Json result = Json::parse(result_json, nullptr, false);
  if (result.is_discarded()) return problem("the result is no JSON", "give the result.json that a run left");
  Proposal proposal;
  for (const IslandVerdict& verdict : verdicts) {
    const sched::IslandModel& model = verdict.admission->model().view;
    for (std::size_t i = 0; i < model.tasks.size(); ++i) {
      if (!verdict.admission->model().is_own(model.tasks[i])) continue;
      auto one = propose(model, i, result, margin_percent);
      if (!one) return std::unexpected(one.error());
      proposal.budgets.push_back(std::move(*one));
    }
  }
  judge(verdicts, proposal);
  return proposal;
}

std::string render_proposal(const Proposal& proposal, unsigned margin_percent) {
  std::string text = fmt::format("budgets from what was measured, and {} % more\n", margin_percent);
  text += fmt::format("  {:<28} {:>8} {:>13} {:>13} {:>13}\n", "task", "jobs", "measured", "proposed", "budget now");
  for (const ProposedBudget& budget : proposal.budgets) {
    text += fmt::format("  {:<28} {:>8} {:>13} {:>13} {:>13}{}\n", budget.task, budget.jobs, exact_us(budget.measured_ns),
                        exact_us(budget.proposed_ns), exact_us(budget.budget_ns),
                        budget.overran ? "  its jobs were cut off at their budget: measured too little" : "");
  }
  text += proposal.admitted ? "With these budgets the islands are admitted.\n" : "REFUSED: " + proposal.refusal + ".\n";
  return text + kNoProof + "\n";
}

Json proposal_json(const Proposal& proposal, unsigned margin_percent) {
  Json json{{"margin_percent", margin_percent}, {"admitted", proposal.admitted}, {"note", kNoProof}};
  json["tasks"] = Json::array();
  for (const ProposedBudget& budget : proposal.budgets) {
    json["tasks"].push_back({{"name", budget.task},
                             {"jobs", budget.jobs},
                             {"measured_ns", budget.measured_ns},
                             {"proposed_ns", budget.proposed_ns},
                             {"budget_ns", budget.budget_ns},
                             {"overran", budget.overran}});
  }
  return json;
}

}  // namespace capos::cli
