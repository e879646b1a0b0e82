// SPDX-License-Identifier: Apache-2.0
// Calls on endpoints by message: ring to ring, ring to registers, registers to ring; and every way for one to end.
#include "capos/schema/ringcalls.hpp"
#include "ring_hand.hpp"

namespace conformance {
namespace {

using namespace hand;

constexpr std::uint64_t kEcho = schema::Echo::kInterfaceId;
constexpr std::uint64_t kWait = 500 * kMillisecond;

// A service with a server that uses its ring, or registers.
class Server {
 public:
  explicit Server(Guest& guest, Role role = Role::ring_server, std::uint32_t argument = 0) noexcept
      : service(make_service(guest)), event(make_notification(guest)),
        grants_{Grant{"serve", service.endpoint.cap()}, Grant{"event", event.cap()}},
        child(guest, {.role = role, .argument = argument, .grants = grants_}) {
    good = child.becomes_ready();
  }
  Service service;
  Notice event;

 private:
  Grant grants_[2];

 public:
  Child child;
  bool good = false;
};

CapSqe sqe_of(Server& server, RingMethod method, std::uint64_t user_data, std::uint64_t a = 0, std::uint64_t b = 0,
              std::uint64_t c = 0, std::uint32_t area = 0) noexcept {
  return call_of(server.service.client.cap(), kEcho, static_cast<std::uint16_t>(method), user_data, area,
                 place(area, a, b, c));
}
// One call, waited for.
CapCqe call(const CapSqe& entry) noexcept {
  push(entry);
  (void)runtime::cap_enter(1, kWait);
  return pop();
}
std::uint64_t result(std::uint32_t index = 0, std::uint32_t area = 0) noexcept {
  return *arena_word(area + 1024 + 8 + 8 * index);
}

void words(Guest& guest) noexcept {
  Server server(guest);
  CHECK(server.good);
  const CapCqe done = call(sqe_of(server, RingMethod::increment, 11, 100, 200));
  CHECK(is(done, 11) && done.results_size == 72 && done.caps_count == 0);
  CHECK(result(0) == 101 && result(1) == 202 && result(2) == 3 && result(7) == 8);
}

void single_receives(Guest& guest) noexcept {
  Server server(guest, Role::ring_server, 1);
  CHECK(server.good);
  for (std::uint64_t i = 0; i < 20; ++i) {
    CHECK(is(call(sqe_of(server, RingMethod::increment, i, i)), i) && result() == i + 1);
  }
}

// A whole queue of calls with one cap_enter, each with areas of its own.
void many_at_once(Guest& guest) noexcept {
  Server server(guest);
  CHECK(server.good);
  for (std::uint64_t i = 0; i < 16; ++i) {
    push(sqe_of(server, RingMethod::increment, i, 10 * i, 0, 0, static_cast<std::uint32_t>(2048 * i)));
  }
  CHECK(runtime::cap_enter(16, kWait) == 16);
  for (std::uint64_t i = 0; i < 16; ++i) {
    CHECK(is(pop(), i) && result(0, static_cast<std::uint32_t>(2048 * i)) == 10 * i + 1);
  }
}

void caller_and_path(Guest& guest) noexcept {
  Server server(guest);
  CHECK(server.good);
  CHECK(is(call(sqe_of(server, RingMethod::caller, 1)), 1));
  CHECK(result(0) == guest.runtime.number() && result(1) == 0);
  const RawCall raw =
      raw_call(server.service.client.cap(), kEcho, static_cast<std::uint16_t>(RingMethod::caller));
  CHECK(raw.status == 0 && raw.words[0] == guest.runtime.number() && raw.words[1] == 1);
}

// Made only while the caller waits.
void waits_for_its_caller(Guest& guest) noexcept {
  Server server(guest);
  CHECK(server.good);
  push(sqe_of(server, RingMethod::increment, 1, 1));
  CHECK(runtime::cap_enter(0, 0) == 0);
  guest.sleep(2 * kMillisecond);
  CHECK(runtime::cap_enter(0, 0) == 0);
  CHECK(runtime::cap_enter(1, kWait) == 1 && is(pop(), 1) && result() == 2);
}

void stale(Guest& guest) noexcept {
  Server server(guest);
  CHECK(server.good);
  CapSqe entry = sqe_of(server, RingMethod::increment, 1);
  entry.deadline_ns = 1;
  CHECK(is(call(entry), 1, TransportError::timeout));
  // Fresh when it is submitted, and not any more when its turn comes.
  entry.deadline_ns = guest.now() + kMillisecond;
  push(entry);
  CHECK(runtime::cap_enter(0, 0) == 0);
  guest.sleep(2 * kMillisecond);
  CHECK(runtime::cap_enter(1, kWait) == 1 && is(pop(), 1, TransportError::timeout));
}

void refused_at_once(Guest& guest) noexcept {
  Server server(guest);
  CHECK(server.good);
  CapSqe entry = sqe_of(server, RingMethod::increment, 1);
  entry.params_offset = abi::kArenaBytes;
  CHECK(is(once(entry), 1, TransportError::invalid_message));
  entry = sqe_of(server, RingMethod::increment, 1);
  entry.results_capacity = 12;
  CHECK(is(once(entry), 1, TransportError::invalid_message));
  entry = sqe_of(server, RingMethod::increment, 1);
  entry.transfers_count = abi::kMaxTransfers + 1;
  CHECK(is(once(entry), 1, TransportError::invalid_message));
}

void results_too_large(Guest& guest) noexcept {
  Server server(guest);
  CHECK(server.good);
  CapSqe entry = sqe_of(server, RingMethod::large, 1, 200);
  CHECK(is(call(entry), 1, TransportError::result_too_large));
  entry = sqe_of(server, RingMethod::large, 1, 127);
  CHECK(is(call(entry), 1));
  CHECK(is(call(sqe_of(server, RingMethod::increment, 2, 1)), 2) && result() == 2);
}

// More than the server's area takes.
void parameters_too_large(Guest& guest) noexcept {
  Server server(guest);
  CHECK(server.good);
  CapSqe entry = sqe_of(server, RingMethod::increment, 1);
  entry.params_size = 20'000 / 8 * 8;
  entry.results_offset = 24'576;
  CHECK(is(call(entry), 1, TransportError::invalid_message));
  CHECK(is(call(sqe_of(server, RingMethod::increment, 2, 1)), 2) && result() == 2);
}

void capabilities(Guest& guest) noexcept {
  Server server(guest);
  CHECK(server.good);
  Notice event = make_notification(guest);
  const auto with = [&](CapSqe entry, abi::Transfer how, std::uint64_t cap) noexcept {
    entry.transfers_offset = 8192;
    entry.transfers_count = 1;
    *arena_word(8192) = cap;
    *arena_word(8200) = static_cast<std::uint64_t>(how);
    return entry;
  };
  // A copy: the server can use it, and so can we.
  CHECK(is(call(with(sqe_of(server, RingMethod::keep, 1), abi::Transfer::copy, event.cap().raw)), 1));
  CHECK(result() == 1 && event.borrow()->poll()->bits == 0x80);
  // Back by a move: another name for the same.
  const CapCqe given = call(sqe_of(server, RingMethod::give, 2, 44));
  CHECK(is(given, 2) && given.caps_count == 1 && result() == 44);
  const auto* const record = reinterpret_cast<const abi::ResultCap*>(arena_word(1024) + given.results_size / 8);
  CHECK(record->interface_id == schema::Notification::kInterfaceId && record->cap != event.cap().raw);
  Notice second(abi::CapId{record->cap});
  CHECK(second.borrow()->signal(4).has_value() && event.borrow()->poll()->bits == 4);
  // Moved away: the server has it, and we have it no more.
  CHECK(is(call(with(sqe_of(server, RingMethod::keep, 3), abi::Transfer::move, second.leak().cap().raw)), 3));
  CHECK(result() == 1 && event.borrow()->poll()->bits == 0x80);
  const abi::CapId gone{record->cap};
  CHECK(transport(Capability<schema::Notification>(gone)->poll(), TransportError::invalid_cap));
  // What is not there cannot travel, and the call is not made.
  CHECK(is(call(with(sqe_of(server, RingMethod::keep, 4), abi::Transfer::copy, gone.raw)), 4,
           ExceptionType::invalid_argument, KernelError::bad_capability));
  CHECK(is(call(with(sqe_of(server, RingMethod::keep, 4), static_cast<abi::Transfer>(7), event.cap().raw)), 4,
           ExceptionType::invalid_argument, KernelError::bad_range));
  CHECK(is(call(sqe_of(server, RingMethod::increment, 5, 1)), 5) && result() == 2);
}

// Sixteen capabilities there and back.
void many_capabilities(Guest& guest) noexcept {
  Server server(guest);
  CHECK(server.good);
  const Notice event = make_notification(guest);
  CapSqe entry = sqe_of(server, RingMethod::echo, 1, 77);
  entry.transfers_offset = 8192;
  entry.transfers_count = 16;
  for (std::uint32_t i = 0; i < 16; ++i) {
    *arena_word(8192 + 16 * i) = event.cap().raw;
    *arena_word(8200 + 16 * i) = 0;
  }
  const CapCqe done = call(entry);
  CHECK(is(done, 1) && done.caps_count == 16 && result() == 77);
  const auto* const records = reinterpret_cast<const abi::ResultCap*>(arena_word(1024) + done.results_size / 8);
  abi::ResultCap copies[16];
  std::memcpy(copies, records, sizeof copies);
  for (const auto& each : copies) {
    Notice got(abi::CapId{each.cap});
    CHECK(got.borrow()->signal(1).has_value());
  }
}

struct Exception {
  ExceptionType type{};
  std::uint16_t detail = 0;
  std::size_t length = 0;
  bool good = false;
};
Exception exception(const CapCqe& completion, std::uint32_t area = 0) noexcept {
  wire::MessageReader message({arena_word(area + 1024), completion.results_size / 8});
  const auto root = message.root<schema::CapException>();
  const std::string_view text = root.text();
  bool only_x = true;
  for (const char each : text) only_x = only_x && each == 'x';
  return {root.type(), root.detail(), text.size(), message.error() == wire::Error::none && only_x};
}

void exceptions(Guest& guest) noexcept {
  Server server(guest);
  CHECK(server.good);
  CapCqe done = call(sqe_of(server, RingMethod::exception, 1, 1, 777, 20));
  CHECK(is(done, 1, TransportError::exception) && done.flags == (1u | 777u << 16));
  Exception got = exception(done);
  CHECK(got.good && got.type == ExceptionType::overloaded && got.detail == 777 && got.length == 20);
  // Too long for the caller's area: cut, and told so. No area: nothing but the numbers.
  done = call(sqe_of(server, RingMethod::exception, 2, 0, 3, 1'020));
  CHECK(is(done, 2, TransportError::truncated) && done.flags == 3u << 16 && done.results_size <= 1024);
  got = exception(done);
  CHECK(got.good && got.detail == 3 && got.length > 900 && got.length < 1'020);
  CapSqe small = sqe_of(server, RingMethod::exception, 3, 4, 5, 6);
  small.results_capacity = 0;
  done = call(small);
  CHECK(is(done, 3, TransportError::truncated) && done.flags == (4u | 5u << 16) && done.results_size == 0);
  // By registers there is no text.
  const RawCall raw = raw_call(server.service.client.cap(), kEcho, static_cast<std::uint16_t>(RingMethod::exception), 2, 9);
  CHECK(raw.status == status_of(TransportError::exception) && raw.exception == (2u | 9u << 16));
}

// A kernel object's refusal comes as a message, too.
void exception_of_the_kernel(Guest& guest) noexcept {
  CapSqe entry = call_of(guest.timer.cap(), schema::Timer::kInterfaceId, 99, 1, 0, place(0));
  const CapCqe done = once(entry);
  CHECK(is(done, 1, TransportError::exception));
  wire::MessageReader message({arena_word(1024), done.results_size / 8});
  const auto root = message.root<schema::CapException>();
  CHECK(root.type() == ExceptionType::unimplemented && root.text() == "unimplemented" &&
        message.error() == wire::Error::none);
  entry.results_capacity = 32;
  CHECK(is(once(entry), 1, TransportError::truncated));
}

void registers_to_ring(Guest& guest) noexcept {
  Server server(guest);
  CHECK(server.good);
  const RawCall raw = raw_call(server.service.client.cap(), kEcho, static_cast<std::uint16_t>(RingMethod::increment), 5, 6);
  CHECK(raw.status == 0 && raw.words[0] == 6 && raw.words[1] == 8 && raw.words[7] == 8);
  // What does not fit registers: too many words, capabilities.
  CHECK(raw_call(server.service.client.cap(), kEcho, static_cast<std::uint16_t>(RingMethod::large), 9).status ==
        status_of(TransportError::result_too_large));
  CHECK(raw_call(server.service.client.cap(), kEcho, static_cast<std::uint16_t>(RingMethod::large), 8).status == 0);
}

void ring_to_registers(Guest& guest) noexcept {
  Server server(guest, Role::server);
  CHECK(server.good);
  const auto entry = [&](Method method, std::uint64_t user_data, std::uint64_t a, std::uint64_t b) noexcept {
    return call_of(server.service.client.cap(), kEcho, static_cast<std::uint16_t>(method), user_data, 0, place(0, a, b));
  };
  const CapCqe done = call(entry(Method::increment, 1, 5, 6));
  CHECK(is(done, 1) && done.results_size == 72 && result(0) == 6 && result(1) == 8 && result(7) == 8);
  CHECK(is(call(entry(Method::exception, 2, 3, 44)), 2, ExceptionType::unimplemented, static_cast<KernelError>(44)));
  // More than words: a pointer, nine words, capabilities. Not well formed: a far pointer, out of bounds, nothing.
  CapSqe more = entry(Method::increment, 3, 1, 2);
  *arena_word(0) = std::uint64_t{1} << 32 | std::uint64_t{1} << 48;
  CHECK(is(call(more), 3, ExceptionType::unimplemented, KernelError::none));
  more.params_size = 80;
  *arena_word(0) = std::uint64_t{9} << 32;
  CHECK(is(call(more), 3, ExceptionType::unimplemented, KernelError::none));
  more = entry(Method::increment, 3, 1, 2);
  more.transfers_count = 1;
  more.transfers_offset = 8192;
  CHECK(is(call(more), 3, ExceptionType::unimplemented, KernelError::none));
  more = entry(Method::increment, 3, 1, 2);
  for (const std::uint64_t root : {std::uint64_t{2}, std::uint64_t{3} << 32, std::uint64_t{2} << 32 | 40u, std::uint64_t{2} << 32 | 0xffff'fff0u}) {
    *arena_word(0) = root;
    CHECK(is(call(more), 3, TransportError::invalid_message));
  }
  more.params_size = 0;
  CHECK(is(call(more), 3, TransportError::invalid_message));
  // A null struct is no words; results that are all zero need no room.
  more = entry(Method::increment, 4, 1, 2);
  *arena_word(0) = 0;
  CHECK(is(call(more), 4) && result(0) == 1 && result(1) == 2);
  more = entry(Method::increment, 4, 1, 2);
  more.results_capacity = 64;
  CHECK(is(call(more), 4, TransportError::result_too_large));
  CHECK(is(call(entry(Method::increment, 5, 1, 2)), 5));
}

void ring_to_registers_many(Guest& guest) noexcept {
  Server server(guest, Role::server);
  CHECK(server.good);
  for (std::uint32_t i = 0; i < 16; ++i) {
    push(call_of(server.service.client.cap(), kEcho, static_cast<std::uint16_t>(Method::increment), i, 2048 * i,
                 place(2048 * i, i, 0)));
  }
  CHECK(runtime::cap_enter(16, kWait) == 16);
  for (std::uint32_t i = 0; i < 16; ++i) CHECK(is(pop(), i) && result(0, 2048 * i) == i + 1);
}

// Callers of both kinds queue at both kinds of servers.
void queueing(Guest& guest, Role role) noexcept {
  Server server(guest, role);
  CHECK(server.good);
  const std::uint32_t gate = role == Role::server ? static_cast<std::uint32_t>(Method::gate)
                                                  : static_cast<std::uint32_t>(RingMethod::gate);
  const Grant grants[] = {{"service", server.service.client.cap()}};
  Child first(guest, {.role = Role::ring_caller, .argument = gate, .grants = grants});
  guest.sleep(1 * kMillisecond);
  Child second(guest, {.role = Role::client, .grants = grants});
  Child third(guest, {.role = Role::ring_caller, .grants = grants});
  guest.sleep(1 * kMillisecond);
  CHECK(first.alive() && second.alive() && third.alive());
  CHECK(server.event.borrow()->signal(12).has_value());
  CHECK(first.exits(12));
  CHECK(second.exits(6));
  CHECK(third.exits(6));
}
void queue_at_ring(Guest& guest) noexcept { queueing(guest, Role::ring_server); }
void queue_at_registers(Guest& guest) noexcept { queueing(guest, Role::server); }

void before_the_server(Guest& guest) noexcept {
  auto service = make_service(guest);
  const Grant calls[] = {{"service", service.client.cap()}};
  Child first(guest, {.role = Role::ring_caller, .grants = calls});
  Child second(guest, {.role = Role::client, .grants = calls});
  guest.sleep(1 * kMillisecond);
  const Grant serves[] = {{"serve", service.endpoint.cap()}};
  Child server(guest, {.role = Role::ring_server, .grants = serves});
  CHECK(first.exits(6));
  CHECK(second.exits(6));
}

void server_ends(Guest& guest, bool killed) noexcept {
  Server server(guest);
  CHECK(server.good);
  const Grant grants[] = {{"service", server.service.client.cap()}};
  const auto method = static_cast<std::uint32_t>(killed ? RingMethod::gate : RingMethod::exit);
  Child doomed(guest, {.role = Role::ring_caller, .argument = method, .grants = grants});
  Child queued(guest, {.role = Role::ring_caller, .argument = method, .grants = grants});
  if (killed) {
    guest.sleep(1 * kMillisecond);
    server.child.kill();
  }
  constexpr auto kGone = static_cast<std::int64_t>(kStatusCode) + static_cast<std::int64_t>(TransportError::disconnected);
  CHECK(doomed.exits(kGone));
  CHECK(queued.exits(kGone));
  CHECK(is(call(sqe_of(server, RingMethod::increment, 1)), 1, TransportError::disconnected));
}
void server_exits(Guest& guest) noexcept { server_ends(guest, false); }
void server_killed(Guest& guest) noexcept { server_ends(guest, true); }

// The caller dies while its call is served, or queues; the server goes on.
void caller_killed(Guest& guest) noexcept {
  Server server(guest);
  CHECK(server.good);
  const Grant grants[] = {{"service", server.service.client.cap()}};
  const auto gate = static_cast<std::uint32_t>(RingMethod::gate);
  Child served(guest, {.role = Role::ring_caller, .argument = gate, .grants = grants});
  guest.sleep(1 * kMillisecond);
  Child queued(guest, {.role = Role::ring_caller, .argument = gate, .grants = grants});
  guest.sleep(1 * kMillisecond);
  served.kill();
  queued.kill();
  CHECK(served.ends(schema::ExitReason::killed, 0));
  CHECK(queued.ends(schema::ExitReason::killed, 0));
  CHECK(server.event.borrow()->signal(1).has_value());
  CHECK(is(call(sqe_of(server, RingMethod::increment, 2, 1)), 2) && result() == 2);
  CHECK(is(call(sqe_of(server, RingMethod::report, 3)), 3) && result(0) == 1);
}

// The wait ends before the call does: the server finishes on time of its own, and the completion comes later.
void wait_ends_first(Guest& guest, Role role) noexcept {
  Server server(guest, role);
  CHECK(server.good);
  const std::uint16_t gate = role == Role::server ? static_cast<std::uint16_t>(Method::gate)
                                                  : static_cast<std::uint16_t>(RingMethod::gate);
  push(call_of(server.service.client.cap(), kEcho, gate, 1, 0, place(0, 0)));
  const std::uint64_t before = guest.now();
  CHECK(runtime::cap_enter(1, 2 * kMillisecond) == 0);
  CHECK(guest.now() - before < 4 * kMillisecond);
  CHECK(server.event.borrow()->signal(21).has_value());
  CHECK(runtime::cap_enter(1, kWait) == 1);
  CHECK(is(pop(), 1) && result() == 21);
  CHECK(is(call(call_of(server.service.client.cap(), kEcho, 0, 2, 0, place(0, 1))), 2) && result() == 2);
}
void wait_ends_first_ring(Guest& guest) noexcept { wait_ends_first(guest, Role::ring_server); }
void wait_ends_first_registers(Guest& guest) noexcept { wait_ends_first(guest, Role::server); }

// The same, but something else completes.
void event_ends_the_wait(Guest& guest) noexcept {
  Server server(guest);
  CHECK(server.good);
  push(entry_of(RingOperation::timeout, 7, guest.now() + kMillisecond));
  push(sqe_of(server, RingMethod::busy, 1, 4 * kMillisecond));
  push(sqe_of(server, RingMethod::increment, 2, 1, 0, 0, 2048));
  CHECK(runtime::cap_enter(1, kWait) == 1 && is(pop(), 7));
  CHECK(runtime::cap_enter(2, kWait) == 2);
  CHECK(is(pop(), 1) && is(pop(), 2) && result(0, 2048) == 2);
}

// A queued call whose caller stops waiting is taken out of the queue, and goes there again with the next wait.
void queued_call_returns(Guest& guest) noexcept {
  Server server(guest);
  CHECK(server.good);
  const Grant grants[] = {{"service", server.service.client.cap()}};
  Child first(guest, {.role = Role::ring_caller, .argument = static_cast<std::uint32_t>(RingMethod::gate), .grants = grants});
  guest.sleep(1 * kMillisecond);
  push(sqe_of(server, RingMethod::increment, 1, 1));
  CHECK(runtime::cap_enter(1, kMillisecond) == 0);
  CHECK(server.event.borrow()->signal(3).has_value());
  CHECK(first.exits(3));
  CHECK(runtime::cap_enter(0, 0) == 0);
  CHECK(runtime::cap_enter(1, kWait) == 1 && is(pop(), 1) && result() == 2);
}

void called_off(Guest& guest, RingOperation how) noexcept {
  Server server(guest);
  CHECK(server.good);
  // Not begun.
  push(sqe_of(server, RingMethod::increment, 1));
  push(entry_of(how, 2, 1));
  CHECK(runtime::cap_enter(0, 0) == 2 && is(pop(), 1, TransportError::cancelled) && is(pop(), 2));
  // Being served, on the server's own time by then.
  push(sqe_of(server, RingMethod::gate, 1));
  CHECK(runtime::cap_enter(1, kMillisecond) == 0);
  push(entry_of(how, 2, 1));
  CHECK(runtime::cap_enter(0, 0) == 2 && is(pop(), 1, TransportError::cancelled) && is(pop(), 2));
  CHECK(is(once(entry_of(how, 3, 1)), 3, TransportError::invalid_cap));
  CHECK(server.event.borrow()->signal(1).has_value());
  guest.sleep(1 * kMillisecond);
  CHECK(waiting() == 0);  // its answer found nobody
  CHECK(is(call(sqe_of(server, RingMethod::report, 4)), 4) && result(0) == 1);
}
void finished(Guest& guest) noexcept { called_off(guest, RingOperation::finish); }
void cancelled(Guest& guest) noexcept { called_off(guest, RingOperation::cancel); }

// A RETURN that is refused ends this server, which says so: forged and used ids, bad ranges and capabilities.
void forged_answers(Guest& guest) noexcept {
  Server server(guest);
  CHECK(server.good);
  CHECK(is(call(sqe_of(server, RingMethod::forged, 1)), 1));
  CHECK(is(call(sqe_of(server, RingMethod::report, 2)), 2) && result(2) == 5);
  CHECK(is(call(sqe_of(server, RingMethod::bad_return, 3)), 3));
  CHECK(is(call(sqe_of(server, RingMethod::report, 4)), 4) && result(3) == 3);
  CHECK(is(call(sqe_of(server, RingMethod::twice, 5)), 5) && result() == 1);
  CHECK(is(call(sqe_of(server, RingMethod::report, 6)), 6) &&
        result(1) == static_cast<std::uint64_t>(std::int64_t{status_of(TransportError::invalid_cap)}));
}

void return_of_nothing(Guest& guest) noexcept {
  for (const std::uint64_t id : {std::uint64_t{0}, std::uint64_t{1}, ~std::uint64_t{0}}) {
    CHECK(is(once(entry_of(RingOperation::return_call, 1, id)), 1, TransportError::invalid_cap));
  }
}

void receive_refused(Guest& guest) noexcept {
  const auto one = make_service(guest), other = make_service(guest);
  CapSqe entry = entry_of(RingOperation::receive, 1, one.endpoint.cap().raw);
  entry.results_capacity = 16;
  CHECK(is(once(entry), 1, TransportError::invalid_message));
  entry.results_capacity = 1024;
  entry.results_offset = abi::kArenaBytes;
  CHECK(is(once(entry), 1, TransportError::invalid_message));
  entry.results_offset = 0;
  entry.cap = one.client.cap().raw;
  CHECK(is(once(entry), 1, TransportError::invalid_cap));
  entry.cap = one.endpoint.cap().raw;
  push(entry);
  CHECK(runtime::cap_enter(0, 0) == 0);
  entry.cap = other.endpoint.cap().raw;
  entry.user_data = 2;
  CHECK(is(once(entry), 2, ExceptionType::overloaded, KernelError::busy));  // one endpoint at a time
  CHECK(runtime::cap_enter(1, kMillisecond) == 0);  // nobody calls
  push(entry_of(RingOperation::cancel, 3, 1));
  CHECK(runtime::cap_enter(0, 0) == 2 && is(pop(), 1, TransportError::cancelled) && is(pop(), 3));
}

// This program serves a child, then calls as a client again.
void serve_a_child(Guest& guest) noexcept {
  const auto service = make_service(guest);
  const Grant grants[] = {{"service", service.client.cap()}};
  CapSqe receive = entry_of(RingOperation::receive, 1, service.endpoint.cap().raw, abi::kSqeMultishot);
  receive.results_offset = 4096;
  receive.results_capacity = 4096;
  push(receive);
  for (const Role role : {Role::client, Role::ring_caller}) {
    Child child(guest, {.role = role, .argument = 9, .grants = grants});
    CHECK(runtime::cap_enter(1, kWait) == 1);
    const CapCqe got = pop();
    CHECK(is(got, 1) && got.flags == abi::kCqeMore && got.value != 0);
    const auto& head = *reinterpret_cast<const abi::ReceivedCall*>(arena_word(4096));
    CHECK(head.method == 9 && head.interface_id == kEcho && head.registers == (role == Role::client ? 1 : 0));
    CHECK(*arena_word(4096 + 24) == 5 && *arena_word(4096 + 32) == 6);
    CapSqe answer = entry_of(RingOperation::return_call, 2, got.value);
    answer.params_size = place(0, 30);
    CHECK(is(once(answer), 2));
    CHECK(child.exits(30));
  }
  push(entry_of(RingOperation::cancel, 3, 1));
  CHECK(runtime::cap_enter(0, 0) == 2 && is(pop(), 1, TransportError::cancelled) && is(pop(), 3));
}

// Message calls within message calls, over two servers.
void nested(Guest& guest) noexcept {
  Server inner(guest);
  CHECK(inner.good);
  auto service = make_service(guest);
  const Grant grants[] = {{"serve", service.endpoint.cap()}, {"next", inner.service.client.cap()}};
  Child outer(guest, {.role = Role::ring_server, .grants = grants});
  CHECK(outer.becomes_ready());
  const CapSqe entry = call_of(service.client.cap(), kEcho, static_cast<std::uint16_t>(RingMethod::nested), 1, 0,
                               place(0, static_cast<std::uint64_t>(RingMethod::increment), 41));
  CHECK(is(call(entry), 1) && result() == 42);
  // The inner one dies in the call.
  const CapSqe doomed = call_of(service.client.cap(), kEcho, static_cast<std::uint16_t>(RingMethod::nested), 1, 0,
                                place(0, static_cast<std::uint64_t>(RingMethod::exit), 0));
  CHECK(is(call(doomed), 1) && result() == kStatusCode + static_cast<std::uint64_t>(TransportError::disconnected));
}

void from_another_cpu(Guest& guest) noexcept {
  Server server(guest);
  CHECK(server.good);
  const Grant grants[] = {{"service", server.service.client.cap()}, {"serve", server.service.endpoint.cap()}};
  constexpr auto kWrong = static_cast<std::int64_t>(kStatusCode) + static_cast<std::int64_t>(TransportError::wrong_cpu);
  for (std::uint16_t cpu = 1; cpu < guest.cpus; ++cpu) {
    Child caller(guest, {.role = Role::ring_caller, .grants = grants, .cpu = cpu});
    CHECK(caller.exits(kWrong));
    Child late(guest, {.role = Role::ring_server, .grants = grants, .cpu = cpu});
    CHECK(late.exits(kWrong));
  }
}

// The parameters are changed by other programs' turns, the indices jump: calls still end once each.
void hostile_indices(Guest& guest) noexcept {
  Server server(guest);
  CHECK(server.good);
  auto& header = ring().header;
  std::memset(static_cast<void*>(ring().sq), 0, sizeof ring().sq);
  for (const std::uint32_t jump : {0u, 0x7fff'ffffu, 0xffff'fff0u, 0x8000'0001u}) {
    push(sqe_of(server, RingMethod::increment, 1, 1));
    (void)runtime::cap_enter(0, 0);  // pending
    header.cq_tail = header.cq_head = jump;
    header.sq_head = header.sq_tail = jump;
    CHECK(runtime::cap_enter(1, kWait) == 1 && is(pop(), 1) && result() == 2);
  }
  // A completion queue that seems full, while a call is under way: its completion waits.
  push(sqe_of(server, RingMethod::increment, 1, 5));
  header.cq_head = header.cq_tail - 1;
  CHECK(runtime::cap_enter(2, kWait) == 2);
  header.cq_head = header.cq_tail - 1;
  CHECK(is(pop(), 1) && result() == 6);
  header.cq_head = header.cq_tail - 32;
  push(sqe_of(server, RingMethod::increment, 2, 7));
  CHECK(runtime::cap_enter(32, kWait) == 32 && left() == 1);
  header.cq_head = header.cq_tail;
  CHECK(runtime::cap_enter(1, kWait) == 1 && is(pop(), 2) && result() == 8);
}

constexpr Case kCases[] = {
    {"message call", words},
    {"message call of single receives", single_receives},
    {"message calls at once", many_at_once},
    {"message call's caller and path", caller_and_path},
    {"message call waits for its caller to wait", waits_for_its_caller},
    {"message call grows stale", stale},
    {"message call refused at once", refused_at_once},
    {"message call results too large", results_too_large},
    {"message call parameters too large", parameters_too_large},
    {"message call capabilities", capabilities},
    {"message call many capabilities", many_capabilities},
    {"message call exceptions", exceptions},
    {"message exception of a kernel object", exception_of_the_kernel},
    {"message server called by registers", registers_to_ring},
    {"message call of a register server", ring_to_registers},
    {"message calls of a register server", ring_to_registers_many},
    {"message calls queue", queue_at_ring},
    {"message calls queue at a register server", queue_at_registers},
    {"message call before the server", before_the_server},
    {"message server exits", server_exits},
    {"message server killed", server_killed},
    {"message caller killed", caller_killed},
    {"message call outlasts the wait", wait_ends_first_ring},
    {"message call outlasts the wait, registers", wait_ends_first_registers},
    {"message call and an event", event_ends_the_wait},
    {"message call queues again", queued_call_returns},
    {"message call finished", finished},
    {"message call cancelled", cancelled},
    {"message answers forged", forged_answers},
    {"message answer to nothing", return_of_nothing},
    {"message receive refused", receive_refused},
    {"message receive", serve_a_child},
    {"message calls nest", nested},
    {"message call from another CPU", from_another_cpu},
    {"message calls and hostile indices", hostile_indices},
};

}  // namespace

std::span<const Case> message_call_cases() noexcept { return kCases; }

}  // namespace conformance
