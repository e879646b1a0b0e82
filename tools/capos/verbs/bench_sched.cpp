// SPDX-License-Identifier: Apache-2.0
// ./capos bench sched: what scheduling costs, and how long it may have to wait for the kernel, in guest instructions.
#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <vector>

#include "../support/files.hpp"
#include "budgets.hpp"
#include "capos/report/analyse.hpp"
#include "capos/report/render.hpp"
#include "interrupts_off.hpp"
#include "ipc_rows.hpp"
#include "verbs.hpp"
#include "wakeup_samples.hpp"

namespace capos::cli {
namespace {

using Lines = std::vector<report::BenchLine>;

bool has(const std::vector<std::string>& parts, std::string_view part) { return std::ranges::find(parts, part) != parts.end(); }

Outcome<void> add_releases(const Paths& paths, const BenchSchedOptions& options, Lines& lines) {
  for (const auto& [load, name] : {std::pair{"none", "release_idle"}, {"all", "release_loaded"}}) {
    WakeupRequest request;
    request.load = load;
    request.out_name = std::string("bench-sched-") + load;
    request.samples = options.samples;
    request.verbose = options.verbose;
    request.progress = options.json != "-";
    auto samples = sample_wakeups(paths, request);
    if (!samples) return std::unexpected(samples.error());
    lines.push_back({name, "instructions", report::summarise(std::move(samples->values))});
  }
  return {};
}

Outcome<void> add_switches(const Paths& paths, const BenchSchedOptions& options, Lines& lines) {
  BenchIpcOptions ipc;
  ipc.samples = std::min<std::uint64_t>(options.samples, ipc.samples);
  ipc.verbose = options.verbose;
  const auto rows = measure_ipc(paths, ipc);
  if (!rows) return std::unexpected(rows.error());
  for (const char* const name : {"budget_exhausted", "yield_pair"}) {
    const auto line = std::ranges::find(rows->lines, name, &report::BenchLine::name);
    if (line == rows->lines.end()) return problem(fmt::format("the run has no row {}", name), "report this");
    lines.push_back(*line);
  }
  return {};
}

void print_sections(const InterruptsOff& found) {
  fmt::print("\ninterrupts off, over the conformance program on one CPU: {} sections; kinds of {} instructions and more\n"
             "  {:>10} {:>8}  {:<24} {}\n",
             found.sections, kLongSection, "longest", "times", "entered by", "most in");
  for (const auto& kind : found.kinds) fmt::print("  {:>10} {:>8}  {:<24} {}\n", kind.longest, kind.times, kind.entry, kind.most);
}

void print_lines(const std::vector<Budget>& budgets, const Lines& lines) {
  fmt::print("guest instructions (QEMU TCG, icount shift=0, one CPU)\n  {:<20} {:>9} {:>9} {:>9} {:>16} {:>8}  {}\n", "", "min", "median", "max",
             "budget, max", "samples", "");
  for (const auto& line : lines) {
    const auto budget = std::ranges::find(budgets, line.name, &Budget::name);
    const auto& s = line.summary;
    const bool known = budget != budgets.end();
    const bool over = known && (s.p50 > budget->median || s.max > budget->max);
    fmt::print("  {:<20} {:>9} {:>9} {:>9} {:>16} {:>8}  {}\n", line.name, s.min, s.p50, s.max,
               known ? fmt::format("{} / {}", budget->median, budget->max) : "none", s.samples, over ? "over its budget" : "");
  }
}

// Of each bench that the rows belong to.
Outcome<int> enforce(const Paths& paths, const std::vector<Budget>& budgets, const Lines& lines) {
  int worst = kExitFine;
  for (const char* const bench : {"wakeup", "ipc", "sched"}) {
    Lines own;
    std::ranges::copy_if(lines, std::back_inserter(own), [&](const report::BenchLine& line) {
      const auto budget = std::ranges::find(budgets, line.name, &Budget::name);
      return budget != budgets.end() && budget->bench == bench;
    });
    const auto verdict = enforce_budgets(paths, bench, own);
    if (!verdict) return verdict;
    worst = std::max(worst, *verdict);
  }
  return worst;
}

}  // namespace

Outcome<int> bench_sched(const Paths& paths, const BenchSchedOptions& options) {
  const auto budgets = read_budgets(paths);
  if (!budgets) return std::unexpected(budgets.error());
  Lines lines;
  InterruptsOff off;
  if (has(options.parts, "releases")) {
    if (auto done = add_releases(paths, options, lines); !done) return std::unexpected(done.error());
  }
  if (has(options.parts, "switches")) {
    if (auto done = add_switches(paths, options, lines); !done) return std::unexpected(done.error());
  }
  if (has(options.parts, "scale")) {
    auto rows = measure_scale(paths, options.samples, options.verbose);
    if (!rows) return std::unexpected(rows.error());
    std::ranges::move(rows->lines, std::back_inserter(lines));
  }
  if (has(options.parts, "interrupts-off")) {
    auto measured = measure_interrupts_off(paths, options.verbose);
    if (!measured) return std::unexpected(measured.error());
    off = std::move(*measured);
    lines.push_back({"interrupts_off_max", "instructions", report::summarise({off.longest})});
  }
  const std::string json = report::render_bench_json(lines);
  if (options.json == "-") {
    fmt::print("{}", json);
  } else {
    print_lines(*budgets, lines);
    if (off.sections != 0) print_sections(off);
    if (!options.json.empty()) {
      if (auto done = write_text(options.json, json); !done) return std::unexpected(done.error());
    }
  }
  return options.check ? enforce(paths, *budgets, lines) : kExitFine;
}

}  // namespace capos::cli
