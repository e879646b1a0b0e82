// SPDX-License-Identifier: Apache-2.0
#include "ipc_rows.hpp"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <span>

#include "../support/files.hpp"
#include "guest_bench.hpp"

namespace capos::cli {
namespace {

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

// A guest that leaves rows.
Outcome<IpcRows> measure_rows(const Paths& paths, GuestBench bench, const BenchIpcOptions& options) {
  const abi::BenchRequest wanted{options.samples, options.population};
  bench.request.assign(reinterpret_cast<const char*>(&wanted), sizeof wanted);
  bench.verbose = options.verbose;
  const auto file = run_guest_bench(paths, bench);
  if (!file) return std::unexpected(file.error());
  auto recorded = read_rows(*file);
  if (!recorded) return recorded;
  const auto& made = recorded->header.population;
  if (std::min(made.endpoints, made.processes) < options.population) {
    return problem(fmt::format("of a population of {}, {} endpoints and {} processes could be made", options.population,
                               made.endpoints, made.processes),
                   "read the console.log beside " + file->string());
  }
  return recorded;
}

}  // namespace

Outcome<IpcRows> measure_ipc(const Paths& paths, const BenchIpcOptions& options, const std::string& plugin) {
  return measure_rows(paths,
                      {.name = "ipc",
                       .out_name = fmt::format("bench-ipc{}-{}", plugin.empty() ? "" : "-counters", options.population),
                       .request = {},
                       .memory_bytes = kStageBytes + options.population * kBystanderBytes,
                       .why_memory = fmt::format("a population of {} needs", options.population),
                       .plugin = plugin,
                       .educational_device = true},
                      options);
}

Outcome<IpcRows> measure_scale(const Paths& paths, std::uint64_t samples, bool verbose) {
  BenchIpcOptions options;
  options.samples = samples;
  options.verbose = verbose;
  return measure_rows(paths, {.name = "scale", .out_name = "bench-scale", .request = {}, .why_memory = "the bench needs"}, options);
}

}  // namespace capos::cli
