// SPDX-License-Identifier: Apache-2.0
#include "host_noise.hpp"

#include <fmt/format.h>
#include <sched.h>

#include "../support/files.hpp"
#include "../support/process.hpp"
#include "../support/temporary.hpp"
#include "linux_run.hpp"

namespace capos::cli {

std::optional<int> measuring_cpu() {
  cpu_set_t allowed;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return std::nullopt;
  for (int cpu = CPU_SETSIZE - 1; cpu >= 0; --cpu) {
    if (CPU_ISSET(static_cast<std::size_t>(cpu), &allowed)) return cpu;
  }
  return std::nullopt;
}

Outcome<CyclictestResult> measure_host(int cpu, std::uint64_t samples, std::uint64_t period_us) {
  const auto scratch = TemporaryDirectory::make();
  if (!scratch) return std::unexpected(scratch.error());
  const auto file = scratch->path() / "cyclictest.json";
  auto command = cyclictest_command(Accelerator::kvm, samples, period_us, file.string());
  command.push_back(fmt::format("-a{}", cpu));
  const auto run = capture(command, std::chrono::milliseconds(samples * period_us / 1000) + std::chrono::minutes(1));
  const auto text = run && run->state.exited(0) ? read_text(file) : Outcome<std::string>(std::unexpect);
  if (!text) return problem("cyclictest does not run on this host" + (run ? ": " + run->err.substr(0, run->err.find('\n')) : ""),
                            "run it as root, or allow realtime priorities and locked memory (ulimit -r, -l)");
  return parse_cyclictest(*text);
}

}  // namespace capos::cli
