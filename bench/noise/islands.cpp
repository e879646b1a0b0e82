// SPDX-License-Identifier: Apache-2.0
#include "islands.hpp"

#include "overheads.hpp"

namespace noise_bench {
namespace {

constexpr std::uint16_t kHold = 2;  // of manifest.capnp

void write_certificate(const ipc_bench::Overheads& machine, schema::IslandCertificate::Builder certificate, std::string_view name,
                       std::uint16_t cpu, bool slack, std::span<const Task> tasks) noexcept {
  certificate.set_format_version(1);
  certificate.set_island_name(name);
  certificate.init_cpus(1).set(0, cpu);
  machine.write(certificate.init_overheads());
  const auto list = certificate.init_tasks(static_cast<std::uint32_t>(tasks.size()));
  for (std::uint32_t i = 0; i < tasks.size(); ++i) {
    list[i].set_name(tasks[i].name);
    list[i].set_period_numerator(static_cast<std::uint32_t>(tasks[i].period_us));
    list[i].set_period_denominator(1'000'000);
    list[i].set_budget_ns(tasks[i].budget_ns);
    list[i].set_deadline_ns(1'000 * tasks[i].period_us);
    list[i].set_response_ns(1'000 * tasks[i].period_us);
    list[i].set_priority(tasks[i].priority);
    list[i].set_cpu(cpu);
    list[i].set_on_overrun(kHold);
  }
  certificate.set_best_effort_slack(slack);
}

}  // namespace

void give_up(runtime::Runtime& runtime, std::string_view why) noexcept {
  constexpr std::uint8_t kGaveUp = 4;
  runtime::print(why);
  (void)runtime.need<schema::SystemControl>("control")->shutdown(kGaveUp);
  runtime::panic(why);
}

Island admit(runtime::Runtime& runtime, std::string_view name, std::uint16_t cpu, bool slack, std::span<const Task> tasks) noexcept {
  const auto machine = ipc_bench::read_overheads(runtime);
  if (!machine) give_up(runtime, "noise-bench: no boot pack");
  auto answer = runtime.need<schema::IslandAuthority>("islands")->admit(
      [&](auto params) { write_certificate(*machine, params.init_certificate(), name, cpu, slack, tasks); });
  if (!answer.has_value()) give_up(runtime, "noise-bench: admit");
  const auto result = answer->reader();
  if (result.which() == schema::AdmitResult::Which::refused) {
    runtime::print(result.refused());
    give_up(runtime, "noise-bench: an island is refused");
  }
  if (result.which() != schema::AdmitResult::Which::admitted) give_up(runtime, "noise-bench: a CPU is in use");
  Island island;
  const auto contexts = result.admitted().contexts();
  for (std::uint32_t i = 0; i < contexts.size() && i < kMostTasks; ++i) island.contexts[i] = answer->cap(contexts[i]);
  island.island = answer->capability<schema::RealtimeIsland>(result.admitted().island());
  return island;
}

void start(runtime::Runtime& runtime, Part part, abi::CapId context, std::span<const Grant> grants) noexcept {
  auto made = runtime.need<schema::ProcessSpawner>("spawner")->spawn([&](auto params, runtime::Transfers& transfers) {
    params.set_name("noise-task");
    params.set_program("noise-task");
    params.set_memory_pages(256);
    params.set_source(static_cast<std::uint32_t>(part));
    params.set_context(transfers.add(context));
    const auto list = params.init_grants(static_cast<std::uint32_t>(grants.size()) + 1);
    list[0].set_name("console");
    list[0].init_capability().set_capability(transfers.add(runtime.find_any("console")));
    for (std::uint32_t i = 0; i < grants.size(); ++i) {
      list[i + 1].set_name(grants[i].name);
      list[i + 1].init_capability().set_capability(transfers.add(grants[i].cap));
    }
  });
  if (!made.has_value()) give_up(runtime, "noise-bench: spawn");
  auto process = made->template capability<schema::ProcessHandle>(made->reader().process());
  auto timer = runtime.need<schema::Timer>("timer");
  for (int turn = 0; turn < 1'000; ++turn) {
    const auto state = process->state();
    if (!state.has_value() || !state->alive) give_up(runtime, "noise-bench: a task ended early");
    if (state->ready) {
      (void)process.leak();
      return;
    }
    (void)timer->sleep_until(timer->now()->ns + 100'000);
  }
  give_up(runtime, "noise-bench: a task does not begin");
}

}  // namespace noise_bench
