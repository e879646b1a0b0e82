// SPDX-License-Identifier: Apache-2.0
// Islands that share a CPU: admitted together, changed while their jobs run, refused, and leases that find somebody there.
#include "island_harness.hpp"
#include "roles.hpp"

namespace conformance {
namespace {

constexpr std::uint64_t kUs = kMicrosecond;
constexpr Task kLow[] = {{.name = "low", .priority = 10, .response_ns = 600 * kUs}};
constexpr Task kHigh[] = {{.name = "high", .priority = 20, .response_ns = 500 * kUs}};
constexpr OtherOf kBesideLow[] = {{"first", 700 * kUs}};
constexpr OtherOf kBesideHigh[] = {{"second", 500 * kUs}};

Claim first(Guest& guest, std::span<const Task> tasks = kLow, std::span<const OtherOf> others = {}) noexcept {
  Claim claim = honest(guest, tasks);
  claim.name = "first";
  claim.others = others;
  return claim;
}
Claim second(Guest& guest, std::span<const Task> tasks = kHigh, std::span<const OtherOf> others = kBesideLow) noexcept {
  Claim claim = honest(guest, tasks);
  claim.name = "second";
  claim.others = others;
  return claim;
}

std::uint64_t index_of(const Shared& out, std::size_t n) noexcept { return out.word(8 + n * kRecordWords); }
std::uint64_t scheduled_of(const Shared& out, std::size_t n) noexcept { return out.word(8 + n * kRecordWords + 1); }
std::uint64_t finish_of(const Shared& out, std::size_t n) noexcept { return out.word(8 + n * kRecordWords + 6); }

// Both run; one is retired, the other goes on; another takes its place.
void together(Guest& guest) noexcept {
  Shared low_out(guest), high_out(guest);
  const Grant low_grants[] = {{"out", low_out.cap()}}, high_grants[] = {{"out", high_out.cap()}};
  Island low(guest, first(guest));
  Child low_child(guest, {.role = Role::periodic, .argument = 60, .grants = low_grants, .context = low.context(0)});
  CHECK(low_child.becomes_ready() && low.activate() != 0 && low_out.reaches(0, 3));
  {
    Island high(guest, second(guest));
    if (!high.admitted()) guest.fail("refused", 0, high.refusal());
    Child high_child(guest, {.role = Role::periodic, .argument = 40, .grants = high_grants, .context = high.context(0)});
    CHECK(high_child.becomes_ready() && high.activate() != 0 && high_out.reaches(0, 5) && low_out.reaches(0, 12));
    CHECK(high.status().misses == 0 && high.status().active && low.status().active);
  }
  Shared next_out(guest);
  const Grant next_grants[] = {{"out", next_out.cap()}};
  Island next(guest, second(guest));
  CHECK(next.admitted());
  Child next_child(guest, {.role = Role::periodic, .argument = 40, .grants = next_grants, .context = next.context(0)});
  CHECK(next_child.becomes_ready() && next.activate() != 0 && next_out.reaches(0, 5) && low_out.reaches(0, 25));
  CHECK(low.status().misses == 0 && low.status().overruns == 0 && next.status().misses == 0);
  for (std::size_t n = 1; n < 25; ++n) CHECK(scheduled_of(low_out, n) == scheduled_of(low_out, n - 1) + kMillisecond);
}

void claims_of_others(Guest& guest) noexcept {
  Island low(guest, first(guest));
  CHECK(low.admitted());
  const auto refused = [&](const Claim& claim, std::string_view reason) {
    const Island island(guest, claim);
    return !island.admitted() && contains(island.refusal(), reason);
  };
  const OtherOf of_nobody[] = {{"third", 700 * kUs}}, two[] = {{"first", 700 * kUs}, {"third", 700 * kUs}};
  const OtherOf too_little[] = {{"first", 200 * kUs}}, too_late[] = {{"first", 1'001 * kUs}};
  CHECK(refused(second(guest, kHigh, {}), "first"));
  CHECK(refused(second(guest, kHigh, of_nobody), "first"));
  CHECK(refused(second(guest, kHigh, two), "do not share"));
  CHECK(refused(second(guest, kHigh, too_little), "first.low"));
  CHECK(refused(second(guest, kHigh, too_late), "first.low"));
  CHECK(refused(first(guest, kHigh, kBesideLow), "name"));
  Claim other_slack = second(guest);
  other_slack.slack = !other_slack.slack;
  CHECK(refused(other_slack, "best effort"));
  const Task greedy[] = {{.name = "high", .budget_ns = 950 * kUs, .priority = 20}};
  CHECK(refused(second(guest, greedy), "exceed"));
  CHECK(Island(guest, second(guest)).admitted());
  CHECK(low.status().jobs == 0 && !low.status().active);
}

// Twice as often, then rarely; its neighbour keeps its grid and its numbers.
void changed_while_jobs_run(Guest& guest) noexcept {
  Shared low_out(guest), high_out(guest);
  const Grant low_grants[] = {{"out", low_out.cap()}}, high_grants[] = {{"out", high_out.cap()}};
  Island low(guest, first(guest)), high(guest, second(guest));
  CHECK(low.admitted() && high.admitted());
  Child low_child(guest, {.role = Role::periodic, .argument = 60, .grants = low_grants, .context = low.context(0)});
  Child high_child(guest, {.role = Role::periodic, .argument = 90, .grants = high_grants, .context = high.context(0)});
  CHECK(low_child.becomes_ready() && high_child.becomes_ready() && low.activate() != 0 && high.activate() != 0);
  CHECK(low_out.reaches(0, 4) && high_out.reaches(0, 4));

  const Task faster[] = {{.name = "high", .period_us = 500, .budget_ns = 60 * kUs, .priority = 20, .response_ns = 400 * kUs}};
  const Island::Changed changed = high.change(second(guest, faster));
  if (!changed.accepted) guest.fail("refused", 0, changed.refusal.view());
  CHECK(changed.within_ns > 100 * kUs && changed.within_ns < kMillisecond);
  const std::uint64_t done = high_out.word(0);
  CHECK(high_out.reaches(0, done + 10) && !high.status().changing);
  CHECK(scheduled_of(high_out, done + 8) - scheduled_of(high_out, done + 7) == 500 * kUs);
  for (std::size_t n = 0; n < done + 10; ++n) CHECK(index_of(high_out, n) == n);

  const Task slower[] = {{.name = "high", .period_us = 3'000, .priority = 5, .response_ns = 900 * kUs}};
  CHECK(high.change(second(guest, slower)).accepted);
  const std::uint64_t then = high_out.word(0);
  CHECK(high_out.reaches(0, then + 4) && low_out.reaches(0, 20));
  CHECK(scheduled_of(high_out, then + 3) - scheduled_of(high_out, then + 2) == 3'000 * kUs);
  for (std::size_t n = 1; n < 20; ++n) {
    CHECK(scheduled_of(low_out, n) == scheduled_of(low_out, n - 1) + kMillisecond);
    CHECK(finish_of(low_out, n) - scheduled_of(low_out, n) < 700 * kUs);
  }
  CHECK(low.status().misses == 0 && high.status().misses == 0);
  const auto found = Capability<schema::SchedulingContext>(high.context(0))->parameters();
  CHECK(found.has_value() && found->period_numerator == 3'000 && found->priority == 5);
}

void refused_changes(Guest& guest) noexcept {
  Shared out(guest);
  const Grant grants[] = {{"out", out.cap()}};
  Island low(guest, first(guest)), high(guest, second(guest));
  Child child(guest, {.role = Role::periodic, .argument = 40, .grants = grants, .context = high.context(0)});
  CHECK(child.becomes_ready() && high.activate() != 0 && out.reaches(0, 2));
  const auto refused = [&](const Claim& claim, std::string_view reason) {
    const Island::Changed changed = high.change(claim);
    return !changed.accepted && contains(changed.refusal.view(), reason);
  };
  Task tasks[] = {kHigh[0], {.name = "more", .priority = 5}};
  CHECK(refused(second(guest, tasks), "keeps the island's tasks"));
  tasks[0].name = "other";
  const std::span<const Task> one(tasks, 1);
  CHECK(refused(second(guest, one), "keeps the island's tasks"));
  tasks[0] = kHigh[0];
  tasks[0].response_ns = 50 * kUs;
  CHECK(refused(second(guest, one), "(high)"));
  tasks[0] = kHigh[0];
  tasks[0].budget_ns = 950 * kUs;
  CHECK(refused(second(guest, one), "exceed"));
  CHECK(refused(second(guest, kHigh, {}), "first"));
  Claim renamed = second(guest);
  renamed.name = "third";
  CHECK(refused(renamed, "another island"));
  CHECK(contains(low.change(second(guest)).refusal.view(), "name"));
  CHECK(high.change(second(guest)).accepted);  // nothing in it is different
  CHECK(out.reaches(0, 10) && high.status().misses == 0);
  for (std::size_t n = 1; n < 10; ++n) CHECK(scheduled_of(out, n) == scheduled_of(out, n - 1) + kMillisecond);
  CHECK(high.island()->retire().has_value());
  const Island::Changed late = high.change(second(guest));
  CHECK(!late.accepted && late.error.exception == ExceptionType::failed && late.error.kernel() == KernelError::bad_state);
}

// A CPU with a job that does not end has no instant to change at until its budget is spent; meanwhile others wait.
void busy_while_a_change_is_pending(Guest& guest) noexcept {
  if (guest.cpus == 1) return;  // there, whoever asks runs below all jobs
  Shared out(guest);
  const Grant grants[] = {{"out", out.cap()}};
  const Task long_one[] = {{.name = "low", .period_us = 100'000, .budget_ns = 60'000 * kUs, .priority = 10, .response_ns = 90'000 * kUs}};
  const Task shorter[] = {{.name = "low", .period_us = 100'000, .budget_ns = 50'000 * kUs, .priority = 10, .response_ns = 90'000 * kUs}};
  const OtherOf beside[] = {{"first", 99'000 * kUs}};
  Island low(guest, first(guest, long_one));
  CHECK(low.admitted());
  Child hog(guest, {.role = Role::hog, .grants = grants, .context = low.context(0)});
  CHECK(hog.becomes_ready() && low.activate() != 0);
  guest.sleep(5 * kMillisecond);
  CHECK(low.change(first(guest, shorter)).accepted);
  CHECK(low.status().changing);
  const auto busy = [](const Island::Changed& changed) {
    return changed.error.exception == ExceptionType::overloaded && changed.error.kernel() == KernelError::busy;
  };
  CHECK(busy(low.change(first(guest, shorter))));
  CHECK(contains(Island(guest, second(guest, kHigh, beside)).refusal(), "call: "));
  guest.sleep(80 * kMillisecond);
  CHECK(!low.status().changing);
  CHECK(Island(guest, second(guest, kHigh, beside)).admitted());
}

void what_stands(Guest& guest) noexcept {
  auto reader = guest.runtime.need<schema::IslandReader>("standing");
  const auto next = [&](std::uint64_t after, std::string_view name) -> std::uint64_t {
    auto answer = reader->standing([&](auto params) { params.set_after(after); });
    if (!answer.has_value() || answer->reader().serial() == 0) return 0;
    return answer->reader().certificate().island_name() == name ? answer->reader().serial() : 0;
  };
  Island low(guest, first(guest)), high(guest, second(guest));
  const std::uint64_t one = next(0, "first");
  CHECK(one != 0);
  const std::uint64_t two = next(one, "second");
  CHECK(two > one && next(two, "") == 0);
  CHECK(low.island()->retire().has_value());
  CHECK(next(0, "second") == two);
}

// Best effort on a CPU that is to be leased alone: the lease names it, and nothing is leased.
void somebody_in_the_way(Guest& guest) noexcept {
  if (guest.cpus == 1) return;  // CPU 0 is leased with slack only
  Claim claim = first(guest);
  {
    Shared out(guest);
    const Grant grants[] = {{"out", out.cap()}};
    Child sleeper(guest, {.role = Role::sleeper_loop, .grants = grants, .cpu = claim.cpu});
    CHECK(out.reaches(0, 2));
    const Island refused(guest, claim);
    CHECK(!refused.admitted() && contains(refused.occupant(), "child"));
    const std::uint64_t count = out.word(0);
    CHECK(out.reaches(0, count + 3));  // it goes on
    claim.slack = true;
    CHECK(Island(guest, claim).admitted());
    claim.slack = false;
    CHECK(sleeper.process()->kill().has_value() && sleeper.ends(schema::ExitReason::killed, 0));
  }
  CHECK(Island(guest, claim).admitted());
}

constexpr Case kCases[] = {
    {"islands: two on one CPU, one leaves, another comes", together},
    {"islands: what is claimed of others", claims_of_others},
    {"islands: changed while jobs run", changed_while_jobs_run},
    {"islands: refused changes", refused_changes},
    {"islands: busy while a change is pending", busy_while_a_change_is_pending},
    {"islands: what stands", what_stands},
    {"islands: a lease names who is in its way", somebody_in_the_way},
};

}  // namespace

std::span<const Case> several_island_cases() noexcept { return kCases; }

}  // namespace conformance
