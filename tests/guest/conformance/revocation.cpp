// SPDX-License-Identifier: Apache-2.0
// Endpoint.revoke: in every state of a call, and of a server. Disclosure of who calls.
#include "authority.hpp"

namespace conformance {
namespace {

constexpr std::uint64_t kServed = schema::Echo::kInterfaceId;

constexpr std::int64_t exit_of(TransportError error) noexcept {
  return static_cast<std::int64_t>(kStatusCode) + static_cast<int>(error);
}

std::uint32_t number_of(Method method) noexcept { return static_cast<std::uint32_t>(method); }

void nobody_there(Guest& guest) noexcept {
  auto service = make_service(guest);
  const auto copy = narrowed<schema::Endpoint>(guest, service.endpoint.cap());
  CHECK(service.endpoint->revoke().has_value());
  CHECK(is_dead(guest, service.endpoint.cap()) && is_dead(guest, copy.cap()));
  CHECK(transport(service.endpoint->revoke(), TransportError::invalid_cap));
  CHECK(raw_call(service.client.cap(), kServed, 0).status == status_of(TransportError::disconnected));
}

void queued_call(Guest& guest) noexcept {
  auto service = make_service(guest);
  const Grant grants[] = {{"service", service.client.cap()}};
  Child first(guest, {.role = Role::client, .grants = grants}), second(guest, {.role = Role::client, .grants = grants});
  guest.sleep(2 * kMillisecond);
  CHECK(first.alive() && second.alive());
  CHECK(service.endpoint->revoke().has_value());
  CHECK(first.exits(exit_of(TransportError::disconnected)));
  CHECK(second.exits(exit_of(TransportError::disconnected)));
}

void waiting_server(Guest& guest) noexcept {
  for (std::uint16_t cpu = 0; cpu < guest.cpus; ++cpu) {
    auto service = make_service(guest);
    const Grant grants[] = {{"serve", service.endpoint.cap()}};
    Child first(guest, {.role = Role::server, .grants = grants, .cpu = cpu});
    Child second(guest, {.role = Role::server, .grants = grants, .cpu = cpu});
    CHECK(first.becomes_ready() && second.becomes_ready());
    CHECK(service.endpoint->revoke().has_value());
    CHECK(first.exits(exit_of(TransportError::disconnected)));
    CHECK(second.exits(exit_of(TransportError::disconnected)));
  }
}

// The caller is told at once; the server finishes on its own time, and hears of it when it wants to answer.
void call_in_service(Guest& guest) noexcept {
  for (std::uint16_t cpu = 0; cpu < guest.cpus; ++cpu) {
    auto service = make_service(guest);
    const Notice event = make_notification(guest);
    const Grant grants[] = {
        {"serve", service.endpoint.cap()}, {"service", service.client.cap()}, {"event", event.cap()}};
    Child server(guest, {.role = Role::server, .grants = grants, .cpu = cpu});
    CHECK(server.becomes_ready());
    Child client(guest, {.role = Role::client, .argument = number_of(Method::gate), .grants = grants, .cpu = cpu});
    Child queued(guest, {.role = Role::client, .argument = number_of(Method::gate), .grants = grants, .cpu = cpu});
    guest.sleep(3 * kMillisecond);
    CHECK(client.alive() && queued.alive());
    CHECK(service.endpoint->revoke().has_value());
    CHECK(client.exits(exit_of(TransportError::disconnected)));
    CHECK(queued.exits(exit_of(TransportError::disconnected)));
    CHECK(server.alive());
    CHECK(event.borrow()->signal(1).has_value());
    CHECK(server.exits(exit_of(TransportError::invalid_cap)));
  }
}

// client -> outer -> inner: what is revoked ends there and nowhere else.
void nested_calls(Guest& guest) noexcept {
  for (const bool inner_goes : {true, false}) {
    auto outer = make_service(guest), inner = make_service(guest);
    const Notice event = make_notification(guest);
    const Grant of_inner[] = {{"serve", inner.endpoint.cap()}, {"event", event.cap()}};
    const Grant of_outer[] = {{"serve", outer.endpoint.cap()}, {"next", inner.client.cap()}};
    Child last(guest, {.role = Role::server, .grants = of_inner});
    Child middle(guest, {.role = Role::server, .grants = of_outer});
    CHECK(last.becomes_ready() && middle.becomes_ready());
    Shared out(guest);
    out.set(1, number_of(Method::gate));
    out.set(0, 1);
    const Grant of_client[] = {{"service", outer.client.cap()}, {"out", out.cap()}};
    Child client(guest, {.role = Role::told_client, .argument = number_of(Method::nested), .grants = of_client});
    guest.sleep(5 * kMillisecond);
    CHECK(client.alive());
    CHECK((inner_goes ? inner : outer).endpoint->revoke().has_value());
    // Either it is told itself, or the one that it called tells what it was told.
    CHECK(client.exits(exit_of(TransportError::disconnected)));
    CHECK(event.borrow()->signal(1).has_value());
    if (inner_goes) {
      CHECK(last.exits(exit_of(TransportError::invalid_cap)) && middle.alive());
    } else {
      CHECK(middle.exits(exit_of(TransportError::invalid_cap)) && last.alive());
    }
  }
}

void disclosure(Guest& guest) noexcept {
  auto service = make_service(guest);
  const Grant grants[] = {{"serve", service.endpoint.cap()}};
  Child server(guest, {.role = Role::server, .grants = grants});
  CHECK(server.becomes_ready());
  const auto told = [&](DisclosureScope scope) {
    const auto client = narrowed<schema::Echo>(guest, service.client.cap(), TransferScope::any, scope);
    return raw_call(client.cap(), kServed, static_cast<std::uint16_t>(Method::caller)).words[0];
  };
  CHECK(told(DisclosureScope::process) == guest.runtime.number());
  CHECK(told(DisclosureScope::session) == 0);
  CHECK(told(DisclosureScope::nothing) == 0);
}

// However many hold it: it costs the same.
void many_holders(Guest& guest) noexcept {
  static constinit abi::CapId holders[10'000];
  std::uint64_t cost[2] = {};
  for (const int round : {0, 1}) {
    const std::size_t count = round == 0 ? 1 : std::size(holders);
    auto service = make_service(guest);
    for (std::size_t i = 0; i < count; ++i) {
      holders[i] = narrowed<schema::Endpoint>(guest, service.endpoint.cap()).leak().cap();
      CHECK(!holders[i].is_null());
    }
    const std::uint64_t before = __builtin_ia32_rdtsc();
    const auto done = service.endpoint->revoke();
    cost[round] = __builtin_ia32_rdtsc() - before;
    CHECK(done.has_value() && is_dead(guest, holders[0]) && is_dead(guest, holders[count - 1]));
    for (std::size_t i = 0; i < count; ++i) CHECK(runtime::call_ring().release(holders[i]).has_value());
  }
  guest.note("one-holder", cost[0]);
  guest.note("10000-holders", cost[1]);
  CHECK(cost[1] <= cost[0] + 20);  // how much it may be: revoke_10k of bench/budgets.json
}

constexpr Case kCases[] = {
    {"revoke an endpoint that nobody uses", nobody_there},
    {"revoke with calls in the queue", queued_call},
    {"revoke with servers that wait", waiting_server},
    {"revoke with a call in service", call_in_service},
    {"revoke within a chain of calls", nested_calls},
    {"revoke with 10000 holders", many_holders},
    {"disclosure of who calls", disclosure},
};

}  // namespace

std::span<const Case> revocation_cases() noexcept { return kCases; }

}  // namespace conformance
