// SPDX-License-Identifier: Apache-2.0
// ./capos bench: every suite, one after the other, kept in the history; ./capos bench compare: what moved.
#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <nlohmann/json.hpp>

#include "../support/files.hpp"
#include "../support/temporary.hpp"
#include "bench_history.hpp"
#include "verbs.hpp"

namespace capos::cli {
namespace {

using Json = nlohmann::ordered_json;

struct SuiteOfBenches {
  const char* name;
  std::function<Outcome<int>(const std::string& json)> run;
};

std::vector<SuiteOfBenches> suites_of(const Paths& paths, const BenchAllOptions& options) {
  return {{"ipc",
           [&](const std::string& json) {
             BenchIpcOptions ipc;
             ipc.samples = std::min<std::uint64_t>(options.samples, ipc.samples);
             ipc.json = json;
             return bench_ipc(paths, ipc);
           }},
          {"wakeup",
           [&](const std::string& json) {
             BenchOptions wakeup;
             wakeup.samples = options.samples;
             wakeup.json = json;
             return bench_wakeup(paths, wakeup);
           }},
          {"sched",  // its other two parts are among the rows of wakeup and ipc
           [&](const std::string& json) {
             BenchSchedOptions sched;
             sched.samples = std::min<std::uint64_t>(options.samples, sched.samples);
             sched.parts = {"scale", "interrupts-off"};
             sched.json = json;
             return bench_sched(paths, sched);
           }},
          {"noise",
           [&](const std::string& json) {
             BenchNoiseOptions noise;
             noise.json = json;
             return bench_noise(paths, noise);
           }},
          {"boot",
           [&](const std::string& json) {
             BenchBootOptions boot;
             boot.json = json;
             return bench_boot(paths, boot);
           }},
          {"linux",
           [&](const std::string& json) {
             BenchLinuxOptions linux_options;
             linux_options.samples = std::min<std::uint64_t>(options.samples, linux_options.samples);
             linux_options.json = json;
             return bench_linux(paths, linux_options);
           }},
          {"host", [&](const std::string& json) {
             BenchHostOptions host;
             host.json = json;
             return bench_host(paths, host);
           }}};
}

// Of a boot, or of what interrupts CPUs: one figure each.
void add_line(Json& lines, const std::string& name, const char* unit, const Json& figure) {
  lines.push_back({{"name", name}, {"unit", unit}, {"p50", figure}, {"max", figure}});
}

// Rows as the comparison with Linux names them, under the names that the other suites use.
Json lines_of(Json rows) {
  if (rows.is_object() && rows.contains("phases")) {  // of a boot
    Json lines = Json::array();
    for (const auto& phase : rows["phases"]) add_line(lines, "boot " + phase.value("name", ""), "instructions", phase.at("instructions"));
    return lines;
  }
  if (rows.is_object() && rows.contains("one_cpu")) {  // of the noise
    Json lines = Json::array();
    for (const auto& cause : rows["one_cpu"]["causes"]) {
      lines.push_back({{"name", "gap, " + cause.value("cause", "")}, {"unit", "ns"}, {"p50", cause.at("median_ns")}, {"max", cause.at("max_ns")}});
    }
    for (const auto& cpu : rows["cpus"]) {
      add_line(lines, fmt::format("CPU {}, {}", cpu.value("cpu", 0), cpu.value("use", "")), "interrupts", cpu.at("interrupts"));
    }
    return lines;
  }
  if (!rows.is_array()) return Json::array();
  for (auto& row : rows) {
    if (row.is_object() && row.contains("system") && !row.contains("name")) {
      const std::string what = row.value("operation", row.value("load", ""));
      row["name"] = fmt::format("{} {} {}", row.value("system", ""), row.value("options", ""), what);
    }
  }
  return rows;
}

bool wanted(const BenchAllOptions& options, const char* suite) {
  const auto has = [suite](const std::vector<std::string>& names) { return std::ranges::find(names, suite) != names.end(); };
  return options.only.empty() ? !has(options.without) : has(options.only);
}

std::string shown(const std::optional<double>& figure) {
  if (!figure) return "-";
  return *figure == static_cast<double>(static_cast<std::int64_t>(*figure)) ? fmt::format("{}", static_cast<std::int64_t>(*figure))
                                                                            : fmt::format("{:.2f}", *figure);
}
std::string change(const std::optional<double>& before, const std::optional<double>& after) {
  if (!before || !after) return "";
  const double by = *after - *before;
  return by == 0 ? "=" : (by > 0 ? "+" : "") + shown(by);
}

Json comparison_json(const std::vector<Moved>& all) {
  const auto value = [](const std::optional<double>& figure) { return figure ? Json(*figure) : Json(nullptr); };
  Json rows = Json::array();
  for (const auto& each : all) {
    rows.push_back({{"name", each.name}, {"unit", each.unit}, {"median_before", value(each.median_before)},
                    {"median_after", value(each.median_after)}, {"max_before", value(each.max_before)},
                    {"max_after", value(each.max_after)}, {"moved", each.moved()}});
  }
  return rows;
}

std::string title_of(const Json& entry, const std::string& name) {
  const std::string commit = entry.value("commit", "");
  if (commit.empty()) return name;
  return fmt::format("{} ({}{}, {})", name, commit, entry.value("changed", false) ? " and changes" : "", entry.value("time", ""));
}

}  // namespace

Outcome<int> bench_all(const Paths& paths, const BenchAllOptions& options) {
  const auto scratch = TemporaryDirectory::make();
  if (!scratch) return std::unexpected(scratch.error());
  Json suites = Json::object();
  int status = kExitFine;
  for (const auto& suite : suites_of(paths, options)) {
    if (!wanted(options, suite.name)) continue;
    fmt::print("== {}\n", suite.name);
    std::fflush(stdout);
    const auto file = scratch->path() / (std::string(suite.name) + ".json");
    const auto done = suite.run(file.string());
    if (!done) return std::unexpected(done.error());
    status = std::max(status, *done);
    Json rows = Json::parse(read_text(file).value_or(""), nullptr, false);
    suites[suite.name] = lines_of(std::move(rows));
    fmt::print("\n");
  }
  const Json entry = history_entry(paths, suites);
  if (auto kept = append_history(paths, entry); !kept) return std::unexpected(kept.error());
  fmt::print("kept in {}; ./capos bench compare last~1 last shows what moved\n", history_file(paths).string());
  if (!options.json.empty()) {
    if (auto written = write_text(options.json, entry.dump(2) + "\n"); !written) return std::unexpected(written.error());
  }
  return status;
}

Outcome<int> bench_compare(const Paths& paths, const BenchCompareOptions& options) {
  const auto before = find_entry(paths, options.before);
  if (!before) return std::unexpected(before.error());
  const auto after = find_entry(paths, options.after);
  if (!after) return std::unexpected(after.error());
  const auto all = compare_entries(*before, *after);
  if (options.json) {
    fmt::print("{}\n", comparison_json(all).dump(2));
    return kExitFine;
  }
  fmt::print("before: {}\nafter:  {}\n", title_of(*before, options.before), title_of(*after, options.after));
  fmt::print("  {:<40} {:>9} {:>9} {:>8}  {:>9} {:>9} {:>8}  {}\n", "", "median", "then", "moved", "max", "then", "moved", "unit");
  std::size_t still = 0;
  for (const auto& each : all) {
    if (!each.moved() && !options.all) {
      ++still;
      continue;
    }
    fmt::print("  {:<40} {:>9} {:>9} {:>8}  {:>9} {:>9} {:>8}  {}\n", each.name, shown(each.median_before), shown(each.median_after),
               change(each.median_before, each.median_after), shown(each.max_before), shown(each.max_after),
               change(each.max_before, each.max_after), each.unit);
  }
  if (still != 0) fmt::print("  {} figures are the same\n", still);
  return kExitFine;
}

}  // namespace capos::cli
