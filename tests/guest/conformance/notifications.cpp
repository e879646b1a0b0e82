// SPDX-License-Identifier: Apache-2.0
// Notification: bits gathered, taken once, waited for by one thread, across CPUs.
#include "harness.hpp"

namespace conformance {
namespace {

void poll_takes_all(Guest& guest) noexcept {
  const Notice event = make_notification(guest);
  auto bits = event.borrow()->poll();
  CHECK(bits.has_value() && bits->bits == 0);
  CHECK(event.borrow()->signal(5).has_value() && event.borrow()->signal(std::uint64_t{1} << 63).has_value());
  bits = event.borrow()->poll();
  CHECK(bits.has_value() && bits->bits == (5 | std::uint64_t{1} << 63));
  bits = event.borrow()->poll();
  CHECK(bits.has_value() && bits->bits == 0);
}

void wait_with_bits_does_not_block(Guest& guest) noexcept {
  const Notice event = make_notification(guest);
  CHECK(event.borrow()->signal(6).has_value());
  const auto bits = event.borrow()->wait();
  CHECK(bits.has_value() && bits->bits == 6);
}

void wait_is_woken(Guest& guest) noexcept {
  for (std::uint16_t cpu = 0; cpu < guest.cpus; ++cpu) {
    const Notice event = make_notification(guest);
    const Grant grants[] = {{"event", event.cap()}};
    Child child(guest, {.role = Role::waiter, .grants = grants, .cpu = cpu});
    CHECK(child.becomes_ready());
    CHECK(event.borrow()->signal(18).has_value());
    CHECK(child.exits(18));
  }
}

// A signal without bits is no event: the waiter goes on waiting.
void empty_signal(Guest& guest) noexcept {
  const Notice event = make_notification(guest);
  const Grant grants[] = {{"event", event.cap()}};
  Child child(guest, {.role = Role::waiter, .grants = grants});
  CHECK(child.becomes_ready());
  CHECK(event.borrow()->signal(0).has_value());
  guest.sleep(1 * kMillisecond);
  CHECK(child.alive());
  CHECK(event.borrow()->signal(2).has_value());
  CHECK(child.exits(2));
}

void signal_from_elsewhere(Guest& guest) noexcept {
  for (std::uint16_t cpu = 0; cpu < guest.cpus; ++cpu) {
    const Notice event = make_notification(guest);
    const Grant grants[] = {{"event", event.cap()}};
    Child child(guest, {.role = Role::signaller, .argument = 33, .grants = grants, .cpu = cpu});
    const auto bits = event.borrow()->wait();
    CHECK(bits.has_value() && bits->bits == 33);
    CHECK(child.exits(0));
  }
}

void second_waiter_refused(Guest& guest) noexcept {
  for (std::uint16_t cpu = 0; cpu < guest.cpus; ++cpu) {
    const Notice event = make_notification(guest);
    const Grant grants[] = {{"event", event.cap()}};
    Child child(guest, {.role = Role::waiter, .grants = grants, .cpu = cpu});
    CHECK(child.becomes_ready());
    CHECK(refused(event.borrow()->wait(), ExceptionType::overloaded, KernelError::busy));
    CHECK(event.borrow()->signal(3).has_value());
    CHECK(child.exits(3));
  }
}

// Every bit arrives, in however many wake-ups.
void no_bit_is_lost(Guest& guest) noexcept {
  for (std::uint16_t cpu = 0; cpu < guest.cpus; ++cpu) {
    const Notice event = make_notification(guest);
    Shared out(guest);
    const Grant grants[] = {{"event", event.cap()}, {"out", out.cap()}};
    Child child(guest, {.role = Role::wait_loop, .grants = grants, .cpu = cpu});
    CHECK(child.becomes_ready());
    for (unsigned bit = 0; bit < 64; ++bit) {
      CHECK(event.borrow()->signal(std::uint64_t{1} << bit).has_value());
      if (bit % 7 == 0) guest.sleep(50 * kMicrosecond);
    }
    CHECK(out.reaches(1, ~std::uint64_t{0}));
  }
}

constexpr Case kCases[] = {
    {"notification.poll takes all bits", poll_takes_all},
    {"notification.wait with bits does not block", wait_with_bits_does_not_block},
    {"notification.wait is woken", wait_is_woken},
    {"notification signal without bits", empty_signal},
    {"notification signalled from every CPU", signal_from_elsewhere},
    {"notification second waiter refused", second_waiter_refused},
    {"notification loses no bit", no_bit_is_lost},
};

}  // namespace

std::span<const Case> notification_cases() noexcept { return kCases; }

}  // namespace conformance
