// SPDX-License-Identifier: Apache-2.0
// ./capos bench ipc: what entering the kernel, calling and signalling cost, beside seL4 and Linux.
#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <span>
#include <utility>
#include <vector>

#include "../machine/run.hpp"
#include "../support/files.hpp"
#include "../support/process.hpp"
#include "budgets.hpp"
#include "capos/abi/bench.hpp"
#include "capos/report/render.hpp"
#include "trial.hpp"
#include "verbs.hpp"

namespace capos::cli {
namespace {

constexpr std::uint64_t kChannelBytes = 16 << 20;
constexpr std::chrono::seconds kWall{1800};
// A crowd needs room: beyond so many of each kind the machine has more memory than the manifest says.
constexpr std::uint64_t kStageBytes = 512u << 20, kBystanderBytes = 320u << 10;  // a process takes 300

struct Recorded {
  abi::BenchHeader header{};
  std::vector<report::BenchLine> lines;
};

// Every count of the guest is bounded by the memory's size.
Outcome<Recorded> read_rows(const std::filesystem::path& file) {
  const auto bytes = read_bytes(file);
  if (!bytes) return std::unexpected(bytes.error());
  Recorded result;
  if (bytes->size() < abi::kBenchSamplesOffset) return problem("the shared memory is too small", "report this");
  std::memcpy(&result.header, bytes->data(), sizeof result.header);
  const auto& header = result.header;
  const std::uint64_t room = (bytes->size() - abi::kBenchSamplesOffset) / sizeof(std::uint32_t);
  if (header.magic != abi::kBenchMagic || header.rows_count > abi::kBenchRows)
    return problem("the run left no samples", "read the console.log beside " + file.string());
  for (const auto& row : std::span(header.rows, header.rows_count)) {
    if (row.first > room || row.count > room - row.first || row.count == 0 || row.count > header.request.samples)
      return problem("the run left a row that is not complete", "read the console.log beside " + file.string());
    std::vector<std::uint32_t> raw(row.count);
    std::memcpy(raw.data(), bytes->data() + abi::kBenchSamplesOffset + row.first * sizeof(std::uint32_t),
                row.count * sizeof(std::uint32_t));
    result.lines.push_back({std::string(row.name, strnlen(row.name, sizeof row.name)), "instructions",
                            report::summarise({raw.begin(), raw.end()})});
  }
  return result;
}

// What the counting plug-in (bench/tcg-plugin) writes of a row: medians.
struct Counters {
  std::uint64_t operations = 0, instructions = 0, switches = 0, serialising = 0, invalidations = 0, code_lines = 0, data_lines = 0;
};

Outcome<std::vector<Counters>> read_counters(const std::filesystem::path& file) {
  std::ifstream in(file);
  std::vector<Counters> rows;
  for (std::uint64_t number = 0; in >> number && number == rows.size();) {
    Counters c;
    if (!(in >> c.operations >> c.instructions >> c.switches >> c.serialising >> c.invalidations >> c.code_lines >> c.data_lines))
      break;
    rows.push_back(c);
  }
  if (rows.empty()) return problem("the counting plug-in left nothing in " + file.string(), "read qemu.log beside it");
  return rows;
}

// What the host can give without swapping, and what a control group lets this process have, in bytes; nothing if neither says.
std::optional<std::uint64_t> available_memory() {
  std::optional<std::uint64_t> least;
  const auto take = [&](std::uint64_t bytes) { least = std::min(bytes, least.value_or(bytes)); };
  std::ifstream in("/proc/meminfo");
  std::string name;
  for (std::uint64_t kib = 0; in >> name >> kib; in.ignore(16, '\n')) {
    if (name == "MemAvailable:") take(kib << 10);
  }
  for (const char* limit : {"/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"}) {
    std::ifstream group(limit);
    if (std::uint64_t bytes = 0; group >> bytes) take(bytes);
  }
  return least;
}

// With `plugin`, the machine runs under it: another machine, whose figures of time are not used.
Outcome<Recorded> measure(const Paths& paths, const BenchIpcOptions& options, const std::string& plugin = "") {
  TrialRequest request;
  request.file = (paths.root / "bench" / "ipc" / "ipc.capnp").string();
  request.title = "ipc";
  request.out_name = fmt::format("bench-ipc{}-{}", plugin.empty() ? "" : "-counters", options.population);
  request.accelerator = "tcg";  // instructions are counted, not timed
  request.verbose = options.verbose;
  request.quiet = true;
  const auto trial = prepare_trial(paths, request);
  if (!trial) return std::unexpected(trial.error());
  auto spec = prepare_machine(paths, trial->session_inputs());
  if (!spec) return std::unexpected(spec.error());
  const abi::BenchRequest wanted{options.samples, options.population};
  spec->plugin = plugin;
  spec->educational_device = true;
  spec->channel_bytes = kChannelBytes;
  spec->memory_bytes = std::max(spec->memory_bytes, (kStageBytes + options.population * kBystanderBytes) >> 20 << 20);
  if (const auto free = available_memory(); free && *free < spec->memory_bytes) {
    return problem(fmt::format("a population of {} needs a machine of {} MiB, and {} MiB are available", options.population,
                               spec->memory_bytes >> 20, *free >> 20),
                   "ask for a smaller --population");
  }
  spec->channel_head.assign(reinterpret_cast<const char*>(&wanted), sizeof wanted);
  if (options.verbose) fmt::print(stderr, "{}\n", shell_line(qemu_command(*spec)));
  Session session{paths.out(request.out_name), *spec, {}};
  const auto end = run_machine(*spec, session.directory, {.wall = kWall, .stall = kWall}, {});
  if (!end) return std::unexpected(end.error());
  session.end = *end;
  tell_end(session);
  if (!session.end.fine()) return problem("the bench did not finish", "read " + spec->console.string());
  auto recorded = read_rows(spec->channel);
  if (!recorded) return recorded;
  const auto& made = recorded->header.population;
  if (std::min(made.endpoints, made.processes) < options.population) {
    return problem(fmt::format("of a population of {}, {} endpoints and {} processes could be made", options.population,
                               made.endpoints, made.processes),
                   "read " + spec->console.string());
  }
  return recorded;
}

constexpr std::uint64_t kCountedSamples = 100;  // each operation is like the others; the plug-in is slow

Outcome<std::vector<Counters>> count(const Paths& paths, BenchIpcOptions options) {
  const auto plugin = paths.build / "bench" / "tcg-plugin" / "libcapos_counters.so";
  const auto out = paths.out(fmt::format("bench-ipc-counters-{}", options.population)) / "counters.txt";
  std::error_code ignored;
  std::filesystem::remove(out, ignored);
  options.samples = std::min(options.samples, kCountedSamples);
  const auto recorded = measure(paths, options, fmt::format("{},out={}", plugin.string(), out.string()));
  if (!recorded) return std::unexpected(recorded.error());
  auto counters = read_counters(out);
  if (!counters) return counters;
  // A line for each row, of operations that were seen to run.
  const auto complete = std::ranges::count_if(*counters, [](const Counters& c) { return c.operations != 0 && c.code_lines != 0; });
  if (counters->size() != recorded->lines.size() || std::cmp_not_equal(complete, counters->size())) {
    return problem(fmt::format("of {} rows the counting plug-in left {}, {} of them with something in it", recorded->lines.size(),
                               counters->size(), complete),
                   "read qemu.log beside " + out.string());
  }
  return counters;
}

void print_counters(const Recorded& recorded, const std::vector<Counters>& counters) {
  fmt::print("per operation (median, by the counting plug-in in a run of its own): loads of CR3, serialising instructions\n"
             "(those loads included), explicit TLB invalidations, distinct 64-byte lines of code and of data\n");
  fmt::print("  {:<22} {:>8} {:>11} {:>13} {:>10} {:>10}\n", "", "CR3", "serialising", "invalidations", "code lines", "data lines");
  for (std::size_t i = 0; i < recorded.lines.size() && i < counters.size(); ++i) {
    const auto& c = counters[i];
    fmt::print("  {:<22} {:>8} {:>11} {:>13} {:>10} {:>10}\n", recorded.lines[i].name, c.switches, c.serialising,
               c.invalidations, c.code_lines, c.data_lines);
  }
}

std::string shown(const std::optional<std::uint64_t>& figure) { return figure ? fmt::format("{}", *figure) : ""; }

void print_table(const std::vector<Budget>& budgets, const Recorded& recorded) {
  const auto& population = recorded.header.population;
  fmt::print("guest instructions, user part included (QEMU TCG, icount shift=0, one CPU); {} samples a row;\n",
             recorded.header.request.samples);
  fmt::print("{} instructions of an empty pair of stamps are subtracted from each sample\n", recorded.header.stamp_ticks);
  const auto wanted = recorded.header.request.population;
  fmt::print("beside it: {} more capabilities in the table, {} more endpoints, {} more processes with a thread each{}\n",
             population.capabilities, population.endpoints, population.processes,
             wanted == 0 ? "" : fmt::format(" ({} of each were asked for)", wanted));
  fmt::print("  {:<22} {:>6} {:>6} {:>6} {:>6}  {:>6} {:>8} {:>6}  {}\n", "", "min", "median", "max", "budget", "seL4",
             "seL4 MCS", "Linux", "operation (Linux's)");
  for (const auto& line : recorded.lines) {
    const auto& s = line.summary;
    const auto found = std::ranges::find(budgets, line.name, &Budget::name);
    const Budget known = found == budgets.end() ? Budget{} : *found;
    fmt::print("  {:<22} {:>6} {:>6} {:>6} {:>6}  {:>6} {:>8} {:>6}  {}\n", line.name, s.min, s.p50, s.max,
               found == budgets.end() ? "none" : fmt::format("{}", known.median), shown(known.sel4), shown(known.sel4_mcs),
               shown(known.linux_rt),
               known.linux_operation.empty() ? known.operation
                                             : fmt::format("{} ({})", known.operation, known.linux_operation));
  }
  for (const auto& line : recorded.lines) {
    if (line.summary.samples < recorded.header.request.samples)
      fmt::print("  {}: {} samples\n", line.name, line.summary.samples);
  }
  for (const auto& line : recorded.lines) {
    const auto found = std::ranges::find(budgets, line.name, &Budget::name);
    if (found == budgets.end() || (line.summary.p50 <= found->median && line.summary.max <= found->max)) continue;
    fmt::print("  {}: over its budget\n", line.name);
  }
  for (const auto& name : missing_rows(budgets, "ipc", recorded.lines)) fmt::print("  {:<22} not measured yet\n", name);
}

// Whether a median of `crowded` is further from that of `quiet` than the samples of the quiet run lie apart (so a row
// without a spread has to be equal; one that meets a timer interrupt has a spread of a few instructions); says which.
bool differs(const Recorded& quiet, const Recorded& crowded) {
  bool any = quiet.lines.size() != crowded.lines.size();
  for (std::size_t i = 0; i < std::min(quiet.lines.size(), crowded.lines.size()); ++i) {
    const auto& before = quiet.lines[i].summary;
    const auto& after = crowded.lines[i].summary;
    const auto apart = std::max(before.p50, after.p50) - std::min(before.p50, after.p50);
    if (apart <= before.max - before.min) continue;
    any = true;
    fmt::print(stderr, "capos: depends on the population: {}: median {} becomes {}\n", quiet.lines[i].name, before.p50, after.p50);
  }
  return any;
}

}  // namespace

Outcome<int> bench_ipc(const Paths& paths, const BenchIpcOptions& options) {
  const auto budgets = read_budgets(paths);
  if (!budgets) return std::unexpected(budgets.error());
  const auto recorded = measure(paths, options);
  if (!recorded) return std::unexpected(recorded.error());
  std::vector<Counters> counters;
  if (options.counters) {
    auto counted = count(paths, options);
    if (!counted) return std::unexpected(counted.error());
    counters = std::move(*counted);
  }
  const std::string json = report::render_bench_json(recorded->lines);
  if (options.json == "-") {
    fmt::print("{}", json);
  } else {
    print_table(*budgets, *recorded);
    if (options.counters) print_counters(*recorded, counters);
    if (!options.json.empty()) {
      if (auto done = write_text(options.json, json); !done) return std::unexpected(done.error());
    }
  }
  if (options.against != 0) {
    BenchIpcOptions more = options;
    more.population = options.against;
    const auto crowded = measure(paths, more);
    if (!crowded) return std::unexpected(crowded.error());
    if (options.json != "-") print_table(*budgets, *crowded);
    if (differs(*recorded, *crowded)) return kExitFailed;
  }
  return options.check ? enforce_budgets(paths, "ipc", recorded->lines) : kExitFine;
}

}  // namespace capos::cli
