// SPDX-License-Identifier: Apache-2.0
#include "ipc_rows.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <optional>
#include <span>

#include "../machine/run.hpp"
#include "../support/files.hpp"
#include "../support/process.hpp"
#include "trial.hpp"

namespace capos::cli {
namespace {

constexpr std::uint64_t kChannelBytes = 16 << 20;
constexpr std::chrono::seconds kWall{1800};
// A crowd needs room: beyond so many of each kind the machine has more memory than the manifest says.
constexpr std::uint64_t kStageBytes = 512u << 20, kBystanderBytes = 320u << 10;  // a process takes 300

// Every count of the guest is bounded by the memory's size.
Outcome<IpcRows> read_rows(const std::filesystem::path& file) {
  const auto bytes = read_bytes(file);
  if (!bytes) return std::unexpected(bytes.error());
  IpcRows result;
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

}  // namespace

Outcome<IpcRows> measure_ipc(const Paths& paths, const BenchIpcOptions& options, const std::string& plugin) {
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

}  // namespace capos::cli
