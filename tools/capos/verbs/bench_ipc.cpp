// SPDX-License-Identifier: Apache-2.0
// ./capos bench ipc: what entering the kernel, calling and signalling cost, beside seL4 and Linux.
#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <fstream>
#include <utility>
#include <vector>

#include "../support/files.hpp"
#include "budgets.hpp"
#include "capos/report/render.hpp"
#include "ipc_rows.hpp"

namespace capos::cli {
namespace {

// What the counting plug-in (bench/tcg-plugin) writes of a row: medians.
struct Counters {
  std::uint64_t operations = 0, instructions = 0, switches = 0, serialising = 0, invalidations = 0, code_lines = 0, data_lines = 0;
};

Outcome<std::vector<Counters>> read_counters(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::vector<Counters> rows;
  for (std::uint64_t number = 0; in >> number && number == rows.size();) {
    Counters c;
    if (!(in >> c.operations >> c.instructions >> c.switches >> c.serialising >> c.invalidations >> c.code_lines >> c.data_lines))
      break;
    rows.push_back(c);
  }
  if (rows.empty()) return problem("the counting plug-in left nothing in " + file.string(), "read qemu.log beside it");
  return rows;
}

constexpr std::uint64_t kCountedSamples = 100;  // each operation is like the others; the plug-in is slow

Outcome<std::vector<Counters>> count(const Paths& paths, BenchIpcOptions options) {
  const auto plugin = paths.build / "bench" / "tcg-plugin" / "libcapos_counters.so";
  const auto out = paths.out(fmt::format("bench-ipc-counters-{}", options.population)) / "counters.txt";
  std::error_code ignored;
  std::filesystem::remove(out, ignored);
  options.samples = std::min(options.samples, kCountedSamples);
  const auto recorded = measure_ipc(paths, options, fmt::format("{},out={}", plugin.string(), out.string()));
  if (!recorded) return std::unexpected(recorded.error());
  auto counters = read_counters(out);
  if (!counters) return counters;
  // A line for each row, of operations that were seen to run.
  const auto complete = std::ranges::count_if(*counters, [](const Counters& c) { return c.operations != 0 && c.code_lines != 0; });
  if (counters->size() != recorded->lines.size() || std::cmp_not_equal(complete, counters->size())) {
    return problem(fmt::format("of {} rows the counting plug-in left {}, {} of them with something in it", recorded->lines.size(),
                               counters->size(), complete),
                   "read qemu.log beside " + out.string());
  }
  return counters;
}

void print_counters(const IpcRows& recorded, const std::vector<Counters>& counters) {
  fmt::print("per operation (median, by the counting plug-in in a run of its own): loads of CR3, serialising instructions\n"
             "(those loads included), explicit TLB invalidations, distinct 64-byte lines of code and of data\n");
  fmt::print("  {:<22} {:>8} {:>11} {:>13} {:>10} {:>10}\n", "", "CR3", "serialising", "invalidations", "code lines", "data lines");
  for (std::size_t i = 0; i < recorded.lines.size() && i < counters.size(); ++i) {
    const auto& c = counters[i];
    fmt::print("  {:<22} {:>8} {:>11} {:>13} {:>10} {:>10}\n", recorded.lines[i].name, c.switches, c.serialising,
               c.invalidations, c.code_lines, c.data_lines);
  }
}

std::string shown(const std::optional<std::uint64_t>& figure) { return figure ? fmt::format("{}", *figure) : ""; }

void print_table(const std::vector<Budget>& budgets, const IpcRows& recorded) {
  const auto& population = recorded.header.population;
  fmt::print("guest instructions, user part included (QEMU TCG, icount shift=0, one CPU); {} samples a row;\n",
             recorded.header.request.samples);
  fmt::print("{} instructions of an empty pair of stamps are subtracted from each sample\n", recorded.header.stamp_ticks);
  const auto wanted = recorded.header.request.population;
  fmt::print("beside it: {} more capabilities in the table, {} more endpoints, {} more processes with a thread each{}\n",
             population.capabilities, population.endpoints, population.processes,
             wanted == 0 ? "" : fmt::format(" ({} of each were asked for)", wanted));
  fmt::print("  {:<22} {:>6} {:>6} {:>6} {:>6}  {:>6} {:>8} {:>6}  {}\n", "", "min", "median", "max", "budget", "seL4",
             "seL4 MCS", "Linux", "operation (Linux's)");
  for (const auto& line : recorded.lines) {
    const auto& s = line.summary;
    const auto found = std::ranges::find(budgets, line.name, &Budget::name);
    const Budget known = found == budgets.end() ? Budget{} : *found;
    fmt::print("  {:<22} {:>6} {:>6} {:>6} {:>6}  {:>6} {:>8} {:>6}  {}\n", line.name, s.min, s.p50, s.max,
               found == budgets.end() ? "none" : fmt::format("{}", known.median), shown(known.sel4), shown(known.sel4_mcs),
               shown(known.linux_rt),
               known.linux_operation.empty() ? known.operation
                                             : fmt::format("{} ({})", known.operation, known.linux_operation));
  }
  for (const auto& line : recorded.lines) {
    if (line.summary.samples < recorded.header.request.samples)
      fmt::print("  {}: {} samples\n", line.name, line.summary.samples);
  }
  for (const auto& line : recorded.lines) {
    const auto found = std::ranges::find(budgets, line.name, &Budget::name);
    if (found == budgets.end() || (line.summary.p50 <= found->median && line.summary.max <= found->max)) continue;
    fmt::print("  {}: over its budget\n", line.name);
  }
  for (const auto& name : missing_rows(budgets, "ipc", recorded.lines)) fmt::print("  {:<22} not measured yet\n", name);
}

// Whether a median of `crowded` is another than that of `quiet`, by more than its row can tell; says which.
bool differs(const std::vector<Budget>& budgets, const IpcRows& quiet, const IpcRows& crowded) {
  bool any = quiet.lines.size() != crowded.lines.size();
  for (std::size_t i = 0; i < std::min(quiet.lines.size(), crowded.lines.size()); ++i) {
    const auto before = quiet.lines[i].summary.p50, after = crowded.lines[i].summary.p50;
    const auto budget = std::ranges::find(budgets, quiet.lines[i].name, &Budget::name);
    const std::uint64_t resolution = budget == budgets.end() ? 0 : budget->resolution;
    if (std::max(before, after) - std::min(before, after) <= resolution) continue;
    any = true;
    fmt::print(stderr, "capos: depends on the population: {}: median {} becomes {}\n", quiet.lines[i].name, before, after);
  }
  return any;
}

}  // namespace

Outcome<int> bench_ipc(const Paths& paths, const BenchIpcOptions& options) {
  const auto budgets = read_budgets(paths);
  if (!budgets) return std::unexpected(budgets.error());
  const auto recorded = measure_ipc(paths, options);
  if (!recorded) return std::unexpected(recorded.error());
  std::vector<Counters> counters;
  if (options.counters) {
    auto counted = count(paths, options);
    if (!counted) return std::unexpected(counted.error());
    counters = std::move(*counted);
  }
  const std::string json = report::render_bench_json(recorded->lines);
  if (options.json == "-") {
    fmt::print("{}", json);
  } else {
    print_table(*budgets, *recorded);
    if (options.counters) print_counters(*recorded, counters);
    if (!options.json.empty()) {
      if (auto done = write_text(options.json, json); !done) return std::unexpected(done.error());
    }
  }
  if (options.against != 0) {
    BenchIpcOptions more = options;
    more.population = options.against;
    const auto crowded = measure_ipc(paths, more);
    if (!crowded) return std::unexpected(crowded.error());
    if (options.json != "-") print_table(*budgets, *crowded);
    if (differs(*budgets, *recorded, *crowded)) return kExitFailed;
  }
  return options.check ? enforce_budgets(paths, "ipc", recorded->lines) : kExitFine;
}

}  // namespace capos::cli
