// SPDX-License-Identifier: Apache-2.0
// Islands in the order of deadlines (EDF), and deadlines beyond the period.
#include "island_harness.hpp"
#include "roles.hpp"

namespace conformance {
namespace {

std::uint64_t record(const Shared& out, std::size_t n, std::size_t word) noexcept { return out.word(8 + n * kRecordWords + word); }
std::uint64_t release_of(const Shared& out, std::size_t n) noexcept { return record(out, n, 1); }
std::uint64_t finish_of(const Shared& out, std::size_t n) noexcept { return record(out, n, 6); }

Claim by_deadline(Guest& guest, std::span<const Task> tasks, std::uint64_t busy_us) noexcept {
  Claim claim = honest(guest, tasks);
  claim.policy = kEdf;
  claim.busy_ns = busy_us * kMicrosecond;
  return claim;
}

// 95 % of the CPU. Of two priorities either lets the other task's first job end too late.
void a_set_that_no_priorities_run(Guest& guest) noexcept {
  Task tasks[] = {{.name = "two", .period_us = 2'000, .budget_ns = 900 * kMicrosecond, .priority = 20},
                  {.name = "three", .period_us = 3'000, .budget_ns = 1'500 * kMicrosecond, .priority = 10}};
  CHECK(!Island(guest, honest(guest, tasks)).admitted());
  tasks[0].priority = 5;
  CHECK(!Island(guest, honest(guest, tasks)).admitted());
  Shared two_out(guest), three_out(guest);
  Island island(guest, by_deadline(guest, tasks, 5'900));
  CHECK(island.admitted());
  const Grant two_grants[] = {{"out", two_out.cap()}}, three_grants[] = {{"out", three_out.cap()}};
  Child two(guest, {.role = Role::worker, .argument = 880, .grants = two_grants, .context = island.context(0)});
  Child three(guest, {.role = Role::worker, .argument = 1'480, .grants = three_grants, .context = island.context(1)});
  CHECK(two.becomes_ready() && three.becomes_ready() && island.activate() != 0);
  CHECK(two_out.reaches(0, 15) && three_out.reaches(0, 10));
  const auto status = island.status();
  guest.note("misses", status.misses);
  CHECK(status.jobs >= 24);
  if (kernel_checks_itself(guest)) return;
  CHECK(status.misses == 0 && status.overruns == 0);
  // Not by chance: the one of the shorter period waited where its deadline was later.
  std::uint64_t longest = 0;
  for (std::size_t n = 0; n < 15; ++n) {
    const std::uint64_t took = finish_of(two_out, n) - release_of(two_out, n);
    longest = took > longest ? took : longest;
    CHECK(took <= 2'000 * kMicrosecond);
  }
  CHECK(longest > 1'200 * kMicrosecond);
}

// A task that never ends its jobs is held in each of them, or goes on with a budget that is due later: the other one is not late.
void who_hangs_is_no_more_urgent(Guest& guest, std::uint16_t on_overrun) noexcept {
  Shared hog_out(guest), out(guest);
  const Task tasks[] = {{.name = "hog", .budget_ns = 300 * kMicrosecond, .on_overrun = on_overrun},
                        {.name = "good", .budget_ns = 400 * kMicrosecond, .deadline_ns = 800 * kMicrosecond}};
  Island island(guest, by_deadline(guest, tasks, 950));
  CHECK(island.admitted());
  const Grant hog_grants[] = {{"out", hog_out.cap()}}, grants[] = {{"out", out.cap()}};
  Child hog(guest, {.role = Role::hog, .grants = hog_grants, .context = island.context(0)});
  Child good(guest, {.role = Role::worker, .argument = 380, .grants = grants, .context = island.context(1)});
  CHECK(hog.becomes_ready() && good.becomes_ready() && island.activate() != 0 && out.reaches(0, 20));
  CHECK(island.status().overruns >= 1);
  if (kernel_checks_itself(guest)) return;
  for (std::size_t n = 0; n < 20; ++n) {
    CHECK(record(out, n, 0) == n);
    CHECK(finish_of(out, n) - release_of(out, n) <= 800 * kMicrosecond);
  }
}
void who_hangs_and_is_held(Guest& guest) noexcept { who_hangs_is_no_more_urgent(guest, kHold); }
void who_hangs_and_goes_on(Guest& guest) noexcept { who_hangs_is_no_more_urgent(guest, kRunLate); }

// Due before the other one, it would run first; demoted, it does not.
void demoted_by_deadline(Guest& guest) noexcept {
  Shared bad_out(guest), out(guest);
  const Task tasks[] = {{.name = "bad", .budget_ns = 200 * kMicrosecond, .deadline_ns = 500 * kMicrosecond, .on_miss = kSkip,
                         .on_overrun = kSkip, .misses = 1, .of = 1, .then = kDemote},
                        {.name = "good", .budget_ns = 300 * kMicrosecond}};
  Island island(guest, by_deadline(guest, tasks, 900));
  CHECK(island.admitted());
  const Grant bad_grants[] = {{"out", bad_out.cap()}}, grants[] = {{"out", out.cap()}};
  Child bad(guest, {.role = Role::overrun_once, .argument = 2, .grants = bad_grants, .context = island.context(0)});
  Child good(guest, {.role = Role::worker, .argument = 250, .grants = grants, .context = island.context(1)});
  CHECK(bad.becomes_ready() && good.becomes_ready());
  CHECK(island.activate() != 0 && out.reaches(0, 20) && bad_out.reaches(0, 8));
  // Its first jobs begin at once, those after the overrun behind the other task's 250 us.
  CHECK(record(bad_out, 1, 2) - release_of(bad_out, 1) < 100 * kMicrosecond);
  CHECK(record(bad_out, 7, 2) - release_of(bad_out, 7) > 200 * kMicrosecond);
}

void forged(Guest& guest) noexcept {
  const Task tasks[] = {{.name = "a", .budget_ns = 400 * kMicrosecond}, {.name = "b", .budget_ns = 400 * kMicrosecond}};
  const auto refusal = [&](const Claim& claim, std::string_view part) {
    const Island island(guest, claim);
    return !island.admitted() && contains(island.refusal(), part);
  };
  Claim claim = by_deadline(guest, tasks, 900);
  CHECK(Island(guest, claim).admitted());
  claim.busy_ns = 700 * kMicrosecond;
  CHECK(refusal(claim, "busy window"));
  claim.busy_ns = 0;
  CHECK(refusal(claim, "busy window"));
  claim = by_deadline(guest, tasks, 900);
  claim.policy = 2;
  CHECK(refusal(claim, "unknown scheduling policy"));
  const Task other_response[] = {tasks[0], {.name = "b", .budget_ns = 400 * kMicrosecond, .response_ns = 999 * kMicrosecond}};
  CHECK(refusal(by_deadline(guest, other_response, 900), "(b)"));
  const Task due_too_soon[] = {{.name = "a", .budget_ns = 400 * kMicrosecond, .deadline_ns = 700 * kMicrosecond},
                               {.name = "b", .budget_ns = 400 * kMicrosecond, .deadline_ns = 750 * kMicrosecond}};
  CHECK(refusal(by_deadline(guest, due_too_soon, 900), "due within a window"));
}

// The lower task's jobs wait for the upper one's 1.6 ms: two are released meanwhile. All end in time, in order.
void beyond_the_period(Guest& guest, bool edf) noexcept {
  Shared upper_out(guest), out(guest);
  const Task tasks[] = {{.name = "upper", .period_us = 4'000, .budget_ns = 1'600 * kMicrosecond,
                         .deadline_ns = edf ? 1'800 * kMicrosecond : 0, .priority = 20},
                        {.name = "lower", .budget_ns = 300 * kMicrosecond, .deadline_ns = 2'500 * kMicrosecond, .priority = 10}};
  Claim claim = honest(guest, tasks);
  if (edf) claim = by_deadline(guest, tasks, 2'900);
  Island island(guest, claim);
  if (!island.admitted()) return guest.fail("refused", 0, island.refusal());
  const Grant upper_grants[] = {{"out", upper_out.cap()}}, grants[] = {{"out", out.cap()}};
  Child upper(guest, {.role = Role::worker, .argument = 1'580, .grants = upper_grants, .context = island.context(0)});
  Child lower(guest, {.role = Role::worker, .argument = 270, .grants = grants, .context = island.context(1)});
  CHECK(upper.becomes_ready() && lower.becomes_ready());
  const std::uint64_t start = island.activate();
  CHECK(start != 0 && out.reaches(0, 24));
  std::uint64_t longest = 0;
  for (std::size_t n = 0; n < 24; ++n) {
    CHECK(record(out, n, 0) == n && release_of(out, n) == start + n * kMillisecond);
    CHECK(record(out, n, 4) == release_of(out, n) + 2'500 * kMicrosecond && record(out, n, 5) == 0);
    CHECK(n == 0 || record(out, n, 2) >= finish_of(out, n - 1));
    const std::uint64_t took = finish_of(out, n) - release_of(out, n);
    longest = took > longest ? took : longest;
  }
  guest.note("longest", longest);
  CHECK(longest > 1'700 * kMicrosecond && longest <= 2'500 * kMicrosecond);
  CHECK(island.status().misses == 0 || kernel_checks_itself(guest));
}
void beyond_the_period_by_priority(Guest& guest) noexcept { beyond_the_period(guest, false); }
void beyond_the_period_by_deadline(Guest& guest) noexcept { beyond_the_period(guest, true); }

// A job that outlasts its budget and its deadline; those behind it are late, or not, by their own deadlines.
void late_beyond_the_period(Guest& guest) noexcept {
  Shared out(guest);
  const Task tasks[] = {{.budget_ns = 300 * kMicrosecond, .deadline_ns = 1'500 * kMicrosecond, .on_overrun = kRunLate}};
  Island island(guest, honest(guest, tasks));
  CHECK(island.admitted());
  const Grant grants[] = {{"out", out.cap()}};
  Child task(guest, {.role = Role::overrun_once, .argument = 3, .grants = grants, .context = island.context(0)});
  CHECK(task.becomes_ready() && island.activate() != 0 && out.reaches(0, 12));
  for (std::size_t n = 0; n < 12; ++n) CHECK(record(out, n, 0) == n);
  // Job 3 ends with its third refill, 3 ms after its release. Job 4 was due half a millisecond before; job 5 is due half a
  // millisecond later, and in time.
  guest.note("misses", island.status().misses);
  CHECK(island.status().misses == 2);
}

constexpr Case kCases[] = {
    {"edf: a set that no priorities run", a_set_that_no_priorities_run},
    {"edf: who hangs and is held delays nobody", who_hangs_and_is_held},
    {"edf: who hangs and goes on delays nobody", who_hangs_and_goes_on},
    {"edf: a demoted task runs behind the others", demoted_by_deadline},
    {"edf: forged certificates are refused", forged},
    {"deadlines beyond the period, by priority", beyond_the_period_by_priority},
    {"deadlines beyond the period, by deadline", beyond_the_period_by_deadline},
    {"deadlines beyond the period, missed", late_beyond_the_period},
};

}  // namespace

std::span<const Case> deadline_cases() noexcept { return kCases; }

}  // namespace conformance
