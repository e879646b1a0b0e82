// SPDX-License-Identifier: Apache-2.0
// The clock, notifications, event timers.
#include <array>

#include "actions.hpp"

namespace capos::ktest {
namespace {

using schema::KernelError;

bool look_at_the_clock(Chapter& c, Who w) {
  const std::uint64_t timer = c.service(w.process, "timer");
  if (timer == 0) return false;
  call_object<schema::Timer::Now>(c, w, timer, {}, [&] { return finds_words(c.model.now()); });
  return true;
}

bool sleep(Chapter& c, Who w) {
  const std::uint64_t timer = c.service(w.process, "timer");
  if (timer == 0) return false;
  const std::uint64_t until = c.model.now() + c.random.below(400'000) - c.random.below(1'000);
  c.tell("until " + std::to_string(until));
  call_object<schema::Timer::SleepUntil>(c, w, timer, {.ns = until}, [&] { return c.model.sleep_until(w, until); });
  return true;
}

bool make_notification(Chapter& c, Who w) {
  const std::uint64_t factory = c.service(w.process, "objects");
  if (factory == 0 || !has_room(c, w)) return false;
  const auto made = ask<schema::ObjectFactory::CreateNotification>(c, w, factory, kNoError, [](auto) {});
  if (!made.has_value()) return true;
  const Id id = c.model.add({.kind = Kind::notification, .interface_id = schema::Notification::kInterfaceId});
  c.model.brings(w.process, made->cap([](auto results) { return results.notification(); }).raw, factory, id);
  return true;
}

bool signal(Chapter& c, Who w) {
  const std::uint64_t cap = c.pick(w.process, Kind::notification);
  if (cap == 0) return false;
  const std::uint64_t bits = c.random.one_in(8) ? 0 : std::uint64_t{1} << c.random.below(64);
  c.tell(named(cap) + " bits " + std::to_string(bits));
  const Id id = c.model.process(w.process).caps.at(cap).id;
  const auto judge = [&] { return c.model.signal(w, id, bits); };
  // By either of the interfaces that have it.
  if (c.random.one_in(4)) {
    call_object<schema::NotificationSignal::Signal>(c, w, cap, {.bits = bits}, judge);
  } else {
    call_object<schema::Notification::Signal>(c, w, cap, {.bits = bits}, judge);
  }
  return true;
}

bool wait(Chapter& c, Who w) {
  const std::uint64_t cap = c.pick(w.process, Kind::notification);
  if (cap == 0) return false;
  c.tell(named(cap));
  const Id id = c.model.process(w.process).caps.at(cap).id;
  call_object<schema::Notification::Wait>(c, w, cap, {}, [&] { return c.model.wait(w, id); });
  return true;
}

bool poll(Chapter& c, Who w) {
  const std::uint64_t cap = c.pick(w.process, Kind::notification);
  if (cap == 0) return false;
  c.tell(named(cap));
  const Id id = c.model.process(w.process).caps.at(cap).id;
  call_object<schema::Notification::Poll>(c, w, cap, {}, [&] { return c.model.poll(id); });
  return true;
}

// --- event timers -----------------------------------------------------------------------------------------------

// Instants of one timer that no other timer has, so that two never fire at once: the order would be the kernel's choice.
constexpr std::uint64_t kTimerSpacing = 1 << 14;

bool make_timer(Chapter& c, Who w) {
  const std::uint64_t timer = c.service(w.process, "timer"), notification = c.pick(w.process, Kind::notification);
  if (timer == 0 || notification == 0 || !has_room(c, w)) return false;
  const std::uint64_t bits = c.random.one_in(10) ? 0 : std::uint64_t{1} << c.random.below(64);
  c.tell("for " + named(notification));
  const bool whole = c.model.refusal(w.process, notification, schema::Notification::kInterfaceId).ok();
  const Error expected = !whole ? invalid(KernelError::bad_capability) : bits == 0 ? invalid(KernelError::bad_range) : kNoError;
  const Id of = c.model.process(w.process).caps.at(notification).id;
  const auto made = ask<schema::Timer::CreateEventTimer>(c, w, timer, expected, [&](auto params, auto& transfers) {
    params.set_notification(add(transfers, abi::CapId{notification}));
    params.set_bits(bits);
  });
  if (!made.has_value()) return true;
  const abi::CapId cap = made->cap([](auto results) { return results.timer(); });
  const Id id = c.model.add({.kind = Kind::timer, .interface_id = schema::EventTimer::kInterfaceId, .process = w.process, .bits = bits, .of = of,
                             .home = c.model.process(w.process).cpu});
  c.keep(id, *c.world.process(w.process).capabilities().find(cap)->object());
  c.model.brings(w.process, cap.raw, timer, id);
  return true;
}

bool elsewhere(Chapter& c, Who w, const ModelObject& timer) { return timer.home != c.model.process(w.process).cpu; }

bool start_timer(Chapter& c, Who w) {
  const std::uint64_t cap = c.pick(w.process, Kind::timer);
  if (cap == 0) return false;
  const Id id = c.model.process(w.process).caps.at(cap).id;
  std::uint64_t first = (c.model.now() / kTimerSpacing + c.random.below(24)) * kTimerSpacing + id % kTimerSpacing;
  if (c.random.one_in(30)) first = std::uint64_t{1} << 62;
  std::uint64_t period = c.random.one_in(2) ? 0 : (1 + c.random.below(12)) * kTimerSpacing;
  if (c.random.one_in(30)) period = c.random.one_in(2) ? 9'999 : 3'600'000'000'001;
  c.tell(named(cap) + " at " + std::to_string(first) + ", each " + std::to_string(period));
  call_object<schema::EventTimer::Start>(c, w, cap, {.first_ns = first, .period_ns = period}, [&] {
    if (elsewhere(c, w, c.model.object(id))) return finds_error(invalid(KernelError::bad_cpu));
    const bool fits = first < std::uint64_t{1} << 62 && (period == 0 || (period >= 10'000 && period <= 3'600'000'000'000));
    return fits ? c.model.start_timer(w, id, first, period) : finds_error(invalid(KernelError::bad_range));
  });
  return true;
}

bool cancel_timer(Chapter& c, Who w) {
  const std::uint64_t cap = c.pick(w.process, Kind::timer);
  if (cap == 0) return false;
  c.tell(named(cap));
  ModelObject& timer = object_of(c, w, cap);
  call_object<schema::EventTimer::Cancel>(c, w, cap, {}, [&] {
    if (elsewhere(c, w, timer)) return finds_error(invalid(KernelError::bad_cpu));
    return finds_words(std::exchange(timer.next, 0) != 0 ? 1 : 0);
  });
  return true;
}

bool ask_timer(Chapter& c, Who w) {
  const std::uint64_t cap = c.pick(w.process, Kind::timer);
  if (cap == 0) return false;
  c.tell(named(cap));
  const ModelObject& timer = object_of(c, w, cap);
  call_object<schema::EventTimer::Status>(c, w, cap, {}, [&] {
    if (elsewhere(c, w, timer)) return finds_error(invalid(KernelError::bad_cpu));
    return finds_words(timer.next != 0 ? 1 : 0, timer.next, timer.fired, timer.skipped);
  });
  return true;
}

constexpr std::array kActions = {
    Action{"looks at the clock", 2, false, look_at_the_clock},
    Action{"sleeps", 4, true, sleep},
    Action{"makes a notification", 3, false, make_notification},
    Action{"signals", 14, false, signal},
    Action{"waits for a signal at", 6, true, wait},
    Action{"polls", 3, false, poll},
    Action{"makes an event timer", 2, false, make_timer},
    Action{"starts the timer", 4, false, start_timer},
    Action{"cancels the timer", 1, false, cancel_timer},
    Action{"asks the timer", 2, false, ask_timer},
};

}  // namespace

std::span<const Action> event_actions() { return kActions; }

}  // namespace capos::ktest
