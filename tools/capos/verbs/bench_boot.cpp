// SPDX-License-Identifier: Apache-2.0
// ./capos bench boot: from reset to the first job, by phases and by what costs most.
#include <fmt/core.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <nlohmann/json.hpp>
#include <numeric>
#include <optional>

#include "../boot/profile.hpp"
#include "../support/files.hpp"
#include "capos/report/comparison.hpp"
#include "capos/report/event.hpp"
#include "verbs.hpp"
#include "wakeup_samples.hpp"

namespace capos::cli {
namespace {

using Json = nlohmann::ordered_json;

constexpr std::uint64_t kFewSamples = 10;  // the first of them is all that matters
constexpr const char* kPrograms[] = {"init", "admission", "telemetry", "wakeup-probe", "load"};  // of configs/wakeup.capnp

// Ends of the phases in ns of the machine's clock, zero at reset; the last is the first job's first instruction.
using PhaseEnds = std::array<std::uint64_t, kBootPhases.size()>;

WakeupRequest request_of(const BenchBootOptions& options, const char* name) {
  WakeupRequest request;
  request.out_name = name;
  request.samples = kFewSamples;
  request.verbose = options.verbose;
  return request;
}

Outcome<PhaseEnds> time_boot(const Paths& paths, const BenchBootOptions& options) {
  const auto run = sample_wakeups(paths, request_of(options, "bench-boot"));
  if (!run) return std::unexpected(run.error());
  const auto& stamps = run->boot;
  const PhaseEnds ends{stamps.entry_ticks, stamps.first_user_ticks, stamps.islands_ticks, stamps.first_job_ticks};
  if (ends[0] == 0 || !std::ranges::is_sorted(ends)) return problem("the run's boot stamps are not in order", "read " + run->spec.console.string());
  return ends;
}

Outcome<BootProfile> profile_boot(const Paths& paths, const BenchBootOptions& options) {
  const auto kernel = ElfFile::read(paths.kernel());
  if (!kernel) return std::unexpected(kernel.error());
  if (!kernel->pvh_entry()) return problem("the kernel has no PVH entry", "build it again");
  std::vector<NamedElf> programs;
  for (const char* const name : kPrograms) {
    auto elf = ElfFile::read(paths.programs() / name);
    if (!elf) return std::unexpected(elf.error());
    programs.emplace_back(name, std::move(*elf));
  }
  const auto out = paths.out("bench-boot-profile") / "boot.txt";
  std::error_code ignored;
  std::filesystem::remove(out, ignored);
  auto request = request_of(options, "bench-boot-profile");
  request.plugin = fmt::format("{},out={},entry={:x}", (paths.build / "bench" / "tcg-plugin" / "libcapos_boot.so").string(), out.string(), *kernel->pvh_entry());
  if (const auto run = sample_wakeups(paths, request); !run) return std::unexpected(run.error());
  const auto text = read_text(out);
  if (!text) return problem("the boot plug-in left nothing in " + out.string(), "read qemu.log beside it");
  return boot_profile(*text, *kernel, programs);
}

std::uint64_t all_of(const BootProfile& profile) { return std::accumulate(profile.phases.begin(), profile.phases.end(), std::uint64_t{0}); }

std::span<const Contributor> largest(const BootProfile& profile) {
  constexpr std::size_t kShown = 5;
  return std::span(profile.contributors).first(std::min(kShown, profile.contributors.size()));
}

Json to_json(const PhaseEnds& ends, const BootProfile& profile) {
  Json phases = Json::array(), contributors = Json::array();
  for (std::size_t i = 0; i < ends.size(); ++i) {
    phases.push_back({{"name", kBootPhases[i]}, {"instructions", profile.phases[i]}, {"ns", ends[i] - (i == 0 ? 0 : ends[i - 1])}});
  }
  for (const auto& each : largest(profile)) {
    contributors.push_back({{"program", each.program}, {"function", each.function}, {"instructions", each.instructions}});
  }
  return {{"instructions", all_of(profile)}, {"ns", ends.back()}, {"phases", std::move(phases)}, {"contributors", std::move(contributors)}};
}

void print(const PhaseEnds& ends, const BootProfile& profile) {
  report::ComparedTable phases{"configs/wakeup.capnp, one CPU: from reset to the first job's first instruction",
                               {{"phase", true}, {"instructions"}, {"ns of the clock"}}, {}};
  for (std::size_t i = 0; i < ends.size(); ++i) {
    phases.rows.push_back({kBootPhases[i], fmt::format("{}", profile.phases[i]), fmt::format("{}", ends[i] - (i == 0 ? 0 : ends[i - 1]))});
  }
  phases.rows.push_back({"all", fmt::format("{}", all_of(profile)), fmt::format("{}", ends.back())});
  report::ComparedTable most{"the five that cost most, after the firmware", {{"instructions"}, {"of all"}, {"program", true}, {"function", true}}, {}};
  const auto after_firmware = static_cast<double>(all_of(profile) - profile.phases[0]);
  for (const auto& each : largest(profile)) {
    most.rows.push_back({fmt::format("{}", each.instructions), fmt::format("{:.1f} %", 100.0 * static_cast<double>(each.instructions) / after_firmware),
                         each.program, each.function.empty() ? "(no symbol)" : each.function});
  }
  fmt::print("{}{}", render_table_text(phases), render_table_text(most));
  fmt::print("kernel: to init's first instruction; init: to the islands' start, services and admission in it; first job: to its release and dispatch.\n"
             "Instructions are counted by a plug-in in a run of its own; what the clock shows beyond them is waiting.\n");
}

}  // namespace

Outcome<int> bench_boot(const Paths& paths, const BenchBootOptions& options) {
  const auto ends = time_boot(paths, options);
  if (!ends) return std::unexpected(ends.error());
  const auto profile = profile_boot(paths, options);
  if (!profile) return std::unexpected(profile.error());
  const std::string json = to_json(*ends, *profile).dump(2) + "\n";
  if (options.json == "-") {
    fmt::print("{}", json);
    return kExitFine;
  }
  print(*ends, *profile);
  if (options.json.empty()) return kExitFine;
  if (auto done = write_text(options.json, json); !done) return std::unexpected(done.error());
  return kExitFine;
}

}  // namespace capos::cli
