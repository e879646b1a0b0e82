// SPDX-License-Identifier: Apache-2.0
// ./capos bench wakeup: from a release to the first user instruction, in instructions, idle and under load.
#include <fmt/core.h>

#include <array>
#include <cstdio>
#include <vector>

#include "../linux/last_comparison.hpp"
#include "../support/files.hpp"
#include "budgets.hpp"
#include "capos/report/analyse.hpp"
#include "capos/report/render.hpp"
#include "verbs.hpp"
#include "wakeup_samples.hpp"

namespace capos::cli {
namespace {

// Linux 6.1 PREEMPT_RT (Debian), tuned, cyclictest -m -p95 -i1000 in the same machine, of another run than this machine's: guest
// instructions.
struct Reference {
  const char* name;
  std::uint64_t min, p50, max;
};
constexpr std::array<Reference, 2> kPreemptRt{
    {{"stated: PREEMPT_RT, idle", 3507, 3565, 4457}, {"stated: hackbench", 3531, 4079, 5962}}};

Outcome<report::BenchLine> measure(const Paths& paths, const BenchOptions& options, const std::string& load,
                                   const char* name) {
  WakeupRequest request;  // on TCG: instructions are counted, not timed
  request.load = load;
  request.out_name = "bench-wakeup-" + load;
  request.samples = options.samples;
  request.verbose = options.verbose;
  request.progress = options.json != "-";
  auto samples = sample_wakeups(paths, request);
  if (!samples) return std::unexpected(samples.error());
  return report::BenchLine{name, "instructions", report::summarise(std::move(samples->values))};
}

void print_row(const std::string& name, std::uint64_t min, std::uint64_t p50, std::uint64_t max,
               const std::string& p99, const std::string& samples) {
  fmt::print("  {:<26} {:>8} {:>8} {:>8} {:>8} {:>9}\n", name, min, p50, p99, max, samples);
}

// As ./capos bench linux last measured them here, idle and under the same load; what is stated if it has not.
void print_linux(const Paths& paths, const BenchOptions& options) {
  const auto file = paths.out("bench/linux") / "comparison.json";
  bool any = false;
  for (const auto& row : linux_wakeups(read_text(file).value_or(""))) {
    if (row.load != "none" && row.load != options.load) continue;
    any = true;
    const auto& s = row.summary;
    print_row(fmt::format("PREEMPT_RT {}, {}", row.options, row.load == "none" ? "idle" : "load " + row.load), s.min, s.p50, s.max,
              fmt::format("{}", s.p99), fmt::format("{}", s.samples));
  }
  if (any) {
    fmt::print("  PREEMPT_RT: as ./capos bench linux left it in {}\n", file.string());
    return;
  }
  for (const auto& row : kPreemptRt) print_row(row.name, row.min, row.p50, row.max, "", "");
  fmt::print("  PREEMPT_RT: stated, of another run, Linux tuned; ./capos bench linux measures it here\n");
}

void print_table(const Paths& paths, const BenchOptions& options, const std::vector<report::BenchLine>& lines) {
  fmt::print(
      "release to first user instruction, 1 kHz, one CPU, in guest instructions (QEMU TCG, icount "
      "shift=0)\n");
  fmt::print("  {:<26} {:>8} {:>8} {:>8} {:>8} {:>9}\n", "", "min", "median", "p99", "max", "samples");
  for (const auto& line : lines) {
    const std::string label = line.name == "release_idle" ? "capOS, idle" : "capOS, load " + options.load;
    print_row(label, line.summary.min, line.summary.p50, line.summary.max,
              fmt::format("{}", line.summary.p99), fmt::format("{}", line.summary.samples));
  }
  print_linux(paths, options);
}

}  // namespace

Outcome<int> bench_wakeup(const Paths& paths, const BenchOptions& options) {
  std::vector<report::BenchLine> lines;
  for (const auto& [load, name] :
       {std::pair{std::string("none"), "release_idle"}, {options.load, "release_loaded"}}) {
    auto line = measure(paths, options, load, name);
    if (!line) return std::unexpected(line.error());
    lines.push_back(std::move(*line));
  }
  const std::string json = report::render_bench_json(lines);
  if (options.json == "-") {
    fmt::print("{}", json);
  } else {
    print_table(paths, options, lines);
    if (!options.json.empty()) {
      if (auto done = write_text(options.json, json); !done) return std::unexpected(done.error());
    }
  }
  return options.check ? enforce_budgets(paths, "wakeup", lines) : kExitFine;
}

}  // namespace capos::cli
