// SPDX-License-Identifier: Apache-2.0
// LINK_TIMEOUT behind every operation that waits, in every state of a call; in chains; refused.
#include "capos/schema/threads.hpp"
#include "ring_server.hpp"

namespace conformance {
namespace {

using namespace hand;

constexpr std::uint8_t kLink = abi::kSqeLink, kQuiet = abi::kSqeQuiet;
constexpr std::uint64_t kLong = 10'000 * kMillisecond;

CapSqe linked(CapSqe entry) noexcept {
  entry.flags |= kLink;
  return entry;
}
CapSqe limit(std::uint64_t user_data, std::uint64_t until, std::uint8_t flags = 0) noexcept {
  return entry_of(RingOperation::link_timeout, user_data, until, flags);
}
CapSqe timeout(std::uint64_t user_data, std::uint64_t until) noexcept {
  return entry_of(RingOperation::timeout, user_data, until);
}

// What came, by user_data; each at most once.
struct Ends {
  CapCqe of[24] = {};
  bool seen[24] = {};
  bool good = true;
  void take(std::uint32_t count) noexcept {
    good = good && runtime::cap_enter(count, kWait) == count;
    for (std::uint32_t i = 0; i < count; ++i) {
      const CapCqe done = pop();
      good = good && done.result <= 0 && done.user_data < 24 && !seen[done.user_data];
      if (!good) return;
      seen[done.user_data] = true;
      of[done.user_data] = done;
    }
  }
  [[nodiscard]] bool is(std::uint64_t user_data, TransportError error = TransportError::none) const noexcept {
    return good && seen[user_data] && of[user_data].result == status_of(error);
  }
  // The limit `user_data` has ended something, at `until` or later.
  [[nodiscard]] bool fired(std::uint64_t user_data, std::uint64_t until) const noexcept {
    return is(user_data) && of[user_data].value >= until && of[user_data].value < until + kMillisecond;
  }
};

// `entry`, which would wait for long, as 1 with the limit 2 behind it.
bool is_limited(Guest& guest, CapSqe entry) noexcept {
  const std::uint64_t until = guest.now() + kMillisecond;
  entry.user_data = 1;
  push(linked(entry));
  push(limit(2, until));
  EXPECT(runtime::cap_enter(0, 0) == 0);
  Ends ends;
  ends.take(2);
  EXPECT(ends.is(1, TransportError::timeout) && ends.fired(2, until) && waiting() == 0);
  return true;
}

void of_events(Guest& guest) noexcept {
  CHECK(is_limited(guest, timeout(1, guest.now() + kLong)));
  const Notice event = make_notification(guest);
  CHECK(is_limited(guest, entry_of(RingOperation::notify, 1, event.cap().raw)));
  CHECK(is_limited(guest, entry_of(RingOperation::notify, 1, event.cap().raw, abi::kSqeMultishot)));
  // It is gone from there: the next signal stays.
  CHECK(event.borrow()->signal(4).has_value() && event.borrow()->poll()->bits == 4 && waiting() == 0);
  alignas(4) static constinit std::uint32_t word = 7;
  CapSqe park = entry_of(RingOperation::park, 1, guest.runtime.need<schema::ParkSpace>("self.park").cap().raw);
  park.interface_id = reinterpret_cast<std::uint64_t>(&word);
  park.params_size = 7;
  CHECK(is_limited(guest, park));
  park.deadline_ns = guest.now() + kLong;
  CHECK(is_limited(guest, park));
  const auto service = make_service(guest);
  CapSqe receive = entry_of(RingOperation::receive, 1, service.endpoint.cap().raw, abi::kSqeMultishot);
  receive.results_capacity = 64;
  CHECK(is_limited(guest, receive));
}

void not_needed(Guest& guest) noexcept {
  const std::uint64_t now = guest.now();
  push(linked(timeout(1, now + kMillisecond)));
  push(limit(2, now + 2 * kMillisecond));
  push(timeout(3, now + 4 * kMillisecond));
  Ends ends;
  ends.take(2);
  CHECK(ends.is(1) && ends.is(2, TransportError::cancelled));
  ends.take(1);
  CHECK(ends.is(3) && waiting() == 0);
}

// A call that nobody takes; then the next one is made, in the same wait.
void of_a_queued_call(Guest& guest) noexcept {
  const auto nobody = make_service(guest);
  const RingServer server(guest, 4);
  CHECK(server.good);
  CapSqe call = call_of(nobody.client.cap(), kEcho, 0, 1, 0, place(0, 1));
  CHECK(is_limited(guest, call));
  const std::uint64_t until = guest.now() + kMillisecond;
  call = call_of(nobody.client.cap(), kEcho, 0, 1, kStride, place(kStride, 1));
  push(linked(call));
  push(limit(2, until));
  server.push(RingMethod::increment, 3, 8);
  Ends ends;
  ends.take(3);
  CHECK(ends.is(1, TransportError::timeout) && ends.fired(2, until) && ends.is(3) && result(3) == 9);
}

// The caller has its account back; the server finishes on time of its own, and hears that nobody waits for the answer.
void of_a_call_in_service(Guest& guest) noexcept {
  for (const std::uint32_t areas : {0u, 4u}) {
    const RingServer server(guest, areas);
    CHECK(server.good);
    const std::uint64_t until = guest.now() + kMillisecond;
    push(linked(server.entry(RingMethod::gate, 1)));
    push(limit(2, until));
    server.push(RingMethod::increment, 3, 8);
    Ends ends;
    ends.take(2);
    CHECK(ends.is(1, TransportError::timeout) && ends.fired(2, until));
    CHECK(server.event.borrow()->signal(1).has_value());
    ends.take(1);
    CHECK(ends.is(3) && result(3) == 9);
    CHECK(report(server, 0) == 1);
  }
}

// Some of several that are open together: the others go on, on the account that is lent for them.
void of_calls_together(Guest& guest) noexcept {
  for (const std::uint64_t limited : {0u, 1u, 3u}) {
    const RingServer server(guest, 8);
    CHECK(server.good);
    const std::uint64_t until = guest.now() + kMillisecond;
    for (std::uint64_t i = 0; i < 4; ++i) {
      push(i == limited ? linked(server.entry(RingMethod::gate, i)) : server.entry(RingMethod::gate, i));
      if (i == limited) push(limit(10, until));
    }
    Ends ends;
    CHECK(runtime::cap_enter(4, 3 * kMillisecond) == 2);  // all four went along
    ends.take(2);
    CHECK(ends.is(limited, TransportError::timeout) && ends.fired(10, until));
    for (std::uint64_t i = 0; i < 4; ++i) {
      CHECK(server.event.borrow()->signal(1u << i).has_value());
      guest.sleep(kMillisecond);
    }
    ends.take(3);
    for (std::uint64_t i = 0; i < 4; ++i) CHECK(i == limited || (ends.is(i) && result(i) == 1u << i));
    CHECK(report(server, 0) == 1 && waiting() == 0);
  }
}

// In one wait: the server works on, and the wait goes on for the rest.
void of_one_while_others_are_served(Guest& guest) noexcept {
  const RingServer server(guest, 8);
  CHECK(server.good);
  const std::uint64_t until = guest.now() + kMillisecond;
  server.push(RingMethod::busy, 0, 3 * kMillisecond);
  push(linked(server.entry(RingMethod::increment, 1, 1)));
  push(limit(10, until));
  server.push(RingMethod::increment, 2, 2);
  Ends ends;
  ends.take(4);
  CHECK(ends.is(0) && ends.is(1, TransportError::timeout) && ends.fired(10, until) && ends.is(2) && result(2) == 3);
  CHECK(report(server, 0) == 1);
}

// A call that waits for the one before it, and one on an answer that has not come.
void of_calls_that_wait(Guest& guest) noexcept {
  const RingServer server(guest, 0);
  CHECK(server.good);
  const std::uint64_t until = guest.now() + kMillisecond;
  CapSqe first = server.entry(RingMethod::gate, 1);
  first.flags = abi::kSqeAnswer;
  push(first);
  push(linked(server.entry(RingMethod::increment, 2, 1)));
  push(limit(3, until));
  CapSqe piped = server.entry(RingMethod::increment, 4, 1);
  piped.flags = abi::kSqePipelined;
  piped.cap = 1;
  push(linked(piped));
  push(limit(5, until));
  Ends ends;
  ends.take(4);
  CHECK(ends.is(2, TransportError::timeout) && ends.is(4, TransportError::timeout));
  CHECK(ends.fired(3, until) && ends.fired(5, until));
  CHECK(server.event.borrow()->signal(1).has_value());
  ends.take(1);
  CHECK(ends.is(1));
  settle({1});
  CHECK(report(server, 0) == 0);  // they never came there
}

// The chain goes on as if the limit were not there; it breaks when that ends what it watches.
void in_a_chain(Guest& guest) noexcept {
  const std::uint64_t now = guest.now();
  push(linked(timeout(1, now + kMillisecond)));
  push(limit(2, now + kLong, kLink));
  push(entry_of(RingOperation::nop, 3));
  Ends first;
  first.take(3);
  CHECK(first.is(1) && first.is(2, TransportError::cancelled) && first.is(3));
  push(linked(timeout(1, now + kLong)));
  push(limit(2, now + 2 * kMillisecond, kLink));
  push(entry_of(RingOperation::nop, 3, 0, kLink));
  push(limit(4, now + kLong));
  push(entry_of(RingOperation::nop, 5));
  Ends second;
  second.take(5);
  CHECK(second.is(1, TransportError::timeout) && second.fired(2, now + 2 * kMillisecond));
  CHECK(second.is(3, TransportError::cancelled) && second.is(4, TransportError::cancelled) && second.is(5));
}

// Its time counts once what it watches has begun.
void begins_with_what_it_watches(Guest& guest) noexcept {
  const std::uint64_t now = guest.now();
  push(linked(timeout(1, now + 2 * kMillisecond)));
  push(linked(timeout(2, now + kLong)));
  push(limit(3, now + kMillisecond));
  Ends ends;
  ends.take(3);
  CHECK(ends.is(1) && ends.is(2, TransportError::timeout) && ends.fired(3, now + 2 * kMillisecond));
  push(linked(timeout(1, now + 4 * kMillisecond)));
  push(linked(timeout(2, now + 5 * kMillisecond)));
  push(limit(3, now + kLong));
  Ends again;
  again.take(3);
  CHECK(again.is(1) && again.is(2) && again.is(3, TransportError::cancelled));
}

void behind_what_ends_at_once(Guest& guest) noexcept {
  push(entry_of(RingOperation::nop, 1, 0, kLink));
  push(limit(2, guest.now() + kLong, kLink));
  push(entry_of(RingOperation::nop, 3));
  Ends good;
  good.take(3);
  CHECK(good.is(1) && good.is(2, TransportError::cancelled) && good.is(3));
  push(entry_of(RingOperation::release, 1, 0, kLink));
  push(limit(2, guest.now() + kLong, kLink));
  push(entry_of(RingOperation::nop, 3));
  push(entry_of(RingOperation::nop, 4));
  Ends bad;
  bad.take(4);
  CHECK(bad.is(1, TransportError::invalid_cap) && bad.is(2, TransportError::cancelled));
  CHECK(bad.is(3, TransportError::cancelled) && bad.is(4));
  // Its time has passed when it comes.
  push(linked(timeout(1, guest.now() + kLong)));
  push(limit(2, 1));
  CHECK(runtime::cap_enter(0, 0) == 2);
  Ends late;
  late.take(2);
  CHECK(late.is(1, TransportError::timeout) && late.is(2));
}

void refused(Guest& guest) noexcept {
  const std::uint64_t now = guest.now();
  CHECK(is(once(limit(1, now + kLong)), 1, TransportError::invalid_operation));
  push(entry_of(RingOperation::nop, 1));
  push(limit(2, now + kLong));
  Ends alone;
  alone.take(2);
  CHECK(alone.is(1) && alone.is(2, TransportError::invalid_operation));
  // Behind another; with flags that it does not know; with a field that must be zero.
  for (std::uint64_t kind = 0; kind < 5; ++kind) {
    push(linked(timeout(1, guest.now() + kMillisecond)));
    if (kind == 0) push(limit(2, now + kLong, kLink));
    CapSqe bad = limit(3, now + kLong);
    bad.flags = kind == 1 ? abi::kSqeDrain : kind == 2 ? abi::kSqeMultishot : kind == 3 ? abi::kSqeAnswer : 0;
    bad.pipeline_field = kind == 4 ? 1 : 0;
    push(bad);
    Ends ends;
    ends.take(kind == 0 ? 3 : 2);
    CHECK(ends.is(1) && ends.is(3, TransportError::invalid_operation));
    CHECK(kind != 0 || ends.is(2, TransportError::cancelled));
  }
}

void quiet(Guest& guest) noexcept {
  const std::uint64_t now = guest.now();
  push(linked(timeout(1, now + kMillisecond)));
  push(limit(2, now + 2 * kMillisecond, kQuiet));
  push(linked(timeout(3, now + kLong)));
  push(limit(4, now + 2 * kMillisecond, kQuiet));
  push(timeout(5, now + 3 * kMillisecond));
  Ends ends;
  ends.take(3);
  CHECK(ends.is(1) && ends.is(3, TransportError::timeout) && ends.is(5) && waiting() == 0);
}

void cancelled(Guest& guest) noexcept {
  const std::uint64_t now = guest.now();
  // Itself: what it watched goes on.
  push(linked(timeout(1, now + 2 * kMillisecond)));
  push(limit(2, now + kMillisecond));
  push(entry_of(RingOperation::cancel, 3, 2));
  CHECK(runtime::cap_enter(0, 0) == 1 && is(pop(), 3));
  Ends first;
  first.take(2);
  CHECK(first.is(1) && first.is(2, TransportError::cancelled) && guest.now() >= now + 2 * kMillisecond);
  // Before what it watches has begun.
  const std::uint64_t later = guest.now();
  push(linked(timeout(1, later + kMillisecond)));
  push(linked(timeout(2, later + 3 * kMillisecond)));
  push(limit(3, later + 2 * kMillisecond));
  push(entry_of(RingOperation::cancel, 4, 3));
  Ends second;
  second.take(4);
  CHECK(second.is(1) && second.is(2) && second.is(3, TransportError::cancelled) && second.is(4));
  // What it watches.
  push(linked(timeout(1, later + kLong)));
  push(limit(2, later + kLong));
  push(entry_of(RingOperation::cancel, 3, 1));
  Ends third;
  third.take(3);
  CHECK(third.is(1, TransportError::cancelled) && third.is(2, TransportError::cancelled) && third.is(3));
}

void over_two_enters(Guest& guest) noexcept {
  const std::uint64_t until = guest.now() + kMillisecond;
  push(linked(timeout(1, until + kLong)));
  CHECK(runtime::cap_enter(0, 0) == 0);
  push(limit(2, until));
  Ends ends;
  ends.take(2);
  CHECK(ends.is(1, TransportError::timeout) && ends.fired(2, until));
}

// The caller ends with everything under way.
void caller_killed(Guest& guest) noexcept {
  const RingServer server(guest, 8);
  CHECK(server.good);
  const Grant grants[] = {{"service", server.service.client.cap()}};
  {
    Child caller(guest, {.role = Role::ring_limits, .grants = grants});
    CHECK(caller.becomes_ready());
    guest.sleep(kMillisecond);
    caller.kill();
    CHECK(caller.ends(schema::ExitReason::killed, 0));
  }
  CHECK(server.event.borrow()->signal(1).has_value());
  guest.sleep(kMillisecond);
  CHECK(report(server, 0) == 1);
}

constexpr Case kCases[] = {
    {"limit of what waits for events", of_events},
    {"limit that is not needed", not_needed},
    {"limit of a queued call", of_a_queued_call},
    {"limit of a call in service", of_a_call_in_service},
    {"limit of one of several calls", of_calls_together},
    {"limit of one while others are served", of_one_while_others_are_served},
    {"limit of calls that wait", of_calls_that_wait},
    {"limit in a chain", in_a_chain},
    {"limit begins with what it watches", begins_with_what_it_watches},
    {"limit behind what ends at once", behind_what_ends_at_once},
    {"limit refused", refused},
    {"limit without a word", quiet},
    {"limit cancelled", cancelled},
    {"limit over two enters", over_two_enters},
    {"limit, caller killed", caller_killed},
};

}  // namespace

std::span<const Case> ring_link_timeout_cases() noexcept { return kCases; }

}  // namespace conformance
