// SPDX-License-Identifier: Apache-2.0
#include "isolated_cpu.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <optional>

#include "../linux/interrupts.hpp"
#include "../machine/run.hpp"
#include "../support/files.hpp"
#include "../support/interrupt.hpp"
#include "../support/process.hpp"
#include "capos/report/event.hpp"
#include "trial.hpp"

namespace capos::cli {
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
constexpr unsigned kSettle = 1;  // seconds, as in bench/linux/interrupts.cpp
constexpr unsigned kSpare = 1;   // so that a snapshot at the end is still one of active islands

// The counters of the isolated CPU at two instants of the guest, as its telemetry shows them while it runs.
class Counter {
 public:
  explicit Counter(unsigned seconds) : length_(seconds * kSecond) {}

  void look(const report::ChannelSnapshot& snapshot) {
    if (snapshot.state != report::RunState::running || snapshot.cpus.size() <= kIsolatedCpu || snapshot.islands_start_ns == 0) return;
    if (!before_ && snapshot.now_ns >= snapshot.islands_start_ns + kSettle * kSecond) before_ = snapshot;
    if (before_ && !after_ && snapshot.now_ns >= before_->now_ns + length_) after_ = snapshot;
  }
  [[nodiscard]] Outcome<InterruptCounts> counts() const {
    if (!after_) return problem("capOS ended before its interrupts were counted twice", "run it again on a host that is less busy");
    InterruptCounts counts;
    const auto& first = before_->cpus[kIsolatedCpu].interrupts;
    const auto& last = after_->cpus[kIsolatedCpu].interrupts;
    // Its own release began it: a CPU without an interrupt by then has not begun.
    if (std::ranges::count(first, 0U) == std::ssize(first)) return problem("capOS's task was not released on its CPU", "report this");
    for (std::size_t cause = 0; cause < last.size(); ++cause) {
      if (last[cause] == first[cause]) continue;
      counts.causes.emplace_back(report::describe(static_cast<schema::InterruptCause>(cause)), last[cause] - first[cause]);
    }
    return counts;
  }

 private:
  std::uint64_t length_;
  std::optional<report::ChannelSnapshot> before_, after_;
};

Outcome<InterruptCounts> count_in_capos(const Paths& paths, const IsolatedCpuRequest& wanted, report::Comparison& comparison) {
  TrialRequest request;
  request.file = (paths.root / "bench" / "isolated" / "isolated.capnp").string();
  request.title = "isolated";
  request.out_name = "bench/linux/capos-isolated";
  request.accelerator = name_of(Accelerator::tcg_real_time);
  request.duration_ns = (wanted.seconds + kSettle + kSpare) * kSecond;
  request.quiet = true;
  const auto trial = prepare_trial(paths, request);
  if (!trial) return std::unexpected(trial.error());
  const auto spec = prepare_machine(paths, trial->session_inputs());
  if (!spec) return std::unexpected(spec.error());
  comparison.commands.emplace_back("capos-isolated", shell_line(qemu_command(*spec)));
  Counter counter(wanted.seconds);
  Session session{paths.out(request.out_name), *spec, {}};
  const auto end = run_machine(*spec, session.directory, {.wall = std::chrono::seconds(120 + 3 * wanted.seconds)},
                               [&](const report::ChannelSnapshot& snapshot) { counter.look(snapshot); });
  if (!end) return std::unexpected(end.error());
  session.end = *end;
  if (interrupted()) return problem("interrupted", "run it again for all of it");
  tell_end(session);
  if (!end->fine()) return problem("capOS did not end in order", "read " + spec->console.string());
  return counter.counts();
}

Outcome<InterruptCounts> count_in_linux(const IsolatedCpuRequest& wanted, const std::string& options, report::Comparison& comparison) {
  LinuxMachine machine;
  machine.kernel = wanted.kernel;
  machine.initrd = wanted.initrd;
  machine.directory = wanted.directory / fmt::format("linux-{}-interrupts", options);
  machine.options = options;
  machine.cpus = 2;
  machine.accelerator = Accelerator::tcg_real_time;
  const auto end = boot_linux(machine, interrupts_program(wanted.seconds));
  if (!end) return std::unexpected(end.error());
  comparison.commands.emplace_back(machine.directory.filename().string(), shell_line(qemu_command(end->spec)));
  if (auto done = write_text(machine.directory / "interrupts.json", end->file); !done) return std::unexpected(done.error());
  return parse_interrupts(end->file);
}

void add(report::Comparison& comparison, report::ComparedTable& table, const std::string& system, const std::string& options, const InterruptCounts& counts) {
  report::Distribution one;
  one.add(counts.total());
  comparison.operations.push_back({system, options, "none", "interrupts", one, "isolated CPU"});
  table.rows.push_back({system, options, fmt::format("{}", counts.total()), counts.text()});
}

}  // namespace

Outcome<void> measure_isolated_cpu(const Paths& paths, const IsolatedCpuRequest& wanted, report::Comparison& comparison) {
  report::ComparedTable table{fmt::format("Interrupts in {} s on CPU 1 of 2, which only computes", wanted.seconds),
                              {{"system", true}, {"options", true}, {"interrupts"}, {"causes", true}}, {}};
  fmt::print(stderr, "capos: interrupts in {} s on a CPU that computes: capos\n", wanted.seconds);
  const auto capos = count_in_capos(paths, wanted, comparison);
  if (!capos) return std::unexpected(capos.error());
  add(comparison, table, "capos", "leased", *capos);
  for (const char* const options : {"default", "isolated"}) {
    fmt::print(stderr, "capos: interrupts in {} s on a CPU that computes: linux {}\n", wanted.seconds, options);
    const auto counts = count_in_linux(wanted, options, comparison);
    if (!counts) return std::unexpected(counts.error());
    add(comparison, table, "linux", options, *counts);
  }
  comparison.tables.push_back(std::move(table));
  return {};
}

}  // namespace capos::cli
