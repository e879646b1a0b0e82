// SPDX-License-Identifier: Apache-2.0
// Calls with a limit, one-way sends, chains of calls, and endpoints that nobody can serve any more.
#include <array>
#include <optional>

#include "capos/runtime/system_call.hpp"
#include "harness.hpp"

namespace conformance {
namespace {

constexpr std::uint64_t kServed = schema::Echo::kInterfaceId;
constexpr std::int64_t kDisconnected =
    static_cast<std::int64_t>(kStatusCode) + static_cast<int>(TransportError::disconnected);
constexpr std::uint64_t kOneWay = std::uint64_t{1} << 32;  // of Method::note

RawCall call_within(const Service& service, std::uint32_t limit_us, Method method, std::uint64_t a = 0,
                    std::uint64_t b = 0) noexcept {
  runtime::Registers registers;
  registers.operation = static_cast<std::uint64_t>(abi::SystemCall::call) |
                        static_cast<std::uint64_t>(method) << 16 | std::uint64_t{limit_us} << 32;
  registers.cap = service.client.cap().raw;
  registers.interface_id = kServed;
  registers.words[0] = a;
  registers.words[1] = b;
  runtime::enter_kernel(registers);
  RawCall result{.status = registers.status(), .exception = registers.cap};
  for (unsigned i = 0; i < abi::kRegisterWords; ++i) result.words[i] = registers.words[i];
  return result;
}

std::int32_t send_note(const Service& service, std::uint64_t bits, std::uint32_t limit_us = 0) noexcept {
  return runtime::send_words(service.client.cap(), kServed, static_cast<std::uint16_t>(Method::note), bits, 0, 0, 0,
                             limit_us);
}

// A service with its server, whose "event" is ours too.
struct Served {
  explicit Served(Guest& guest) noexcept : service(make_service(guest)), event(make_notification(guest)) {
    const Grant grants[] = {{"serve", service.endpoint.cap()}, {"event", event.cap()}};
    server.emplace(guest, Request{.role = Role::server, .grants = grants});
    good = server->becomes_ready();
  }
  Service service;
  Notice event;
  std::optional<Child> server;
  bool good = false;
};

// What sleeps now sleeps for as long as it wants: no limit of an earlier call is left over.
bool sleeps_undisturbed(Guest& guest) noexcept {
  const std::uint64_t before = guest.now();
  guest.sleep(4 * kMillisecond);
  const std::uint64_t slept = guest.now() - before;
  return slept >= 4 * kMillisecond && slept < 40 * kMillisecond;
}

// --- limits
void limit_while_queued(Guest& guest) noexcept {
  const auto service = make_service(guest);
  const std::uint64_t before = guest.now();
  CHECK(call_within(service, 2'000, Method::increment).status == status_of(TransportError::timeout));
  const std::uint64_t waited = guest.now() - before;
  guest.note("waited", waited);
  CHECK(waited >= 2 * kMillisecond && waited < 20 * kMillisecond);
  CHECK(sleeps_undisturbed(guest));
}

void limit_while_served(Guest& guest) noexcept {
  Served served(guest);
  CHECK(served.good);
  const std::uint64_t before = guest.now();
  CHECK(call_within(served.service, 2'000, Method::sleep, 10 * kMillisecond).status == status_of(TransportError::timeout));
  const std::uint64_t waited = guest.now() - before;
  guest.note("waited", waited);
  CHECK(waited >= 2 * kMillisecond && waited < 9 * kMillisecond);
  // The server finishes on time of its own; its answer goes nowhere, and it serves on.
  const RawCall next = call_within(served.service, 0, Method::increment, 7);
  CHECK(next.status == 0 && next.words[0] == 8);
  CHECK(guest.now() - before >= 10 * kMillisecond);
}

void limit_while_server_computes(Guest& guest) noexcept {
  Served served(guest);
  CHECK(served.good);
  const std::uint64_t before = guest.now();
  CHECK(call_within(served.service, 1'000, Method::busy, 8 * kMillisecond).status == status_of(TransportError::timeout));
  CHECK(guest.now() - before >= 1 * kMillisecond);
  CHECK(call_within(served.service, 0, Method::increment, 1).words[0] == 2);
}

void limit_not_reached(Guest& guest) noexcept {
  Served served(guest);
  CHECK(served.good);
  for (std::uint64_t i = 0; i < 20; ++i) {
    const RawCall result = call_within(served.service, 3'000, Method::increment, i);
    CHECK(result.status == 0 && result.words[0] == i + 1 && result.words[7] == 8);
  }
  CHECK(call_within(served.service, 3'000, Method::exception, 2, 9).exception == (2u | 9u << 16));
  CHECK(sleeps_undisturbed(guest));
}

void limit_and_dead_server(Guest& guest) noexcept {
  Served served(guest);
  CHECK(served.good);
  CHECK(call_within(served.service, 3'000, Method::exit).status == status_of(TransportError::disconnected));
  CHECK(call_within(served.service, 3'000, Method::increment).status == status_of(TransportError::disconnected));
  CHECK(sleeps_undisturbed(guest));
}

// The limit of a call comes while its server waits for a call of its own: the chain goes on without the first caller.
void limit_in_a_chain(Guest& guest) noexcept {
  Served last(guest);
  CHECK(last.good);
  const auto middle = make_service(guest);
  const Grant grants[] = {{"serve", middle.endpoint.cap()}, {"next", last.service.client.cap()}};
  Child server(guest, {.role = Role::server, .grants = grants});
  CHECK(server.becomes_ready());
  const RawCall result = call_within(middle, 2'000, Method::nested, static_cast<std::uint64_t>(Method::sleep), 8 * kMillisecond);
  CHECK(result.status == status_of(TransportError::timeout));
  CHECK(call_within(middle, 0, Method::increment, 3).words[0] == 4);
  CHECK(call_within(last.service, 0, Method::increment, 4).words[0] == 5);
}

// --- one way
void send_to_waiting_server(Guest& guest) noexcept {
  Served served(guest);
  CHECK(served.good);
  CHECK(send_note(served.service, 5) == 0);
  const auto bits = served.event->wait();
  CHECK(bits.has_value() && bits->bits == (5 | kOneWay));
  // A call after it is a call.
  CHECK(call_within(served.service, 0, Method::note, 6).words[0] == 6);
  const auto called = served.event->wait();
  CHECK(called.has_value() && called->bits == 6);
}

void send_waits_its_turn(Guest& guest) noexcept {
  Served served(guest);
  CHECK(served.good);
  const Grant grants[] = {{"service", served.service.client.cap()}};
  Child busy(guest, {.role = Role::client, .argument = static_cast<std::uint32_t>(Method::gate), .grants = grants});
  guest.sleep(1 * kMillisecond);
  Child sender(guest, {.role = Role::sender, .argument = 9, .grants = grants});
  guest.sleep(1 * kMillisecond);
  CHECK(busy.alive() && sender.alive());
  CHECK(served.event->signal(2).has_value());
  CHECK(busy.exits(2));
  CHECK(sender.exits(0));
  const auto bits = served.event->wait();
  CHECK(bits.has_value() && bits->bits == (9 | kOneWay));
  CHECK(call_within(served.service, 0, Method::increment, 1).words[0] == 2);
}

void send_limit(Guest& guest) noexcept {
  const auto service = make_service(guest);
  const std::uint64_t before = guest.now();
  CHECK(send_note(service, 1, 2'000) == status_of(TransportError::timeout));
  CHECK(guest.now() - before >= 2 * kMillisecond);
  CHECK(sleeps_undisturbed(guest));
}

void send_refused(Guest& guest) noexcept {
  Served served(guest);
  CHECK(served.good);
  CHECK(runtime::send_words(guest.timer.cap(), schema::Timer::kInterfaceId, 0) == status_of(TransportError::invalid_operation));
  CHECK(runtime::send_words({}, kServed, 0) == status_of(TransportError::invalid_cap));
  served.server->kill();
  CHECK(served.server->ends(schema::ExitReason::killed, 0));
  CHECK(send_note(served.service, 1) == status_of(TransportError::disconnected));
}

void queued_sender_dies(Guest& guest) noexcept {
  auto service = make_service(guest);
  const Notice event = make_notification(guest);
  const Grant calls[] = {{"service", service.client.cap()}};
  {
    Child sender(guest, {.role = Role::sender, .argument = 1, .grants = calls});
    guest.sleep(1 * kMillisecond);
    CHECK(sender.alive());
  }
  const Grant serves[] = {{"serve", service.endpoint.cap()}, {"event", event.cap()}};
  Child server(guest, {.role = Role::server, .grants = serves});
  CHECK(server.becomes_ready());
  CHECK(call_within(service, 0, Method::increment, 1).words[0] == 2);
}

// --- chains
void chain_depth(Guest& guest) noexcept {
  std::array<Service, abi::kCallDepth> services;
  std::array<std::optional<Child>, abi::kCallDepth> servers;
  for (Service& service : services) service = make_service(guest);
  for (std::size_t i = 0; i < services.size(); ++i) {
    const Grant grants[] = {{"serve", services[i].endpoint.cap()}, {"next", services[(i + 1) % services.size()].client.cap()}};
    servers[i].emplace(guest, Request{.role = Role::server, .grants = grants, .pages = 128});
    CHECK(servers[i]->becomes_ready());
  }
  // As many servers as the bound allows work for one another; the last one's own call would be one too many.
  for (int round = 0; round < 2; ++round) {
    CHECK(call_within(services[0], 0, Method::chain, abi::kCallDepth - 1).words[0] == 0);
    const RawCall refused = call_within(services[0], 0, Method::chain, abi::kCallDepth);
    guest.note("answer", refused.words[0]);
    CHECK(refused.status == 0);
    CHECK(refused.words[0] == kStatusCode + static_cast<std::uint64_t>(TransportError::too_deep));
  }
}

// --- nobody left to serve
void serving_side_released(Guest& guest) noexcept {
  auto service = make_service(guest);
  const Grant calls[] = {{"service", service.client.cap()}};
  Child caller(guest, {.role = Role::client, .grants = calls});
  Child sender(guest, {.role = Role::sender, .argument = 1, .grants = calls});
  guest.sleep(1 * kMillisecond);
  CHECK(caller.alive() && sender.alive());
  service.endpoint = {};
  CHECK(caller.exits(kDisconnected));
  CHECK(sender.exits(kDisconnected));
  CHECK(call_within(service, 0, Method::increment).status == status_of(TransportError::disconnected));
  CHECK(send_note(service, 1) == status_of(TransportError::disconnected));
}

// Its only holder ends without ever having received.
void server_ends_before_it_receives(Guest& guest) noexcept {
  auto service = make_service(guest);
  const Grant serves[] = {{"serve", service.endpoint.cap()}};
  Child holder(guest, {.role = Role::sleeper, .argument = 3, .grants = serves});
  service.endpoint = {};
  const Grant calls[] = {{"service", service.client.cap()}};
  Child caller(guest, {.role = Role::client, .grants = calls});
  guest.sleep(1 * kMillisecond);
  CHECK(caller.alive());
  CHECK(holder.exits(7));
  CHECK(caller.exits(kDisconnected));
}

// While it serves, a thread holds the serving side, whatever becomes of the capability.
void serving_thread_holds(Guest& guest) noexcept {
  Served served(guest);
  CHECK(served.good);
  served.service.endpoint = {};
  CHECK(call_within(served.service, 0, Method::increment, 1).words[0] == 2);
}

constexpr Case kCases[] = {
    {"call limit while queued", limit_while_queued},
    {"call limit while served", limit_while_served},
    {"call limit while the server computes", limit_while_server_computes},
    {"call limit not reached", limit_not_reached},
    {"call limit and a dead server", limit_and_dead_server},
    {"call limit in a chain", limit_in_a_chain},
    {"send to a server that waits", send_to_waiting_server},
    {"send waits its turn", send_waits_its_turn},
    {"send with a limit", send_limit},
    {"send refused", send_refused},
    {"send of a queued thread that dies", queued_sender_dies},
    {"call chain up to its bound", chain_depth},
    {"endpoint serving side released", serving_side_released},
    {"endpoint server ends before it receives", server_ends_before_it_receives},
    {"endpoint held by its serving thread", serving_thread_holds},
};

}  // namespace

std::span<const Case> call_cases() noexcept { return kCases; }

}  // namespace conformance
