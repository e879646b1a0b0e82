// SPDX-License-Identifier: Apache-2.0
// Several calls of one caller open at one server (a RECEIVE with areas), and sends to servers that receive by ring.
#include "ring_server.hpp"

namespace conformance {
namespace {

using namespace hand;

void all_at_once(Guest& guest) noexcept {
  for (const std::uint32_t areas : {2u, 7u, 16u, 63u}) {
    RingServer server(guest, areas);
    CHECK(server.good);
    for (int round = 0; round < 5; ++round) {
      for (std::uint64_t i = 0; i < 16; ++i) server.push(RingMethod::increment, i, 100 * i);
      CHECK(runtime::cap_enter(16, kWait) == 16);
      for (std::uint64_t i = 0; i < 16; ++i) CHECK(is(pop(), i) && result(i) == 100 * i + 1);
    }
    // More than one lay there at a time.
    CHECK(report(server, 5) == (areas < 16 ? areas : 16));
  }
}

// As many as are waited for: the caller goes on as soon as it has them.
void as_many_as_waited_for(Guest& guest) noexcept {
  RingServer server(guest, 16);
  CHECK(server.good);
  for (std::uint64_t i = 0; i < 12; ++i) server.push(RingMethod::increment, i, i);
  std::uint64_t next = 0;
  for (const std::uint32_t wanted : {1u, 3u, 0u, 4u, 4u}) {
    CHECK(runtime::cap_enter(wanted, wanted == 0 ? 0 : kWait) == wanted);
    for (std::uint32_t i = 0; i < wanted; ++i, ++next) CHECK(is(pop(), next) && result(next) == next + 1);
  }
  CHECK(next == 12 && report(server, 5) == 4);
}

// Chains, quiet ones, what is refused on the way, other endpoints: each in its order.
void mixed(Guest& guest) noexcept {
  RingServer server(guest, 16), other(guest, 16);
  CHECK(server.good && other.good);
  server.push(RingMethod::increment, 0, 1);
  server.push(RingMethod::increment, 1, 2, abi::kSqeLink);
  server.push(RingMethod::increment, 2, 3);
  other.push(RingMethod::increment, 3, 4);
  server.push(RingMethod::increment, 4, 5, abi::kSqeQuiet);
  CapSqe large = call_of(server.service.client.cap(), kEcho, 0, 5, 5 * kStride, 1008 + 16);  // more than an area of the server
  large.params_size = 1024 * 8;
  push(large);
  CapSqe stale = call_of(server.service.client.cap(), kEcho, 0, 6, 6 * kStride, place(6 * kStride, 1));
  stale.deadline_ns = guest.now() + kMicrosecond;
  push(stale);
  server.push(RingMethod::increment, 7, 8);
  CHECK(runtime::cap_enter(7, kWait) == 7);
  bool seen[8] = {};
  for (int i = 0; i < 7; ++i) {
    const CapCqe done = pop();
    CHECK(done.user_data < 8);
    seen[done.user_data] = true;
    if (done.user_data == 5) CHECK(done.result == status_of(TransportError::invalid_message));
    else if (done.user_data == 6) CHECK(done.result == status_of(TransportError::timeout));
    else CHECK(done.result == 0 && result(done.user_data) == done.user_data + 2);
  }
  CHECK(seen[0] && seen[1] && seen[2] && seen[3] && seen[5] && seen[6] && seen[7] && result(4) == 6);
}

// The server ends while it works on the second of four.
void server_exits(Guest& guest) noexcept {
  RingServer server(guest, 8);
  CHECK(server.good);
  server.push(RingMethod::increment, 0, 1);
  server.push(RingMethod::exit, 1);
  server.push(RingMethod::increment, 2, 1);
  server.push(RingMethod::increment, 3, 1);
  CHECK(runtime::cap_enter(4, kWait) == 4);
  for (std::uint64_t i = 0; i < 4; ++i) {
    const CapCqe done = pop();
    CHECK(done.user_data < 4 && done.result == status_of(TransportError::disconnected));
  }
  CHECK(server.child.exits(55) && waiting() == 0);
}

// The caller's wait is over first: the server finishes all of them on time of its own, and each answer comes.
void wait_ends_first(Guest& guest) noexcept {
  RingServer server(guest, 8);
  CHECK(server.good);
  for (std::uint64_t i = 0; i < 4; ++i) server.push(RingMethod::gate, i);
  CHECK(runtime::cap_enter(4, 3 * kMillisecond) == 0);
  for (std::uint64_t i = 0; i < 4; ++i) {
    CHECK(server.event.borrow()->signal(1u << i).has_value());
    guest.sleep(kMillisecond);
  }
  CHECK(runtime::cap_enter(4, kWait) == 4);
  for (std::uint64_t i = 0; i < 4; ++i) CHECK(is(pop(), i) && result(i) == 1u << i);
  CHECK(report(server, 0) == 0);
}

// Which one would it answer? The server is told so, and answers each where it came.
void reply_by_registers_refused(Guest& guest) noexcept {
  RingServer server(guest, 4);
  CHECK(server.good);
  server.push(RingMethod::by_registers, 0);
  server.push(RingMethod::increment, 1, 1);
  server.push(RingMethod::increment, 2, 2);
  CHECK(runtime::cap_enter(3, kWait) == 3);
  CHECK(is(pop(), 0) && result(0) == static_cast<std::uint64_t>(TransportError::invalid_operation));
  for (std::uint64_t i = 1; i < 3; ++i) CHECK(is(pop(), i) && result(i) == i + 1);
  CHECK(report(server, 5) == 3);
}

// One of several is called off: the others go on, and its area is free again.
void one_called_off(Guest& guest) noexcept {
  RingServer server(guest, 4);
  CHECK(server.good);
  for (std::uint64_t i = 0; i < 4; ++i) server.push(RingMethod::gate, i);
  CHECK(runtime::cap_enter(4, 3 * kMillisecond) == 0);
  for (const std::uint64_t gone : {0u, 2u}) {  // the first one is what the account was lent for
    push(entry_of(RingOperation::cancel, 20, gone));
    CHECK(runtime::cap_enter(0, 0) == 2 && is(pop(), gone, TransportError::cancelled) && is(pop(), 20));
  }
  for (std::uint64_t i = 0; i < 4; ++i) {
    CHECK(server.event.borrow()->signal(1u << i).has_value());
    guest.sleep(kMillisecond);
  }
  CHECK(runtime::cap_enter(2, kWait) == 2 && is(pop(), 1) && is(pop(), 3) && result(1) == 2 && result(3) == 8);
  CHECK(report(server, 0) == 2);
  for (std::uint64_t i = 0; i < 4; ++i) server.push(RingMethod::increment, i, 1);
  CHECK(runtime::cap_enter(4, kWait) == 4);
  for (std::uint64_t i = 0; i < 4; ++i) CHECK(is(pop(), i));
}

// Something else completes: the wait is over in the middle of them.
void event_in_between(Guest& guest) noexcept {
  RingServer server(guest, 8);
  CHECK(server.good);
  push(entry_of(RingOperation::timeout, 20, guest.now() + kMillisecond));
  push(entry_of(RingOperation::timeout, 21, guest.now() + kMillisecond));
  for (std::uint64_t i = 0; i < 4; ++i) server.push(RingMethod::busy, i, kMillisecond);
  std::uint32_t done = 0;
  bool seen[22] = {};
  while (done < 6) {
    const std::uint32_t there = runtime::cap_enter(done == 0 ? 4 : 1, kWait);
    CHECK(there != 0);
    for (std::uint32_t i = 0; i < there; ++i, ++done) {
      const CapCqe completion = pop();
      CHECK(completion.user_data < 22 && completion.result == 0 && !seen[completion.user_data]);
      seen[completion.user_data] = true;
    }
  }
  CHECK(seen[0] && seen[3] && seen[20] && seen[21] && waiting() == 0);
}

void revoked(Guest& guest) noexcept {
  RingServer server(guest, 8);
  CHECK(server.good);
  for (std::uint64_t i = 0; i < 4; ++i) server.push(RingMethod::gate, i);
  server.push(RingMethod::gate, 4, 0, abi::kSqeQuiet);
  CHECK(runtime::cap_enter(5, 3 * kMillisecond) == 0);
  CHECK(server.service.endpoint.borrow()->revoke().has_value());
  CHECK(runtime::cap_enter(5, kWait) == 5);
  for (std::uint64_t i = 0; i < 5; ++i) CHECK(pop().result == status_of(TransportError::disconnected));
  // Through the ring, at an endpoint that has ended.
  server.push(RingMethod::increment, 1, 1);
  CHECK(runtime::cap_enter(1, kWait) == 1 && is(pop(), 1, TransportError::disconnected));
}

void killed_with_several_open(Guest& guest) noexcept {
  const auto service = make_service(guest);
  const Notice event = make_notification(guest);
  const Grant serves[] = {{"serve", service.endpoint.cap()}, {"event", event.cap()}};
  Child child(guest, {.role = Role::ring_server, .argument = 8, .grants = serves});
  CHECK(child.becomes_ready());
  const Grant calls[] = {{"service", service.client.cap()}};
  {
    Child caller(guest, {.role = Role::ring_gates, .argument = 4, .grants = calls});
    CHECK(caller.becomes_ready());
    guest.sleep(2 * kMillisecond);
    caller.kill();
    CHECK(caller.ends(schema::ExitReason::killed, 0));
  }
  for (int i = 0; i < 4; ++i) {
    CHECK(event.borrow()->signal(1).has_value());
    guest.sleep(kMillisecond);
  }
  const CapSqe entry = call_of(service.client.cap(), kEcho, static_cast<std::uint16_t>(RingMethod::report), 1, 0, place(0, 0));
  push(entry);
  CHECK(runtime::cap_enter(1, kWait) == 1 && is(pop(), 1) && result(0) == 4);  // nobody took the answers
}

void receive_refused(Guest& guest) noexcept {
  const auto service = make_service(guest);
  CapSqe entry = entry_of(RingOperation::receive, 1, service.endpoint.cap().raw, abi::kSqeMultishot);
  entry.results_capacity = 24;
  entry.pipeline_field = abi::kMaxReceiveAreas + 1;
  CHECK(is(once(entry), 1, TransportError::invalid_operation));
  entry.pipeline_field = 2;
  entry.flags = 0;
  CHECK(is(once(entry), 1, TransportError::invalid_operation));
  entry.flags = abi::kSqeMultishot;
  entry.results_offset = abi::kArenaBytes - 40;
  CHECK(is(once(entry), 1, TransportError::invalid_message));
  entry.results_capacity = abi::kArenaBytes / 2 + 8;
  entry.results_offset = 0;
  CHECK(is(once(entry), 1, TransportError::invalid_message));
}

void sent(Guest& guest) noexcept {
  for (const std::uint32_t areas : {0u, 4u}) {
    RingServer server(guest, areas);
    CHECK(server.good);
    for (std::uint64_t i = 1; i <= 6; ++i) {
      runtime::Registers registers;
      registers.operation = static_cast<std::uint64_t>(abi::SystemCall::send) |
                            static_cast<std::uint64_t>(RingMethod::increment) << 16;
      registers.cap = server.service.client.cap().raw;
      registers.interface_id = kEcho;
      registers.words[0] = i;
      runtime::enter_kernel(registers);
      CHECK(registers.status() == 0);
    }
    CHECK(report(server, 4) == 6);
    server.push(RingMethod::increment, 1, 1);
    CHECK(runtime::cap_enter(1, kWait) == 1 && is(pop(), 1) && result(1) == 2);
  }
}

// A call by registers with a limit, answered by RETURN: the limit ends with the call, and nothing else afterwards.
void limit_ends_with_the_call(Guest& guest) noexcept {
  RingServer server(guest, 4);
  CHECK(server.good);
  runtime::Registers registers;
  registers.operation = static_cast<std::uint64_t>(abi::SystemCall::call) |
                        static_cast<std::uint64_t>(RingMethod::increment) << 16 | std::uint64_t{2'000} << 32;  // 2 ms
  registers.cap = server.service.client.cap().raw;
  registers.interface_id = kEcho;
  registers.words[0] = 7;
  runtime::enter_kernel(registers);
  CHECK(registers.status() == 0 && registers.words[0] == 8);
  const std::uint64_t until = guest.now() + 5 * kMillisecond;
  push(entry_of(RingOperation::timeout, 1, until));
  CHECK(runtime::cap_enter(1, kWait) == 1 && is(pop(), 1) && guest.now() >= until);
}

constexpr Case kCases[] = {
    {"calls together", all_at_once},
    {"calls together, as many as waited for", as_many_as_waited_for},
    {"calls together, mixed", mixed},
    {"calls together, server exits", server_exits},
    {"calls together outlast the wait", wait_ends_first},
    {"calls together, one called off", one_called_off},
    {"calls together and an event", event_in_between},
    {"calls together, answer by registers refused", reply_by_registers_refused},
    {"calls together, revoked", revoked},
    {"calls together, caller killed", killed_with_several_open},
    {"receive with areas refused", receive_refused},
    {"sent to a ring", sent},
    {"limit of a call that is answered by ring", limit_ends_with_the_call},
};

}  // namespace

std::span<const Case> batched_call_cases() noexcept { return kCases; }

}  // namespace conformance
