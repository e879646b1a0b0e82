// SPDX-License-Identifier: Apache-2.0
// Endpoints for calls on contexts only: who has none is refused, by registers, by ring and one way; and an island whose
// server such neighbours flood with garbage.
#include "capos/schema/threads.hpp"
#include "island_harness.hpp"
#include "roles.hpp"

namespace conformance {
namespace {

constexpr std::uint64_t kJobs = 40;
constexpr std::uint64_t kResponse = 700 * kMicrosecond;
constexpr auto kRequired = static_cast<std::int64_t>(TransportError::budget_required);

Service make_guarded(Guest& guest, std::uint8_t ceiling = 0) noexcept {
  return make_service(guest, 0, ceiling, schema::Echo::kInterfaceId, 0, true);
}

void refusals(Guest& guest) noexcept {
  const Service service = make_guarded(guest);
  const Grant serve[] = {{"serve", service.endpoint.cap()}}, call[] = {{"service", service.client.cap()}};
  Child server(guest, {.role = Role::server, .grants = serve, .passive = true});
  CHECK(server.becomes_ready());
  CHECK(raw_call(service.client.cap(), schema::Echo::kInterfaceId, static_cast<std::uint16_t>(Method::increment)).status == -kRequired);
  const auto code = static_cast<std::int64_t>(kStatusCode) + kRequired;
  Child client(guest, {.role = Role::client, .argument = static_cast<std::uint32_t>(Method::increment), .grants = call});
  CHECK(client.exits(code));
  Child by_ring(guest, {.role = Role::ring_caller, .argument = static_cast<std::uint32_t>(Method::increment), .grants = call});
  CHECK(by_ring.exits(code));
  Child sender(guest, {.role = Role::sender, .argument = 3, .grants = call});
  CHECK(sender.exits(code));
  CHECK(server.alive());
}

void faults_need_no_context(Guest& guest) noexcept {
  const auto made = guest.objects->create_endpoint([](auto params) {
    params.set_interface_id(schema::FaultHandler::kInterfaceId);
    params.set_contexts_only(true);
  });
  CHECK(invalid(made, KernelError::bad_range));
}

// On the island's CPU, below it, and on the other one.
void flooded_with_garbage(Guest& guest) noexcept {
  constexpr Task kTask = {.budget_ns = 150 * kMicrosecond, .deadline_ns = kResponse, .response_ns = kResponse};
  constexpr CallOf kCalls[] = {{0, 3, 50 * kMicrosecond}};
  Shared out(guest), near(guest), far(guest);
  const Task tasks[] = {kTask};
  Claim claim = honest(guest, tasks);
  claim.calls = kCalls;
  Island island(guest, claim);
  CHECK(island.admitted());
  const Service service = make_guarded(guest, kTask.priority);
  const Grant serve[] = {{"serve", service.endpoint.cap()}};
  const Grant to_caller[] = {{"service", service.client.cap()}, {"out", out.cap()}};
  const Grant to_near[] = {{"service", service.client.cap()}, {"out", near.cap()}};
  const Grant to_far[] = {{"service", service.client.cap()}, {"out", far.cap()}};
  Child server(guest, {.role = Role::server, .grants = serve, .cpu = island.cpu(), .passive = true});
  Child caller(guest, {.role = Role::caller_job, .argument = static_cast<std::uint32_t>(Method::increment), .grants = to_caller,
                       .context = island.context(0)});
  CHECK(server.becomes_ready() && caller.becomes_ready());
  Child neighbour(guest, {.role = Role::flooder, .grants = to_near, .cpu = island.cpu(), .passive = true});
  Child distant(guest, {.role = Role::flooder, .grants = to_far});
  CHECK(near.reaches(0, 8) && far.reaches(0, 8) && island.activate() != 0);
  CHECK(out.reaches(0, kJobs));
  guest.note("tries near", near.word(0));
  guest.note("tries far", far.word(0));
  guest.note("longest", out.word(3));
  CHECK(near.word(0) >= 1'000 && near.word(1) == 0 && far.word(0) >= 1'000 && far.word(1) == 0);
  CHECK(out.word(1) == 1);  // answered
  if (kernel_checks_itself(guest)) return;
  const auto status = island.status();
  CHECK(status.misses == 0 && status.overruns == 0 && out.word(4) == 0 && out.word(3) <= kResponse);
}

constexpr Case kCases[] = {
    {"contexts only: refusals", refusals},
    {"contexts only: faults have none", faults_need_no_context},
    {"hostile neighbours send garbage to the island's server", flooded_with_garbage},
};

}  // namespace

std::span<const Case> guarded_cases() noexcept { return kCases; }

}  // namespace conformance
