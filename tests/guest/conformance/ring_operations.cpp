// SPDX-License-Identifier: Apache-2.0
// Operations of the ring that wait, and what ends them: timeouts, notifications, cancellation; overflow loses nothing.
#include "ring_hand.hpp"

namespace conformance {
namespace {

using namespace hand;

void posted(Guest& guest) noexcept {
  CapSqe entry = entry_of(RingOperation::post, 77, 0x123456789abcdef0);
  entry.params_size = 11;
  entry.transfers_count = 12;
  const CapCqe done = once(entry);
  CHECK(is(done, 77) && done.value == 0x123456789abcdef0 && done.results_size == 11 && done.caps_count == 12 &&
        done.flags == 0);
}

void quiet(Guest& guest) noexcept {
  push(entry_of(RingOperation::nop, 1, 0, abi::kSqeQuiet));
  push(entry_of(RingOperation::nop, 2));
  push(entry_of(RingOperation::release, 3, 0, abi::kSqeQuiet));  // fails: that is said
  CHECK(runtime::cap_enter(0, 0) == 2);
  CHECK(is(pop(), 2) && is(pop(), 3, TransportError::invalid_cap));
}

void flags_by_operation(Guest& guest) noexcept {
  struct Wrong {
    RingOperation operation;
    std::uint8_t flag;
  };
  const Wrong wrong[] = {{RingOperation::nop, abi::kSqeMultishot},        {RingOperation::nop, abi::kSqeAnswer},
                         {RingOperation::timeout, abi::kSqeMultishot},    {RingOperation::call, abi::kSqeMultishot},
                         {RingOperation::call, abi::kSqeException},       {RingOperation::receive, abi::kSqeAnswer},
                         {RingOperation::return_call, abi::kSqePipelined}, {RingOperation::notify, abi::kSqeException},
                         {RingOperation::post, 128}};
  for (const Wrong& each : wrong) {
    CHECK(is(once(entry_of(each.operation, 5, 0, each.flag)), 5, TransportError::invalid_operation));
  }
  settle({5});
}

void timeout_passes(Guest& guest) noexcept {
  const std::uint64_t until = guest.now() + 2 * kMillisecond;
  push(entry_of(RingOperation::timeout, 9, until));
  CHECK(runtime::cap_enter(1, kForever) == 1);
  const CapCqe done = pop();
  CHECK(is(done, 9) && done.value >= until && guest.now() >= until && guest.now() < until + kMillisecond);
}

void timeout_past(Guest& guest) noexcept {
  CHECK(is(once(entry_of(RingOperation::timeout, 9, 1)), 9));
  CHECK(is(once(entry_of(RingOperation::timeout, 9, 0)), 9));
}

void timeouts_in_order(Guest& guest) noexcept {
  const std::uint64_t now = guest.now();
  for (const std::uint64_t ms : {5u, 2u, 4u, 3u}) push(entry_of(RingOperation::timeout, ms, now + ms * kMillisecond));
  CHECK(runtime::cap_enter(4, kForever) == 4);
  for (const std::uint64_t ms : {2u, 3u, 4u, 5u}) CHECK(is(pop(), ms));
}

// One that passes while its thread does something else completes at the next cap_enter.
void timeout_unattended(Guest& guest) noexcept {
  push(entry_of(RingOperation::timeout, 9, guest.now() + kMillisecond));
  CHECK(runtime::cap_enter(0, 0) == 0);
  guest.sleep(2 * kMillisecond);
  CHECK(runtime::cap_enter(0, 0) == 1 && is(pop(), 9));
}

void wait_times_out(Guest& guest) noexcept {
  const std::uint64_t before = guest.now();
  CHECK(runtime::cap_enter(1, 2 * kMillisecond) == 0);
  const std::uint64_t took = guest.now() - before;
  CHECK(took >= 2 * kMillisecond && took < 3 * kMillisecond);
  push(entry_of(RingOperation::nop, 1));
  CHECK(runtime::cap_enter(2, 2 * kMillisecond) == 1 && is(pop(), 1));
}

void notify(Guest& guest) noexcept {
  const Notice event = make_notification(guest);
  push(entry_of(RingOperation::notify, 4, event.cap().raw));
  CHECK(runtime::cap_enter(0, 0) == 0);
  const Grant grants[] = {{"event", event.cap()}};
  Child child(guest, {.role = Role::signaller, .argument = 0x5a, .grants = grants});
  CHECK(runtime::cap_enter(1, 200 * kMillisecond) == 1);
  const CapCqe done = pop();
  CHECK(is(done, 4) && done.value == 0x5a && done.flags == 0);
  CHECK(child.exits(0));
  CHECK(event.borrow()->poll()->bits == 0);
}

void notify_from_another_cpu(Guest& guest) noexcept {
  for (std::uint16_t cpu = 1; cpu < guest.cpus; ++cpu) {
    const Notice event = make_notification(guest);
    push(entry_of(RingOperation::notify, 4, event.cap().raw));
    const Grant grants[] = {{"event", event.cap()}};
    Child child(guest, {.role = Role::signaller, .argument = 3, .grants = grants, .cpu = cpu});
    const CapCqe done = next();
    CHECK(is(done, 4) && done.value == 3);
    CHECK(child.exits(0));
  }
}

void notify_before(Guest& guest) noexcept {
  const Notice event = make_notification(guest);
  CHECK(event.borrow()->signal(6).has_value());
  const CapCqe done = once(entry_of(RingOperation::notify, 4, event.cap().raw));
  CHECK(is(done, 4) && done.value == 6);
}

void notify_multishot(Guest& guest) noexcept {
  const Notice event = make_notification(guest);
  CHECK(event.borrow()->signal(1).has_value());
  push(entry_of(RingOperation::notify, 4, event.cap().raw, abi::kSqeMultishot));
  CHECK(runtime::cap_enter(0, 0) == 1);
  for (const std::uint64_t bits : {2u, 4u, 8u}) CHECK(event.borrow()->signal(bits).has_value());
  for (const std::uint64_t bits : {1u, 2u, 4u, 8u}) {
    const CapCqe done = pop();
    CHECK(is(done, 4) && done.value == bits && done.flags == abi::kCqeMore);
  }
  push(entry_of(RingOperation::cancel, 5, 4));
  CHECK(runtime::cap_enter(0, 0) == 2);
  const CapCqe last = pop();
  CHECK(is(last, 4, TransportError::cancelled) && is(pop(), 5));
  CHECK(event.borrow()->signal(16).has_value() && waiting() == 0);
}

void notify_refused(Guest& guest) noexcept {
  const Notice event = make_notification(guest);
  push(entry_of(RingOperation::notify, 4, event.cap().raw));
  CHECK(is(once(entry_of(RingOperation::notify, 5, event.cap().raw)), 5, ExceptionType::overloaded, KernelError::busy));
  CHECK(is(once(entry_of(RingOperation::notify, 6, guest.timer.cap().raw)), 6, TransportError::invalid_cap));
  CHECK(is(once(entry_of(RingOperation::notify, 6, 0)), 6, TransportError::invalid_cap));
  settle({4});
}

// Signalled by an entry of the ring that waits for it.
void notify_itself(Guest& guest) noexcept {
  const Notice event = make_notification(guest);
  push(entry_of(RingOperation::notify, 4, event.cap().raw));
  push(call_of(event.cap(), schema::Notification::kInterfaceId, schema::Notification::Signal::kOrdinal, 5, 0,
               place(0, 9)));
  CHECK(runtime::cap_enter(0, 0) == 2);
  const CapCqe first = pop(), second = pop();
  CHECK(is(first, 4) && first.value == 9 && is(second, 5));
}

void cancelled(Guest& guest) noexcept {
  const std::uint64_t never = guest.now() + 10'000 * kMillisecond;
  push(entry_of(RingOperation::timeout, 4, never));
  push(entry_of(RingOperation::cancel, 5, 4));
  CHECK(runtime::cap_enter(2, 0) == 2);
  CHECK(is(pop(), 4, TransportError::cancelled) && is(pop(), 5));
  CHECK(is(once(entry_of(RingOperation::cancel, 5, 4)), 5, TransportError::invalid_cap));
  CHECK(is(once(entry_of(RingOperation::cancel, 5, 5)), 5, TransportError::invalid_cap));  // not itself
  push(entry_of(RingOperation::timeout, 4, never));
  CHECK(is(once(entry_of(RingOperation::finish, 5, 4)), 5, TransportError::invalid_cap));  // not a call
  settle({4});
}

// Completions of operations under way that find no room come out later, each once.
void overflow(Guest& guest) noexcept {
  const std::uint64_t now = guest.now();
  for (std::uint64_t i = 0; i < 16; ++i) push(entry_of(RingOperation::timeout, 100 + i, now + kMillisecond));
  (void)runtime::cap_enter(0, 0);
  for (std::uint64_t i = 0; i < 16; ++i) push(entry_of(RingOperation::timeout, 116 + i, now + kMillisecond));
  (void)runtime::cap_enter(0, 0);
  for (std::uint64_t i = 0; i < 16; ++i) push(entry_of(RingOperation::nop, 200 + i));
  (void)runtime::cap_enter(0, 0);
  for (std::uint64_t i = 0; i < 16; ++i) push(entry_of(RingOperation::nop, 216 + i));
  CHECK(runtime::cap_enter(0, 0) == 32);
  guest.sleep(3 * kMillisecond);
  push(entry_of(RingOperation::nop, 300));
  CHECK(runtime::cap_enter(0, 0) == 32 && left() == 1);
  for (std::uint64_t i = 0; i < 32; ++i) CHECK(is(pop(), 200 + i));
  CHECK(runtime::cap_enter(0, 0) == 32);
  for (std::uint64_t i = 0; i < 32; ++i) CHECK(is(pop(), 100 + i));
  CHECK(runtime::cap_enter(0, 0) == 1 && is(pop(), 300) && left() == 0);
}

// As many operations under way as there can be, then their end with their process (Role::ring_pool).
void pool_is_full(Guest& guest) noexcept {
  const Notice event = make_notification(guest);
  const Grant grants[] = {{"event", event.cap()}};
  Child child(guest, {.role = Role::ring_pool, .grants = grants});
  CHECK(child.exits(0));
  CHECK(event.borrow()->signal(1).has_value());
  CHECK(is(once(entry_of(RingOperation::notify, 4, event.cap().raw)), 4));  // the notification is free again
}

void killed_while_it_waits(Guest& guest) noexcept {
  const Notice event = make_notification(guest);
  const Grant grants[] = {{"event", event.cap()}};
  Child child(guest, {.role = Role::ring_pool, .argument = 1, .grants = grants});
  CHECK(child.becomes_ready());
  CHECK(event.borrow()->signal(1).has_value());  // taken, its completion is not enough
  child.kill();
  CHECK(child.ends(schema::ExitReason::killed, 0));
  CHECK(event.borrow()->signal(2).has_value() && event.borrow()->poll()->bits == 2);
}

constexpr Case kCases[] = {
    {"ring post", posted},
    {"ring quiet entries", quiet},
    {"ring flags by operation", flags_by_operation},
    {"ring timeout", timeout_passes},
    {"ring timeout that has passed", timeout_past},
    {"ring timeouts in order", timeouts_in_order},
    {"ring timeout unattended", timeout_unattended},
    {"ring wait times out", wait_times_out},
    {"ring notify", notify},
    {"ring notify from another CPU", notify_from_another_cpu},
    {"ring notify of earlier bits", notify_before},
    {"ring notify multishot", notify_multishot},
    {"ring notify refused", notify_refused},
    {"ring notify by itself", notify_itself},
    {"ring cancel", cancelled},
    {"ring overflow of operations", overflow},
    {"ring with all operations in use", pool_is_full},
    {"ring killed while it waits", killed_while_it_waits},
};

}  // namespace

std::span<const Case> ring_operation_cases() noexcept { return kCases; }

}  // namespace conformance
