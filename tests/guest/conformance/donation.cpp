// SPDX-License-Identifier: Apache-2.0
// Calls on scheduling contexts: the server works on its caller's time, at its ceiling, within the caller's
// budget.
#include "island_harness.hpp"

namespace conformance {
namespace {

constexpr std::uint64_t kStatus = kStatusCode;

std::uint32_t calling(Method method, std::uint32_t us = 0) noexcept {
  return static_cast<std::uint32_t>(method) | us << 8;
}

// A service whose server is passive on the island's CPU.
class PassiveServer {
 public:
  PassiveServer(Guest& guest, std::uint16_t cpu, std::uint64_t minimum_budget = 0,
                std::uint8_t ceiling = 0, std::uint64_t floor_ns = 0) noexcept
      : service_(make_service(guest, minimum_budget, ceiling, schema::Echo::kInterfaceId, floor_ns)),
        event_(make_notification(guest)),
        grants_{Grant{"serve", service_.endpoint.cap()}, Grant{"event", event_.cap()}},
        server_(guest, {.role = Role::server, .grants = grants_, .cpu = cpu, .passive = true}) {
    ready_ = server_.becomes_ready();
  }
  [[nodiscard]] bool ready() const noexcept { return ready_; }
  [[nodiscard]] abi::CapId client() const noexcept { return service_.client.cap(); }
  [[nodiscard]] Child& server() noexcept { return server_; }
  [[nodiscard]] Notice& event() noexcept { return event_; }

 private:
  Service service_;
  Notice event_;
  Grant grants_[2];
  Child server_;
  bool ready_ = false;
};

Task task(std::string_view name, std::uint8_t priority, std::uint64_t budget_us,
          std::uint16_t on_overrun = kHold, std::uint64_t period_us = 2'000) noexcept {
  return {.name = name,
          .period_us = period_us,
          .budget_ns = budget_us * kMicrosecond,
          .priority = priority,
          .on_overrun = on_overrun};
}

void call_in_a_job(Guest& guest) noexcept {
  Shared out(guest);
  const Task tasks[] = {task("caller", 50, 200)};
  Island island(guest, honest(guest, tasks));
  PassiveServer passive(guest, island.cpu());
  CHECK(island.admitted() && passive.ready());
  const Grant grants[] = {{"out", out.cap()}, {"service", passive.client()}};
  Child caller(guest, {.role = Role::caller_job,
                       .argument = calling(Method::increment),
                       .grants = grants,
                       .context = island.context(0)});
  CHECK(caller.becomes_ready() && island.activate() != 0 && out.reaches(0, 20));
  CHECK(out.word(1) == 1);  // 0 + 1
  CHECK(island.status().misses == 0 && island.status().overruns == 0);
}

void least_budget(Guest& guest) noexcept {
  Shared poor_out(guest), rich_out(guest);
  const Task tasks[] = {task("poor", 50, 60), task("rich", 40, 300)};
  Island island(guest, honest(guest, tasks));
  PassiveServer passive(guest, island.cpu(), 100 * kMicrosecond, 60);
  CHECK(island.admitted() && passive.ready());
  const Grant to_poor[] = {{"out", poor_out.cap()}, {"service", passive.client()}};
  const Grant to_rich[] = {{"out", rich_out.cap()}, {"service", passive.client()}};
  Child poor(guest, {.role = Role::caller_job,
                     .argument = calling(Method::increment),
                     .grants = to_poor,
                     .context = island.context(0)});
  Child rich(guest, {.role = Role::caller_job,
                     .argument = calling(Method::increment),
                     .grants = to_rich,
                     .context = island.context(1)});
  CHECK(poor.becomes_ready() && rich.becomes_ready() && island.activate() != 0 && poor_out.reaches(0, 5) &&
        rich_out.reaches(0, 5));
  CHECK(poor_out.word(1) == kStatus + static_cast<std::uint64_t>(TransportError::budget_too_small));
  CHECK(rich_out.word(1) == 1);
}

// The lower task's call takes 300 us when the upper task is released. Returns how late that starts, in ns.
std::uint64_t lateness_of_upper(Guest& guest, std::uint8_t ceiling, bool edf = false, std::uint64_t floor_ns = 0) noexcept {
  constexpr std::uint64_t kFailed = ~std::uint64_t{0};
  Shared upper_out(guest), lower_out(guest);
  // The upper one is released every millisecond, the lower one every three: its call begins with the release
  // of both, after the upper one's job; the call of 1100 us is under way at the next release of the upper
  // one.
  const Task tasks[] = {
      {.name = "upper", .period_us = 1'000, .budget_ns = 50 * kMicrosecond, .priority = 60, .blocking_ns = 0},
      {.name = "lower", .period_us = 6'000, .budget_ns = 2'600 * kMicrosecond, .priority = 40}};
  Claim claim = honest(guest, tasks);
  if (edf) {
    claim.policy = kEdf;
    claim.busy_ns = 3'000 * kMicrosecond;
  }
  Island island(guest, claim);
  PassiveServer passive(guest, island.cpu(), 0, ceiling, floor_ns);
  if (!island.admitted() || !passive.ready()) return kFailed;
  const Grant to_upper[] = {{"out", upper_out.cap()}};
  const Grant to_lower[] = {{"out", lower_out.cap()}, {"service", passive.client()}};
  Child upper(guest,
              {.role = Role::periodic, .argument = 12, .grants = to_upper, .context = island.context(0)});
  Child lower(guest, {.role = Role::call_then_compute,
                      .argument = calling(Method::busy, 1'100),
                      .grants = to_lower,
                      .context = island.context(1)});
  if (!upper.becomes_ready() || !lower.becomes_ready() || island.activate() == 0 || !upper_out.reaches(0, 12))
    return kFailed;
  std::uint64_t latest = 0;
  for (std::size_t n = 0; n < 12; ++n) {
    const std::uint64_t late =
        upper_out.word(8 + n * kRecordWords + 2) - upper_out.word(8 + n * kRecordWords + 1);
    latest = late > latest ? late : latest;
  }
  return latest;
}

void without_ceiling_the_server_is_preempted(Guest& guest) noexcept {
  const std::uint64_t late = lateness_of_upper(guest, 0);
  guest.note("late", late);
  CHECK(late < 15 * kMicrosecond);
}

// The server keeps the upper task waiting until its reply, and no longer: the caller's own work comes after.
void ceiling_ends_with_the_reply(Guest& guest) noexcept {
  const std::uint64_t late = lateness_of_upper(guest, 60);
  guest.note("late", late);
  CHECK(late > 50 * kMicrosecond && late < 300 * kMicrosecond);
}

// In an EDF island, where what is due first runs; a ceiling says nothing there.
void without_floor_the_server_is_preempted(Guest& guest) noexcept {
  const std::uint64_t late = lateness_of_upper(guest, 60, true);
  guest.note("late", late);
  CHECK(late < 15 * kMicrosecond);
}

// A millisecond after the call was taken up: before the upper task's next job is due. The call takes longer than that.
void floor_ends_with_the_reply(Guest& guest) noexcept {
  const std::uint64_t late = lateness_of_upper(guest, 0, true, kMillisecond);
  guest.note("late", late);
  CHECK(late > 50 * kMicrosecond && late < 300 * kMicrosecond);
}

void floor_out_of_range(Guest& guest) noexcept {
  const auto made = [&](std::uint64_t floor_ns) {
    return guest.objects->create_endpoint([&](auto params) { params.set_floor_ns(floor_ns); });
  };
  CHECK(made(3'600'000'000'000).has_value());
  CHECK(invalid(made(3'600'000'000'001), KernelError::bad_range));
}

// The call outlasts the budget: the server goes on in the next period, the caller gets its answer.
void budget_ends_in_the_server(Guest& guest, std::uint16_t on_overrun) noexcept {
  Shared out(guest);
  const Task tasks[] = {
      {.name = "caller", .period_us = 1'000, .budget_ns = 200 * kMicrosecond, .on_overrun = on_overrun}};
  Island island(guest, honest(guest, tasks));
  PassiveServer passive(guest, island.cpu());
  CHECK(island.admitted() && passive.ready());
  const Grant grants[] = {{"out", out.cap()}, {"service", passive.client()}};
  Child caller(guest, {.role = Role::caller_job,
                       .argument = calling(Method::busy, 1'500),
                       .grants = grants,
                       .context = island.context(0)});
  CHECK(caller.becomes_ready() && island.activate() != 0 && out.reaches(0, 3));
  CHECK(out.word(1) == 1'500 * kMicrosecond && island.status().overruns >= 3);
}
void budget_ends_hold(Guest& guest) noexcept { budget_ends_in_the_server(guest, kHold); }
void budget_ends_late(Guest& guest) noexcept { budget_ends_in_the_server(guest, kRunLate); }

// The task is stopped during its call; the server is free for others again.
void stopped_in_the_server(Guest& guest) noexcept {
  Shared bad_out(guest), good_out(guest);
  const Task tasks[] = {task("bad", 50, 100, kStopTask), task("good", 40, 200)};
  Island island(guest, honest(guest, tasks));
  PassiveServer passive(guest, island.cpu(), 0, 50);
  CHECK(island.admitted() && passive.ready());
  const Grant to_bad[] = {{"out", bad_out.cap()}, {"service", passive.client()}};
  const Grant to_good[] = {{"out", good_out.cap()}, {"service", passive.client()}};
  Child bad(guest, {.role = Role::caller_job,
                    .argument = calling(Method::busy, 1'000),
                    .grants = to_bad,
                    .context = island.context(0)});
  Child good(guest, {.role = Role::caller_job,
                     .argument = calling(Method::increment),
                     .grants = to_good,
                     .context = island.context(1)});
  CHECK(bad.becomes_ready() && good.becomes_ready() && island.activate() != 0);
  CHECK(good_out.reaches(0, 10));
  CHECK(good_out.word(1) == 1 && bad_out.word(0) == 0 && bad.alive());
}

void killed_while_served(Guest& guest) noexcept {
  Shared bad_out(guest), good_out(guest);
  const Task tasks[] = {task("bad", 50, 100), task("good", 40, 200)};
  Island island(guest, honest(guest, tasks));
  PassiveServer passive(guest, island.cpu(), 0, 50);
  CHECK(island.admitted() && passive.ready());
  const Grant to_bad[] = {{"out", bad_out.cap()}, {"service", passive.client()}};
  const Grant to_good[] = {{"out", good_out.cap()}, {"service", passive.client()}};
  Child bad(guest, {.role = Role::caller_job,
                    .argument = calling(Method::gate),
                    .grants = to_bad,
                    .context = island.context(0)});
  Child good(guest, {.role = Role::caller_job,
                     .argument = calling(Method::increment),
                     .grants = to_good,
                     .context = island.context(1)});
  CHECK(bad.becomes_ready() && good.becomes_ready() && island.activate() != 0);
  guest.sleep(2 * kMillisecond);
  CHECK(bad.process()->kill().has_value() && bad.ends(schema::ExitReason::killed, 0));
  CHECK(passive.event()->signal(1).has_value());
  CHECK(good_out.reaches(0, 5));
}

void server_dies_in_a_job(Guest& guest) noexcept {
  Shared out(guest);
  const Task tasks[] = {task("caller", 50, 200)};
  Island island(guest, honest(guest, tasks));
  PassiveServer passive(guest, island.cpu(), 0, 90);
  CHECK(island.admitted() && passive.ready());
  const Grant grants[] = {{"out", out.cap()}, {"service", passive.client()}};
  Child caller(guest, {.role = Role::caller_job,
                       .argument = calling(Method::fault),
                       .grants = grants,
                       .context = island.context(0)});
  CHECK(caller.becomes_ready() && island.activate() != 0 && out.reaches(0, 5));
  CHECK(out.word(1) == kStatus + static_cast<std::uint64_t>(TransportError::disconnected));
  CHECK(passive.server().ends(schema::ExitReason::fault, 6));
  CHECK(caller.alive());
}

void retired_in_the_server(Guest& guest) noexcept {
  Shared out(guest);
  const Task tasks[] = {task("caller", 50, 200)};
  const auto serve_one = [&](PassiveServer& passive) {
    Island island(guest, honest(guest, tasks));
    const Grant grants[] = {{"out", out.cap()}, {"service", passive.client()}};
    Child caller(guest, {.role = Role::caller_job,
                         .argument = calling(Method::gate),
                         .grants = grants,
                         .context = island.context(0)});
    if (!caller.becomes_ready() || island.activate() == 0) return false;
    guest.sleep(3 * kMillisecond);
    return island.island()->retire().has_value();
  };
  PassiveServer passive(guest, honest(guest, tasks).cpu);
  CHECK(passive.ready() && serve_one(passive));
  CHECK(passive.event()->signal(1).has_value());
  guest.sleep(1 * kMillisecond);
  const Grant grants[] = {{"service", passive.client()}};
  Child next(guest, {.role = Role::client, .grants = grants, .cpu = honest(guest, tasks).cpu});
  CHECK(next.exits(6));
}

constexpr Case kCases[] = {
    {"donation call in a job", call_in_a_job},
    {"donation least budget", least_budget},
    {"donation without a ceiling", without_ceiling_the_server_is_preempted},
    {"donation ceiling ends with the reply", ceiling_ends_with_the_reply},
    {"donation without a floor", without_floor_the_server_is_preempted},
    {"donation floor ends with the reply", floor_ends_with_the_reply},
    {"donation floor out of range", floor_out_of_range},
    {"donation budget ends in the server, hold", budget_ends_hold},
    {"donation budget ends in the server, runLate", budget_ends_late},
    {"donation task stopped in the server", stopped_in_the_server},
    {"donation task killed in the server", killed_while_served},
    {"donation server dies in a job", server_dies_in_a_job},
    {"donation island retired in the server", retired_in_the_server},
};

}  // namespace

std::span<const Case> donation_cases() noexcept { return kCases; }

}  // namespace conformance
