// SPDX-License-Identifier: Apache-2.0
// ./capos bench noise: what interrupts a CPU that computes, one with a periodic task and one with nothing to do; and each gap in a
// loop with its cause. Says whether what is promised of them holds, and fails if it does not.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <map>
#include <nlohmann/json.hpp>
#include <span>
#include <string>
#include <vector>

#include "../../../bench/noise/noise_page.hpp"
#include "../support/files.hpp"
#include "capos/report/event.hpp"
#include "capos/schema/telemetry.hpp"
#include "guest_bench.hpp"
#include "verbs.hpp"

namespace capos::cli {
namespace {

using Json = nlohmann::ordered_json;
using noise_bench::CpuNoise;
using noise_bench::Gap;
using noise_bench::Page;
using noise_bench::Use;

constexpr auto kRelease = static_cast<std::size_t>(schema::InterruptCause::timer_release);

struct Noise {
  Page page{};
  std::vector<Gap> gaps;  // those that were recorded
  [[nodiscard]] std::span<const CpuNoise> cpus() const { return {page.cpu, page.cpus}; }
};

Outcome<Noise> measure(const Paths& paths, const BenchNoiseOptions& options, unsigned cpus) {
  const noise_bench::Request request{static_cast<std::uint64_t>(std::llround(options.seconds * 1e9))};
  GuestBench bench{.name = "noise", .out_name = fmt::format("bench-noise-{}", cpus), .request = {}, .why_memory = "the bench needs"};
  bench.request.assign(reinterpret_cast<const char*>(&request), sizeof request);
  bench.cpus = cpus;
  bench.verbose = options.verbose;
  const auto file = run_guest_bench(paths, bench);
  if (!file) return std::unexpected(file.error());
  const auto bytes = read_bytes(*file);
  if (!bytes) return std::unexpected(bytes.error());
  Noise noise;
  if (bytes->size() < noise_bench::kGapsOffset) return problem("the shared memory is too small", "report this");
  std::memcpy(&noise.page, bytes->data(), sizeof noise.page);
  const std::uint64_t room = (bytes->size() - noise_bench::kGapsOffset) / sizeof(Gap);
  if (noise.page.magic != noise_bench::kMagic || noise.page.cpus != cpus || noise.page.gaps_recorded > room) {
    return problem("the run left no figures", "read the console.log beside " + file->string());
  }
  noise.gaps.resize(noise.page.gaps_recorded);
  std::memcpy(noise.gaps.data(), bytes->data() + noise_bench::kGapsOffset, noise.gaps.size() * sizeof(Gap));
  return noise;
}

std::string causes_of(std::uint64_t bits) {
  std::string text;
  for (std::size_t cause = 0; cause < abi::kInterruptCauses; ++cause) {
    if ((bits >> cause & 1) == 0) continue;
    text += (text.empty() ? "" : " + ") + std::string(report::describe(static_cast<schema::InterruptCause>(cause)));
  }
  return text.empty() ? "none was counted" : text;
}

std::string interrupts_of(const CpuNoise& cpu) {
  std::string text;
  for (std::size_t cause = 0; cause < abi::kInterruptCauses; ++cause) {
    if (cpu.interrupts[cause] == 0) continue;
    text += fmt::format("{}{} {}", text.empty() ? "" : ", ", report::describe(static_cast<schema::InterruptCause>(cause)), cpu.interrupts[cause]);
  }
  return text.empty() ? "none" : text;
}

std::string_view name_of(Use use) {
  switch (use) {
    case Use::clock: return "housekeeping, keeps the bench's clock";
    case Use::loop: return "leased, one task that computes";
    case Use::periodic: return "leased, one task of 1 kHz";
    case Use::idle: return "housekeeping, nothing to do";
  }
  return "unknown";
}

// What is promised of the CPU; nothing of the one that keeps the clock.
bool holds(const CpuNoise& cpu) {
  switch (cpu.use) {
    case Use::loop:
    case Use::idle: return cpu.all() == 0;
    case Use::periodic: return cpu.jobs != 0 && cpu.all() == cpu.jobs && cpu.interrupts[kRelease] == cpu.jobs;
    case Use::clock: return true;
  }
  return false;
}

// Each gap has a cause, and each interrupt made one, but the first: that released the loop itself.
bool explained(const Noise& noise) {
  const bool all_caused = std::ranges::all_of(noise.gaps, [](const Gap& gap) { return gap.causes != 0; });
  return all_caused && noise.page.gaps == noise.gaps.size() && noise.page.gaps + 1 == noise.page.cpu[0].all();
}

struct OfCause {
  std::vector<std::uint64_t> lengths;  // sorted
};

std::map<std::uint64_t, OfCause> by_cause(const Noise& noise) {
  std::map<std::uint64_t, OfCause> causes;
  for (const Gap& gap : noise.gaps) causes[gap.causes].lengths.push_back(gap.length_ns);
  for (auto& [bits, cause] : causes) std::ranges::sort(cause.lengths);
  return causes;
}

void print_gaps(const Noise& noise) {
  const Page& page = noise.page;
  fmt::print("one CPU, leased with slack: a loop of {:.1f} ns a turn for {:.3f} s, below a task of 1 kHz; gaps are what is longer than {} ns\n"
             "  interrupts: {}; jobs of the task: {}\n"
             "  {:<36} {:>8} {:>10} {:>10} {:>10}\n",
             page.turns == 0 ? 0 : static_cast<double>(page.loop_ns - page.gaps_ns) / static_cast<double>(page.turns), static_cast<double>(page.loop_ns) / 1e9,
             page.threshold_ns, interrupts_of(page.cpu[0]), page.cpu[0].jobs, "gaps, by what was counted meanwhile", "number", "min ns", "median ns", "max ns");
  for (const auto& [bits, cause] : by_cause(noise)) {
    fmt::print("  {:<36} {:>8} {:>10} {:>10} {:>10}\n", causes_of(bits), cause.lengths.size(), cause.lengths.front(),
               cause.lengths[cause.lengths.size() / 2], cause.lengths.back());
  }
  fmt::print("  in all {} gaps, {} ns or {:.4f} % of the time{}\n", page.gaps, page.gaps_ns,
             page.loop_ns == 0 ? 0 : 100.0 * static_cast<double>(page.gaps_ns) / static_cast<double>(page.loop_ns),
             page.gaps == page.gaps_recorded ? "" : fmt::format("; the causes of the last {} are not known", page.gaps - page.gaps_recorded));
}

void print_cpus(const Noise& noise, double seconds) {
  fmt::print("\n{} CPUs, interrupts in {:g} s of guest time (QEMU runs the CPUs in turn: no gaps are looked at)\n", noise.page.cpus, seconds);
  for (std::size_t cpu = 0; cpu < noise.page.cpus; ++cpu) {
    const CpuNoise& each = noise.page.cpu[cpu];
    fmt::print("  CPU {}  {:<38} {:>7}  {}{}{}\n", cpu, name_of(each.use), each.all(), interrupts_of(each),
               each.use == Use::periodic ? fmt::format("; {} jobs", each.jobs) : "", holds(each) ? "" : "  NOT AS PROMISED");
  }
}

Json interrupts_json(const CpuNoise& cpu) {
  Json json = Json::object();
  for (std::size_t cause = 0; cause < abi::kInterruptCauses; ++cause) {
    if (cpu.interrupts[cause] != 0) json[schema::name_of(static_cast<schema::InterruptCause>(cause))] = cpu.interrupts[cause];
  }
  return json;
}

Json json_of(const Noise& one, const Noise& several, double seconds, bool good) {
  Json gaps = Json::array(), causes = Json::array(), cpus = Json::array();
  for (const auto& [bits, cause] : by_cause(one)) {
    causes.push_back({{"cause", causes_of(bits)}, {"gaps", cause.lengths.size()}, {"min_ns", cause.lengths.front()},
                      {"median_ns", cause.lengths[cause.lengths.size() / 2]}, {"max_ns", cause.lengths.back()}});
  }
  for (const Gap& gap : one.gaps) gaps.push_back({{"at_ns", gap.at_ns}, {"length_ns", gap.length_ns}, {"cause", causes_of(gap.causes)}});
  for (std::size_t cpu = 0; cpu < several.page.cpus; ++cpu) {
    const CpuNoise& each = several.page.cpu[cpu];
    cpus.push_back({{"cpu", cpu}, {"use", name_of(each.use)}, {"interrupts", each.all()}, {"by_cause", interrupts_json(each)}, {"jobs", each.jobs}, {"as_promised", holds(each)}});
  }
  return {{"seconds", seconds},
          {"one_cpu",
           {{"threshold_ns", one.page.threshold_ns}, {"turns", one.page.turns}, {"loop_ns", one.page.loop_ns}, {"gaps_ns", one.page.gaps_ns},
            {"interrupts", interrupts_json(one.page.cpu[0])}, {"jobs", one.page.cpu[0].jobs}, {"causes", causes}, {"gaps", gaps}}},
          {"cpus", cpus},
          {"as_promised", good}};
}

}  // namespace

Outcome<int> bench_noise(const Paths& paths, const BenchNoiseOptions& options) {
  const auto one = measure(paths, options, 1);
  if (!one) return std::unexpected(one.error());
  const auto several = measure(paths, options, noise_bench::kMostCpus);
  if (!several) return std::unexpected(several.error());
  const bool good = explained(*one) && std::ranges::all_of(several->cpus(), holds);
  const std::string json = json_of(*one, *several, options.seconds, good).dump(2) + "\n";
  if (options.json == "-") {
    fmt::print("{}", json);
  } else {
    print_gaps(*one);
    print_cpus(*several, options.seconds);
    fmt::print("{}\n", good ? "as promised: a computing CPU and an idle one take no interrupt, a periodic one takes one a job, each gap has its cause"
                            : "FAIL: not as promised");
    if (!options.json.empty()) {
      if (auto done = write_text(options.json, json); !done) return std::unexpected(done.error());
    }
  }
  return good ? kExitFine : kExitFailed;
}

}  // namespace capos::cli
