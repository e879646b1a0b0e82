// SPDX-License-Identifier: Apache-2.0
// The certificate of the bench's tasks, by hand: generous bounds, for what is measured is the kernel's path.
#include "capos/runtime/mapping.hpp"
#include "capos/schema/bootpack.hpp"
#include "capos/wire/frame.hpp"
#include "cast.hpp"

namespace ipc_bench {
namespace {

constexpr std::uint64_t kMillisecond = 1'000'000;

struct Overheads {
  std::uint64_t release = 0, context_switch = 0, blocking = 0, jitter = 0;
};

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

Overheads read_overheads(runtime::Runtime& runtime) noexcept {
  auto answer = runtime.need<schema::BootPackage>("bootPackage")->read_manifest([](auto) {});
  if (!answer.has_value()) give_up(runtime, "ipc-bench: no boot pack");
  const std::uint64_t offset = answer->reader().offset(), size = answer->reader().size();
  const auto memory = answer->capability<schema::MemoryObject>(answer->reader().pack());
  const auto mapped = runtime::map_object(runtime, memory.borrow(), runtime::Access::read);
  if (!mapped.has_value()) give_up(runtime, "ipc-bench: the boot pack cannot be mapped");
  const auto frame = wire::read_frame({reinterpret_cast<const wire::Word*>(mapped->data() + offset), size / 8});
  if (!frame.has_value()) give_up(runtime, "ipc-bench: the boot pack is malformed");
  wire::MessageReader message(*frame, {.traversal_words = 1u << 28, .depth = 64});
  const auto stated = message.root<schema::BootPack>().machine().overheads();
  return {stated.release_ns(), stated.switch_ns(), stated.blocking_ns(), stated.jitter_ns()};
}

// FNV-1a over the four values: the version that a certificate carries.
std::uint64_t version_of(const Overheads& o) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (std::uint64_t value : {o.release, o.context_switch, o.blocking, o.jitter}) {
    for (int byte = 0; byte < 8; ++byte, value >>= 8) hash = (hash ^ (value & 0xff)) * 0x100000001b3;
  }
  return hash;
}

void write_certificate(const Overheads& machine, schema::IslandCertificate::Builder certificate) noexcept {
  certificate.set_format_version(1);
  certificate.set_island_name("ipc-bench");
  certificate.init_cpus(1).set(0, std::uint16_t{0});
  const auto overheads = certificate.init_overheads();
  overheads.set_release_ns(machine.release);
  overheads.set_switch_ns(machine.context_switch);
  overheads.set_blocking_ns(machine.blocking);
  overheads.set_jitter_ns(machine.jitter);
  overheads.set_version(version_of(machine));
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
  const Overheads machine = read_overheads(runtime);
  auto answer = runtime.need<schema::IslandAuthority>("islands")->admit(
      [&](auto params) { write_certificate(machine, params.init_certificate()); });
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
