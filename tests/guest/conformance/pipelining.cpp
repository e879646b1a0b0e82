// SPDX-License-Identifier: Apache-2.0
// Calls on the result capabilities of calls that have not come back yet.
#include "ring_hand.hpp"

namespace conformance {
namespace {

using namespace hand;

constexpr std::uint64_t kWait = 500 * kMillisecond;
constexpr std::uint8_t kAnswer = abi::kSqeAnswer, kPipelined = abi::kSqePipelined;

CapSqe with(CapSqe entry, std::uint8_t flags) noexcept {
  entry.flags |= flags;
  return entry;
}
// On result `field` of the call `answer`.
CapSqe on(CapSqe entry, std::uint64_t answer, std::uint32_t field) noexcept {
  entry.flags |= kPipelined;
  entry.cap = answer;
  entry.pipeline_field = field;
  return entry;
}

CapSqe create_notification(Guest& guest, std::uint64_t user_data) noexcept {
  return call_of(guest.objects.cap(), schema::ObjectFactory::kInterfaceId,
                 schema::ObjectFactory::CreateNotification::kOrdinal, user_data, 0, place(0));
}
CapSqe signal(std::uint64_t user_data, std::uint64_t bits) noexcept {
  return call_of({}, schema::Notification::kInterfaceId, schema::Notification::Signal::kOrdinal, user_data, 2048,
                 place(2048, bits));
}

void on_a_kernel_object(Guest& guest) noexcept {
  push(with(create_notification(guest, 1), kAnswer));
  push(on(signal(2, 6), 1, 0));
  push(on(call_of({}, schema::Notification::kInterfaceId, schema::Notification::Poll::kOrdinal, 3, 4096, place(4096)), 1, 0));
  CHECK(runtime::cap_enter(0, 0) == 3);
  const CapCqe made = pop();
  CHECK(is(made, 1) && made.caps_count == 1 && is(pop(), 2) && is(pop(), 3));
  CHECK(*arena_word(4096 + 1024 + 8) == 6);
  // The answer is kept until it is given up; then it names nothing.
  CHECK(is(once(on(signal(2, 6), 1, 0)), 2));
  CHECK(is(once(entry_of(RingOperation::finish, 4, 1)), 4));
  CHECK(is(once(on(signal(2, 6), 1, 0)), 2, TransportError::invalid_cap));
  CHECK(is(once(entry_of(RingOperation::finish, 4, 1)), 4, TransportError::invalid_cap));
  Notice owned(abi::CapId{*arena_word(1024 + made.results_size)});
  CHECK(owned.borrow()->poll()->bits == 6);
}

void on_nothing(Guest& guest) noexcept {
  CHECK(is(once(on(signal(2, 1), 99, 0)), 2, TransportError::invalid_cap));
  // Not kept: nobody said so.
  const CapCqe plain = once(create_notification(guest, 1));
  CHECK(is(plain, 1));
  Notice owned(abi::CapId{*arena_word(1024 + plain.results_size)});
  CHECK(is(once(on(signal(2, 1), 1, 0)), 2, TransportError::invalid_cap));
  // A result capability that there is not.
  push(with(create_notification(guest, 1), kAnswer));
  for (const std::uint32_t field : {1u, 3u, 4u, 0xffff'ffffu}) push(on(signal(2, 1), 1, field));
  CHECK(runtime::cap_enter(0, 0) == 5);
  const CapCqe made = pop();
  CHECK(is(made, 1));
  Notice second(abi::CapId{*arena_word(1024 + made.results_size)});
  for (int i = 0; i < 4; ++i) CHECK(is(pop(), 2, TransportError::invalid_cap));
  settle({1});
}

// What the first call came to is what all that hang on it come to.
void on_a_failure(Guest& guest) noexcept {
  CapSqe bad = create_notification(guest, 1);
  bad.method = 99;
  push(with(bad, kAnswer));
  push(on(signal(2, 1), 1, 0));
  CHECK(runtime::cap_enter(0, 0) == 2);
  CHECK(is(pop(), 1, ExceptionType::unimplemented, KernelError::none));
  CHECK(is(pop(), 2, ExceptionType::unimplemented, KernelError::none));
  settle({1});
}

// A server that gives a client of another: the second call is made before the first has been answered.
class Broker {
 public:
  explicit Broker(Guest& guest) noexcept
      : inner_(make_service(guest)), outer_(make_service(guest)), event_(make_notification(guest)),
        to_inner_{Grant{"serve", inner_.endpoint.cap()}, Grant{"event", event_.cap()}},
        to_outer_{Grant{"serve", outer_.endpoint.cap()}, Grant{"next", inner_.client.cap()}, Grant{"event", event_.cap()}},
        inner_server(guest, {.role = Role::ring_server, .grants = to_inner_}),
        outer_server(guest, {.role = Role::ring_server, .grants = to_outer_}) {
    good = inner_server.becomes_ready() && outer_server.becomes_ready();
  }
  [[nodiscard]] CapSqe call(RingMethod method, std::uint64_t user_data, std::uint64_t word, std::uint32_t area) const noexcept {
    return call_of(outer_.client.cap(), schema::Echo::kInterfaceId, static_cast<std::uint16_t>(method), user_data, area,
                   place(area, word));
  }
  [[nodiscard]] Notice& event() noexcept { return event_; }

 private:
  Service inner_, outer_;
  Notice event_;
  Grant to_inner_[2], to_outer_[3];

 public:
  Child inner_server, outer_server;
  bool good = false;
};

void give_back_result(std::uint32_t area, const CapCqe& completion) noexcept {
  (void)runtime::call_ring().release(abi::CapId{*arena_word(area + 1024 + completion.results_size)});
}

void on_a_server(Guest& guest) noexcept {
  Broker broker(guest);
  CHECK(broker.good);
  push(with(broker.call(RingMethod::give_service, 1, 0, 0), kAnswer));
  push(on(broker.call(RingMethod::increment, 2, 70, 2048), 1, 0));
  push(on(broker.call(RingMethod::increment, 3, 80, 4096), 1, 0));
  CHECK(runtime::cap_enter(3, kWait) == 3);
  const CapCqe given = pop();
  CHECK(is(given, 1) && given.caps_count == 1 && is(pop(), 2) && is(pop(), 3));
  CHECK(*arena_word(2048 + 1032) == 71 && *arena_word(4096 + 1032) == 81);
  CHECK(is(once(entry_of(RingOperation::finish, 4, 1)), 4));
  give_back_result(0, given);
}

void server_dies_first(Guest& guest) noexcept {
  Broker broker(guest);
  CHECK(broker.good);
  push(with(broker.call(RingMethod::exit, 1, 0, 0), kAnswer));
  push(on(broker.call(RingMethod::increment, 2, 70, 2048), 1, 0));
  CHECK(runtime::cap_enter(2, kWait) == 2);
  CHECK(is(pop(), 1, TransportError::disconnected) && is(pop(), 2, TransportError::disconnected));
  settle({1});
}

// The first one is called off, and so is what hangs on it; one that hangs on it is called off alone.
void called_off(Guest& guest) noexcept {
  Broker broker(guest);
  CHECK(broker.good);
  push(with(broker.call(RingMethod::give_service, 1, 0, 0), kAnswer));
  push(on(broker.call(RingMethod::increment, 2, 70, 2048), 1, 0));
  push(on(broker.call(RingMethod::increment, 3, 80, 4096), 1, 0));
  push(entry_of(RingOperation::cancel, 4, 2));
  CHECK(runtime::cap_enter(0, 0) == 2 && is(pop(), 2, TransportError::cancelled) && is(pop(), 4));
  push(entry_of(RingOperation::cancel, 5, 1));
  CHECK(runtime::cap_enter(0, 0) == 3);
  bool seen[6] = {};
  for (int i = 0; i < 3; ++i) {
    const CapCqe done = pop();
    CHECK(done.user_data <= 5 && done.result == (done.user_data == 5 ? 0 : status_of(TransportError::cancelled)));
    seen[done.user_data] = true;
  }
  CHECK(seen[1] && seen[3] && seen[5]);
  settle({1});
}

constexpr Case kCases[] = {
    {"pipelining on a kernel object", on_a_kernel_object},
    {"pipelining on nothing", on_nothing},
    {"pipelining on a failure", on_a_failure},
    {"pipelining on a server", on_a_server},
    {"pipelining on a server that dies", server_dies_first},
    {"pipelining called off", called_off},
};

}  // namespace

std::span<const Case> pipelining_cases() noexcept { return kCases; }

}  // namespace conformance
