// SPDX-License-Identifier: Apache-2.0
// Rules about islands: the CPUs they lease, and their chains.
#include "capos/admission/units.hpp"
#include "capos/sched/certificate.hpp"
#include "check.hpp"

namespace capos::admission {
namespace {

constexpr std::uint64_t kMinInterarrivalNs = 1'000;
constexpr std::uint64_t kMaxInterarrivalNs = 3'600'000'000'000;

void check_lease_of_boot_cpu(Check& check, schema::Island::Reader island) noexcept {
  if (check.manifest.kernel_params().cpus() > 1) {
    check.report(
        "cpus", "boot-cpu-leased",
        text("island '", island.name(), "' leases CPU 0, which keeps the house on a machine of several CPUs"),
        text("lease another CPU"));
  } else if (island.slack() != schema::SlackPolicy::best_effort) {
    check.report("cpus", "boot-cpu-leased",
                 text("island '", island.name(), "' leases the only CPU and lets nothing else run on it"),
                 text("say slack = bestEffort in the island, or raise kernelParams.cpus"));
  }
}

// The first earlier island that leases `cpu`.
std::uint32_t earlier_lease(Check& check, std::uint32_t island, std::uint16_t cpu) noexcept {
  const std::uint32_t first = island_of_cpu(check.manifest, cpu);
  return first < island ? first : kNotFound;
}

void check_cpu(Check& check, std::uint32_t island_index, std::uint32_t element) noexcept {
  const auto islands = check.manifest.init_config().islands();
  const auto island = islands[island_index];
  const std::uint16_t cpu = island.cpus()[element];
  const std::uint16_t cpus = check.manifest.kernel_params().cpus();
  const Path::Scope scope(check.path, "cpus", element);
  if (cpu >= cpus) {
    check.report("", "cpu-range",
                 text("island '", island.name(), "' leases CPU ", cpu, ", but the machine has ", cpus),
                 text("raise kernelParams.cpus to ", std::uint32_t{cpu} + 1, ", or lease another CPU"));
    return;
  }
  for (std::uint32_t i = 0; i < element; ++i) {
    if (island.cpus()[i] != cpu) continue;
    check.report("", "cpu-overlap", text("island '", island.name(), "' lists CPU ", cpu, " twice"),
                 text("remove one"));
    return;
  }
  const std::uint32_t other = earlier_lease(check, island_index, cpu);
  if (other == kNotFound) return;
  check.report("", "cpu-overlap",
               text("CPU ", cpu, " is leased by island '", islands[other].name(), "' already"),
               text("a CPU belongs to one island: lease another, or move the tasks into one island"));
}

void check_cpus(Check& check, std::uint32_t island_index) noexcept {
  const auto island = check.manifest.init_config().islands()[island_index];
  const auto cpus = island.cpus();
  if (cpus.empty()) {
    check.report("cpus", "no-cpus", text("island '", island.name(), "' leases no CPU"),
                 text("for example cpus = [1]"));
    return;
  }
  const std::uint32_t count = check.bounded("cpus", cpus.size(), kMaxCpus);
  for (std::uint32_t i = 0; i < count; ++i) check_cpu(check, island_index, i);
  if (leases(island, 0)) check_lease_of_boot_cpu(check, island);
}

void check_policies(Check& check, schema::Island::Reader island) noexcept {
  if (island.policy() == schema::IslandPolicy::edf && (check.runs & sched::kRunsEdf) == 0) {
    check.report("policy", "policy-not-run",
                 text("island '", island.name(), "' asks for EDF, which this version's kernel does not run"),
                 text("policy = fixedPriority; `./capos admit --analyse-only` shows what EDF would give"));
  } else if (island.policy() > schema::IslandPolicy::edf) {
    check.report("policy", "policy-unsupported",
                 text("island '", island.name(), "' asks for an unknown policy"), text("fixedPriority or edf"));
  }
  if (island.slack() > schema::SlackPolicy::best_effort) {
    check.report("slack", "policy-unsupported",
                 text("island '", island.name(), "' asks for an unknown slack policy"),
                 text("idle or bestEffort"));
  }
}

void check_interrupt(Check& check, schema::Island::Reader island, std::uint32_t index) noexcept {
  const auto load = island.interrupts()[index];
  check.name("interrupt", load.name());
  unique_name(check, "interrupt", island.interrupts(), index);
  if (load.cpu() != -1 && (load.cpu() < 0 || !leases(island, static_cast<std::uint16_t>(load.cpu())))) {
    check.report("cpu", "cpu-not-leased",
                 text("interrupt '", load.name(), "' arrives on CPU ", load.cpu(), ", which island '",
                      island.name(), "' does not lease"),
                 text("one of the island's cpus: what arrives elsewhere does not delay it"));
  }
  const auto gap = time_ns(load.min_interarrival());
  const auto cost = time_ns_or(load.cost(), 0);
  if (!gap || *gap < kMinInterarrivalNs || *gap > kMaxInterarrivalNs) {
    check.report("minInterarrival", "interrupt-interarrival",
                 text("interrupt '", load.name(), "' does not say how often it comes at most"),
                 text("1 us to 1 hour, for example minInterarrival = (us = 500)"));
  } else if (!cost || *cost >= *gap) {
    check.report("cost", "interrupt-cost",
                 text("interrupt '", load.name(), "' takes all of the time until the next"),
                 text("less than its minInterarrival, ", Us{*gap}));
  }
}

void check_interrupts(Check& check, schema::Island::Reader island) noexcept {
  const std::uint32_t count = check.bounded("interrupts", island.interrupts().size(), kMaxInterrupts);
  for (std::uint32_t i = 0; i < count; ++i) {
    const Path::Scope scope(check.path, "interrupts", i);
    check_interrupt(check, island, i);
  }
}

void check_tasks(Check& check, schema::Island::Reader island) noexcept {
  if (island.tasks().empty()) {
    check.report("tasks", "no-tasks", text("island '", island.name(), "' has no task"),
                 text("add tasks = [(name = ..., service = ..., period = (ms = 1), budget = (us = 100))]"));
  }
  const std::uint32_t count = check.bounded("tasks", island.tasks().size(), kMaxTasks);
  for (std::uint32_t i = 0; i < count; ++i) {
    const Path::Scope scope(check.path, "tasks", i);
    check_task(check, island, i);
  }
}

}  // namespace

void check_islands(Check& check) noexcept {
  const auto islands = check.manifest.init_config().islands();
  const std::uint32_t count = check.bounded("islands", islands.size(), kMaxIslands);
  for (std::uint32_t i = 0; i < count; ++i) {
    const Path::Scope scope(check.path, "islands", i);
    check.name("island", islands[i].name());
    unique_name(check, "island", islands, i);
    check_cpus(check, i);
    check_policies(check, islands[i]);
    check_tasks(check, islands[i]);
    check_interrupts(check, islands[i]);
    check_chains(check, islands[i]);
  }
}

}  // namespace capos::admission
