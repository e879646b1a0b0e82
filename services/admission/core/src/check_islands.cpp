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

// Islands of one CPU agree on how it is scheduled, and on what may run below them.
void check_sharing(Check& check, std::uint32_t island_index) noexcept {
  const auto islands = check.manifest.init_config().islands();
  const auto island = islands[island_index];
  for (std::uint32_t i = 0; i < island_index; ++i) {
    const auto other = islands[i];
    if ((cpus_of(other) & cpus_of(island)) == 0) continue;
    if (other.policy() != island.policy()) {
      check.report("policy", "policy-mixed",
                   text("islands '", other.name(), "' and '", island.name(), "' share a CPU and have different policies"),
                   text("give both the same policy, or CPUs of their own"));
    }
    if (other.slack() != island.slack()) {
      check.report("slack", "slack-mixed",
                   text("islands '", other.name(), "' and '", island.name(),
                        "' share a CPU and do not agree what runs below them"),
                   text("say the same slack in both, or give them CPUs of their own"));
    }
    return;
  }
}

// What is analysed together must fit the analysis, and the kernel's check.
void check_group(Check& check, std::uint32_t island_index) noexcept {
  const auto islands = check.manifest.init_config().islands();
  const std::uint32_t group = sharing_cpus(check.manifest, island_index);
  if ((group & ((std::uint32_t{1} << island_index) - 1)) == 0) return;  // alone, or the first of its group
  std::size_t tasks = 0, chains = 0, interrupts = 0;
  for (std::uint32_t i = 0; i <= island_index; ++i) {
    if ((group >> i & 1u) == 0) continue;
    tasks += islands[i].tasks().size();
    chains += islands[i].chains().size();
    interrupts += islands[i].interrupts().size();
  }
  if (tasks <= kMaxTasks && chains <= kMaxChains && interrupts <= kMaxInterrupts) return;
  check.report("cpus", "group-too-large",
               text("island '", islands[island_index].name(), "' and those that share CPUs with it have ", tasks, " tasks, ", chains,
                    " chains and ", interrupts, " interrupts together"),
               text("at most ", kMaxTasks, ", ", kMaxChains, " and ", kMaxInterrupts, ": give some of them CPUs of their own"));
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
    check.report("", "cpu-twice", text("island '", island.name(), "' lists CPU ", cpu, " twice"),
                 text("remove one"));
    return;
  }
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

void check_offset(Check& check, schema::Island::Reader island) noexcept {
  constexpr std::uint64_t kMost = 1'000'000'000;
  const auto offset = time_ns_or(island.offset(), 0);
  if (offset && *offset <= kMost) return;
  check.report("offset", "island-offset", text("island '", island.name(), "' begins too long after the others"),
               text("0 to 1 s"));
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
    check_sharing(check, i);
    check_group(check, i);
    check_policies(check, islands[i]);
    check_offset(check, islands[i]);
    check_tasks(check, islands[i]);
    check_interrupts(check, islands[i]);
    check_chains(check, islands[i]);
  }
}

}  // namespace capos::admission
