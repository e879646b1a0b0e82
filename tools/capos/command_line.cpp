// SPDX-License-Identifier: Apache-2.0
#include "command_line.hpp"

#include <fmt/core.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>

#include "verbs/verbs.hpp"

namespace capos::cli {
namespace {

constexpr const char* kJsonFlag = "JSON on standard output, and nothing else there";
constexpr const char* kJsonFile =
    "Also write JSON to that file; - is standard output, and nothing else there";

// A verb's options live as long as the action that takes them.
template <typename Options>
std::shared_ptr<Options> bind(CLI::App& verb, Action& action,
                              Outcome<int> (*function)(const Paths&, const Options&)) {
  auto options = std::make_shared<Options>();
  verb.callback([&action, options, function] {
    action = [options, function](const Paths& paths) { return function(paths, *options); };
  });
  return options;
}

void add_accelerator(CLI::App& verb, std::string& accelerator) {
  verb.add_option("--accel", accelerator, "tcg is deterministic; auto takes KVM where it works")
      ->check(CLI::IsMember({"auto", "tcg", "kvm"}))
      ->capture_default_str();
}

void add_demo(CLI::App& app, Action& action) {
  auto& verb = *app.add_subcommand("demo", "Balance a pendulum and play a tune under load, and show every deadline");
  const auto options = bind(verb, action, &demo);
  verb.add_option("--seconds", options->seconds, "Guest time from the islands' start")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  verb.add_option("--load", options->load, "Best-effort work beside the islands")
      ->check(CLI::IsMember({"none", "cpu", "memory", "ipc", "all"}))
      ->capture_default_str();
  verb.add_option("--cpus", options->cpus,
                  "CPUs of the machine (default: the manifest's); 2 leave the tune out, 1 puts the pendulum on CPU 0")
      ->check(CLI::Range(1, 16));
  verb.add_option("--json", options->json, kJsonFile);
  verb.add_option("--fault", options->fault, "Have a service fail two fifths into the run")
      ->check(CLI::IsMember({"controller-hang", "controller-crash", "slow-node"}));
  add_accelerator(verb, options->accelerator);
  verb.add_option("--timeout", options->timeout,
                  "Real seconds until the machine is ended (default: from the length)");
  verb.add_flag("--verbose", options->verbose, "Print the exact QEMU command");
  verb.footer("Leaves report.html, result.json, audio.wav, console.log, telemetry.bin, command.txt in out/demo/.");
}

void add_test(CLI::App& app, Action& action) {
  auto& verb = *app.add_subcommand("test", "Run every test; the last line is \"N passed, N failed\"");
  const auto options = bind(verb, action, &test);
  options->jobs = std::max(1U, std::thread::hardware_concurrency());
  verb.add_flag("--quick", options->quick, "Leave out the slow suites (those that boot machines or fuzz)");
  verb.add_option("--filter", options->filter,
                  "Suites whose name contains this; SUITE:CASES also takes a GoogleTest filter");
  verb.add_option("--jobs", options->jobs, "Suites at a time")
      ->check(CLI::Range(1, 256))
      ->capture_default_str();
  verb.add_flag("--list", options->list, "Name the suites, and run none");
  verb.add_flag("--json", options->json, kJsonFlag);
  verb.footer("What each suite printed is in out/test/SUITE.log.");
}

void add_admit(CLI::App& app, Action& action) {
  auto& verb = *app.add_subcommand("admit", "Whether a manifest's islands fit, or why they do not");
  const auto options = bind(verb, action, &admit);
  verb.add_option("FILE", options->file, "The manifest, for example configs/demo.capnp")->required();
  verb.add_option("--machine", options->machine, "configs/machines/NAME.capnp: the kernel's overheads")
      ->capture_default_str();
  verb.add_flag("--analyse-only", options->analyse_only,
                "Also analyse what the kernel does not run: EDF, deadlines beyond the period, triggered hops");
  verb.add_flag("--sensitivity", options->sensitivity,
                "Also how far each budget can grow and each period shrink before refusal");
  auto* const explain = verb.add_option("--explain", options->explain,
                                        "Draw the worst case of a task (TASK or ISLAND.TASK): who runs when");
  verb.add_option("--svg", options->svg, "Where --explain writes its picture (default: out/admit/TASK.svg)")->needs(explain);
  auto* const wcet = verb.add_option("--wcet", options->wcet, "Propose budgets from the result.json of a run");
  verb.add_option("--margin", options->margin, "Percent that --wcet adds to what was measured")
      ->check(CLI::Range(0, 1000))
      ->needs(wcet)
      ->capture_default_str();
  verb.add_flag("--show", options->show, "Print the manifest with every default filled in, and do no more");
  verb.add_flag("--json", options->json, kJsonFlag);
  verb.footer("Exit status: 0 admitted, 2 refused, 1 the file is wrong.");
}

void add_run(CLI::App& app, Action& action) {
  auto& verb = *app.add_subcommand("run", "Boot a manifest of your own");
  const auto options = bind(verb, action, &run);
  verb.add_option("MANIFEST", options->file, "For example configs/examples/minimal.capnp")->required();
  verb.add_option("--seconds", options->seconds,
                  "Guest time from the islands' start; 0: until something ends it")
      ->check(CLI::Range(0.0, 86400.0))
      ->capture_default_str();
  verb.add_flag("--force", options->force,
                "Boot it although it is refused or breaks rules: the guest refuses it too");
  verb.add_option("--out", options->out, "Directory below out/ for what the run leaves")
      ->capture_default_str();
  add_accelerator(verb, options->accelerator);
  verb.add_option("--timeout", options->timeout,
                  "Real seconds until the machine is ended (default: from the length)");
  verb.add_flag("--json", options->json, kJsonFlag);
  verb.add_flag("--verbose", options->verbose, "Print the exact QEMU command");
}

void add_bench_ipc(CLI::App& group, Action& action) {
  auto& verb = *group.add_subcommand("ipc", "System calls, calls between programs, signals, beside seL4 and Linux");
  const auto options = bind(verb, action, &bench_ipc);
  verb.add_option("--samples", options->samples, "Samples of each row")
      ->check(CLI::Range(10, 100'000))
      ->capture_default_str();
  verb.add_option("--population", options->population,
                  "That many more capabilities, endpoints and processes beside, as far as there is room")
      ->check(CLI::Range(0, 65'000))
      ->capture_default_str();
  verb.add_option("--against", options->against,
                  "Measure again with this population; exit status 1 if a median is another")
      ->check(CLI::Range(1, 65'000));
  verb.add_flag("--counters", options->counters,
                "Also count address-space switches, serialising instructions, TLB invalidations and cache lines, in a "
                "second run");
  verb.add_option("--json", options->json, kJsonFile);
  verb.add_flag("--verbose", options->verbose, "Print the exact QEMU command");
  verb.add_flag("--check", options->check, "Exit status 1 if a figure is over its budget (bench/budgets.json)");
}

void add_bench_linux(CLI::App& group, Action& action) {
  auto& verb = *group.add_subcommand("linux", "Wake-ups and round trips beside Debian's PREEMPT_RT, in the same machine");
  const auto options = bind(verb, action, &bench_linux);
  verb.add_option("--samples", options->samples, "Wake-ups of each row, over all rounds; of the round trips at most 1000")
      ->check(CLI::Range(10, 1'000'000))
      ->capture_default_str();
  verb.add_option("--load", options->loads, "Best-effort work beside the idle runs; may be repeated")
      ->check(CLI::IsMember({"none", "cpu", "memory", "ipc", "all"}))
      ->capture_default_str();
  verb.add_option("--options", options->options, "Linux's boot options; may be repeated")
      ->check(CLI::IsMember({"default", "tuned"}))
      ->capture_default_str();
  verb.add_option("--part", options->parts, "What is measured; may be repeated")
      ->check(CLI::IsMember({"wakeups", "round-trips", "isolated"}))
      ->capture_default_str();
  verb.add_option("--seconds", options->seconds, "How long interrupts are counted in the part isolated")
      ->check(CLI::Range(1, 3000))
      ->capture_default_str();
  verb.add_option("--rounds", options->rounds, "How often the systems take turns, each time with another period")
      ->check(CLI::Range(1, 8))
      ->capture_default_str();
  verb.add_option("--accel", options->accelerator, "As elsewhere; tcg-real-time measures as with KVM, on the host's clock, in emulation")
      ->check(CLI::IsMember({"auto", "tcg", "kvm", "tcg-real-time"}))
      ->capture_default_str();
  verb.add_option("--json", options->json, kJsonFile);
  verb.add_flag("--verbose", options->verbose, "Print the exact QEMU commands");
  verb.footer("Leaves report.html, comparison.json, commands.txt and cyclictest's JSON of each run in out/bench/linux/.\n"
              "Ctrl-C ends it early; what was measured until then is still told.");
}

void add_bench_host(CLI::App& group, Action& action) {
  auto& verb = *group.add_subcommand("host", "Queues, rings and codec at native speed, beside their peers");
  const auto options = bind(verb, action, &bench_host);
  verb.add_option("--min-time", options->min_time, "Seconds for each benchmark (default: Google Benchmark's)")
      ->check(CLI::Range(0.0001, 60.0));
  verb.add_option("--json", options->json, kJsonFile);
}

void add_bench_sched(CLI::App& group, Action& action) {
  auto& verb = *group.add_subcommand("sched", "Releases, switches, what many contexts cost, and how long the kernel keeps interrupts off");
  const auto options = bind(verb, action, &bench_sched);
  verb.add_option("--samples", options->samples, "Releases measured in each run; of the switches at most 1000")
      ->check(CLI::Range(10, 250'000))
      ->capture_default_str();
  verb.add_option("--part", options->parts, "What is measured; may be repeated")
      ->check(CLI::IsMember({"releases", "switches", "scale", "interrupts-off"}))
      ->capture_default_str();
  verb.add_option("--json", options->json, kJsonFile);
  verb.add_flag("--verbose", options->verbose, "Print the exact QEMU commands");
  verb.add_flag("--check", options->check, "Exit status 1 if a figure is over its budget (bench/budgets.json)");
}

void add_bench_noise(CLI::App& group, Action& action) {
  auto& verb = *group.add_subcommand("noise", "What interrupts a CPU: each gap in a loop and its cause; leased, periodic and idle CPUs");
  const auto options = bind(verb, action, &bench_noise);
  verb.add_option("--seconds", options->seconds, "Of the guest, in each of the two machines")->check(CLI::Range(0.01, 600.0))->capture_default_str();
  verb.add_option("--json", options->json, kJsonFile);
  verb.add_flag("--verbose", options->verbose, "Print the exact QEMU commands");
}

void add_bench_boot(CLI::App& group, Action& action) {
  auto& verb = *group.add_subcommand("boot", "From reset to the first job: phases, and the five functions that cost most");
  const auto options = bind(verb, action, &bench_boot);
  verb.add_option("--json", options->json, kJsonFile);
  verb.add_flag("--verbose", options->verbose, "Print the exact QEMU commands");
}

void add_bench_compare(CLI::App& group, Action& action) {
  auto& verb = *group.add_subcommand("compare", "What moved between two runs, and by how many instructions");
  const auto options = bind(verb, action, &bench_compare);
  const char* const what = "A file of results, or a position in the history: 1 (the oldest), 2, ..., last, last~1, ...";
  verb.add_option("BEFORE", options->before, what)->required();
  verb.add_option("AFTER", options->after, what)->required();
  verb.add_flag("--all", options->all, "Also what did not move");
  verb.add_flag("--json", options->json, kJsonFlag);
}

// Without a suite's name: all of them.
void add_bench_all(CLI::App& group, Action& action) {
  auto options = std::make_shared<BenchAllOptions>();
  group.add_option("--samples", options->samples, "Wake-ups of each run; the other suites at most their default")
      ->check(CLI::Range(10, 250'000))
      ->capture_default_str();
  const CLI::IsMember suites({"ipc", "wakeup", "sched", "noise", "boot", "linux", "host"});
  auto* const without = group.add_option("--without", options->without, "A suite to leave out; may be repeated")->check(suites);
  group.add_option("--only", options->only, "A suite to run, and no others than those so named; may be repeated")->check(suites)->excludes(without);
  group.add_option("--json", options->json, "Also write the history's new entry to that file");
  group.callback([&group, &action, options] {
    if (!group.get_subcommands().empty()) return;
    action = [options](const Paths& paths) { return bench_all(paths, *options); };
  });
  group.footer("Without a name: all of them, kept in out/bench/history/history.jsonl.");
}

void add_bench(CLI::App& app, Action& action) {
  auto& group = *app.add_subcommand("bench", "Measure: all suites, or the one that is named");
  group.require_subcommand(0, 1);
  add_bench_all(group, action);
  auto& verb = *group.add_subcommand("wakeup", "Release to first user instruction, beside PREEMPT_RT");
  const auto options = bind(verb, action, &bench_wakeup);
  verb.add_option("--load", options->load, "Best-effort work of the loaded run, on the same CPU")
      ->check(CLI::IsMember({"cpu", "memory", "ipc", "all"}))
      ->capture_default_str();
  verb.add_option("--samples", options->samples, "Releases measured in each run")
      ->check(CLI::Range(10, 250'000))
      ->capture_default_str();
  verb.add_option("--json", options->json, kJsonFile);
  verb.add_flag("--verbose", options->verbose, "Print the exact QEMU commands");
  verb.add_flag("--check", options->check, "Exit status 1 if a figure is over its budget (bench/budgets.json)");
  add_bench_ipc(group, action);
  add_bench_linux(group, action);
  add_bench_sched(group, action);
  add_bench_noise(group, action);
  add_bench_boot(group, action);
  add_bench_host(group, action);
  add_bench_compare(group, action);
}

void add_trace(CLI::App& app, Action& action) {
  auto& verb = *app.add_subcommand("trace", "Boot a manifest and write its timeline for Perfetto");
  const auto options = bind(verb, action, &trace);
  verb.add_option("MANIFEST", options->file, "For example configs/demo.capnp")->required();
  verb.add_option("-o,--output", options->output, "Where to (default: out/trace/trace.pftrace)");
  verb.add_option("--seconds", options->seconds, "Guest time from the islands' start")
      ->check(CLI::Range(0.05, 3600.0))
      ->capture_default_str();
  verb.add_option("--load", options->load, "Which of the manifest's load services run")
      ->check(CLI::IsMember({"none", "cpu", "memory", "ipc", "all"}))
      ->capture_default_str();
  verb.add_option("--cpus", options->cpus, "CPUs of the machine (default: the manifest's)")->check(CLI::Range(1, 16));
  add_accelerator(verb, options->accelerator);
  verb.add_flag("--jobs-only", options->jobs_only, "Without dispatches, interrupts and calls that lend time: the run takes its usual course");
  verb.add_flag("--json", options->json, kJsonFlag);
}

void add_top(CLI::App& app, Action& action) {
  auto& verb = *app.add_subcommand("top", "A running guest's islands, tasks, CPUs and rings, live");
  const auto options = bind(verb, action, &top);
  verb.add_option("RUN", options->run, "Its directory below out/ (default: what runs now)");
  verb.add_option("--interval", options->interval, "Real seconds between looks")->check(CLI::Range(0.1, 60.0))->capture_default_str();
  verb.add_flag("--once", options->once, "Two looks, one view");
  verb.add_flag("--json", options->json, "The same as JSON on standard output, and nothing else there");
  verb.footer("Reads memory of the guest that the host can see; the guest makes no exit for it. Ctrl-C leaves it.");
}

void add_graph(CLI::App& app, Action& action) {
  auto& verb = *app.add_subcommand("graph", "Draw what a manifest describes, as DOT and SVG");
  const auto options = bind(verb, action, &graph);
  verb.add_option("MANIFEST", options->file, "For example configs/demo.capnp")->required();
  verb.add_option("--machine", options->machine, "configs/machines/NAME.capnp: the kernel's overheads")->capture_default_str();
  verb.add_option("-o,--output", options->output, "Directory (default: out/graph)");
  verb.add_flag("--json", options->json, kJsonFlag);
  verb.footer("Exit status: 0 admitted, 2 refused (drawn all the same), 1 the file is wrong.");
}

void add_image(CLI::App& app, Action& action) {
  auto& verb = *app.add_subcommand("image", "Make files that boot by themselves: kernel, boot pack, CD image");
  const auto options = bind(verb, action, &image);
  verb.add_option("MANIFEST", options->file, "Default: configs/demo.capnp");
  verb.add_flag("--iso", options->iso, "Also a CD image whose GRUB boots them, on BIOS and UEFI");
  verb.add_option("--machine", options->machine, "What it will run on: QEMU's instruction counting, or real time")
      ->check(CLI::IsMember({"deterministic", "kvm"}))
      ->capture_default_str();
  verb.add_option("--seconds", options->seconds, "Guest time from the islands' start until it switches off; 0: never")
      ->check(CLI::Range(0.0, 86400.0))
      ->capture_default_str();
  verb.add_option("--out", options->out, "Directory below out/")->capture_default_str();
  verb.add_option("--json", options->json, kJsonFile);
  verb.footer("Equal commits give equal files. Leaves capos.elf, boot.pack and capos.iso in out/image/.");
}

void add_gdb(CLI::App& app, Action& action) {
  auto& verb = *app.add_subcommand("gdb", "Stop the kernel at its entry, with symbols, in gdb");
  const auto options = bind(verb, action, &gdb);
  verb.add_option("MANIFEST", options->file, "Default: configs/demo.capnp");
  verb.add_flag("--server-only", options->server_only, "Start the machine, print how to connect, and wait");
  verb.add_option("--ex", options->commands, "A gdb command to run at the entry; may be repeated")
      ->take_all()
      ->expected(1);
  verb.add_flag("--batch", options->batch, "End gdb after those commands");
  add_accelerator(verb, options->accelerator);
  verb.add_flag("--json", options->json, "With --server-only: JSON on standard output");
}

void add_probe(CLI::App& app, Action& action) {
  auto& verb = *app.add_subcommand("probe", "Which accelerator this machine offers, and why");
  const auto options = bind(verb, action, &probe);
  verb.add_flag("--json", options->json, kJsonFlag);
}

// CLI11's own text for help and version, ours for mistakes.
int report_parse(const CLI::App& app, const CLI::ParseError& error) {
  if (error.get_exit_code() == 0) return app.exit(error);
  const auto verbs = app.get_subcommands();
  const std::string verb = verbs.empty() ? "" : " " + verbs.front()->get_name();
  return report(Problem{error.what(), "./capos" + verb + " --help lists what there is"});
}

}  // namespace

std::expected<Action, int> parse_command_line(int count, const char* const* words) {
  CLI::App app("capOS: a realtime-island microkernel", "./capos");
  app.set_version_flag("--version", std::string("capos " CAPOS_VERSION));
  app.require_subcommand(1);
  Action action;
  add_demo(app, action);
  add_test(app, action);
  add_admit(app, action);
  add_run(app, action);
  add_bench(app, action);
  add_image(app, action);
  add_trace(app, action);
  add_top(app, action);
  add_graph(app, action);
  add_gdb(app, action);
  add_probe(app, action);
  try {
    app.parse(count, words);
  } catch (const CLI::ParseError& error) {
    return std::unexpected(report_parse(app, error));
  }
  return action;
}

int report(const Problem& problem) {
  if (!problem.shown) fmt::print(stderr, "capos: error: {}\n  remedy: {}\n", problem.cause, problem.remedy);
  return problem.exit_code;
}

}  // namespace capos::cli
