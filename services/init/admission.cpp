// SPDX-License-Identifier: Apache-2.0
// Islands: the admission service proves that they fit, the kernel checks the proof.
#include "capos/abi/exit_code.hpp"
#include "capos/runtime/mapping.hpp"
#include "capos/runtime/text.hpp"
#include "capos/schema/admission.hpp"
#include "system.hpp"

namespace capos::init {
namespace {

constexpr auto kRefused = static_cast<std::uint8_t>(abi::RunOutcome::island_refused);
constexpr auto kStartFailed = static_cast<std::uint8_t>(abi::RunOutcome::start_failed);

// The service that exports Admission, and the buffer that it answers in.
struct AdmissionService {
  abi::CapId client;
  std::span<std::byte> answers;
};

abi::CapId answer_buffer(const System& system, schema::Service::Reader service) noexcept {
  for (const auto grant : service.grants()) {
    if (grant.name() == "out") return find_grant(system, grant);
  }
  return {};
}

AdmissionService start_service(System& system) noexcept {
  std::uint32_t index = 0;
  for (const auto service : system.config().services()) {
    for (const auto item : service.exports()) {
      if (item.interface() != schema::Admission::kInterfaceId) continue;
      make_exports(system, index);
      spawn_service(system, index);
      const auto mapped = runtime::map_object(
          system.runtime, runtime::Capability<schema::MemoryObject>(answer_buffer(system, service)), runtime::Access::read);
      if (!mapped.has_value()) give_up(system, kStartFailed, service.name(), "its buffer \"out\" cannot be mapped");
      return {system.exports[system.exports_count - 1].client, *mapped};
    }
    ++index;
  }
  give_up(system, kStartFailed, "islands", "no service exports Admission");
}

// The certificate's message, or the end of the run with the refusal.
std::span<const wire::Word> ask(const System& system, const AdmissionService& service, std::uint16_t island,
                                std::string_view name) noexcept {
  runtime::Capability<schema::Admission> admission(service.client);
  const auto answer = admission->admit(island);
  if (!answer.has_value()) give_up(system, kStartFailed, name, answer.error().text());
  if (answer->offset > service.answers.size() || answer->size > service.answers.size() - answer->offset) {
    give_up(system, kStartFailed, name, "admission answered outside its buffer");
  }
  const auto bytes = service.answers.subspan(answer->offset, answer->size);
  if (answer->outcome == schema::AdmissionOutcome::admitted) {
    return {reinterpret_cast<const wire::Word*>(bytes.data()), bytes.size() / sizeof(wire::Word)};
  }
  if (bytes.empty()) give_up(system, kRefused, name, schema::name_of(answer->outcome));
  give_up(system, kRefused, name, {reinterpret_cast<const char*>(bytes.data()), bytes.size()});
}

// The least time from the latest arrival of a job to its deadline, at least 1 ns.
std::uint64_t floor_of(schema::IslandCertificate::Reader claim, schema::TaskClaim::Reader task) noexcept {
  const std::uint64_t late = task.jitter_ns() + claim.overheads().jitter_ns();
  return task.deadline_ns() > late ? task.deadline_ns() - late : 1;
}

// Ceilings and floors as the certificate's blocking assumes them: nested servers included.
void note_servers(System& system, schema::IslandCertificate::Reader claim) noexcept {
  for (const auto call : claim.calls()) {
    if (call.server() >= kMaxServices) continue;
    const auto task = claim.tasks()[call.task()];
    ServerPlace& place = system.servers[call.server()];
    place.called = true;
    place.cpu = task.cpu();
    if (task.priority() > place.ceiling) place.ceiling = task.priority();
    if (claim.policy() != static_cast<std::uint16_t>(schema::IslandPolicy::edf)) continue;
    const std::uint64_t floor = floor_of(claim, task);
    if (place.floor_ns == 0 || floor < place.floor_ns) place.floor_ns = floor;
  }
}

void submit(System& system, std::span<const wire::Word> certificate, std::uint32_t index,
            schema::Island::Reader island) noexcept {
  wire::MessageReader message(certificate);
  const auto claim = message.root<schema::IslandCertificate>();
  auto authority = system.runtime.need<schema::IslandAuthority>("islands");
  auto answer = authority->admit([&](auto params) { params.set_certificate(claim); });
  if (!answer.has_value()) give_up(system, kStartFailed, island.name(), answer.error().text());
  const auto result = answer->reader();
  if (result.which() == schema::AdmitResult::Which::refused) {
    runtime::Text<256> text;
    text.add("the kernel's checker: ").add(result.refused());
    give_up(system, kRefused, island.name(), text.view());
  }
  if (result.which() == schema::AdmitResult::Which::occupied) {
    runtime::Text<160> text;
    text.add("its CPU ").add(result.occupied().cpu()).add(" is in use by ").add(result.occupied().by());
    give_up(system, kRefused, island.name(), text.view());
  }
  system.islands[index] = answer->cap(result.admitted().island());
  const auto contexts = result.admitted().contexts();
  std::uint32_t place = 0;
  for (const auto task : island.tasks()) {
    if (system.tasks_count == kMaxTasks || place >= contexts.size()) {
      give_up(system, kStartFailed, island.name(), "too many tasks");
    }
    system.tasks[system.tasks_count++] = {.service = task.service(), .context = answer->cap(contexts[place++])};
  }
  note_servers(system, claim);
  // Behind the tasks: servers' recoveries, in the certificate's order too.
  for (; place < contexts.size() && place < claim.tasks().size(); ++place) {
    const std::uint16_t server = claim.tasks()[place].recovers();
    if (server < kMaxServices) system.servers[server].recovery = answer->cap(contexts[place]);
  }
}

}  // namespace

void admit_islands(System& system) noexcept {
  const auto islands = system.config().islands();
  if (islands.size() == 0) return;
  if (islands.size() > kMaxIslands) give_up(system, kStartFailed, "islands", "too many");
  const AdmissionService service = start_service(system);
  std::uint16_t index = 0;
  for (const auto island : islands) {
    submit(system, ask(system, service, index, island.name()), index, island);
    ++index;
  }
}

}  // namespace capos::init
