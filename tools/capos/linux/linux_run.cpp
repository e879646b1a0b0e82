// SPDX-License-Identifier: Apache-2.0
#include "linux_run.hpp"

#include <fmt/format.h>

#include "../support/files.hpp"

namespace capos::cli {
namespace {

constexpr const char* kResult = "/tmp/cyclictest.json";
// cyclictest counts latencies below this one by one, in ns; a real machine shows longer ones.
constexpr unsigned kRangeCounted = 100'000, kRangeRealTime = 1'000'000;

LinuxProgram program_of(const LinuxRequest& request) {
  // Emulation of a polling guest takes tens of seconds for one of its own; ten times that is a hang.
  const std::chrono::seconds wall(900 + request.samples * request.period_us / 2000);
  return {cyclictest_command(request.accelerator, request.samples, request.period_us, kResult), kResult, wall};
}

}  // namespace

std::vector<std::string> cyclictest_command(Accelerator accelerator, std::uint64_t samples, std::uint64_t period_us, const std::string& json) {
  const unsigned range = is_deterministic(accelerator) ? kRangeCounted : kRangeRealTime;
  return {"/usr/bin/cyclictest", "-m", "-q", "-N", "-p95", fmt::format("-i{}", period_us), fmt::format("-l{}", samples),
          fmt::format("-h{}", range), "--histfile=/dev/null", "--json=" + json};
}

MachineSpec linux_machine(const LinuxRequest& request) { return spec_of(request, program_of(request)); }

Outcome<LinuxRun> run_linux(const LinuxRequest& request) {
  const auto end = boot_linux(request, program_of(request));
  if (!end) return std::unexpected(end.error());
  if (auto done = write_text(request.directory / "cyclictest.json", end->file + "\n"); !done) return std::unexpected(done.error());
  auto result = parse_cyclictest(end->file);
  if (!result) return std::unexpected(result.error());
  if (const auto got = result->distribution.samples(); got < request.samples) {
    return problem(fmt::format("cyclictest made {} of {} samples", got, request.samples), "read " + end->spec.console.string());
  }
  return LinuxRun{std::move(*result), end->spec, end->first_user_ticks};
}

}  // namespace capos::cli
