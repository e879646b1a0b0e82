// SPDX-License-Identifier: Apache-2.0
// The certificate of the bench's tasks, by hand: generous bounds, for what is measured is the kernel's path.
#include "cast.hpp"
#include "overheads.hpp"

namespace ipc_bench {
namespace {

constexpr std::uint64_t kMillisecond = 1'000'000;

constexpr std::uint16_t kHold = 2, kStopTask = 3;  // of manifest.capnp

struct Task {
  std::string_view name;
  std::uint64_t budget_ns;
  std::uint8_t priority;
  std::uint32_t per_second = 1;
  std::uint16_t on_overrun = kStopTask;  // figures of a client that ran out of time would be none
};
constexpr Task kTasks[] = {
    {"client", 700 * kMillisecond, 50}, {"waiter", 100 * kMillisecond, 100}, {"peer", 100 * kMillisecond, 50},
    {"spender", 20'000, 120, 1'000, kHold}};

void write_certificate(const Overheads& machine, schema::IslandCertificate::Builder certificate) noexcept {
  certificate.set_format_version(1);
  certificate.set_island_name("ipc-bench");
  certificate.init_cpus(1).set(0, std::uint16_t{0});
  machine.write(certificate.init_overheads());
  const auto list = certificate.init_tasks(std::size(kTasks));
  for (std::uint32_t i = 0; i < std::size(kTasks); ++i) {
    list[i].set_name(kTasks[i].name);
    list[i].set_period_numerator(1);
    list[i].set_period_denominator(kTasks[i].per_second);
    list[i].set_budget_ns(kTasks[i].budget_ns);
    list[i].set_deadline_ns(1000 * kMillisecond / kTasks[i].per_second);
    list[i].set_response_ns(1000 * kMillisecond / kTasks[i].per_second);
    list[i].set_priority(kTasks[i].priority);
    list[i].set_on_overrun(kTasks[i].on_overrun);
  }
  certificate.set_best_effort_slack(true);
}

}  // namespace

Contexts admit_contexts(runtime::Runtime& runtime) noexcept {
  const auto machine = read_overheads(runtime);
  if (!machine) give_up(runtime, "ipc-bench: no boot pack");
  auto answer = runtime.need<schema::IslandAuthority>("islands")->admit(
      [&](auto params) { write_certificate(*machine, params.init_certificate()); });
  if (!answer.has_value()) give_up(runtime, "ipc-bench: admit");
  const auto result = answer->reader();
  if (result.which() == schema::AdmitResult::Which::refused) {
    runtime::print(result.refused());
    give_up(runtime, "ipc-bench: the island is refused");
  }
  const auto contexts = result.admitted().contexts();
  return {Capability<schema::RealtimeIsland>(answer->cap(result.admitted().island())), answer->cap(contexts[0]),
          answer->cap(contexts[1]), answer->cap(contexts[2]),
          answer->cap(contexts[3])};
}

}  // namespace ipc_bench
