// SPDX-License-Identifier: Apache-2.0
// ./capos bench host: capOS's code at native speed beside its peers, as ratios of one run.
#include <fmt/core.h>

#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>

#include "../support/files.hpp"
#include "../support/process.hpp"
#include "host_ratios.hpp"
#include "verbs.hpp"

namespace capos::cli {
namespace {

using Json = nlohmann::ordered_json;

// Below build/bench; each knows its peers.
constexpr std::array kPrograms = {"codec/bench_codec", "sched-host/bench_sched_host", "host/bench_shared_buffer", "host/bench_capabilities",
                                  "host/bench_rings"};

Outcome<std::vector<HostRatio>> run_program(const Paths& paths, const BenchHostOptions& options, const std::string& name) {
  const auto program = paths.build / "bench" / name;
  if (!std::filesystem::exists(program)) {
    return problem(program.string() + " is not built", "apt-get install libbenchmark-dev libboost-dev liburing-dev, then again");
  }
  const auto directory = paths.out("bench") / "host";
  if (auto made = make_directory(directory); !made) return std::unexpected(made.error());
  const auto out = directory / (program.filename().string() + ".json");
  std::error_code ignored;
  std::filesystem::remove(out, ignored);
  std::vector<std::string> command{program.string(), "--benchmark_out=" + out.string(), "--benchmark_out_format=json"};
  if (options.min_time > 0) command.push_back(fmt::format("--benchmark_min_time={}", options.min_time));
  if (options.json != "-") fmt::print(stderr, "capos: {} ...\n", name);
  const auto run = capture(command, std::chrono::minutes(30));
  if (!run) return std::unexpected(run.error());
  if (!run->state.exited(0)) return problem(name + " failed: " + run->err, shell_line(command));
  const auto text = read_text(out);
  if (!text) return std::unexpected(text.error());
  return host_ratios(*text);
}

void print_table(const std::vector<HostRatio>& ratios) {
  fmt::print("native speed, each pair in one run; ratio: the peer's time by capOS's, above 1 capOS's code is faster\n");
  fmt::print("  {:<34} {:<16} {:>10} {:>14}\n", "case", "peer", "ratio", "capOS, ns");
  for (const auto& each : ratios) {
    if (each.skipped.empty()) {
      fmt::print("  {:<34} {:<16} {:>10.2f} {:>14.1f}\n", each.name, each.peer, each.ratio, each.ours_ns);
    } else {
      fmt::print("  {:<34} {:<16} left out: {}\n", each.name, each.peer, each.skipped);
    }
  }
}

// A line as the other benches write it; a ratio is all there is.
Json lines_of(const std::vector<HostRatio>& ratios) {
  Json lines = Json::array();
  for (const auto& each : ratios) {
    Json line{{"name", each.name + " " + each.peer}, {"unit", "peer/ours"}};
    if (each.skipped.empty()) {
      line["p50"] = each.ratio;
      line["ours_ns"] = each.ours_ns;
    } else {
      line["skipped"] = each.skipped;
    }
    lines.push_back(std::move(line));
  }
  return lines;
}

}  // namespace

Outcome<int> bench_host(const Paths& paths, const BenchHostOptions& options) {
  std::vector<HostRatio> all;
  for (const char* name : kPrograms) {
    const auto ratios = run_program(paths, options, name);
    if (!ratios) return std::unexpected(ratios.error());
    all.insert(all.end(), ratios->begin(), ratios->end());
  }
  const std::string json = lines_of(all).dump(2) + "\n";
  if (options.json == "-") {
    fmt::print("{}", json);
    return kExitFine;
  }
  print_table(all);
  if (!options.json.empty()) {
    if (auto done = write_text(options.json, json); !done) return std::unexpected(done.error());
  }
  return kExitFine;
}

}  // namespace capos::cli
