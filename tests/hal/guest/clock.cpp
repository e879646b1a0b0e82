// SPDX-License-Identifier: Apache-2.0
// Clock, timer, and the lengths of the paths they lead through.
#include "harness.hpp"

namespace guest {

void test_clock(const BootInfo& boot) noexcept {
  check("clock: a wrong frequency is refused",
        !set_tsc_hz(boot.tsc_hz * 2) && !set_tsc_hz(boot.tsc_hz / 2) && !set_tsc_hz(0));
  const std::uint64_t declared = (boot.tsc_hz + 500'000) / 1'000'000 * 1'000'000;
  check("clock: the round frequency is taken", set_tsc_hz(declared));
  bool forward = true, inverse = true;
  Time last = now();
  for (unsigned i = 0; i < 1000; ++i) {
    const Time next = now();
    forward &= next >= last;
    last = next;
    // The first tick at which the time has come: not before.
    const Time later = Time::from_ns(next.ns() * 3 + i * 1'000'003);
    inverse &= tsc_of(later) >= read_tsc() && tsc_of(later) > tsc_of(next);
  }
  check("clock: never goes back", forward);
  check("clock: counts of times are in order", inverse);
  if (declared == 1'000'000'000) {
    const std::uint64_t zero = tsc_of(Time{});
    bool exact = true;
    for (std::uint64_t ns = 1; ns < std::uint64_t{1} << 62; ns *= 3)
      exact &= tsc_of(Time::from_ns(ns)) == zero + ns;
    const std::uint64_t before = read_tsc();
    const Time between = now();
    exact &= between.ns() + zero >= before && between.ns() + zero <= read_tsc();
    check("clock: exact at 1 GHz", exact);
  }
}

namespace {

// Late by how much, in ns; ~0 if early or something else came.
std::uint64_t lateness(Time when, const Event& event) noexcept {
  return event.kind == Kind::timer && event.when >= when
             ? static_cast<std::uint64_t>((event.when - when).ns())
             : ~std::uint64_t{0};
}

void test_lengths() noexcept {
  constexpr std::int64_t kLengths[] = {1, 10, 100, 333, 1'000, 10'000, 123'457, 1'000'000, 5'000'000};
  bool early = false;
  std::uint64_t worst = 0;
  for (const std::int64_t ns : kLengths) {
    const Time when = now() + Duration::ns(ns);
    arm_timer(when);
    const std::uint64_t late = lateness(when, run_idle());
    early |= late == ~std::uint64_t{0};
    worst = late > worst ? late : worst;
  }
  check("timer: fires, never early", !early);
  report("timer_worst_lateness", worst, "ns");
}

}  // namespace

void test_timer() noexcept {
  test_lengths();
  arm_timer(now() - Duration::us(3));
  check("timer: a time in the past fires at once", run_idle().kind == Kind::timer);
  arm_timer(Time{});
  check("timer: so does time 0", run_idle().kind == Kind::timer);
  Time when = now() + Duration::us(50);
  arm_timer(now() + Duration::us(10));
  arm_timer(when);
  check("timer: a new time replaces the old", lateness(when, run_idle()) < 1'000'000);
  arm_timer(now() + Duration::us(20));
  disarm_timer();
  arm_timer(now() + Duration::us(60));
  check("timer: disarmed", run_idle().when >= when);
  // More than the local APIC's 32 bits at 1 GHz: waited for in pieces.
  when = now() + Duration::ms(9'000);
  arm_timer(when);
  check("timer: nine seconds", lateness(when, run_idle()) < 1'000'000);
  check("timer: once", [] {
    arm_timer(now() + Duration::us(30));
    (void)run_idle();
    const Time start = now();
    arm_timer(start + Duration::us(500));
    return run_idle().when >= start + Duration::us(500);
  }());
}

void test_path_lengths(bool budgets) noexcept {
  constexpr std::uint64_t kNullCall = 60, kTimerToProgram = 200;
  Process spinning(PROGRAM(interrupted));
  spinning.enter();
  const Time soon = now() + Duration::us(50);
  arm_timer(soon);
  check("timer: interrupts a program", lateness(soon, run_user()) < 1'000'000);

  Process calls(PROGRAM(null_calls), 100);
  answer_at_once = true;
  const Event& event = calls.run();
  answer_at_once = false;
  check("null system calls", is_call(event, 79));
  report("null_system_call_min", event.state->words()[0], "instructions or ticks");
  report("null_system_call_max", event.state->words()[1], "instructions or ticks");

  Process waiter(PROGRAM(stamp)), background(PROGRAM(interrupted));
  std::uint64_t least = ~std::uint64_t{0}, most = 0;
  bool good = is_call(waiter.run(), 80);
  for (std::int64_t i = 0; i < 50; ++i) {
    background.enter();
    const Time when = now() + Duration::ns(2'000 + 13 * i);
    arm_timer(when);
    good &= run_user().kind == Kind::timer;
    const Event& woken = waiter.run();
    good &= is_call(woken, 80);
    const std::uint64_t latency = woken.state->words()[0] - tsc_of(when);
    least = latency < least ? latency : least;
    most = latency > most ? latency : most;
  }
  check("timer wakes a program in place of another", good);
  report("timer_to_program_min", least, "instructions or ticks");
  report("timer_to_program_max", most, "instructions or ticks");
  if (!budgets) return;
  check("budget: null system call", event.state->words()[1] <= kNullCall);
  check("budget: timer to another program", most <= kTimerToProgram);
}

}  // namespace guest
