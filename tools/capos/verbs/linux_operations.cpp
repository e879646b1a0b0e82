// SPDX-License-Identifier: Apache-2.0
#include "linux_operations.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <optional>
#include <tuple>

#include "../linux/round_trips.hpp"
#include "../support/files.hpp"
#include "../support/process.hpp"
#include "ipc_rows.hpp"
#include "wakeup_samples.hpp"

namespace capos::cli {
namespace {

constexpr std::uint64_t kMostSamples = 1000;  // these repeat more than wake-ups do

Outcome<std::vector<report::BenchLine>> measure_capos(const Paths& paths, std::uint64_t samples) {
  fmt::print(stderr, "capos: round trips: capos, {} samples of each\n", samples);
  BenchIpcOptions options;
  options.samples = samples;
  const auto rows = measure_ipc(paths, options);
  if (!rows) return std::unexpected(rows.error());
  return rows->lines;
}

Outcome<OptionSet> measure_linux(const LinuxOperations& wanted, const std::string& options, std::uint64_t samples,
                                 report::Comparison& comparison, std::vector<BootTime>& boots) {
  fmt::print(stderr, "capos: round trips: linux {}, {} samples of each\n", options, samples);
  LinuxMachine machine;
  machine.kernel = wanted.kernel;
  machine.initrd = wanted.initrd;
  machine.directory = wanted.directory / fmt::format("linux-{}-round-trips", options);
  machine.options = options;
  const auto end = boot_linux(machine, round_trips_program(samples));
  if (!end) return std::unexpected(end.error());
  comparison.commands.emplace_back(machine.directory.filename().string(), shell_line(qemu_command(end->spec)));
  boots.push_back({"linux", options, end->first_user_ticks});
  if (auto done = write_text(machine.directory / "round_trips.json", end->file); !done) return std::unexpected(done.error());
  auto trips = parse_round_trips(end->file);
  if (!trips) return std::unexpected(trips.error());
  return OptionSet{options, std::move(*trips)};
}

void add_operations(report::Comparison& comparison, const OptionSet& set) {
  for (const auto& row : set.trips.rows) {
    if (row.skipped.empty()) comparison.operations.push_back({"linux", set.options, "none", "instructions", row.distribution, row.name});
  }
}

Outcome<void> boot_capos(const Paths& paths, std::vector<BootTime>& boots) {
  constexpr std::uint64_t kFew = 10;
  WakeupRequest request;
  request.out_name = "bench/linux/capos-boot";
  request.samples = kFew;
  const auto run = sample_wakeups(paths, request);
  if (!run) return std::unexpected(run.error());
  boots.push_back({"capos", "default", run->boot.first_user_ticks});
  return {};
}

}  // namespace

Outcome<std::string> measure_round_trips(const Paths& paths, const LinuxOperations& wanted, report::Comparison& comparison,
                                         std::vector<BootTime>& boots) {
  const auto samples = std::min(wanted.samples, kMostSamples);
  const auto capos = measure_capos(paths, samples);
  if (!capos) return std::unexpected(capos.error());
  std::vector<OptionSet> sets;
  std::optional<Problem> stopped;
  for (const auto& options : wanted.options) {
    auto set = measure_linux(wanted, options, samples, comparison, boots);
    if (!set) {
      stopped = set.error();
      break;
    }
    add_operations(comparison, *set);
    sets.push_back(std::move(*set));
  }
  if (!sets.empty()) comparison.tables.push_back(round_trips_table(sets, *capos));
  if (stopped) return std::unexpected(*stopped);
  return sets.empty() ? "" : sets.front().trips.release + " " + sets.front().trips.version;
}

Outcome<void> add_boot_times(const Paths& paths, std::vector<BootTime> boots, report::Comparison& comparison) {
  if (std::ranges::find(boots, "capos", &BootTime::system) == boots.end()) {
    if (auto done = boot_capos(paths, boots); !done) return done;
  }
  std::ranges::sort(boots, {}, [](const BootTime& boot) { return std::tie(boot.system, boot.options, boot.ticks); });
  report::ComparedTable table{"From reset to the first user instruction, in ns of the machine's clock", {{"system", true}, {"options", true}, {"ns"}}, {}};
  for (std::size_t i = 0; i < boots.size(); ++i) {
    const auto& boot = boots[i];
    if (i > 0 && boots[i - 1].system == boot.system && boots[i - 1].options == boot.options) continue;
    table.rows.push_back({boot.system, boot.options, fmt::format("{}", boot.ticks)});
    report::Distribution one;
    one.add(boot.ticks);
    comparison.operations.push_back({boot.system, boot.options, "none", "ns", one, "boot"});
  }
  comparison.tables.push_back(std::move(table));
  return {};
}

}  // namespace capos::cli
