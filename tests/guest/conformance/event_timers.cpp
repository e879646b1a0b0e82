// SPDX-License-Identifier: Apache-2.0
// Timer.createEventTimer and EventTimer: once, periodic without drift, cancelled, bounded, across CPUs.
#include "capos/schema/devices.hpp"
#include "harness.hpp"

namespace conformance {
namespace {

using EventTimer = OwnedCapability<schema::EventTimer>;

runtime::Result<EventTimer> make_timer(Guest& guest, abi::CapId notification, std::uint64_t bits) noexcept {
  auto made = TRY(guest.timer->create_event_timer([&](auto params, Transfers& transfers) {
    params.set_notification(transfers.add(notification));
    params.set_bits(bits);
  }));
  return made.template capability<schema::EventTimer>(made.reader().timer());
}

void creation_errors(Guest& guest) noexcept {
  const Notice event = make_notification(guest);
  CHECK(invalid(make_timer(guest, {}, 1), KernelError::bad_capability));
  CHECK(invalid(make_timer(guest, guest.frames.cap(), 1), KernelError::bad_capability));
  CHECK(invalid(make_timer(guest, event.cap(), 0), KernelError::bad_range));
}

void quota(Guest& guest) noexcept {
  const Notice event = make_notification(guest);
  EventTimer timers[64];
  for (EventTimer& timer : timers) {
    auto made = make_timer(guest, event.cap(), 1);
    CHECK(made.has_value());
    timer = *std::move(made);
  }
  CHECK(refused(make_timer(guest, event.cap(), 1), ExceptionType::overloaded, KernelError::quota_exceeded));
  timers[5] = EventTimer();
  CHECK(make_timer(guest, event.cap(), 1).has_value());
}

void start_errors(Guest& guest) noexcept {
  const Notice event = make_notification(guest);
  auto timer = make_timer(guest, event.cap(), 1);
  CHECK(timer.has_value());
  CHECK(invalid((*timer)->start(0, 9'999), KernelError::bad_range));
  CHECK(invalid((*timer)->start(0, 3'600'000'000'001), KernelError::bad_range));
  CHECK(invalid((*timer)->start(std::uint64_t{1} << 62, 0), KernelError::bad_range));
  const auto status = (*timer)->status();
  CHECK(status.has_value() && !status->armed && status->fired == 0 && status->next_ns == 0);
  const auto cancelled = (*timer)->cancel();
  CHECK(cancelled.has_value() && !cancelled->was_armed);
}

void once(Guest& guest) noexcept {
  const Notice event = make_notification(guest);
  auto timer = make_timer(guest, event.cap(), 6);
  CHECK(timer.has_value());
  const std::uint64_t due = guest.now() + 2 * kMillisecond;
  CHECK((*timer)->start(due, 0).has_value());
  auto status = (*timer)->status();
  CHECK(status.has_value() && status->armed && status->next_ns == due);
  const auto bits = event.borrow()->wait();
  const std::uint64_t now = guest.now();
  CHECK(bits.has_value() && bits->bits == 6 && now >= due && now < due + 100 * kMicrosecond);
  status = (*timer)->status();
  CHECK(status.has_value() && !status->armed && status->fired == 1 && status->skipped == 0);
}

void in_the_past(Guest& guest) noexcept {
  const Notice event = make_notification(guest);
  auto timer = make_timer(guest, event.cap(), 1);
  CHECK(timer.has_value());
  CHECK((*timer)->start(1, 0).has_value());
  const auto bits = event.borrow()->poll();
  CHECK(bits.has_value() && bits->bits == 1);
}

// The hundredth instant is where arithmetic puts it, however late each signal was served.
void periodic(Guest& guest) noexcept {
  const Notice event = make_notification(guest);
  auto timer = make_timer(guest, event.cap(), 1);
  CHECK(timer.has_value());
  constexpr std::uint64_t kPeriod = 333'333;
  const std::uint64_t first = guest.now() + kMillisecond;
  CHECK((*timer)->start(first, kPeriod).has_value());
  for (std::uint64_t n = 0; n < 100; ++n) {
    const auto bits = event.borrow()->wait();
    const std::uint64_t now = guest.now(), due = first + n * kPeriod;
    if (now < due || now > due + 50 * kMicrosecond) guest.note("late", now - due);
    CHECK(bits.has_value() && now >= due && now < due + 50 * kMicrosecond);
  }
  const auto status = (*timer)->status();
  CHECK(status.has_value() && status->armed && status->fired == 100 && status->skipped == 0);
  CHECK(status->next_ns == first + 100 * kPeriod);
}

// Started long after its first instant, it makes up for nothing and stays in phase.
void catches_up(Guest& guest) noexcept {
  const Notice event = make_notification(guest);
  auto timer = make_timer(guest, event.cap(), 1);
  CHECK(timer.has_value());
  constexpr std::uint64_t kPeriod = kMillisecond;
  const std::uint64_t first = guest.now() - 10 * kPeriod - kPeriod / 2;
  CHECK((*timer)->start(first, kPeriod).has_value());
  const auto status = (*timer)->status();
  CHECK(status.has_value() && status->fired == 1 && status->skipped == 10 && status->next_ns == first + 11 * kPeriod);
}

void cancelled(Guest& guest) noexcept {
  const Notice event = make_notification(guest);
  auto timer = make_timer(guest, event.cap(), 1);
  CHECK(timer.has_value());
  CHECK((*timer)->start(guest.now() + kMillisecond, 20 * kMicrosecond).has_value());
  const auto was = (*timer)->cancel();
  CHECK(was.has_value() && was->was_armed);
  guest.sleep(2 * kMillisecond);
  const auto bits = event.borrow()->poll();
  CHECK(bits.has_value() && bits->bits == 0);
}

void restarted(Guest& guest) noexcept {
  const Notice event = make_notification(guest);
  auto timer = make_timer(guest, event.cap(), 1);
  CHECK(timer.has_value());
  CHECK((*timer)->start(guest.now() + kMillisecond, 0).has_value());
  const std::uint64_t due = guest.now() + 3 * kMillisecond;
  CHECK((*timer)->start(due, 0).has_value());
  (void)event.borrow()->wait();
  CHECK(guest.now() >= due);
}

void released_while_armed(Guest& guest) noexcept {
  const Notice event = make_notification(guest);
  {
    auto timer = make_timer(guest, event.cap(), 1);
    CHECK(timer.has_value() && (*timer)->start(guest.now() + kMillisecond, 50 * kMicrosecond).has_value());
  }
  guest.sleep(3 * kMillisecond);
  const auto bits = event.borrow()->poll();
  CHECK(bits.has_value() && bits->bits == 0);
}

// Many timers due at one instant.
void many_at_once(Guest& guest) noexcept {
  const Notice event = make_notification(guest);
  EventTimer timers[40];
  const std::uint64_t due = guest.now() + 5 * kMillisecond;
  for (unsigned i = 0; i < 40; ++i) {
    auto made = make_timer(guest, event.cap(), std::uint64_t{1} << i);
    CHECK(made.has_value());
    timers[i] = *std::move(made);
    CHECK(timers[i]->start(due, 0).has_value());
  }
  guest.sleep(6 * kMillisecond);
  const auto bits = event.borrow()->poll();
  CHECK(bits.has_value() && bits->bits == (std::uint64_t{1} << 40) - 1);
}

// A child's timer belongs to the child's CPU, whoever holds it: exits with the detail of what it was refused.
void wrong_cpu(Guest& guest) noexcept {
  if (guest.cpus < 2) return;
  const Notice event = make_notification(guest);
  auto timer = make_timer(guest, event.cap(), 1);
  CHECK(timer.has_value());
  const Grant grants[] = {{"event-timer", timer->cap()}};
  Child child(guest, {.role = Role::timer_user, .grants = grants, .cpu = 1});
  CHECK(child.exits(static_cast<std::int64_t>(KernelError::bad_cpu)));
}

constexpr Case kCases[] = {
    {"timer.createEventTimer errors", creation_errors},
    {"event timer quota", quota},
    {"event timer start errors", start_errors},
    {"event timer once", once},
    {"event timer in the past", in_the_past},
    {"event timer periodic without drift", periodic},
    {"event timer skips what has passed", catches_up},
    {"event timer cancelled", cancelled},
    {"event timer restarted", restarted},
    {"event timer released while armed", released_while_armed},
    {"event timer many at one instant", many_at_once},
    {"event timer from another CPU", wrong_cpu},
};

}  // namespace

std::span<const Case> event_timer_cases() noexcept { return kCases; }

}  // namespace conformance
