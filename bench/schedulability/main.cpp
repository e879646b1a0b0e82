// SPDX-License-Identifier: Apache-2.0
// How many random task sets each test accepts, by utilisation. See README.md.
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "capos/sched/analysis.hpp"
#include "plot.hpp"
#include "simulator.hpp"
#include "task_sets.hpp"

namespace capos::bench {
namespace {

using sched::test::Random;

enum Test : std::size_t { kSimulatedFp, kSimulatedEdf, kResponse, kDemand, kLinux, kLiuLayland, kTests };
constexpr std::array<const char*, kTests> kNames = {"simulation, fixed priorities", "simulation, EDF",
                                                    "response times",               "demand (EDF)",
                                                    "SCHED_DEADLINE, 95 %",         "Liu & Layland"};
constexpr double kLinuxShare = 0.95;

struct Options {
  std::uint64_t sets = 1000;
  bool implicit = true;
  std::string svg;
  std::string json;
};

struct Set {
  std::vector<sched::TaskModel> tasks;
  double utilisation = 0;  // of the whole nanoseconds that the budgets became
  double density = 0;
};

Set make_set(Random& random, double utilisation, bool implicit) {
  Set set;
  const auto count = static_cast<std::size_t>(random.between(4, 8));
  for (const double share : sched::test::uunifast(random, count, utilisation)) {
    sched::TaskModel task;
    task.name = "t";
    task.cpu = CpuId(1);
    const std::int64_t period = sched::test::random_period(random);
    task.period = {static_cast<std::uint32_t>(period / 1000), 1'000'000};
    task.budget = std::max(sched::kMinBudget, Duration::ns(static_cast<std::int64_t>(share * static_cast<double>(period))));
    task.implicit_deadline = implicit;
    task.deadline = implicit ? Duration::ns(period) : random.duration(std::max(task.budget, Duration::ns(period / 2)),
                                                                      Duration::ns(period));
    set.utilisation += static_cast<double>(task.budget.ns()) / static_cast<double>(period);
    set.density += static_cast<double>(task.budget.ns()) / static_cast<double>(task.deadline.ns());
    set.tasks.push_back(task);
  }
  return set;
}

bool analysed(Set& set, sched::Policy policy) {
  sched::IslandModel model;
  model.name = "set";
  model.cpus = 0b10;
  model.policy = policy;
  model.tasks = set.tasks;
  return sched::analyse(model).admitted();
}

// Budgets over 1 in sum cannot be run, and would be simulated for long.
bool simulated(const Set& set, sched::test::SimPolicy policy) {
  if (set.utilisation > 1.0 + 1e-12) return false;
  std::vector<sched::test::SimTask> tasks;
  for (const sched::TaskModel& t : set.tasks) {
    sched::test::SimTask task;
    task.priority = t.priority.value();
    task.execution = t.budget.ns();
    task.deadline = t.deadline.ns();
    task.period_numerator = t.period.floor().ns();
    tasks.push_back(task);
  }
  sched::test::SimCosts costs;
  costs.policy = policy;
  const auto jobs = sched::test::simulate(tasks, costs, sched::test::kHyperperiodNs);
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    if (sched::test::worst_response(jobs[i]) > tasks[i].deadline) return false;
  }
  return true;
}

using Verdicts = std::array<bool, kTests>;

Verdicts judge(Set& set) {
  Verdicts v{};
  v[kDemand] = analysed(set, sched::Policy::edf);
  v[kResponse] = analysed(set, sched::Policy::fixed_priority);  // derives the priorities that are simulated
  v[kSimulatedFp] = simulated(set, sched::test::SimPolicy::fixed_priority);
  v[kSimulatedEdf] = simulated(set, sched::test::SimPolicy::edf);
  v[kLinux] = set.utilisation <= kLinuxShare;
  const auto n = static_cast<double>(set.tasks.size());
  v[kLiuLayland] = set.density <= n * (std::pow(2.0, 1.0 / n) - 1.0);
  return v;
}

struct Row {
  double utilisation = 0;
  std::array<std::uint64_t, kTests> accepted{};
  std::uint64_t refused_but_runs_fp = 0;
  std::uint64_t refused_but_runs_edf = 0;
  std::uint64_t unsound = 0;         // admission accepts what misses: none, ever
  std::uint64_t linux_but_misses = 0;  // of what SCHED_DEADLINE's test accepts, under EDF
};

Row measure(const Options& options, double utilisation, std::uint64_t seed) {
  Row row;
  row.utilisation = utilisation;
  Random random(seed);
  for (std::uint64_t k = 0; k < options.sets; ++k) {
    Set set = make_set(random, utilisation, options.implicit);
    const Verdicts v = judge(set);
    for (std::size_t t = 0; t < kTests; ++t) row.accepted[t] += v[t] ? 1 : 0;
    row.refused_but_runs_fp += !v[kResponse] && v[kSimulatedFp] ? 1 : 0;
    row.refused_but_runs_edf += !v[kDemand] && v[kSimulatedEdf] ? 1 : 0;
    row.unsound += (v[kResponse] && !v[kSimulatedFp]) || (v[kDemand] && !v[kSimulatedEdf]) ? 1 : 0;
    row.linux_but_misses += v[kLinux] && !v[kSimulatedEdf] ? 1 : 0;
  }
  return row;
}

double share(const Row& row, std::size_t test, std::uint64_t sets) {
  return static_cast<double>(row.accepted[test]) / static_cast<double>(sets);
}

std::string picture(const Options& options, const std::vector<Row>& rows) {
  constexpr std::array<const char*, kTests> kColours = {"#9ec5fe", "#f1b0b7", "#0b5ed7", "#b02a37", "#6f42c1", "#57606a"};
  std::vector<double> x;
  for (const Row& row : rows) x.push_back(row.utilisation);
  std::vector<Curve> curves;
  for (std::size_t t = 0; t < kTests; ++t) {
    Curve curve{kNames[t] == std::string("Liu & Layland") ? "Liu &amp; Layland" : kNames[t], kColours[t], t >= kLinux, {}};
    for (const Row& row : rows) curve.y.push_back(share(row, t, options.sets));
    curves.push_back(std::move(curve));
  }
  return plot("Task sets accepted, by utilisation",
              fmt::format("{} sets at each point, 4 to 8 tasks, {} deadlines, no overheads", options.sets,
                          options.implicit ? "implicit" : "constrained"),
              x, curves);
}

std::string figures(const Options& options, const std::vector<Row>& rows) {
  std::string json = fmt::format("{{\n  \"sets\": {},\n  \"deadlines\": \"{}\",\n  \"rows\": [\n", options.sets,
                                 options.implicit ? "implicit" : "constrained");
  for (const Row& row : rows) {
    json += fmt::format("    {{\"utilisation\": {:.2f}", row.utilisation);
    constexpr const char* kKeys[] = {"simulation_fp", "simulation_edf", "response_times", "demand_edf", "sched_deadline",
                                     "liu_layland"};
    for (std::size_t t = 0; t < kTests; ++t) json += fmt::format(", \"{}\": {}", kKeys[t], row.accepted[t]);
    json += fmt::format(", \"refused_but_runs_fp\": {}, \"refused_but_runs_edf\": {}, \"unsound\": {}, "
                        "\"sched_deadline_but_misses\": {}}}{}\n",
                        row.refused_but_runs_fp, row.refused_but_runs_edf, row.unsound, row.linux_but_misses,
                        &row == &rows.back() ? "" : ",");
  }
  return json + "  ]\n}\n";
}

bool write(const std::string& file, const std::string& text) {
  std::FILE* const out = std::fopen(file.c_str(), "w");
  if (out == nullptr) return false;
  const bool whole = std::fwrite(text.data(), 1, text.size(), out) == text.size();
  return std::fclose(out) == 0 && whole;
}

bool parse(int count, char** words, Options& options) {
  for (int i = 1; i + 1 < count; i += 2) {
    const std::string name = words[i];
    const std::string value = words[i + 1];
    if (name == "--sets") {
      options.sets = std::strtoull(value.c_str(), nullptr, 10);
    } else if (name == "--deadlines" && (value == "implicit" || value == "constrained")) {
      options.implicit = value == "implicit";
    } else if (name == "--svg") {
      options.svg = value;
    } else if (name == "--json") {
      options.json = value;
    } else {
      return false;
    }
  }
  return count % 2 == 1 && options.sets > 0;
}

int run(const Options& options) {
  std::vector<Row> rows;
  fmt::print("{:>11}", "utilisation");
  for (const char* const name : kNames) fmt::print("  {:>28}", name);
  fmt::print("\n");
  std::uint64_t unsound = 0, refused_fp = 0, refused_edf = 0, misses = 0;
  for (int percent = 40; percent <= 100; percent += 2) {
    rows.push_back(measure(options, percent / 100.0, static_cast<std::uint64_t>(percent)));
    const Row& row = rows.back();
    fmt::print("{:>9} %", percent);
    for (std::size_t t = 0; t < kTests; ++t) fmt::print("  {:>26.1f} %", 100 * share(row, t, options.sets));
    fmt::print("\n");
    unsound += row.unsound;
    refused_fp += row.refused_but_runs_fp;
    refused_edf += row.refused_but_runs_edf;
    misses += row.linux_but_misses;
  }
  const std::uint64_t all = options.sets * rows.size();
  fmt::print("of {} sets: refused and run all the same: {} by response times, {} by demand; accepted and missing a "
             "deadline: {}; accepted by SCHED_DEADLINE's test and missing one under EDF: {}\n",
             all, refused_fp, refused_edf, unsound, misses);
  if (!options.svg.empty() && !write(options.svg, picture(options, rows))) return 1;
  if (!options.json.empty() && !write(options.json, figures(options, rows))) return 1;
  return unsound == 0 ? 0 : 1;
}

}  // namespace
}  // namespace capos::bench

int main(int count, char** words) {
  capos::bench::Options options;
  if (!capos::bench::parse(count, words, options)) {
    std::fputs("usage: bench_schedulability [--sets N] [--deadlines implicit|constrained] [--svg FILE] [--json FILE]\n", stderr);
    return 1;
  }
  return capos::bench::run(options);
}
