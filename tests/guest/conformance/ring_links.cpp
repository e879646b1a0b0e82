// SPDX-License-Identifier: Apache-2.0
// Entries that depend on others: chains and drains.
#include "ring_hand.hpp"

namespace conformance {
namespace {

using namespace hand;

constexpr std::uint8_t kLink = abi::kSqeLink, kDrain = abi::kSqeDrain;

void chain_succeeds(Guest& guest) noexcept {
  for (std::uint64_t i = 0; i < 4; ++i) push(entry_of(RingOperation::nop, i, 0, i < 3 ? kLink : 0));
  CHECK(runtime::cap_enter(0, 0) == 4);
  for (std::uint64_t i = 0; i < 4; ++i) CHECK(is(pop(), i));
}

void chain_breaks(Guest& guest) noexcept {
  push(entry_of(RingOperation::nop, 1, 0, kLink));
  push(entry_of(RingOperation::release, 2, 0, kLink));  // fails
  push(entry_of(RingOperation::nop, 3, 0, kLink));
  push(entry_of(RingOperation::nop, 4));
  push(entry_of(RingOperation::nop, 5));  // not of the chain
  CHECK(runtime::cap_enter(0, 0) == 5);
  CHECK(is(pop(), 1) && is(pop(), 2, TransportError::invalid_cap) && is(pop(), 3, TransportError::cancelled) &&
        is(pop(), 4, TransportError::cancelled) && is(pop(), 5));
}

// The next entry starts when the timeout has passed: the time that it reads says so.
void chain_waits(Guest& guest) noexcept {
  const std::uint64_t until = guest.now() + 2 * kMillisecond;
  push(entry_of(RingOperation::timeout, 1, until, kLink));
  push(call_of(guest.timer.cap(), schema::Timer::kInterfaceId, schema::Timer::Now::kOrdinal, 2, 0, place(0)));
  push(entry_of(RingOperation::nop, 3));
  CHECK(runtime::cap_enter(0, 0) == 1 && is(pop(), 3));
  CHECK(runtime::cap_enter(2, kForever) == 2);
  CHECK(is(pop(), 1) && is(pop(), 2) && *arena_word(1032) >= until);
}

void chain_of_timeouts(Guest& guest) noexcept {
  const std::uint64_t now = guest.now();
  for (std::uint64_t i = 1; i <= 3; ++i) {
    push(entry_of(RingOperation::timeout, i, now + i * kMillisecond, i < 3 ? kLink : 0));
  }
  CHECK(runtime::cap_enter(3, kForever) == 3);
  for (std::uint64_t i = 1; i <= 3; ++i) CHECK(is(pop(), i));
  CHECK(guest.now() >= now + 3 * kMillisecond);
}

void chain_broken_in_flight(Guest& guest) noexcept {
  push(entry_of(RingOperation::timeout, 1, guest.now() + 10'000 * kMillisecond, kLink));
  push(entry_of(RingOperation::nop, 2, 0, kLink));
  push(entry_of(RingOperation::nop, 3));
  push(entry_of(RingOperation::cancel, 4, 1));
  CHECK(runtime::cap_enter(0, 0) == 4);
  bool seen[5] = {};
  for (int i = 0; i < 4; ++i) {
    const CapCqe done = pop();
    CHECK(done.user_data <= 4);
    seen[done.user_data] = true;
    CHECK(done.result == (done.user_data == 4 ? 0 : status_of(TransportError::cancelled)));
  }
  CHECK(seen[1] && seen[2] && seen[3] && seen[4]);
}

// One that waits for its turn is called off: it ends when that comes.
void cancelled_before_its_turn(Guest& guest) noexcept {
  push(entry_of(RingOperation::timeout, 1, guest.now() + kMillisecond, kLink));
  push(entry_of(RingOperation::nop, 2));
  push(entry_of(RingOperation::cancel, 3, 2));
  CHECK(runtime::cap_enter(0, 0) == 1 && is(pop(), 3));
  CHECK(runtime::cap_enter(2, kForever) == 2);
  CHECK(is(pop(), 1) && is(pop(), 2, TransportError::cancelled));
}

// A chain goes on with the next cap_enter's entries.
void chain_over_two_enters(Guest& guest) noexcept {
  push(entry_of(RingOperation::timeout, 1, guest.now() + kMillisecond, kLink));
  CHECK(runtime::cap_enter(0, 0) == 0);
  push(entry_of(RingOperation::nop, 2));
  CHECK(runtime::cap_enter(0, 0) == 0);
  CHECK(runtime::cap_enter(2, kForever) == 2 && is(pop(), 1) && is(pop(), 2));
  push(entry_of(RingOperation::release, 1, 0, kLink));
  CHECK(runtime::cap_enter(0, 0) == 1 && is(pop(), 1, TransportError::invalid_cap));
  push(entry_of(RingOperation::nop, 2));
  push(entry_of(RingOperation::nop, 3));
  CHECK(runtime::cap_enter(0, 0) == 2 && is(pop(), 2, TransportError::cancelled) && is(pop(), 3));
}

void drain_waits(Guest& guest) noexcept {
  const std::uint64_t until = guest.now() + kMillisecond;
  push(entry_of(RingOperation::timeout, 1, until));
  push(entry_of(RingOperation::post, 2, 7, kDrain));
  push(entry_of(RingOperation::nop, 3));
  CHECK(runtime::cap_enter(0, 0) == 0 && left() == 2);  // and nothing overtakes it
  CHECK(runtime::cap_enter(3, kForever) == 3 && left() == 0);
  CHECK(is(pop(), 1) && is(pop(), 2) && is(pop(), 3) && guest.now() >= until);
}

void drain_of_nothing(Guest& guest) noexcept {
  CHECK(is(once(entry_of(RingOperation::nop, 2, 0, kDrain)), 2));
}

void drain_in_a_chain(Guest& guest) noexcept {
  push(entry_of(RingOperation::timeout, 1, guest.now() + kMillisecond, kLink));
  push(entry_of(RingOperation::nop, 2, 0, kDrain));
  CHECK(runtime::cap_enter(2, kForever) == 2);
  CHECK(is(pop(), 1) && is(pop(), 2, TransportError::invalid_operation));
}

// A whole queue of one chain, many times: nothing of it stays behind.
void long_chains(Guest& guest) noexcept {
  for (int round = 0; round < 8; ++round) {
    const bool breaks = round % 2 != 0;
    push(entry_of(breaks ? RingOperation::release : RingOperation::timeout, 0, breaks ? 0 : guest.now() + 100'000, kLink));
    for (std::uint64_t i = 1; i < 16; ++i) push(entry_of(RingOperation::nop, i, 0, i < 15 ? kLink : 0));
    CHECK(runtime::cap_enter(16, kForever) == 16);
    for (std::uint64_t i = 0; i < 16; ++i) {
      const CapCqe done = pop();
      CHECK(done.user_data == i && (done.result == 0) == !breaks);
    }
  }
}

constexpr Case kCases[] = {
    {"ring chain", chain_succeeds},
    {"ring chain breaks", chain_breaks},
    {"ring chain waits", chain_waits},
    {"ring chain of timeouts", chain_of_timeouts},
    {"ring chain broken in flight", chain_broken_in_flight},
    {"ring entry cancelled before its turn", cancelled_before_its_turn},
    {"ring chain over two enters", chain_over_two_enters},
    {"ring drain", drain_waits},
    {"ring drain of nothing", drain_of_nothing},
    {"ring drain inside a chain", drain_in_a_chain},
    {"ring long chains", long_chains},
};

}  // namespace

std::span<const Case> ring_link_cases() noexcept { return kCases; }

}  // namespace conformance
