// SPDX-License-Identifier: Apache-2.0
// Budgets: a task that never ends its job gets its budget and no more, whatever was declared for that.
#include "island_harness.hpp"

namespace conformance {
namespace {

constexpr std::uint64_t kBudget = 200 * kMicrosecond, kPeriod = kMillisecond;
// A late timer and the way in and out of the kernel; what is overrun is taken from the refills to come.
constexpr std::uint64_t kTolerance = 8 * kMicrosecond;

struct Interval {
  std::uint64_t begin, end;
};
Interval interval(const Shared& out, std::size_t n) noexcept {
  return {out.word(8 + 2 * n), out.word(9 + 2 * n)};
}

// Beside a well-behaved task of lower priority, which must not notice.
void hog_with(Guest& guest, std::uint16_t on_overrun) noexcept {
  Shared hog_out(guest), good_out(guest);
  const Task tasks[] = {
      {.name = "hog",
       .budget_ns = kBudget,
       .priority = 50,
       .response_ns = 500 * kMicrosecond,
       .on_overrun = on_overrun},
      {.name = "good", .budget_ns = 100 * kMicrosecond, .priority = 40, .response_ns = 900 * kMicrosecond}};
  Island island(guest, honest(guest, tasks));
  if (!island.admitted()) guest.fail("refused", 0, island.refusal());
  CHECK(island.admitted());
  const Grant to_hog[] = {{"out", hog_out.cap()}}, to_good[] = {{"out", good_out.cap()}};
  Child hog(guest, {.role = Role::hog, .grants = to_hog, .context = island.context(0)});
  Child good(guest,
             {.role = Role::periodic, .argument = 30, .grants = to_good, .context = island.context(1)});
  CHECK(hog.becomes_ready() && good.becomes_ready());
  const std::uint64_t start = island.activate();
  CHECK(start != 0 && good_out.reaches(0, 30));
  const auto status = island.status();
  CHECK(status.overruns >= 1);
  for (std::size_t n = 0; n < 30; ++n) {
    CHECK(good_out.word(8 + n * kRecordWords) == n);  // none skipped
    CHECK(good_out.word(8 + n * kRecordWords + 6) <= good_out.word(8 + n * kRecordWords + 4));  // none late
  }
  const std::uint64_t count = hog_out.word(0);
  if (on_overrun == kStopTask) {
    CHECK(status.overruns == 1);
    CHECK(count == 0 || kernel_checks_itself(guest));  // it never came back to notice the gap
    CHECK(hog.alive());
    return;
  }
  CHECK(count >= 20);
  std::uint64_t total = 0;
  for (std::size_t n = 0; n < count; ++n) {
    const Interval run = interval(hog_out, n);
    CHECK(run.end - run.begin <= kBudget + kTolerance);
    total += run.end - run.begin;
    // In any window from the first release on: a budget for each period begun.
    const std::uint64_t periods = (run.end - start) / kPeriod + 1;
    CHECK(total <= periods * kBudget + kTolerance);
  }
  const std::uint64_t periods = (interval(hog_out, count - 1).end - start) / kPeriod + 1;
  CHECK(total >= (periods - 2) * (kBudget - 2 * kTolerance));  // and it gets what was promised
}
void hog_held(Guest& guest) noexcept { hog_with(guest, kHold); }
void hog_skips(Guest& guest) noexcept { hog_with(guest, kSkip); }
void hog_runs_late(Guest& guest) noexcept { hog_with(guest, kRunLate); }
void hog_stopped(Guest& guest) noexcept { hog_with(guest, kStopTask); }

void misses_of_a_held_hog(Guest& guest) noexcept {
  Shared out(guest);
  const Task tasks[] = {{.budget_ns = kBudget, .on_miss = kHold, .on_overrun = kHold}};
  Island island(guest, honest(guest, tasks));
  const Grant grants[] = {{"out", out.cap()}};
  Child hog(guest, {.role = Role::hog, .grants = grants, .context = island.context(0)});
  CHECK(hog.becomes_ready());
  const std::uint64_t start = island.activate();
  CHECK(start != 0);
  (void)guest.timer->sleep_until(start + 10 * kPeriod + 600 * kMicrosecond);
  const auto status = island.status();
  // Eleven jobs were released and abandoned by then, each a miss.
  CHECK(status.jobs == 11 && status.overruns == 11 && status.misses == 11);
}

// One job of three takes two and a half periods.
void overrun_once(Guest& guest, std::uint16_t on_overrun, std::uint16_t on_miss) noexcept {
  Shared out(guest);
  const Task tasks[] = {{.budget_ns = 400 * kMicrosecond, .on_miss = on_miss, .on_overrun = on_overrun}};
  Island island(guest, honest(guest, tasks));
  CHECK(island.admitted());
  const Grant grants[] = {{"out", out.cap()}};
  Child child(guest,
              {.role = Role::overrun_once, .argument = 3, .grants = grants, .context = island.context(0)});
  CHECK(child.becomes_ready() && island.activate() != 0 && out.reaches(0, 12));
  const auto word = [&](std::size_t n, std::size_t i) { return out.word(8 + n * kRecordWords + i); };
  std::uint64_t expected = 0, skipped = 0;
  for (std::size_t n = 0; n < 12; ++n) {
    CHECK(word(n, 0) >= expected);
    skipped += word(n, 5);
    expected = word(n, 0) + 1;
  }
  const auto status = island.status();
  CHECK(status.overruns >= 1 && status.misses >= 1);
  if (on_overrun == kRunLate && on_miss == kRunLate) {
    CHECK(skipped == 0 && word(11, 0) == 11);  // every release has its job, late as some are
  } else if (on_overrun == kHold) {
    CHECK(word(11, 0) > 11);  // the abandoned job's successors were eaten by its rest
  } else {
    CHECK(skipped >= 1 && word(11, 0) == 11 + skipped);
  }
  CHECK(word(11, 6) <= word(11, 4));  // in time again
}
void overrun_late(Guest& guest) noexcept { overrun_once(guest, kRunLate, kRunLate); }
void overrun_skip(Guest& guest) noexcept { overrun_once(guest, kSkip, kSkip); }
void overrun_hold(Guest& guest) noexcept { overrun_once(guest, kHold, kHold); }

constexpr Case kCases[] = {
    {"budget of a hog, hold", hog_held},
    {"budget of a hog, skip", hog_skips},
    {"budget of a hog, runLate", hog_runs_late},
    {"budget of a hog, stopTask", hog_stopped},
    {"budget misses of a held hog are counted", misses_of_a_held_hog},
    {"budget spent once, runLate", overrun_late},
    {"budget spent once, skip", overrun_skip},
    {"budget spent once, hold", overrun_hold},
};

}  // namespace

std::span<const Case> budget_cases() noexcept { return kCases; }

}  // namespace conformance
