// SPDX-License-Identifier: Apache-2.0
// ./capos bench linux: wake-ups of capOS and of Debian's PREEMPT_RT in turns, in the same machine under like loads; what
// entering the kernel and passing messages cost in both.
#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <optional>

#include "../linux/host_noise.hpp"
#include "../linux/initrd.hpp"
#include "../linux/kernel_image.hpp"
#include "../linux/linux_run.hpp"
#include "../machine/host.hpp"
#include "../support/files.hpp"
#include "../support/interrupt.hpp"
#include "../support/lock.hpp"
#include "../support/process.hpp"
#include "capos/report/comparison.hpp"
#include "isolated_cpu.hpp"
#include "linux_operations.hpp"
#include "verbs.hpp"
#include "wakeup_samples.hpp"

namespace capos::cli {
namespace fs = std::filesystem;
namespace {

constexpr const char* kOut = "bench/linux";
// Of the rounds: the first is everybody's, the others slide over every tick and every other period in the system.
constexpr std::array<std::uint64_t, 8> kPeriodsUs{1000, 1009, 1013, 1019, 1021, 1031, 1033, 1039};

// One row of the table, and one boot of each round.
struct Subject {
  std::string system, options, load;
  [[nodiscard]] std::string name() const { return fmt::format("{}-{}-{}", system, options, load); }
};

struct Bench {
  const Paths& paths;
  const BenchLinuxOptions& options;
  AcceleratorChoice accelerator;
  KernelImage kernel;
  fs::path directory, initrd;
  int host_cpu = -1;
  std::string linux_version;
  report::Comparison comparison;
  std::vector<BootTime> boots;
};

bool wants(const Bench& bench, std::string_view part) { return std::ranges::find(bench.options.parts, part) != bench.options.parts.end(); }

std::vector<Subject> subjects(const BenchLinuxOptions& options) {
  std::vector<std::string> loads{"none"};
  for (const auto& load : options.loads) {
    if (std::ranges::find(loads, load) == loads.end()) loads.push_back(load);
  }
  std::vector<Subject> all;
  for (const auto& load : loads) {
    all.push_back({"capos", "default", load});
    for (const auto& set : options.options) all.push_back({"linux", set, load});
  }
  return all;
}

std::uint64_t samples_of_round(const BenchLinuxOptions& options, unsigned round) {
  return options.samples / options.rounds + (round < options.samples % options.rounds ? 1 : 0);
}

bool deterministic(const Bench& bench) { return is_deterministic(bench.accelerator.accelerator); }

void note_command(Bench& bench, const std::string& name, const MachineSpec& spec) {
  bench.comparison.commands.emplace_back(name, shell_line(qemu_command(spec)));
  if (bench.options.verbose) fmt::print(stderr, "{}\n", bench.comparison.commands.back().second);
}

Outcome<report::Distribution> measure_capos(Bench& bench, const Subject& subject, unsigned round, const std::string& name) {
  WakeupRequest request;
  request.load = subject.load;
  request.out_name = fmt::format("{}/{}", kOut, name);
  request.accelerator = name_of(bench.accelerator.accelerator);
  request.samples = samples_of_round(bench.options, round);
  request.period_us = kPeriodsUs[round];
  request.host_cpu = bench.host_cpu;
  const auto samples = sample_wakeups(bench.paths, request);
  if (!samples) return std::unexpected(samples.error());
  note_command(bench, name, samples->spec);
  if (deterministic(bench)) bench.boots.push_back({"capos", "default", samples->boot.first_user_ticks});
  CyclictestRun run{"./capos bench linux, configs/wakeup.capnp, load " + subject.load, "capOS", CAPOS_VERSION, {}};
  for (const auto value : samples->values) run.distribution.add(value);
  if (auto done = write_text(bench.directory / name / "cyclictest.json", render_cyclictest(run)); !done) return std::unexpected(done.error());
  return run.distribution;
}

Outcome<report::Distribution> measure_linux(Bench& bench, const Subject& subject, unsigned round, const std::string& name) {
  LinuxRequest request;
  request.accelerator = bench.accelerator.accelerator;
  request.kernel = bench.kernel.file;
  request.initrd = bench.initrd;
  request.directory = bench.directory / name;
  request.options = subject.options;
  request.load = subject.load;
  request.samples = samples_of_round(bench.options, round);
  request.period_us = kPeriodsUs[round];
  request.host_cpu = bench.host_cpu;
  const auto run = run_linux(request);
  if (!run) return std::unexpected(run.error());
  note_command(bench, name, run->spec);
  if (deterministic(bench)) bench.boots.push_back({"linux", subject.options, run->first_user_ticks});
  bench.linux_version = run->result.release + " " + run->result.version;
  return run->result.distribution;
}

report::ComparedRun& row_of(Bench& bench, const Subject& subject) {
  auto& runs = bench.comparison.runs;
  const auto found = std::ranges::find_if(runs, [&](const auto& run) {
    return run.system == subject.system && run.options == subject.options && run.load == subject.load;
  });
  if (found != runs.end()) return *found;
  return runs.emplace_back(subject.system, subject.options, subject.load, deterministic(bench) ? "instructions" : "ns", report::Distribution{});
}

Outcome<void> measure(Bench& bench, const Subject& subject, unsigned round) {
  const auto name = fmt::format("{}-{}", subject.name(), round + 1);
  const auto measured = subject.system == "capos" ? measure_capos(bench, subject, round, name) : measure_linux(bench, subject, round, name);
  if (!measured) return std::unexpected(measured.error());
  row_of(bench, subject).distribution.add(*measured);
  const auto summary = measured->summary();
  fmt::print(stderr, "median {}, max {}\n", summary.p50, summary.max);
  return {};
}

// In turns, until the end, a fault or Ctrl-C; gives what stopped it.
std::optional<Problem> take_turns(Bench& bench) {
  const auto all = subjects(bench.options);
  std::size_t number = 0;
  for (unsigned round = 0; round < bench.options.rounds; ++round) {
    for (const auto& subject : all) {
      fmt::print(stderr, "capos: [{}/{}] {} {}, load {}, {} samples every {} us: ", ++number, all.size() * bench.options.rounds, subject.system,
                 subject.options, subject.load, samples_of_round(bench.options, round), kPeriodsUs[round]);
      if (auto done = measure(bench, subject, round); !done) {
        fmt::print(stderr, "{}\n", done.error().cause);
        return done.error();
      }
    }
  }
  return std::nullopt;
}

// Of real time only: what the host itself shows on the CPU that the guests are pinned to.
void add_host_noise(Bench& bench) {
  const auto noise = measure_host(bench.host_cpu, bench.options.samples, kPeriodsUs[0]);
  if (!noise) {
    bench.comparison.statements.push_back("The host's own noise was not measured: " + noise.error().cause);
    return;
  }
  row_of(bench, {"host", "default", "none"}).distribution = noise->distribution;
}

// Both parts, as far as they are wanted; gives what stopped it.
std::optional<Problem> measure_all(Bench& bench) {
  if (wants(bench, "wakeups")) {
    if (!deterministic(bench)) add_host_noise(bench);
    if (auto stopped = take_turns(bench)) return stopped;
  }
  if (wants(bench, "round-trips")) {
    const LinuxOperations operations{bench.kernel.file, bench.initrd, bench.directory, bench.options.options, bench.options.samples};
    const auto version = measure_round_trips(bench.paths, operations, bench.comparison, bench.boots);
    if (!version) return version.error();
    bench.linux_version = *version;
  }
  if (!bench.boots.empty()) {
    if (auto done = add_boot_times(bench.paths, bench.boots, bench.comparison); !done) return done.error();
  }
  if (wants(bench, "isolated")) {
    const IsolatedCpuRequest request{bench.kernel.file, bench.initrd, bench.directory, bench.options.seconds};
    if (auto done = measure_isolated_cpu(bench.paths, request, bench.comparison); !done) return done.error();
  }
  return std::nullopt;
}

void add_statements(Bench& bench) {
  auto& list = bench.comparison.statements;
  if (wants(bench, "isolated")) {
    list.emplace_back("The isolated CPU: QEMU without instruction counting, two CPUs at a time on the host's clock, since with it QEMU 7.2 does not "
                      "boot Linux with two. Counts only; how often a tick comes in it is Linux's own (250 a second here). Linux, isolated: " +
                      linux_options_text("isolated"));
  }
  if (wants(bench, "round-trips")) {
    list.emplace_back("Round trips, rings and boots are always of the deterministic machine. Round trips: two processes of one FIFO priority on "
                      "one CPU in Linux; a call that lends its time in capOS. The ratio is of the medians, with the last set of Linux's options.");
  }
  if (!wants(bench, "wakeups")) return;
  list.emplace_back("capOS: from the scheduled release of a task to its first user instruction. Linux: cyclictest, from the instant it asked "
                    "clock_nanosleep to wake it at, to the clock it reads after that: the return through libc and one clock_gettime are in its "
                    "figure too.");
  if (deterministic(bench)) {
    list.emplace_back("The deterministic machine (QEMU TCG, instruction counting, one CPU): one instruction is one ns, runs repeat to the digit. "
                      "It shows path length, sections with interrupts off, and contention on one CPU. It does not show caches, TLBs, pipelines, "
                      "VM exits, other CPUs, firmware: no figure here is a time on real hardware, and a ratio on real hardware may be another.");
    list.emplace_back("With one CPU nothing can be isolated: nohz_full, isolcpus and a housekeeping CPU, the larger part of a tuner's means, are "
                      "not shown.");
  } else if (bench.accelerator.accelerator == Accelerator::kvm) {
    list.emplace_back("Real time under KVM, QEMU pinned to one CPU of the host: VM exits and the host's own noise are in both systems' figures.");
  } else {
    list.emplace_back("Real time in emulation (QEMU TCG without instruction counting), QEMU pinned to one CPU of the host: translating code takes most of "
                      "the time. This shows that the measurement works on the host's clock; its figures say nothing of either system.");
  }
  list.emplace_back("A maximum is the worst phase that was seen, no bound. Each round has another period, so that phases differ.");
}

void add_facts(Bench& bench) {
  auto& facts = bench.comparison.facts;
  MachineSpec machine;
  machine.accelerator = bench.accelerator.accelerator;
  facts.emplace_back("Machine", describe(machine));
  facts.emplace_back("Accelerator", bench.accelerator.reason);
  facts.emplace_back("QEMU", qemu_version());
  facts.emplace_back("Host", describe_host());
  facts.emplace_back("capOS", std::string(CAPOS_VERSION) + ", configs/wakeup.capnp");
  facts.emplace_back("Linux", fmt::format("{}{}Debian's {}", bench.linux_version, bench.linux_version.empty() ? "" : ", ", bench.kernel.package));
  facts.emplace_back("Linux, tuned", linux_options_text("tuned"));
  std::vector<std::string> seen;
  for (const auto& run : bench.comparison.runs) {
    if (run.load == "none" || std::ranges::find(seen, run.load) != seen.end()) continue;
    seen.push_back(run.load);
    facts.emplace_back("Load " + run.load + " in Linux", linux_load_text(run.load));
  }
}

Outcome<void> write_all(const Bench& bench) {
  const auto& comparison = bench.comparison;
  std::string commands;
  for (const auto& [name, command] : comparison.commands) commands += fmt::format("# {}\n{}\n", name, command);
  if (auto done = write_text(bench.directory / "commands.txt", commands); !done) return done;
  const auto json = render_comparison_json(comparison);
  if (auto done = write_text(bench.directory / "comparison.json", json); !done) return done;
  if (auto done = write_text(bench.directory / "report.html", render_comparison_html(comparison)); !done) return done;
  if (bench.options.json.empty() || bench.options.json == "-") return {};
  return write_text(bench.options.json, json);
}

void show(const Bench& bench) {
  if (bench.options.json == "-") {
    fmt::print("{}", render_comparison_json(bench.comparison));
    return;
  }
  if (!bench.comparison.runs.empty()) {
    fmt::print("wake-up latency, {}, one CPU\n{}", deterministic(bench) ? "in guest instructions (QEMU TCG, icount shift=0)" : "in ns of the host's clock",
               render_comparison_table(bench.comparison));
  }
  for (const auto& table : bench.comparison.tables) fmt::print("{}", render_table_text(table));
  for (const auto& [name, text] : bench.comparison.facts) fmt::print("{}: {}\n", name, text);
  for (const auto& statement : bench.comparison.statements) fmt::print("{}\n", statement);
  fmt::print("{}\n", (bench.directory / "report.html").string());
}

Outcome<void> prepare(Bench& bench) {
  bench.directory = bench.paths.out(kOut);
  bench.initrd = bench.directory / "initrd.cpio";
  if (auto made = make_directory(bench.directory); !made) return made;
  if (auto taken = take_directory(bench.directory); !taken) return taken;
  auto kernel = find_kernel_image(bench.paths.build / "linux-rt");
  if (!kernel) return std::unexpected(kernel.error());
  bench.kernel = std::move(*kernel);
  if (auto written = write_initrd(bench.paths, bench.initrd); !written) return written;
  if (deterministic(bench)) return {};
  const auto cpu = measuring_cpu();
  if (!cpu) return problem("cannot tell which CPUs this process may use", "--accel tcg needs no pinning");
  bench.host_cpu = *cpu;
  return {};
}

}  // namespace

Outcome<int> bench_linux(const Paths& paths, const BenchLinuxOptions& options) {
  Bench bench{paths, options, choose_accelerator(paths, options.accelerator), {}, {}, {}, -1, {}, {}, {}};
  bench.comparison.title = "capOS beside Linux PREEMPT_RT";
  fmt::print(stderr, "capos: {}\n", bench.accelerator.reason);
  if (auto ready = prepare(bench); !ready) return std::unexpected(ready.error());
  const auto stopped = measure_all(bench);
  if (bench.comparison.runs.empty() && bench.comparison.tables.empty()) return std::unexpected(*stopped);
  if (stopped) bench.comparison.statements.push_back("Not all of it: stopped early (" + stopped->cause + ").");
  add_statements(bench);
  add_facts(bench);
  if (auto done = write_all(bench); !done) return std::unexpected(done.error());
  show(bench);
  if (!stopped || interrupted()) return stopped ? kExitFailed : kExitFine;
  return std::unexpected(*stopped);
}

}  // namespace capos::cli
