// SPDX-License-Identifier: Apache-2.0
// Misses that repeat, and those that stop an island: a task demoted, one replaced by its fallback and back, all stopped.
#include "island_harness.hpp"
#include "roles.hpp"

namespace conformance {
namespace {

constexpr std::uint64_t kPeriod = kMillisecond;

// The `n`-th job that a child has recorded (Role::periodic): its index, and when it began.
std::uint64_t index_of(const Shared& out, std::size_t n) noexcept { return out.word(8 + n * kRecordWords); }
std::uint64_t start_of(const Shared& out, std::size_t n) noexcept { return out.word(8 + n * kRecordWords + 2); }

// A task that computes for ever is held in each job, then demoted, then stopped: the less urgent one is late no more.
void demoted(Guest& guest) noexcept {
  Shared hog_out(guest), out(guest);
  const Task tasks[] = {{.name = "hog", .priority = 20, .response_ns = 500 * kMicrosecond, .misses = 2, .of = 3, .then = kDemote},
                        {.name = "meek", .priority = 10, .response_ns = 700 * kMicrosecond}};
  Island island(guest, honest(guest, tasks));
  CHECK(island.admitted());
  const Grant hog_grants[] = {{"out", hog_out.cap()}}, grants[] = {{"out", out.cap()}};
  Child hog(guest, {.role = Role::hog, .grants = hog_grants, .context = island.context(0)});
  Child meek(guest, {.role = Role::periodic, .argument = 20, .grants = grants, .context = island.context(1)});
  CHECK(hog.becomes_ready() && meek.becomes_ready());
  const std::uint64_t start = island.activate();
  CHECK(start != 0 && out.reaches(0, 8));
  // Behind the hog's budget, less what the kernel took over it in the job before: much, where it checks its invariants.
  CHECK(start_of(out, 1) - (start + kPeriod) >= 50 * kMicrosecond);
  // Held in the middle of its work, the hog keeps its priority until it waits, which it never does; so it is stopped.
  CHECK(start_of(out, 5) - (start + 5 * kPeriod) < 50 * kMicrosecond);
  CHECK(island.status().overruns == 4);
}

void replaced(Guest& guest) noexcept {
  Shared out(guest), spare_out(guest);
  const Task tasks[] = {{.name = "main", .budget_ns = 300 * kMicrosecond, .priority = 20, .response_ns = 900 * kMicrosecond,
                         .misses = 1, .of = 1, .then = kFallBack, .recover = 4, .fallback = 1},
                        {.name = "spare", .priority = 10, .response_ns = 900 * kMicrosecond}};
  Island island(guest, honest(guest, tasks));
  CHECK(island.admitted());
  const Grant grants[] = {{"out", out.cap()}}, spare_grants[] = {{"out", spare_out.cap()}};
  Child main(guest, {.role = Role::overrun_once, .argument = 3, .grants = grants, .context = island.context(0)});
  Child spare(guest, {.role = Role::periodic, .argument = 40, .grants = spare_grants, .context = island.context(1)});
  CHECK(main.becomes_ready() && spare.becomes_ready() && island.activate() != 0);
  CHECK(out.reaches(0, 7));
  // Job 3 overran: jobs 4 to 7 are the fallback's, and then the first goes on with what it was held in.
  CHECK(index_of(out, 2) == 2);
  CHECK(spare_out.word(0) >= 4);
  for (std::size_t n = 0; n < 4; ++n) CHECK(index_of(spare_out, n) == 4 + n);
  CHECK(index_of(out, 3) == 3 && index_of(out, 4) >= 9);
  CHECK(main.alive() && spare.alive());
}

void island_stopped(Guest& guest) noexcept {
  Shared hog_out(guest), out(guest);
  const Task tasks[] = {
      {.name = "hog", .priority = 20, .response_ns = 500 * kMicrosecond, .on_overrun = kStopIsland},
      {.name = "other", .priority = 10, .response_ns = 700 * kMicrosecond}};
  Island island(guest, honest(guest, tasks));
  CHECK(island.admitted());
  const Grant hog_grants[] = {{"out", hog_out.cap()}}, grants[] = {{"out", out.cap()}};
  Child hog(guest, {.role = Role::hog, .grants = hog_grants, .context = island.context(0)});
  Child other(guest, {.role = Role::periodic, .argument = 20, .grants = grants, .context = island.context(1)});
  CHECK(hog.becomes_ready() && other.becomes_ready() && island.activate() != 0);
  guest.sleep(10 * kMillisecond);
  CHECK(!island.status().active);
  CHECK(island.status().overruns == 1);
  CHECK(out.word(0) <= 1);
  CHECK(!island.island()->retire().has_value());  // it is already
  // Its CPU is free for another.
  const Task again[] = {{}};
  CHECK(Island(guest, honest(guest, again)).admitted());
}

void forged(Guest& guest) noexcept {
  const auto refused = [&](const Task& task) {
    const Task tasks[] = {task, {.name = "other", .priority = 90}};
    return !Island(guest, honest(guest, tasks)).admitted();
  };
  CHECK(!refused({.misses = 2, .of = 3, .then = kDemote, .recover = 9}));
  CHECK(refused({.misses = 4, .of = 3, .then = kDemote}));
  CHECK(refused({.misses = 1, .of = 65, .then = kDemote}));
  CHECK(refused({.misses = 1, .of = 1}));
  CHECK(refused({.misses = 1, .of = 1, .then = 5}));
  CHECK(refused({.misses = 1, .of = 1, .then = 3, .recover = 1}));
  CHECK(refused({.misses = 1, .of = 1, .then = kFallBack}));
  CHECK(refused({.misses = 1, .of = 1, .then = kFallBack, .fallback = 0}));
  CHECK(refused({.misses = 1, .of = 1, .then = kFallBack, .fallback = 2}));
  CHECK(refused({.fallback = 1}));
  CHECK(!refused({.misses = 1, .of = 1, .then = kFallBack, .fallback = 1}));
}

constexpr Case kCases[] = {
    {"repeated misses: demoted, then stopped", demoted},
    {"repeated misses: replaced by a fallback, and back", replaced},
    {"a miss stops the island", island_stopped},
    {"repeated misses: rules out of range are refused", forged},
};

}  // namespace

std::span<const Case> repetition_cases() noexcept { return kCases; }

}  // namespace conformance
