// SPDX-License-Identifier: Apache-2.0
// ProcessHandle.kill in every state a thread can be in, on this CPU and on others.
#include "harness.hpp"

namespace conformance {
namespace {

void computing(Guest& guest) noexcept {
  for (std::uint16_t cpu = 0; cpu < guest.cpus; ++cpu) {
    Shared out(guest);
    const Grant grants[] = {{"out", out.cap()}};
    Child child(guest, {.role = Role::compute, .grants = grants, .cpu = cpu});
    CHECK(out.reaches(0, 100));
    CHECK(child.process()->kill().has_value());
    CHECK(child.ends(schema::ExitReason::killed, 0));
    const std::uint64_t last = out.word(0);
    guest.sleep(3 * kMillisecond);
    CHECK(out.word(0) == last);
  }
}

void before_it_runs(Guest& guest) noexcept {
  for (std::uint16_t cpu = 0; cpu < guest.cpus; ++cpu) {
    Child child(guest, {.role = Role::sleeper, .argument = 1000, .cpu = cpu});
    CHECK(child.process()->kill().has_value());
    CHECK(child.ends(schema::ExitReason::killed, 0));
  }
}

void sleeping(Guest& guest) noexcept {
  for (std::uint16_t cpu = 0; cpu < guest.cpus; ++cpu) {
    Child other(guest, {.role = Role::sleeper, .argument = 8, .cpu = cpu});
    Child child(guest, {.role = Role::sleeper, .argument = 1000, .cpu = cpu});
    CHECK(child.becomes_ready());
    CHECK(child.process()->kill().has_value());
    CHECK(child.ends(schema::ExitReason::killed, 0));
    CHECK(other.exits(7));  // the queue of sleepers is whole
  }
}

void waiting_for_a_signal(Guest& guest) noexcept {
  for (std::uint16_t cpu = 0; cpu < guest.cpus; ++cpu) {
    const Notice event = make_notification(guest);
    const Grant grants[] = {{"event", event.cap()}};
    {
      Child child(guest, {.role = Role::waiter, .grants = grants, .cpu = cpu});
      CHECK(child.becomes_ready());
      CHECK(child.process()->kill().has_value());
      CHECK(child.ends(schema::ExitReason::killed, 0));
    }
    // The place is free again, and bits are not lost on the dead.
    CHECK(event.borrow()->signal(4).has_value());
    Child next(guest, {.role = Role::waiter, .grants = grants, .cpu = cpu});
    CHECK(next.exits(4));
  }
}

// The signal and the kill cross each other.
void signalled_and_killed_at_once(Guest& guest) noexcept {
  for (std::uint16_t cpu = 0; cpu < guest.cpus; ++cpu) {
    for (int round = 0; round < 4; ++round) {
      const Notice event = make_notification(guest);
      Shared out(guest);
      const Grant both[] = {{"event", event.cap()}, {"out", out.cap()}};
      Child waiter(guest, {.role = Role::wait_loop, .grants = both, .cpu = cpu});
      CHECK(waiter.becomes_ready());
      CHECK(event.borrow()->signal(1).has_value());
      CHECK(waiter.process()->kill().has_value());
      CHECK(event.borrow()->signal(2).has_value());
      CHECK(waiter.ends(schema::ExitReason::killed, 0));
    }
  }
}

void waiting_for_a_process(Guest& guest) noexcept {
  Child other(guest, {.role = Role::sleeper, .argument = 15});
  const Grant grants[] = {{"process", other.process().cap()}};
  {
    Child child(guest, {.role = Role::process_waiter, .grants = grants});
    CHECK(child.becomes_ready());
    CHECK(child.process()->kill().has_value());
    CHECK(child.ends(schema::ExitReason::killed, 0));
  }
  CHECK(other.exits(7));
}

void waiting_for_a_server(Guest& guest) noexcept {
  auto service = make_service(guest);
  const Grant calls[] = {{"service", service.client.cap()}};
  Child first(guest, {.role = Role::client, .grants = calls});
  Child second(guest, {.role = Role::client, .grants = calls});
  guest.sleep(2 * kMillisecond);  // both queue: there is no server yet
  CHECK(first.process()->kill().has_value());
  CHECK(first.ends(schema::ExitReason::killed, 0));
  const Grant serves[] = {{"serve", service.endpoint.cap()}};
  Child server(guest, {.role = Role::server, .grants = serves});
  CHECK(second.exits(5 + 1));
}

void waiting_for_calls(Guest& guest) noexcept {
  auto service = make_service(guest);
  const Grant serves[] = {{"serve", service.endpoint.cap()}};
  Child server(guest, {.role = Role::server, .grants = serves});
  CHECK(server.becomes_ready());
  CHECK(server.process()->kill().has_value());
  CHECK(server.ends(schema::ExitReason::killed, 0));
  CHECK(raw_call(service.client.cap(), schema::Echo::kInterfaceId, 0).status ==
        status_of(TransportError::disconnected));
}

// The caller dies; the server finishes by itself and serves the next.
void being_served(Guest& guest, Method method, std::uint64_t argument) noexcept {
  auto service = make_service(guest);
  const Notice event = make_notification(guest);
  const Grant serves[] = {{"serve", service.endpoint.cap()}, {"event", event.cap()}};
  Child server(guest, {.role = Role::server, .grants = serves});
  CHECK(server.becomes_ready());
  Shared out(guest);
  const Grant calls[] = {{"service", service.client.cap()}, {"out", out.cap()}};
  Child caller(guest,
               {.role = Role::told_client, .argument = static_cast<std::uint32_t>(method), .grants = calls});
  out.set(1, argument);
  out.set(0, 1);
  CHECK(out.reaches(2, 1));
  guest.sleep(1 * kMillisecond);  // now it is being served
  CHECK(caller.process()->kill().has_value());
  CHECK(caller.ends(schema::ExitReason::killed, 0));
  CHECK(server.alive());
  CHECK(event.borrow()->signal(9).has_value());
  Child next(
      guest,
      {.role = Role::client, .argument = static_cast<std::uint32_t>(Method::increment), .grants = calls});
  CHECK(next.exits(6));
}
void served_while_server_computes(Guest& guest) noexcept {
  being_served(guest, Method::busy, 60 * kMillisecond);
}
void served_while_server_sleeps(Guest& guest) noexcept {
  being_served(guest, Method::sleep, 60 * kMillisecond);
}
void served_while_server_waits(Guest& guest) noexcept { being_served(guest, Method::gate, 0); }

// A chain: caller -> first -> second. Any of them dies while the second computes, sleeps, or waits.
void chain(Guest& guest, Method method, unsigned victim) noexcept {
  auto one = make_service(guest), two = make_service(guest);
  const Notice event = make_notification(guest);
  const Grant second_grants[] = {{"serve", two.endpoint.cap()}, {"event", event.cap()}};
  Child second(guest, {.role = Role::server, .grants = second_grants});
  const Grant first_grants[] = {{"serve", one.endpoint.cap()}, {"next", two.client.cap()}};
  Child first(guest, {.role = Role::server, .grants = first_grants});
  CHECK(first.becomes_ready() && second.becomes_ready());
  Shared out(guest);
  const Grant calls[] = {{"service", one.client.cap()}, {"out", out.cap()}};
  Child caller(
      guest,
      {.role = Role::told_client, .argument = static_cast<std::uint32_t>(Method::nested), .grants = calls});
  out.set(1, static_cast<std::uint64_t>(method));
  out.set(3, 60 * kMillisecond);
  out.set(0, 1);
  CHECK(out.reaches(2, 1));
  guest.sleep(1 * kMillisecond);
  Child* const all[] = {&caller, &first, &second};
  CHECK(all[victim]->process()->kill().has_value());
  CHECK(all[victim]->ends(schema::ExitReason::killed, 0));
  CHECK(event.borrow()->signal(9).has_value());
  const auto disconnected =
      static_cast<std::int64_t>(kStatusCode) + static_cast<int>(TransportError::disconnected);
  if (victim == 1) CHECK(caller.exits(disconnected));  // its server is gone
  if (victim == 2) CHECK(caller.exits(disconnected));  // the first server answers what it got
  if (victim != 2) {
    const Grant direct[] = {{"service", two.client.cap()}};
    Child next(
        guest,
        {.role = Role::client, .argument = static_cast<std::uint32_t>(Method::increment), .grants = direct});
    CHECK(next.exits(6));
  }
  if (victim != 1) {
    const Grant direct[] = {{"service", one.client.cap()}};
    Child next(
        guest,
        {.role = Role::client, .argument = static_cast<std::uint32_t>(Method::increment), .grants = direct});
    CHECK(next.exits(6));
  }
}
template <Method kMethod, unsigned kVictim>
void chain_of(Guest& guest) noexcept {
  chain(guest, kMethod, kVictim);
}

// The server is killed during a call, in each state: its caller is told.
void serving(Guest& guest, Method method, std::uint64_t argument) noexcept {
  auto service = make_service(guest);
  const Notice event = make_notification(guest);
  const Grant serves[] = {{"serve", service.endpoint.cap()}, {"event", event.cap()}};
  Child server(guest, {.role = Role::server, .grants = serves});
  CHECK(server.becomes_ready());
  Shared out(guest);
  const Grant calls[] = {{"service", service.client.cap()}, {"out", out.cap()}};
  Child caller(guest,
               {.role = Role::told_client, .argument = static_cast<std::uint32_t>(method), .grants = calls});
  out.set(1, argument);
  out.set(0, 1);
  CHECK(out.reaches(2, 1));
  guest.sleep(1 * kMillisecond);
  CHECK(server.process()->kill().has_value());
  CHECK(server.ends(schema::ExitReason::killed, 0));
  const auto disconnected =
      static_cast<std::int64_t>(kStatusCode) + static_cast<int>(TransportError::disconnected);
  CHECK(caller.exits(disconnected));
}
void server_computing(Guest& guest) noexcept { serving(guest, Method::busy, 60 * kMillisecond); }
void server_sleeping(Guest& guest) noexcept { serving(guest, Method::sleep, 1000 * kMillisecond); }
void server_waiting(Guest& guest) noexcept { serving(guest, Method::gate, 0); }

constexpr Case kCases[] = {
    {"kill while computing", computing},
    {"kill before it runs", before_it_runs},
    {"kill while sleeping", sleeping},
    {"kill while waiting for a signal", waiting_for_a_signal},
    {"kill while being signalled", signalled_and_killed_at_once},
    {"kill while waiting for a process", waiting_for_a_process},
    {"kill while queued for a server", waiting_for_a_server},
    {"kill while waiting for calls", waiting_for_calls},
    {"kill while served, server computes", served_while_server_computes},
    {"kill while served, server sleeps", served_while_server_sleeps},
    {"kill while served, server waits", served_while_server_waits},
    {"kill while serving, computing", server_computing},
    {"kill while serving, sleeping", server_sleeping},
    {"kill while serving, waiting", server_waiting},
    {"kill the caller of a chain, computing", chain_of<Method::busy, 0>},
    {"kill the caller of a chain, sleeping", chain_of<Method::sleep, 0>},
    {"kill the caller of a chain, waiting", chain_of<Method::gate, 0>},
    {"kill the middle of a chain, computing", chain_of<Method::busy, 1>},
    {"kill the middle of a chain, sleeping", chain_of<Method::sleep, 1>},
    {"kill the middle of a chain, waiting", chain_of<Method::gate, 1>},
    {"kill the end of a chain, computing", chain_of<Method::busy, 2>},
    {"kill the end of a chain, sleeping", chain_of<Method::sleep, 2>},
    {"kill the end of a chain, waiting", chain_of<Method::gate, 2>},
};

}  // namespace

std::span<const Case> kill_cases() noexcept { return kCases; }

}  // namespace conformance
