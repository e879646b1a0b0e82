// SPDX-License-Identifier: Apache-2.0
#include "linux_run.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <cstdio>

#include "../machine/run.hpp"
#include "../support/files.hpp"
#include "../support/interrupt.hpp"

namespace capos::cli {
namespace {

constexpr const char* kResult = "/tmp/cyclictest.json";
constexpr std::uint64_t kMemory = 256 << 20;  // as configs/wakeup.capnp
// cyclictest counts latencies below this one by one, in ns; a real machine shows longer ones.
constexpr unsigned kRangeTcg = 100'000, kRangeKvm = 1'000'000;

// What a tuner sets on a machine that has one CPU, so that none can be isolated: no mitigations, no watchdogs, no
// polling for machine checks, the TSC as it is, callbacks in threads, no throttling of realtime threads, and an idle
// loop that does not halt (after tuned's realtime profile and Red Hat's tuning guide).
constexpr const char* kTuned =
    "mitigations=off nowatchdog nosoftlockup skew_tick=1 tsc=reliable nohz=on rcu_nocbs=0 audit=0 mce=ignore_ce idle=poll "
    "sysctl.kernel.sched_rt_runtime_us=-1 sysctl.vm.stat_interval=120";

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

// Emulation of a polling guest takes tens of seconds for one of its own; ten times that is a hang.
std::chrono::seconds wall_limit(const LinuxRequest& request) {
  return std::chrono::seconds(900 + request.samples * request.period_us / 2000);
}

std::unexpected<Problem> failed(const LinuxRequest& request, const MachineEnd& end) {
  const auto console = request.directory / "console.log";
  fmt::print(stderr, "{}\n", console_end(console, 20));
  return problem(fmt::format("Linux did not end in order: {}", end.note.empty() ? "without a word" : end.note), "read " + console.string());
}

}  // namespace

std::vector<std::string> cyclictest_command(Accelerator accelerator, std::uint64_t samples, std::uint64_t period_us, const std::string& json) {
  const unsigned range = accelerator == Accelerator::kvm ? kRangeKvm : kRangeTcg;
  return {"/usr/bin/cyclictest", "-m", "-q", "-N", "-p95", fmt::format("-i{}", period_us), fmt::format("-l{}", samples),
          fmt::format("-h{}", range), "--histfile=/dev/null", "--json=" + json};
}

MachineSpec linux_machine(const LinuxRequest& request) {
  MachineSpec spec;
  spec.accelerator = request.accelerator;
  spec.memory_bytes = kMemory;
  spec.kernel = request.kernel;
  spec.pack = request.initrd;
  spec.console = request.directory / "console.log";
  spec.host_cpu = request.host_cpu;
  spec.arguments = "console=ttyS0 quiet";
  if (const auto tuned = linux_options_text(request.options); !tuned.empty()) spec.arguments += " " + tuned;
  if (const auto load = load_words(request.load); !load.empty()) spec.arguments += " bench_load=" + load;
  const auto command = cyclictest_command(request.accelerator, request.samples, request.period_us, kResult);
  spec.arguments += fmt::format(" bench_file={} bench_run={}", kResult, fmt::join(command, ","));
  return spec;
}

Outcome<LinuxRun> run_linux(const LinuxRequest& request) {
  if (auto made = make_directory(request.directory); !made) return std::unexpected(made.error());
  const MachineSpec spec = linux_machine(request);
  const auto end = run_machine(spec, request.directory, {.wall = wall_limit(request)}, {});
  if (!end) return std::unexpected(end.error());
  if (interrupted()) return problem("interrupted", "run it again for all of it");
  if (!end->fine()) return failed(request, *end);
  const auto console = read_text(spec.console);
  if (!console) return std::unexpected(console.error());
  const auto json = sent_file(*console, kResult);
  if (!json) return std::unexpected(json.error());
  if (auto done = write_text(request.directory / "cyclictest.json", *json + "\n"); !done) return std::unexpected(done.error());
  auto result = parse_cyclictest(*json);
  if (!result) return std::unexpected(result.error());
  if (result->distribution.samples() < request.samples) return failed(request, *end);
  return LinuxRun{std::move(*result), spec};
}

std::string linux_load_text(const std::string& load) {
  if (load == "cpu") return "the same arithmetic loop in a normal process";
  if (load == "memory") return "the same walk through 8 MiB in a normal process";
  if (load == "ipc") return "hackbench -g 1 -f 1: a process sends 100 bytes at a time to another through a socket (capOS: a client calls a server)";
  if (load == "all") return "the three of cpu, memory and ipc together";
  return "nothing else runs";
}

std::string linux_options_text(const std::string& options) { return options == "tuned" ? kTuned : ""; }

}  // namespace capos::cli
