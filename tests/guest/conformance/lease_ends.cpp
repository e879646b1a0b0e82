// SPDX-License-Identifier: Apache-2.0
// What is under way when the lease ends that it was begun under: calls in every state, waits, servers; by every way in which a
// lease ends; what is under no lease goes on.
#include "accounting.hpp"
#include "capos/schema/threads.hpp"
#include "ring_server.hpp"
#include "sessions.hpp"

namespace conformance {
namespace {

using namespace hand;

constexpr auto kGone = TransportError::disconnected;
constexpr std::int64_t kCallGone = static_cast<std::int64_t>(kStatusCode) + static_cast<int>(kGone);

// How a lease ends.
enum class Way { end, logout, dropped, shortened, expired, count };

struct Term {
  Term(Guest& guest, Way how) noexcept
      : way(how), session(make_session(guest)),
        lease(make_lease(session, how == Way::expired ? guest.now() + 6 * kMillisecond : 0)) {}
  template <typename Interface>
  [[nodiscard]] OwnedCapability<Interface> grant(abi::CapId cap) const noexcept {
    return leased<Interface>(lease, cap);
  }
  [[nodiscard]] bool end(Guest& guest) noexcept {
    switch (way) {
      case Way::end: return lease->end().has_value();
      case Way::logout: return session->logout().has_value();
      case Way::dropped: lease = {}; return true;
      case Way::shortened: {
        const bool done = lease->renew(guest.now() + 100 * kMicrosecond).has_value();
        guest.sleep(200 * kMicrosecond);
        return done;
      }
      default: guest.sleep(7 * kMillisecond); return true;
    }
  }
  Way way;
  SessionCap session;
  LeaseCap lease;
};

template <typename Work>
bool each_way(Guest& guest, Work&& work) noexcept {
  for (int way = 0; way < static_cast<int>(Way::count); ++way) {
    for (std::uint16_t cpu = 0; cpu < guest.cpus; ++cpu) {
      if (!work(static_cast<Way>(way), cpu)) return false;
    }
  }
  return true;
}

std::uint32_t gate() noexcept { return static_cast<std::uint32_t>(Method::gate); }
std::uint32_t ring_gate() noexcept { return static_cast<std::uint32_t>(RingMethod::gate); }

// In service and in the queue, by registers; one beside them under no lease. The server finishes, and serves on.
void register_calls(Guest& guest) noexcept {
  CHECK(each_way(guest, [&](Way way, std::uint16_t cpu) {
    auto service = make_service(guest);
    const Notice event = make_notification(guest);
    const Grant serves[] = {{"serve", service.endpoint.cap()}, {"event", event.cap()}};
    Child server(guest, {.role = Role::server, .grants = serves, .cpu = cpu});
    EXPECT(server.becomes_ready());
    Term term(guest, way);
    const auto client = term.grant<schema::Echo>(service.client.cap());
    const Grant calls[] = {{"service", client.cap()}}, own[] = {{"service", service.client.cap()}};
    Child served(guest, {.role = Role::client, .argument = gate(), .grants = calls, .cpu = cpu});
    guest.sleep(kMillisecond);
    Child queued(guest, {.role = Role::client, .argument = gate(), .grants = calls, .cpu = cpu});
    Child sent(guest, {.role = Role::sender, .argument = 1, .grants = calls, .cpu = cpu});
    Child other(guest, {.role = Role::client, .argument = gate(), .grants = own, .cpu = cpu});
    guest.sleep(kMillisecond);
    EXPECT(served.alive() && queued.alive() && sent.alive() && other.alive());
    EXPECT(term.end(guest));
    EXPECT(served.exits(kCallGone) && queued.exits(kCallGone) && sent.exits(kCallGone));
    EXPECT(server.alive() && other.alive() && is_dead(guest, client.cap()));
    EXPECT(event.borrow()->signal(1).has_value());
    guest.sleep(kMillisecond);
    EXPECT(event.borrow()->signal(6).has_value());
    EXPECT(other.exits(6));
    return true;
  }));
}

// Ended while it is not under way any more: the answer came first.
void answered_in_time(Guest& guest) noexcept {
  const RingServer by_ring(guest, 4);
  auto service = make_service(guest);
  const Grant serves[] = {{"serve", service.endpoint.cap()}};
  Child by_registers(guest, {.role = Role::server, .grants = serves});
  CHECK(by_ring.good && by_registers.becomes_ready());
  Term term(guest, Way::end);
  const auto first = term.grant<schema::Echo>(by_ring.service.client.cap());
  const auto second = term.grant<schema::Echo>(service.client.cap());
  for (std::uint64_t i = 0; i < 5; ++i) {
    CHECK(raw_call(first.cap(), kEcho, 0, i).words[0] == i + 1 && raw_call(second.cap(), kEcho, 0, i).words[0] == i + 1);
    push(call_of(first.cap(), kEcho, 0, 1, 0, place(0, i)));
    push(call_of(second.cap(), kEcho, 0, 2, kStride, place(kStride, i)));
    CHECK(runtime::cap_enter(2, kWait) == 2 && is(pop(), 1) && is(pop(), 2));
    CHECK(*arena_word(1032) == i + 1 && *arena_word(kStride + 1032) == i + 1);
  }
  // Refused calls leave nothing behind either.
  const auto nobody = make_service(guest);
  CHECK(nobody.endpoint.borrow()->revoke().has_value());
  const auto dead = term.grant<schema::Echo>(nobody.client.cap());
  CHECK(raw_call(dead.cap(), kEcho, 0).status == status_of(kGone));
  CHECK(is(once(call_of(dead.cap(), kEcho, 0, 1, 0, place(0))), 1, kGone));
  CHECK(term.end(guest));
  guest.sleep(kMillisecond);
  CHECK(raw_call(first.cap(), kEcho, 0, 1).status == status_of(TransportError::invalid_cap) && waiting() == 0);
  CHECK(report(by_ring, 0) == 0);
}

void ring_calls(Guest& guest) noexcept {
  CHECK(each_way(guest, [&](Way way, std::uint16_t cpu) {
    auto service = make_service(guest);
    const Notice event = make_notification(guest);
    const Grant serves[] = {{"serve", service.endpoint.cap()}, {"event", event.cap()}};
    Child server(guest, {.role = Role::ring_server, .grants = serves, .cpu = cpu});
    EXPECT(server.becomes_ready());
    Term term(guest, way);
    const auto client = term.grant<schema::Echo>(service.client.cap());
    const Grant calls[] = {{"service", client.cap()}};
    Child served(guest, {.role = Role::ring_caller, .argument = ring_gate(), .grants = calls, .cpu = cpu});
    guest.sleep(kMillisecond);
    Child queued(guest, {.role = Role::ring_caller, .argument = ring_gate(), .grants = calls, .cpu = cpu});
    Child by_registers(guest, {.role = Role::client, .argument = ring_gate(), .grants = calls, .cpu = cpu});
    guest.sleep(kMillisecond);
    EXPECT(served.alive() && queued.alive() && by_registers.alive() && term.end(guest));
    EXPECT(served.exits(kCallGone) && queued.exits(kCallGone) && by_registers.exits(kCallGone) && server.alive());
    return true;
  }));
}

// Its own thread waits: its account comes home at the instant at which the lease ends.
void several_ring_calls(Guest& guest) noexcept {
  const RingServer server(guest, 3);
  CHECK(server.good);
  const std::uint64_t until = guest.now() + 2 * kMillisecond;
  auto session = make_session(guest);
  const LeaseCap lease = make_lease(session, until);
  const auto client = leased<schema::Echo>(lease, server.service.client.cap());
  for (std::uint64_t i = 0; i < 5; ++i) {  // three are served, two wait
    CapSqe entry = server.entry(RingMethod::gate, i);
    if (i != 1) entry.cap = client.cap().raw;
    push(entry);
  }
  CHECK(runtime::cap_enter(4, kWait) == 4);
  CHECK(guest.now() >= until && guest.now() < until + 100 * kMicrosecond);
  bool seen[5] = {};
  for (int i = 0; i < 4; ++i) {
    const CapCqe done = pop();
    CHECK(done.user_data < 5 && done.result == status_of(kGone));
    seen[done.user_data] = true;
  }
  CHECK(!seen[1]);
  for (int i = 0; i < 3; ++i) {
    CHECK(server.event.borrow()->signal(1).has_value());
    guest.sleep(kMillisecond);
  }
  CHECK(runtime::cap_enter(1, kWait) == 1 && is(pop(), 1) && report(server, 0) == 2);
}

// A call on an answer that has not come ends with what it hangs on.
void pipelined_calls(Guest& guest) noexcept {
  const RingServer server(guest, 0);
  CHECK(server.good);
  auto session = make_session(guest);
  const LeaseCap lease = make_lease(session, guest.now() + kMillisecond);
  const auto client = leased<schema::Echo>(lease, server.service.client.cap());
  CapSqe first = server.entry(RingMethod::gate, 1), second = server.entry(RingMethod::increment, 2);
  first.cap = client.cap().raw;
  first.flags = abi::kSqeAnswer;
  second.cap = 1;
  second.flags = abi::kSqePipelined;
  push(first);
  push(second);
  CHECK(runtime::cap_enter(2, kWait) == 2 && is(pop(), 1, kGone) && is(pop(), 2, kGone));
  settle({1});
  CHECK(server.event.borrow()->signal(1).has_value());
  guest.sleep(kMillisecond);
  // A capability that an answer brought is under the lease of the call.
  auto more = make_lease(session);
  const auto again = leased<schema::Echo>(more, server.service.client.cap());
  CapSqe kept = server.entry(RingMethod::gate, 1);
  kept.cap = again.cap().raw;
  kept.flags = abi::kSqeLink;
  push(kept);
  push(entry_of(RingOperation::nop, 2));
  CHECK(runtime::cap_enter(2, kMillisecond) == 0 && more->end().has_value());
  CHECK(runtime::cap_enter(2, kWait) == 2);
  const CapCqe a = pop(), b = pop();
  const bool in_order = a.user_data == 1;
  CHECK(is(in_order ? a : b, 1, kGone) && is(in_order ? b : a, 2, TransportError::cancelled));
}

void waits(Guest& guest) noexcept {
  CHECK(each_way(guest, [&](Way way, std::uint16_t cpu) {
    const Notice event = make_notification(guest);
    const Memory memory = make_memory(guest, 1);
    auto made = guest.runtime.need<schema::ParkSpace>("self.park")->share(
        [&](auto params, Transfers& transfers) { params.set_memory(transfers.add(memory.cap())); });
    EXPECT(made.has_value());
    const auto space = made->capability<schema::SharedParkSpace>(made->reader().space());
    Child target(guest, {.role = Role::sleeper, .argument = 1000});
    for (std::uint32_t wait = 0; wait <= static_cast<std::uint32_t>(LeasedWait::all_by_ring); ++wait) {
      Term term(guest, way);
      const auto its_event = term.grant<schema::Notification>(event.cap());
      const auto its_space = term.grant<schema::SharedParkSpace>(space.cap());
      const auto its_process = term.grant<schema::ProcessHandle>(target.process().cap());
      const Grant grants[] = {{"event", its_event.cap()}, {"space", its_space.cap()}, {"process", its_process.cap()}};
      Child waiter(guest, {.role = Role::leased_waiter, .argument = wait, .grants = grants, .cpu = cpu});
      EXPECT(waiter.becomes_ready());
      guest.sleep(500 * kMicrosecond);
      EXPECT(waiter.alive() && term.end(guest));
      const bool many = wait == static_cast<std::uint32_t>(LeasedWait::all_by_ring);
      EXPECT(waiter.exits(many ? 12 : static_cast<std::int64_t>(kGone)));
      // It is out of there.
      EXPECT(event.borrow()->signal(4).has_value());
      const auto bits = event.borrow()->poll();
      EXPECT(bits.has_value() && bits->bits == 4);
      const auto woken = space.borrow()->unpark(64, 9);
      EXPECT(woken.has_value() && woken->woken == 0);
    }
    return true;
  }));
}

// Woken in time: the lease's end finds nothing, and the next wait is another.
void woken_in_time(Guest& guest) noexcept {
  const Notice event = make_notification(guest);
  for (const bool by_ring : {false, true}) {
    Term term(guest, Way::end);
    const auto its_event = term.grant<schema::Notification>(event.cap());
    const Grant grants[] = {{"event", its_event.cap()}};
    const auto how = by_ring ? LeasedWait::ring_notify : LeasedWait::notification;
    Child waiter(guest, {.role = Role::leased_waiter, .argument = static_cast<std::uint32_t>(how), .grants = grants});
    CHECK(waiter.becomes_ready());
    CHECK(event.borrow()->signal(1).has_value() && waiter.exits(0) && term.end(guest));
  }
  auto session = make_session(guest);
  const LeaseCap lease = make_lease(session, guest.now() + 2 * kMillisecond);
  const auto own = leased<schema::Notification>(lease, event.cap());
  push(entry_of(RingOperation::notify, 1, own.cap().raw));
  CHECK(runtime::cap_enter(0, 0) == 0 && event.borrow()->signal(8).has_value());
  CHECK(runtime::cap_enter(1, kWait) == 1);
  const CapCqe done = pop();
  CHECK(is(done, 1) && done.value == 8);
  push(entry_of(RingOperation::timeout, 2, guest.now() + 4 * kMillisecond));
  CHECK(runtime::cap_enter(1, kWait) == 1 && is(pop(), 2) && waiting() == 0);
}

void renewed(Guest& guest) noexcept {
  const Notice event = make_notification(guest);
  auto session = make_session(guest);
  LeaseCap lease = make_lease(session, guest.now() + 2 * kMillisecond);
  const auto own = leased<schema::Notification>(lease, event.cap());
  push(entry_of(RingOperation::notify, 1, own.cap().raw));
  CHECK(runtime::cap_enter(0, 0) == 0);
  const std::uint64_t later = guest.now() + 5 * kMillisecond;
  CHECK(lease->renew(later).has_value());
  CHECK(runtime::cap_enter(1, 4 * kMillisecond) == 0);  // past the first end
  CHECK(runtime::cap_enter(1, kWait) == 1 && is(pop(), 1, kGone));
  CHECK(guest.now() >= later && guest.now() < later + 100 * kMicrosecond);
  // Without an end, then with one.
  LeaseCap second = make_lease(session);
  const auto open = leased<schema::Notification>(second, event.cap());
  push(entry_of(RingOperation::notify, 1, open.cap().raw));
  CHECK(runtime::cap_enter(1, kMillisecond) == 0);
  const std::uint64_t until = guest.now() + kMillisecond;
  CHECK(second->renew(until).has_value());
  CHECK(runtime::cap_enter(1, kWait) == 1 && is(pop(), 1, kGone) && guest.now() >= until);
}

// A server's own grant: it is set free, and who called it is told.
void servers(Guest& guest) noexcept {
  CHECK(each_way(guest, [&](Way way, std::uint16_t cpu) {
    for (const bool by_ring : {false, true}) {
      auto service = make_service(guest), second = make_service(guest);
      const Notice event = make_notification(guest);
      Term term(guest, way);
      const auto one = term.grant<schema::Endpoint>(service.endpoint.cap());
      const auto two = term.grant<schema::Endpoint>(second.endpoint.cap());
      const Grant serves[] = {{"serve", one.cap()}, {"event", event.cap()}}, idles[] = {{"serve", two.cap()}};
      const Role role = by_ring ? Role::ring_server : Role::server;
      Child server(guest, {.role = role, .grants = serves, .cpu = cpu}), idle(guest, {.role = role, .grants = idles, .cpu = cpu});
      EXPECT(server.becomes_ready() && idle.becomes_ready());
      const Grant calls[] = {{"service", service.client.cap()}};
      const std::uint32_t method = by_ring ? ring_gate() : gate();
      Child client(guest, {.role = by_ring ? Role::ring_caller : Role::client, .argument = method, .grants = calls, .cpu = cpu});
      guest.sleep(kMillisecond);
      Child queued(guest, {.role = Role::client, .argument = method, .grants = calls, .cpu = cpu});
      guest.sleep(kMillisecond);
      EXPECT(client.alive() && queued.alive() && term.end(guest));
      EXPECT(client.exits(kCallGone) && queued.exits(kCallGone) && idle.exits(kCallGone) && server.alive());
      EXPECT(event.borrow()->signal(1).has_value());
      const auto end = server.process()->wait();
      EXPECT(end.has_value() && end->code >= static_cast<std::int64_t>(kStatusCode));
    }
    return true;
  }));
}

// More than are looked at in one go, on one ring: each ends once.
void many(Guest& guest) noexcept {
  Notice events[24];
  for (Notice& event : events) event = make_notification(guest);
  Term term(guest, Way::end);
  OwnedCapability<schema::Notification> own[24];
  for (std::uint32_t i = 0; i < 24; ++i) {
    own[i] = term.grant<schema::Notification>(events[i].cap());
    push(entry_of(RingOperation::notify, i, own[i].cap().raw));
    if (i % 8 == 7) CHECK(runtime::cap_enter(0, 0) == 0);
  }
  CHECK(term.end(guest));
  CHECK(runtime::cap_enter(24, kWait) == 24);
  bool seen[24] = {};
  for (int i = 0; i < 24; ++i) {
    const CapCqe done = pop();
    CHECK(done.user_data < 24 && !seen[done.user_data] && done.result == status_of(kGone));
    seen[done.user_data] = true;
  }
}

// A window's owner takes the memory back: who parks on it is told.
void window_revoked(Guest& guest) noexcept {
  const Memory memory = make_memory(guest, 2);
  auto made = memory.borrow()->create_child([](auto params) {
    params.set_offset(0);
    params.set_size(kPage);
  });
  CHECK(made.has_value());
  auto window = made->capability<schema::MemoryOwner>(made->reader().child());
  auto shared = guest.runtime.need<schema::ParkSpace>("self.park")->share(
      [&](auto params, Transfers& transfers) { params.set_memory(transfers.add(window.cap())); });
  CHECK(shared.has_value());
  const auto space = shared->capability<schema::SharedParkSpace>(shared->reader().space());
  const Grant grants[] = {{"space", space.cap()}};
  Child waiter(guest, {.role = Role::leased_waiter, .argument = static_cast<std::uint32_t>(LeasedWait::park), .grants = grants});
  CHECK(waiter.becomes_ready() && window->revoke().has_value());
  CHECK(waiter.exits(static_cast<std::int64_t>(kGone)) && is_dead(guest, space.cap()));
}

// A space under two leases ends with the first of them, or is not made.
void space_under_two_leases(Guest& guest) noexcept {
  const Memory memory = make_memory(guest, 1);
  auto session = make_session(guest), other = make_session(guest);
  LeaseCap inner = make_lease(session);
  const LeaseCap foreign = make_lease(other);
  const auto own = guest.runtime.need<schema::ParkSpace>("self.park").cap();
  const auto parks = leased<schema::ParkSpace>(inner, own);
  const auto share = [&](abi::CapId of) {
    return parks.borrow()->share([&](auto params, Transfers& transfers) { params.set_memory(transfers.add(of)); });
  };
  const auto elsewhere = leased<schema::MemoryObject>(foreign, memory.cap());
  CHECK(invalid(share(elsewhere.cap()), KernelError::mismatch));
  const auto same = leased<schema::MemoryObject>(inner, memory.cap());
  for (const abi::CapId of : {memory.cap(), same.cap()}) {
    auto made = share(of);
    CHECK(made.has_value());
  }
  auto made = share(same.cap());
  CHECK(made.has_value());
  const auto space = made->capability<schema::SharedParkSpace>(made->reader().space());
  CHECK(space.borrow()->unpark(0, 1).has_value() && inner->end().has_value() && is_dead(guest, space.cap()));
}

// Ends that cross: killed while the lease ends; nothing is left of either.
void killed_meanwhile(Guest& guest) noexcept {
  takes_nothing(guest, [&] {
    const Notice event = make_notification(guest);
    const auto cpu = static_cast<std::uint16_t>(guest.cpus - 1);
    for (const auto wait : {LeasedWait::notification, LeasedWait::ring_notify}) {
      for (const bool first : {true, false}) {
        Term term(guest, Way::end);
        const auto own = term.grant<schema::Notification>(event.cap());
        const Grant grants[] = {{"event", own.cap()}};
        Child waiter(guest, {.role = Role::leased_waiter, .argument = static_cast<std::uint32_t>(wait), .grants = grants, .cpu = cpu});
        if (!waiter.becomes_ready()) return guest.fail("child", 0, "not ready");
        if (first) (void)event.borrow()->signal(1);
        if (!first) waiter.kill();
        if (!term.end(guest)) return guest.fail("lease", 0, "end");
        waiter.kill();
        if (!waiter.process()->wait().has_value()) return guest.fail("child", 0, "no end");
      }
    }
  });
}

constexpr Case kCases[] = {
    {"lease ends, calls by registers", register_calls},
    {"lease ends after the answers", answered_in_time},
    {"lease ends, calls by ring", ring_calls},
    {"lease ends, several ring calls", several_ring_calls},
    {"lease ends, pipelined calls", pipelined_calls},
    {"lease ends, waits", waits},
    {"lease ends after the wake-ups", woken_in_time},
    {"lease renewed while something goes on", renewed},
    {"lease ends, servers", servers},
    {"lease ends, many of one ring", many},
    {"lease of a window", window_revoked},
    {"lease of a space of words", space_under_two_leases},
    {"lease ends, waiter killed", killed_meanwhile},
};

}  // namespace

std::span<const Case> lease_end_cases() noexcept { return kCases; }

}  // namespace conformance
