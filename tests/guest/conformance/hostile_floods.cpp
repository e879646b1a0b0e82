// SPDX-License-Identifier: Apache-2.0
// Hostile neighbours that make interrupts: a device that storms, signals to the island's CPU in a flood. And a task of the
// island itself that burns its budget in every period, above the one that is looked at.
#include "device_harness.hpp"
#include "hostile.hpp"
#include "roles.hpp"

namespace conformance {
namespace {

// A level line whose device is never served: each acknowledgement brings the next interrupt at once (decision 0012).
void storm(Guest& guest, std::uint16_t) noexcept {
  constexpr std::uint64_t kInterrupts = 1'000;
  const LineRequest request{.line = kHpetLine, .trigger = schema::InterruptTrigger::level_high};
  Hpet timer(guest);
  auto line = open_line(guest, request);
  for (unsigned tries = 0; !line.has_value() && tries < 100; ++tries) {  // until the driver of the turn before has been taken apart
    guest.sleep(kMillisecond);
    line = open_line(guest, request);
  }
  const Notice event = make_notification(guest);
  Shared out(guest);
  CHECK(timer && line.has_value() && out);
  const Grant grants[] = {{"irq", line->cap()}, {"event", event.cap()}, {"out", out.cap()}};
  Child driver(guest, {.role = Role::driver, .grants = grants});
  CHECK(driver.becomes_ready());
  timer.fire_after(100, true);
  CHECK(out.reaches(0, kInterrupts));
  driver.kill();
  timer.clear();
  timer.stop();
}

// Each signal wakes a program that computes below the island on its CPU, and waits again: mail and an interrupt there, if that
// is another CPU.
void flood_with_signals(Guest& guest, std::uint16_t island_cpu) noexcept {
  constexpr unsigned kSignals = 2'000;
  const Notice event = make_notification(guest);
  Shared out(guest);
  const Grant grants[] = {{"event", event.cap()}, {"out", out.cap()}};
  Child waiter(guest, {.role = Role::wait_loop, .grants = grants, .cpu = island_cpu, .passive = true});
  CHECK(waiter.becomes_ready());
  for (unsigned n = 0; n < kSignals; ++n) CHECK(event.borrow()->signal(1).has_value());
  CHECK(out.reaches(0, island_cpu == 0 ? 1 : 100));
}

// Two programs there are signalled and killed in turn: wake-ups and ends, by mail.
void flood_with_ends(Guest& guest, std::uint16_t island_cpu) noexcept {
  const Notice event = make_notification(guest);
  const Grant grants[] = {{"event", event.cap()}};
  const Request request{.role = Role::waiter, .grants = grants, .cpu = island_cpu, .passive = true};
  Child woken(guest, request);
  CHECK(woken.becomes_ready() && event.borrow()->signal(2).has_value() && woken.exits(2));
  Child killed(guest, request);
  CHECK(killed.becomes_ready());
  killed.kill();
  CHECK(killed.ends(schema::ExitReason::killed, 0));
}

void burns_its_budget(Guest& guest) noexcept {
  constexpr std::uint64_t kJobs = 40, kBudget = 200 * kMicrosecond, kResponse = 700 * kMicrosecond;
  Shared out(guest), hog_out(guest);
  const Task tasks[] = {{.name = "looked at", .deadline_ns = kResponse, .priority = 100, .response_ns = kResponse},
                        {.name = "hog", .budget_ns = kBudget, .priority = 200}};
  Island island(guest, honest(guest, tasks));
  CHECK(island.admitted());
  const Grant grants[] = {{"out", out.cap()}}, to_hog[] = {{"out", hog_out.cap()}};
  Child child(guest, {.role = Role::periodic, .argument = kJobs, .grants = grants, .context = island.context(0)});
  Child hog(guest, {.role = Role::hog, .grants = to_hog, .context = island.context(1)});
  CHECK(child.becomes_ready() && hog.becomes_ready() && island.activate() != 0);
  CHECK(out.reaches(0, kJobs));
  CHECK(island.status().overruns >= kJobs - 1);  // the hog's, each held
  if (kernel_checks_itself(guest)) return;
  for (std::size_t n = 0; n < kJobs; ++n) {
    const std::size_t record = 8 + n * kRecordWords;
    CHECK(out.word(record) == n && out.word(record + 6) - out.word(record + 1) <= kResponse);
  }
}

constexpr Case kCases[] = {
    {"hostile neighbour storms an interrupt", island_beside<storm>},
    {"hostile neighbour floods the island's CPU with signals", island_beside<flood_with_signals>},
    {"hostile neighbour wakes and kills on the island's CPU", island_beside<flood_with_ends>},
    {"hostile task burns its budget", burns_its_budget},
};

}  // namespace

std::span<const Case> hostile_flood_cases() noexcept { return kCases; }

}  // namespace conformance
