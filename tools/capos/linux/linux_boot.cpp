// SPDX-License-Identifier: Apache-2.0
#include "linux_boot.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <charconv>
#include <cstdio>

#include "../latency/cyclictest.hpp"
#include "../machine/run.hpp"
#include "../support/files.hpp"
#include "../support/interrupt.hpp"

namespace capos::cli {
namespace {

constexpr std::uint64_t kMemory = 256 << 20;  // as configs/wakeup.capnp

// What a tuner sets on a machine that has one CPU, so that none can be isolated: no mitigations, no watchdogs, no
// polling for machine checks, the TSC as it is, callbacks in threads, no throttling of realtime threads, and an idle
// loop that does not halt (after tuned's realtime profile and Red Hat's tuning guide).
constexpr const char* kTuned =
    "mitigations=off nowatchdog nosoftlockup skew_tick=1 tsc=reliable nohz=on rcu_nocbs=0 audit=0 mce=ignore_ce idle=poll "
    "sysctl.kernel.sched_rt_runtime_us=-1 sysctl.vm.stat_interval=120";

// The same where CPU 1 is set apart: no tick there under one process that computes, no callbacks, no interrupts of devices, no
// other process; CPU 0 halts when idle (Documentation/admin-guide/kernel-parameters.txt, Documentation/timers/no_hz.rst of Linux).
constexpr const char* kIsolated =
    "mitigations=off nowatchdog nosoftlockup skew_tick=1 tsc=reliable audit=0 mce=ignore_ce isolcpus=nohz,domain,managed_irq,1 nohz_full=1 "
    "rcu_nocbs=1 rcu_nocb_poll irqaffinity=0 sysctl.kernel.sched_rt_runtime_us=-1 sysctl.vm.stat_interval=120";

constexpr const char* kCompute = "/init,cpu";
constexpr const char* kThrash = "/init,memory";
// One pair, as capOS's load has one client and one server; it does not end before the machine does.
constexpr const char* kPair = "/usr/bin/hackbench,-g,1,-f,1,-l,1000000000";

std::string load_words(const std::string& load) {
  if (load == "cpu") return kCompute;
  if (load == "memory") return kThrash;
  if (load == "ipc") return kPair;
  if (load == "all") return fmt::format("{}:{}:{}", kCompute, kThrash, kPair);
  return "";
}

std::unexpected<Problem> failed(const LinuxMachine& machine, const MachineEnd& end) {
  const auto console = machine.directory / "console.log";
  fmt::print(stderr, "{}\n", console_end(console, 20));
  return problem(fmt::format("Linux did not end in order: {}", end.note.empty() ? "without a word" : end.note), "read " + console.string());
}

}  // namespace

MachineSpec spec_of(const LinuxMachine& machine, const LinuxProgram& program) {
  MachineSpec spec;
  spec.accelerator = machine.accelerator;
  spec.memory_bytes = kMemory;
  spec.kernel = machine.kernel;
  spec.pack = machine.initrd;
  spec.console = machine.directory / "console.log";
  spec.host_cpu = machine.host_cpu;
  spec.cpus = machine.cpus;
  spec.arguments = "console=ttyS0 quiet";
  if (const auto tuned = linux_options_text(machine.options); !tuned.empty()) spec.arguments += " " + tuned;
  if (const auto load = load_words(machine.load); !load.empty()) spec.arguments += " bench_load=" + load;
  spec.arguments += fmt::format(" bench_file={} bench_run={}", program.file, fmt::join(program.command, ","));
  return spec;
}

Outcome<LinuxEnd> boot_linux(const LinuxMachine& machine, const LinuxProgram& program) {
  if (auto made = make_directory(machine.directory); !made) return std::unexpected(made.error());
  const MachineSpec spec = spec_of(machine, program);
  const auto end = run_machine(spec, machine.directory, {.wall = program.wall}, {});
  if (!end) return std::unexpected(end.error());
  if (interrupted()) return problem("interrupted", "run it again for all of it");
  if (!end->fine()) return failed(machine, *end);
  const auto console = read_text(spec.console);
  if (!console) return std::unexpected(console.error());
  auto file = sent_file(*console, program.file);
  if (!file) return std::unexpected(file.error());
  const auto first = first_user_ticks(*console);
  if (!first) return std::unexpected(first.error());
  return LinuxEnd{spec, std::move(*file), *first};
}

Outcome<std::uint64_t> first_user_ticks(std::string_view console) {
  constexpr std::string_view kBefore = "\nfirst user instruction at ";
  const auto at = console.find(kBefore);
  std::uint64_t ticks = 0;
  if (at != std::string_view::npos) {
    const auto text = console.substr(at + kBefore.size());
    if (std::from_chars(text.data(), text.data() + text.size(), ticks).ec == std::errc{}) return ticks;
  }
  return problem("Linux's first process does not say when it began", "read the console.log of that run");
}

std::string linux_load_text(const std::string& load) {
  if (load == "cpu") return "the same arithmetic loop in a normal process";
  if (load == "memory") return "the same walk through 8 MiB in a normal process";
  if (load == "ipc") return "hackbench -g 1 -f 1: a process sends 100 bytes at a time to another through a socket (capOS: a client calls a server)";
  if (load == "all") return "the three of cpu, memory and ipc together";
  return "nothing else runs";
}

std::string linux_options_text(const std::string& options) {
  if (options == "tuned") return kTuned;
  return options == "isolated" ? kIsolated : "";
}

}  // namespace capos::cli
