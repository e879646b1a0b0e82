// SPDX-License-Identifier: Apache-2.0
// PARK and UNPARK by ring: every refusal, order and count, time, cancellation, ends; own words and shared ones.
#include "accounting.hpp"
#include "capos/runtime/thread.hpp"
#include "ring_hand.hpp"

namespace conformance {
namespace {

using namespace hand;

// Words of one's own.
alignas(64) constinit std::uint32_t g_words[4] = {5, 6, 7, 8};

std::uint64_t at(std::uint32_t index) noexcept { return reinterpret_cast<std::uint64_t>(&g_words[index]); }
Capability<schema::ParkSpace> own_space(Guest& guest) noexcept {
  return guest.runtime.need<schema::ParkSpace>("self.park");
}
abi::CapId own(Guest& guest) noexcept { return own_space(guest).cap(); }

CapSqe park_of(abi::CapId space, std::uint64_t user_data, std::uint64_t word, std::uint32_t expected,
               std::uint64_t deadline = 0) noexcept {
  CapSqe entry = entry_of(RingOperation::park, user_data, space.raw);
  entry.interface_id = word;
  entry.params_size = expected;
  entry.deadline_ns = deadline;
  return entry;
}
CapSqe unpark_of(abi::CapId space, std::uint64_t user_data, std::uint64_t word, std::uint32_t count) noexcept {
  CapSqe entry = entry_of(RingOperation::unpark, user_data, space.raw);
  entry.interface_id = word;
  entry.params_size = count;
  return entry;
}
bool woke(const CapCqe& completion, std::uint64_t user_data, std::uint64_t count) noexcept {
  return is(completion, user_data) && completion.value == count;
}

OwnedCapability<schema::SharedParkSpace> share(Guest& guest, abi::CapId memory) noexcept {
  auto made = own_space(guest)->share([&](auto params, Transfers& transfers) { params.set_memory(transfers.add(memory)); });
  return made.has_value() ? made->capability<schema::SharedParkSpace>(made->reader().space())
                          : OwnedCapability<schema::SharedParkSpace>();
}

void unparked_by_its_own_ring(Guest& guest) noexcept {
  push(park_of(own(guest), 1, at(0), 5));
  CHECK(runtime::cap_enter(0, 0) == 0 && left() == 0);
  CHECK(woke(once(unpark_of(own(guest), 2, at(1), 9)), 2, 0));  // another word
  CHECK(woke(once(unpark_of(own(guest), 2, at(0), 0)), 2, 0));
  push(unpark_of(own(guest), 2, at(0), 9));
  CHECK(runtime::cap_enter(0, 0) == 2 && is(pop(), 1) && woke(pop(), 2, 1));
  CHECK(woke(once(unpark_of(own(guest), 2, at(0), 9)), 2, 0));
}

// Which three of four, and in which order: as they came.
void order_and_count(Guest& guest) noexcept {
  for (std::uint64_t i = 0; i < 4; ++i) push(park_of(own(guest), i, at(i == 1 ? 2 : 1), i == 1 ? 7 : 6));
  push(unpark_of(own(guest), 10, at(1), 2));
  CHECK(runtime::cap_enter(0, 0) == 3 && is(pop(), 0) && is(pop(), 2) && woke(pop(), 10, 2));
  push(unpark_of(own(guest), 10, at(1), 2));
  push(unpark_of(own(guest), 11, at(2), ~0u));
  CHECK(runtime::cap_enter(0, 0) == 4);
  CHECK(is(pop(), 3) && woke(pop(), 10, 1) && is(pop(), 1) && woke(pop(), 11, 1));
}

void refused(Guest& guest) noexcept {
  const auto refusal = [&](const CapSqe& entry, ExceptionType type, KernelError detail) {
    return is(once(entry), 1, type, detail);
  };
  CHECK(refusal(park_of(own(guest), 1, at(0), 6), ExceptionType::failed, KernelError::mismatch));
  for (const std::uint64_t word : {at(0) + 1, at(0) + 2, std::uint64_t{0}, kUnmapped, kKernelAddress, ~std::uint64_t{3}}) {
    CHECK(refusal(park_of(own(guest), 1, word, 5), ExceptionType::invalid_argument, KernelError::bad_address));
  }
  CHECK(refusal(unpark_of(own(guest), 1, at(0) + 3, 5), ExceptionType::invalid_argument, KernelError::bad_address));
  for (const abi::CapId cap : {abi::CapId{}, abi::CapId::make(3, 999), guest.timer.cap()}) {
    CHECK(is(once(park_of(cap, 1, at(0), 5)), 1, TransportError::invalid_cap));
    CHECK(is(once(unpark_of(cap, 1, at(0), 5)), 1, TransportError::invalid_cap));
  }
  for (const std::uint8_t flag : {abi::kSqeMultishot, abi::kSqeAnswer, abi::kSqePipelined, abi::kSqeException}) {
    CapSqe entry = park_of(own(guest), 1, at(0), 5);
    entry.flags = flag;
    CHECK(is(once(entry), 1, TransportError::invalid_operation));
    entry.operation = static_cast<std::uint8_t>(RingOperation::unpark);
    CHECK(is(once(entry), 1, TransportError::invalid_operation));
  }
  Shared shared(guest, 2);
  const auto space = share(guest, shared.cap());
  CHECK(space && refusal(park_of(space.cap(), 1, 8, 1), ExceptionType::failed, KernelError::mismatch));
  for (const std::uint64_t offset : {std::uint64_t{6}, 2 * kPage, ~std::uint64_t{3}}) {
    CHECK(refusal(park_of(space.cap(), 1, offset, 0), ExceptionType::invalid_argument, KernelError::bad_range));
    CHECK(refusal(unpark_of(space.cap(), 1, offset, 1), ExceptionType::invalid_argument, KernelError::bad_range));
  }
  CHECK(woke(once(unpark_of(space.cap(), 1, 2 * kPage - 4, 1)), 1, 0) && waiting() == 0);
}

void ends_at_its_time(Guest& guest) noexcept {
  const std::uint64_t until = guest.now() + kMillisecond;
  push(park_of(own(guest), 1, at(0), 5, until));
  CHECK(runtime::cap_enter(1, kForever) == 1 && is(pop(), 1, TransportError::timeout) && guest.now() >= until);
  CHECK(guest.now() < until + kMillisecond / 2);
  CHECK(woke(once(unpark_of(own(guest), 2, at(0), 9)), 2, 0));
  // At a time that has passed: only compares.
  CHECK(is(once(park_of(own(guest), 1, at(0), 5, until)), 1, TransportError::timeout));
  CHECK(is(once(park_of(own(guest), 1, at(0), 6, until)), 1, ExceptionType::failed, KernelError::mismatch));
}

void unparked_before_its_time(Guest& guest) noexcept {
  const std::uint64_t now = guest.now();
  push(park_of(own(guest), 1, at(0), 5, now + 2 * kMillisecond));
  push(unpark_of(own(guest), 2, at(0), 1));
  push(entry_of(RingOperation::timeout, 3, now + 4 * kMillisecond));
  CHECK(runtime::cap_enter(2, kForever) == 2 && is(pop(), 1) && is(pop(), 2));
  CHECK(runtime::cap_enter(1, kForever) == 1 && is(pop(), 3) && waiting() == 0);
}

void cancelled(Guest& guest) noexcept {
  Shared shared(guest);
  const auto space = share(guest, shared.cap());
  push(park_of(own(guest), 1, at(0), 5, guest.now() + kMillisecond));
  push(park_of(space.cap(), 2, 64, 0));
  for (const std::uint64_t gone : {1u, 2u}) {
    push(entry_of(RingOperation::cancel, 20, gone));
    CHECK(runtime::cap_enter(0, 0) == 2 && is(pop(), gone, TransportError::cancelled) && is(pop(), 20));
  }
  guest.sleep(2 * kMillisecond);
  CHECK(woke(once(unpark_of(own(guest), 3, at(0), 9)), 3, 0) && woke(once(unpark_of(space.cap(), 3, 64, 9)), 3, 0));
  // A chain goes on when it is woken, and not when it is called off.
  CapSqe first = park_of(own(guest), 1, at(0), 5);
  first.flags = abi::kSqeLink;
  push(first);
  push(entry_of(RingOperation::nop, 2));
  push(unpark_of(own(guest), 3, at(0), 1));
  CHECK(runtime::cap_enter(0, 0) == 3 && is(pop(), 1) && is(pop(), 3) && is(pop(), 2));
}

// By ring and by method, threads and operations: one list.
struct Parked {
  Guest* guest;
  std::int32_t result = 1;
};
void park_once(void* argument) {
  auto& own = *static_cast<Parked*>(argument);
  const auto done = own_space(*own.guest)->park(at(3), 8, ~std::uint64_t{0});
  own.result = done.has_value() ? 0 : -1;
}
void beside_threads(Guest& guest) noexcept {
  Parked parked{&guest};
  push(park_of(own(guest), 1, at(3), 8));
  CHECK(runtime::cap_enter(0, 0) == 0);
  auto worker = runtime::Thread::start(guest.runtime, park_once, &parked, {.stack_pages = 1});
  CHECK(worker.has_value());
  guest.sleep(kMillisecond);
  push(park_of(own(guest), 2, at(3), 8));
  CHECK(runtime::cap_enter(0, 0) == 0);
  const auto first = own_space(guest)->unpark(at(3), 1);
  CHECK(first.has_value() && first->woken == 1 && waiting() == 1 && is(pop(), 1) && parked.result == 1);
  CHECK(woke(once(unpark_of(own(guest), 3, at(3), 1)), 3, 1));
  CHECK(worker->join().has_value() && parked.result == 0);
  const auto last = own_space(guest)->unpark(at(3), 9);
  CHECK(last.has_value() && last->woken == 1 && is(pop(), 2));
}

// A thread in cap_enter is woken, by a child on each CPU; the child by this one's UNPARK.
void across_processes(Guest& guest) noexcept {
  Shared shared(guest);
  const auto space = share(guest, shared.cap());
  const Grant grants[] = {{"space", space.cap()}, {"out", shared.cap()}};
  for (std::uint16_t cpu = 0; cpu < guest.cpus; ++cpu) {
    Child parker(guest, {.role = Role::ring_parker, .argument = 64, .grants = grants, .cpu = cpu});
    CHECK(parker.becomes_ready());
    guest.sleep(100 * kMicrosecond);
    CHECK(woke(once(unpark_of(space.cap(), 1, 64, 9)), 1, 1) && parker.exits(0));
    push(park_of(space.cap(), 2, 128, 0));
    CHECK(runtime::cap_enter(0, 0) == 0);
    Child waker(guest, {.role = Role::ring_waker, .argument = 128, .grants = grants, .cpu = cpu});
    CHECK(runtime::cap_enter(1, 500 * kMillisecond) == 1 && is(pop(), 2) && waker.exits(1));
  }
}

// Wake-ups cross with ends, cancellations and their time, on every CPU: each ends once, and nothing is left.
void crossing(Guest& guest) noexcept {
  Shared shared(guest);
  const auto space = share(guest, shared.cap());
  const Grant grants[] = {{"space", space.cap()}, {"out", shared.cap()}};
  takes_nothing(guest, [&] {
    for (unsigned round = 0; round < 6; ++round) {
      const auto cpu = static_cast<std::uint16_t>(round % guest.cpus);
      Child child(guest, {.role = Role::ring_parker, .argument = 64, .grants = grants, .cpu = cpu});
      if (!child.becomes_ready()) return guest.fail("child", 0, "not ready");
      if (round % 3 != 0) push(unpark_of(space.cap(), 1, 64, 1));
      (void)runtime::cap_enter(0, 0);
      child.kill();
      if (!child.process()->wait().has_value()) return guest.fail("child", 0, "no end");
      while (waiting() != 0) (void)pop();
    }
  });
  CHECK(woke(once(unpark_of(space.cap(), 1, 64, 9)), 1, 0));
  Child waker(guest, {.role = Role::ring_waker, .argument = 64 + 1, .grants = grants, .cpu = static_cast<std::uint16_t>(guest.cpus - 1)});
  for (std::uint64_t round = 0; round < 100; ++round) {
    push(park_of(space.cap(), 1, 64, 0, guest.now() + (round % 8 == 0 ? 3 : 50) * kMicrosecond));
    if (round % 4 == 3) push(entry_of(RingOperation::cancel, 2, 1));
    CHECK(runtime::cap_enter(round % 4 == 3 ? 2 : 1, 500 * kMillisecond) != 0);
    for (bool found = false; !found;) {
      const CapCqe done = next();
      CHECK(done.result == 0 || is(done, 1, TransportError::timeout) || is(done, 1, TransportError::cancelled) ||
            is(done, 2, TransportError::invalid_cap));
      found = done.user_data == 1;
    }
    settle({});
  }
  CHECK(waiting() == 0);
}

// No more than there are places; the thread that has them all ends, and gives them back.
void full(Guest& guest) noexcept {
  Shared shared(guest);
  const auto space = share(guest, shared.cap());
  const Grant grants[] = {{"space", space.cap()}, {"out", shared.cap()}};
  takes_nothing(guest, [&] {
    Child own_words(guest, {.role = Role::ring_parker, .argument = 1, .grants = grants});
    if (!own_words.exits(64)) return guest.fail("child", 0, "own words");
    Child of_object(guest, {.role = Role::ring_parker, .argument = 2, .grants = grants});
    if (!of_object.exits(128)) return guest.fail("child", 0, "an object's words");
  });
  CHECK(woke(once(unpark_of(space.cap(), 1, 64, 9)), 1, 0));
}

constexpr Case kCases[] = {
    {"ring park and unpark", unparked_by_its_own_ring},
    {"ring park, order and count", order_and_count},
    {"ring park refused", refused},
    {"ring park ends at its time", ends_at_its_time},
    {"ring park, woken before its time", unparked_before_its_time},
    {"ring park cancelled", cancelled},
    {"ring park beside threads", beside_threads},
    {"ring park across processes", across_processes},
    {"ring park, ends that cross", crossing},
    {"ring park with all places taken", full},
};

}  // namespace

std::span<const Case> ring_park_cases() noexcept { return kCases; }

}  // namespace conformance
