// SPDX-License-Identifier: Apache-2.0
#include "guest_bench.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <fstream>
#include <optional>

#include "../machine/run.hpp"
#include "../support/process.hpp"
#include "trial.hpp"

namespace capos::cli {
namespace {

constexpr std::uint64_t kChannelBytes = 16 << 20;
constexpr std::chrono::seconds kWall{3600};

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

Outcome<std::filesystem::path> run_guest_bench(const Paths& paths, const GuestBench& bench) {
  TrialRequest request;
  request.file = (paths.root / "bench" / bench.name / (bench.name + ".capnp")).string();
  request.title = bench.name;
  request.out_name = bench.out_name;
  request.accelerator = "tcg";  // instructions are counted, not timed
  request.adjustment.cpus = bench.cpus;
  request.verbose = bench.verbose;
  request.quiet = true;
  const auto trial = prepare_trial(paths, request);
  if (!trial) return std::unexpected(trial.error());
  auto spec = prepare_machine(paths, trial->session_inputs());
  if (!spec) return std::unexpected(spec.error());
  spec->plugin = bench.plugin;
  spec->educational_device = bench.educational_device;
  spec->channel_bytes = kChannelBytes;
  spec->memory_bytes = std::max(spec->memory_bytes, bench.memory_bytes >> 20 << 20);
  if (const auto free = available_memory(); free && *free < spec->memory_bytes) {
    return problem(fmt::format("{} a machine of {} MiB, and {} MiB are available", bench.why_memory, spec->memory_bytes >> 20, *free >> 20),
                   "ask for less");
  }
  spec->channel_head = bench.request;
  if (bench.verbose) fmt::print(stderr, "{}\n", shell_line(qemu_command(*spec)));
  Session session{paths.out(request.out_name), *spec, {}};
  const auto end = run_machine(*spec, session.directory, {.wall = kWall, .stall = kWall}, {});
  if (!end) return std::unexpected(end.error());
  session.end = *end;
  tell_end(session);
  if (!session.end.fine()) return problem("the bench did not finish", "read " + spec->console.string());
  return spec->channel;
}

}  // namespace capos::cli
