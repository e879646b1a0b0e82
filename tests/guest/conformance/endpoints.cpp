// SPDX-License-Identifier: Apache-2.0
// Endpoint: words both ways, exceptions, queueing, and the end of either side. Donation of contexts:
// donation.cpp.
#include "harness.hpp"

namespace conformance {
namespace {

constexpr std::uint64_t kServed = schema::Echo::kInterfaceId;
constexpr std::int64_t kDisconnected =
    static_cast<std::int64_t>(kStatusCode) + static_cast<int>(TransportError::disconnected);
constexpr std::int64_t kWrongCpu =
    static_cast<std::int64_t>(kStatusCode) + static_cast<int>(TransportError::wrong_cpu);

RawCall call(const Service& service, Method method, std::uint64_t a = 0, std::uint64_t b = 0) noexcept {
  return raw_call(service.client.cap(), kServed, static_cast<std::uint16_t>(method), a, b);
}

// A service and its server.
struct Served {
  Served(Guest& guest, std::uint16_t cpu = 0) noexcept
      : service(make_service(guest)), event(make_notification(guest)) {
    const Grant grants[] = {{"serve", service.endpoint.cap()}, {"event", event.cap()}};
    new (storage) Child(guest, {.role = Role::server, .grants = grants, .cpu = cpu});
    good = server().becomes_ready();
  }
  ~Served() { server().~Child(); }
  Child& server() noexcept { return *reinterpret_cast<Child*>(storage); }
  Service service;
  Notice event;
  bool good = false;
  alignas(Child) unsigned char storage[sizeof(Child)];
};

void words_both_ways(Guest& guest) noexcept {
  Served served(guest);
  CHECK(served.good);
  const RawCall result = call(served.service, Method::increment, 100, 200);
  CHECK(result.status == 0);
  CHECK(result.words[0] == 101 && result.words[1] == 202);
  for (unsigned i = 2; i < abi::kRegisterWords; ++i) CHECK(result.words[i] == i + 1);
}

void caller_number(Guest& guest) noexcept {
  Served served(guest);
  CHECK(served.good);
  CHECK(call(served.service, Method::caller).words[0] == guest.runtime.number());
}

void exceptions(Guest& guest) noexcept {
  Served served(guest);
  CHECK(served.good);
  for (std::uint64_t type = 0; type < 5; ++type) {
    for (const std::uint64_t detail : {0u, 7u, 0xffffu}) {
      const RawCall result = call(served.service, Method::exception, type, detail);
      CHECK(result.status == status_of(TransportError::exception));
      CHECK((result.exception & 0xffff) == type && (result.exception >> 16) == detail);
    }
  }
  CHECK(call(served.service, Method::increment, 1).words[0] == 2);
}

// A foreign interface is refused before the server hears of it.
void foreign_interface(Guest& guest) noexcept {
  Served served(guest);
  CHECK(served.good);
  for (const std::uint64_t foreign : {schema::Timer::kInterfaceId, std::uint64_t{0}, ~std::uint64_t{0}}) {
    const RawCall result = raw_call(served.service.client.cap(), foreign, 0);
    CHECK(result.status == status_of(TransportError::exception));
    CHECK((result.exception & 0xffff) == static_cast<std::uint64_t>(ExceptionType::unimplemented));
  }
  CHECK(call(served.service, Method::increment, 1).words[0] == 2);
}

// An ancestor's arrives as it was called: this server ends with 92 when it is called by another than Echo.
void ancestor_arrives(Guest& guest) noexcept {
  auto made = guest.objects->create_endpoint(
      [](auto params) { params.set_interface_id(schema::Notification::kInterfaceId); });
  CHECK(made.has_value());
  auto endpoint = made->capability<schema::Endpoint>(made->reader().endpoint());
  auto joined = endpoint->connect([](auto) {});
  CHECK(joined.has_value());
  const auto client = joined->capability<schema::Notification>(joined->reader().client().get_capability());
  const Grant grants[] = {{"serve", endpoint.cap()}};
  Child server(guest, {.role = Role::server, .grants = grants});
  CHECK(server.becomes_ready());
  CHECK(raw_call(client.cap(), schema::NotificationSignal::kInterfaceId, 0).status ==
        status_of(TransportError::disconnected));
  CHECK(server.exits(92));
}

void server_sleeps_during_call(Guest& guest) noexcept {
  Served served(guest);
  CHECK(served.good);
  const std::uint64_t before = guest.now();
  CHECK(call(served.service, Method::sleep, 2 * kMillisecond).status == 0);
  CHECK(guest.now() - before >= 2 * kMillisecond);
}

void several_clients(Guest& guest) noexcept {
  Served served(guest);
  CHECK(served.good);
  Shared a(guest), b(guest), c(guest);
  const Grant to_a[] = {{"service", served.service.client.cap()}, {"out", a.cap()}};
  const Grant to_b[] = {{"service", served.service.client.cap()}, {"out", b.cap()}};
  const Grant to_c[] = {{"service", served.service.client.cap()}, {"out", c.cap()}};
  Child first(guest, {.role = Role::client_loop, .grants = to_a});
  Child second(guest, {.role = Role::client_loop, .grants = to_b});
  Child third(guest, {.role = Role::client_loop, .grants = to_c});
  for (Shared* out : {&a, &b, &c}) CHECK(out->reaches(0, 500));
  CHECK(first.alive() && second.alive() && third.alive());
}

// Clients that come while the server waits elsewhere queue, and are all served.
void clients_queue(Guest& guest) noexcept {
  Served served(guest);
  CHECK(served.good);
  const Grant grants[] = {{"service", served.service.client.cap()}};
  Child first(guest,
              {.role = Role::client, .argument = static_cast<std::uint32_t>(Method::gate), .grants = grants});
  guest.sleep(1 * kMillisecond);
  Child second(guest, {.role = Role::client, .grants = grants});
  Child third(guest, {.role = Role::client, .grants = grants});
  guest.sleep(1 * kMillisecond);
  CHECK(first.alive() && second.alive() && third.alive());
  CHECK(served.event.borrow()->signal(12).has_value());
  CHECK(first.exits(12));
  CHECK(second.exits(6));
  CHECK(third.exits(6));
}

void clients_before_the_server(Guest& guest) noexcept {
  auto service = make_service(guest);
  const Grant calls[] = {{"service", service.client.cap()}};
  Child first(guest, {.role = Role::client, .grants = calls});
  Child second(guest, {.role = Role::client, .grants = calls});
  guest.sleep(1 * kMillisecond);
  CHECK(first.alive() && second.alive());
  const Grant serves[] = {{"serve", service.endpoint.cap()}};
  Child server(guest, {.role = Role::server, .grants = serves});
  CHECK(first.exits(6));
  CHECK(second.exits(6));
}

void server_ends_during_call(Guest& guest, Method method) noexcept {
  Served served(guest);
  CHECK(served.good);
  const Grant grants[] = {{"service", served.service.client.cap()}};
  Child caller(
      guest, {.role = Role::client, .argument = static_cast<std::uint32_t>(Method::sleep), .grants = grants});
  Child doomed(guest,
               {.role = Role::client, .argument = static_cast<std::uint32_t>(method), .grants = grants});
  Child queued(
      guest,
      {.role = Role::client, .argument = static_cast<std::uint32_t>(Method::increment), .grants = grants});
  CHECK(doomed.exits(kDisconnected));
  const auto end = queued.process()->wait();
  CHECK(end.has_value() && (end->code == kDisconnected || end->code == 6));
  CHECK(call(served.service, Method::increment).status == status_of(TransportError::disconnected));
}
void server_exits(Guest& guest) noexcept { server_ends_during_call(guest, Method::exit); }
void server_faults(Guest& guest) noexcept { server_ends_during_call(guest, Method::fault); }

void new_server_takes_over(Guest& guest) noexcept {
  auto service = make_service(guest);
  const Grant grants[] = {{"serve", service.endpoint.cap()}};
  {
    Child server(guest, {.role = Role::server, .grants = grants});
    CHECK(server.becomes_ready());
    CHECK(call(service, Method::exit).status == status_of(TransportError::disconnected));
    CHECK(server.exits(55));
  }
  CHECK(call(service, Method::increment).status == status_of(TransportError::disconnected));
  Child server(guest, {.role = Role::server, .grants = grants});
  CHECK(server.becomes_ready());
  CHECK(call(service, Method::increment, 1).words[0] == 2);
}

// One of two servers dies while the other is busy: the endpoint stays open.
void one_of_two_servers_dies(Guest& guest) noexcept {
  auto service = make_service(guest);
  const Notice event = make_notification(guest);
  const Grant grants[] = {{"serve", service.endpoint.cap()}, {"event", event.cap()}};
  Child first(guest, {.role = Role::server, .grants = grants});
  CHECK(first.becomes_ready());
  const Grant calls[] = {{"service", service.client.cap()}};
  Child caller(guest,
               {.role = Role::client, .argument = static_cast<std::uint32_t>(Method::gate), .grants = calls});
  guest.sleep(1 * kMillisecond);
  Child second(guest, {.role = Role::server, .grants = grants});
  CHECK(second.becomes_ready());
  CHECK(second.process()->kill().has_value());
  CHECK(second.ends(schema::ExitReason::killed, 0));
  Child queued(guest, {.role = Role::client, .grants = calls});
  guest.sleep(1 * kMillisecond);
  CHECK(event.borrow()->signal(8).has_value());
  CHECK(caller.exits(8));
  CHECK(queued.exits(6));
  CHECK(call(service, Method::increment, 4).words[0] == 5);
}

void two_servers_share(Guest& guest) noexcept {
  auto service = make_service(guest);
  const Grant grants[] = {{"serve", service.endpoint.cap()}};
  Child first(guest, {.role = Role::server, .grants = grants});
  Child second(guest, {.role = Role::server, .grants = grants});
  CHECK(first.becomes_ready() && second.becomes_ready());
  const Grant calls[] = {{"service", service.client.cap()}};
  Child sleeper(
      guest, {.role = Role::client, .argument = static_cast<std::uint32_t>(Method::sleep), .grants = calls});
  for (int i = 0; i < 10; ++i) CHECK(call(service, Method::increment, 1).words[0] == 2);
  CHECK(sleeper.exits(5));
}

void call_from_another_cpu(Guest& guest) noexcept {
  Served served(guest);
  CHECK(served.good);
  const Grant grants[] = {{"service", served.service.client.cap()}};
  for (std::uint16_t cpu = 1; cpu < guest.cpus; ++cpu) {
    Child client(guest, {.role = Role::client, .grants = grants, .cpu = cpu});
    CHECK(client.exits(kWrongCpu));
  }
  CHECK(call(served.service, Method::increment, 1).words[0] == 2);
}

// A client that comes before the server must not bring its CPU's thread into the other CPU's queues.
void early_call_from_another_cpu(Guest& guest) noexcept {
  for (std::uint16_t cpu = 1; cpu < guest.cpus; ++cpu) {
    auto service = make_service(guest);
    const Grant calls[] = {{"service", service.client.cap()}};
    Child client(guest, {.role = Role::client, .grants = calls, .cpu = cpu});
    guest.sleep(1 * kMillisecond);
    const Grant serves[] = {{"serve", service.endpoint.cap()}};
    Child server(guest, {.role = Role::server, .grants = serves, .cpu = cpu});
    CHECK(client.exits(6));
    Child late(guest, {.role = Role::server, .grants = serves, .cpu = 0});
    CHECK(late.exits(kWrongCpu));
    CHECK(call(service, Method::increment, 1).status == status_of(TransportError::wrong_cpu));
  }
}

void early_client_elsewhere(Guest& guest) noexcept {
  for (std::uint16_t cpu = 1; cpu < guest.cpus; ++cpu) {
    auto service = make_service(guest);
    const Grant calls[] = {{"service", service.client.cap()}};
    Child client(guest, {.role = Role::client, .grants = calls, .cpu = cpu});
    guest.sleep(1 * kMillisecond);
    const Grant serves[] = {{"serve", service.endpoint.cap()}};
    Child server(guest, {.role = Role::server, .grants = serves, .cpu = 0});
    guest.sleep(1 * kMillisecond);
    // One of the two is told that it is on the wrong CPU; neither hangs on with the other.
    const bool told = !client.alive() ? client.exits(kWrongCpu) : server.exits(kWrongCpu);
    CHECK(told);
  }
}

void create_bounds(Guest& guest) noexcept {
  CHECK(invalid(
      guest.objects->create_endpoint([](auto params) { params.set_minimum_budget_ns(~std::uint64_t{0}); }),
      KernelError::bad_range));
  CHECK(invalid(
      guest.objects->create_endpoint([](auto params) { params.set_minimum_budget_ns(3'600'000'000'001); }),
      KernelError::bad_range));
  CHECK(guest.objects->create_endpoint([](auto params) { params.set_minimum_budget_ns(3'600'000'000'000); })
            .has_value());
}

// Best effort has no budget that could be too small.
void least_budget_and_best_effort(Guest& guest) noexcept {
  auto service = make_service(guest, 1'000'000, 10);
  const Grant serves[] = {{"serve", service.endpoint.cap()}};
  Child server(guest, {.role = Role::server, .grants = serves});
  CHECK(server.becomes_ready());
  CHECK(call(service, Method::increment, 1).words[0] == 2);
}

constexpr Case kCases[] = {
    {"endpoint words both ways", words_both_ways},
    {"endpoint tells the caller's number", caller_number},
    {"endpoint exceptions with detail", exceptions},
    {"endpoint called by a foreign interface", foreign_interface},
    {"endpoint called by an ancestor of its interface", ancestor_arrives},
    {"endpoint server sleeps during a call", server_sleeps_during_call},
    {"endpoint several clients", several_clients},
    {"endpoint clients queue", clients_queue},
    {"endpoint clients before the server", clients_before_the_server},
    {"endpoint server exits during a call", server_exits},
    {"endpoint server faults during a call", server_faults},
    {"endpoint new server takes over", new_server_takes_over},
    {"endpoint one of two servers dies", one_of_two_servers_dies},
    {"endpoint two servers share", two_servers_share},
    {"endpoint call from another CPU", call_from_another_cpu},
    {"endpoint bound by an early client", early_call_from_another_cpu},
    {"endpoint early client elsewhere", early_client_elsewhere},
    {"endpoint bounds", create_bounds},
    {"endpoint least budget spares best effort", least_budget_and_best_effort},
};

}  // namespace

std::span<const Case> endpoint_cases() noexcept { return kCases; }

}  // namespace conformance
