// SPDX-License-Identifier: Apache-2.0
#include "session.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdio>

#include "../manifest/pack.hpp"
#include "../support/files.hpp"
#include "../support/lock.hpp"
#include "../support/process.hpp"
#include "capos/admission/units.hpp"
#include "progress.hpp"

namespace capos::cli {
namespace fs = std::filesystem;
namespace {

constexpr std::uint64_t kSecond = 1'000'000'000;
// Room in the channel: each job leaves two or three events, the rest of the system some hundred a second. The
// file is sparse, but the guest maps all of it: beyond kMaxEvents its page tables exceed the telemetry
// service's memory.
constexpr std::uint64_t kEventsPerJob = 4;
constexpr std::uint64_t kOtherEventsPerSecond = 4096;
constexpr std::uint64_t kMaxEvents = (std::uint64_t{1} << 20) - 128;  // 64 MiB with the header
constexpr std::uint64_t kDefaultSeconds = 60;
constexpr std::uint64_t kDefaultMemory = 256 << 20;  // of manifest.capnp

std::uint64_t jobs_per_second(schema::SystemManifest::Reader manifest) {
  std::uint64_t jobs = 0;
  for (const auto island : manifest.init_config().islands()) {
    for (const auto task : island.tasks()) {
      const auto period = admission::period_of(task.period());
      if (period && !period->is_zero()) jobs += period->denominator / period->numerator + 1;
    }
  }
  return jobs;
}

std::uint64_t channel_bytes(const SessionInputs& inputs) {
  const std::uint64_t seconds = inputs.duration_ns == 0 ? kDefaultSeconds : inputs.duration_ns / kSecond + 1;
  const std::uint64_t rate = jobs_per_second(inputs.manifest) * kEventsPerJob + kOtherEventsPerSecond;
  return report::channel_bytes_for(std::min(seconds * rate, kMaxEvents));
}

// Emulation of a loaded guest second takes some seconds; ten times that is a hang.
std::chrono::seconds wall_limit(const SessionInputs& inputs) {
  if (inputs.wall.count() != 0) return inputs.wall;
  return std::chrono::seconds(180 + 60 * (inputs.duration_ns / kSecond));
}

}  // namespace

MachineSpec spec_of(const Paths& paths, const SessionInputs& inputs, const fs::path& directory) {
  const auto parameters = inputs.manifest.kernel_params();
  MachineSpec spec;
  spec.accelerator = inputs.accelerator.accelerator;
  spec.microvm = parameters.machine() == schema::MachineType::microvm;
  spec.cpus = parameters.cpus();
  spec.memory_bytes = admission::size_bytes(parameters.memory()).value_or(kDefaultMemory);
  spec.kernel = paths.kernel();
  spec.host_cpu = inputs.host_cpu;
  spec.plugin = inputs.plugin;
  spec.visible_memory = inputs.visible_memory;
  spec.pack = directory / "boot.pack";
  spec.console = directory / "console.log";
  if (!spec.microvm) {
    spec.channel = directory / "telemetry.bin";
    spec.channel_bytes = channel_bytes(inputs);
  }
  return spec;
}

Outcome<MachineSpec> prepare_machine(const Paths& paths, const SessionInputs& inputs) {
  const fs::path directory = paths.out(inputs.name);
  if (auto made = make_directory(directory); !made) return std::unexpected(made.error());
  if (auto taken = take_directory(directory); !taken) return std::unexpected(taken.error());
  const MachineSpec spec = spec_of(paths, inputs, directory);
  std::error_code ignored;
  if (!fs::exists(spec.kernel, ignored)) {
    return problem("there is no kernel at " + spec.kernel.string(),
                   "build it: ./capos demo does, or ninja -C " + paths.build.string());
  }
  const auto pack =
      build_pack(paths, {inputs.manifest, inputs.machine, inputs.manifest_directory, inputs.duration_ns, inputs.trace_switches});
  if (!pack) return std::unexpected(pack.error());
  if (auto written = write_pack(*pack, spec.pack); !written) return std::unexpected(written.error());
  return spec;
}

Outcome<Session> boot(const Paths& paths, const SessionInputs& inputs) {
  const auto spec = prepare_machine(paths, inputs);
  if (!spec) return std::unexpected(spec.error());
  if (inputs.verbose) fmt::print(stderr, "{}\n", shell_line(qemu_command(*spec)));
  const fs::path directory = paths.out(inputs.name);
  ProgressLine line(inputs.duration_ns);
  const auto show = [&](const report::ChannelSnapshot& snapshot) {
    if (inputs.progress) line.show(snapshot);
  };
  const auto end = run_machine(*spec, directory, {.wall = wall_limit(inputs)}, show);
  if (!end) return std::unexpected(end.error());
  return Session{directory, *spec, *end};
}

}  // namespace capos::cli
