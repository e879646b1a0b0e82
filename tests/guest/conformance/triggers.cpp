// SPDX-License-Identifier: Apache-2.0
// Tasks that are released by another's finish: their jobs' times, and what becomes of them when that does not finish.
#include "island_harness.hpp"
#include "roles.hpp"

namespace conformance {
namespace {

constexpr std::uint64_t kPeriod = 2 * kMillisecond;

std::uint64_t record(const Shared& out, std::size_t n, std::size_t word) noexcept { return out.word(8 + n * kRecordWords + word); }

// "first" is released by time, "second" by its finish.
struct Pair {
  Task tasks[2];
  Claim claim;

  explicit Pair(Guest& guest, bool edf = false) noexcept
      : tasks{{.name = "first",
               .period_us = 2'000,
               .budget_ns = 200 * kMicrosecond,
               .deadline_ns = 800 * kMicrosecond,
               .priority = 20},
              {.name = "second", .period_us = 2'000, .budget_ns = 200 * kMicrosecond, .priority = 10, .jitter_ns = 800 * kMicrosecond}},
        claim(honest(guest, tasks)) {
    claim.triggered = true;
    claim.chain_bound_ns = claim.chain_latency_ns = kPeriod;
    if (!edf) return;
    claim.policy = kEdf;
    claim.busy_ns = 600 * kMicrosecond;
  }
};

void released_by_a_finish(Guest& guest, Pair& pair) noexcept {
  Shared first_out(guest), out(guest);
  Island island(guest, pair.claim);
  if (!island.admitted()) return guest.fail("refused", 0, island.refusal());
  const Grant first_grants[] = {{"out", first_out.cap()}}, grants[] = {{"out", out.cap()}};
  Child first(guest, {.role = Role::worker, .argument = 150, .grants = first_grants, .context = island.context(0)});
  Child second(guest, {.role = Role::worker, .argument = 100, .grants = grants, .context = island.context(1)});
  CHECK(first.becomes_ready() && second.becomes_ready());
  const std::uint64_t start = island.activate();
  CHECK(start != 0 && out.reaches(0, 12));
  for (std::size_t n = 0; n < 12; ++n) {
    CHECK(record(out, n, 0) == n && record(out, n, 5) == 0);
    CHECK(record(out, n, 1) == start + n * kPeriod);   // counts from the first task's release
    CHECK(record(out, n, 4) == start + (n + 1) * kPeriod);
    CHECK(record(out, n, 2) > record(first_out, n, 6));  // begins after its finish
    CHECK(record(out, n, 6) - record(out, n, 1) < 600 * kMicrosecond);
  }
  const auto status = island.status();
  guest.note("misses", status.misses);
  CHECK(status.misses == 0);
}

void on_one_cpu(Guest& guest) noexcept {
  Pair pair(guest);
  released_by_a_finish(guest, pair);
}
void by_deadline(Guest& guest) noexcept {
  Pair pair(guest, true);
  released_by_a_finish(guest, pair);
}
void on_another_cpu(Guest& guest) noexcept {
  if (guest.cpus < 2) return;
  Pair pair(guest);
  pair.claim.cpu = 1;
  pair.claim.second_cpu = 0;
  pair.claim.slack = true;
  pair.tasks[0].cpu = 1;
  pair.tasks[1].cpu = 0;
  released_by_a_finish(guest, pair);
}

// A job of the first task overruns, and is held in that period and the next ones: the second task's jobs of these are missed,
// not run, and it goes on with the first that has its input.
void a_held_predecessor(Guest& guest) noexcept {
  Pair pair(guest);
  Shared first_out(guest), out(guest);
  Island island(guest, pair.claim);
  CHECK(island.admitted());
  const Grant first_grants[] = {{"out", first_out.cap()}}, grants[] = {{"out", out.cap()}};
  Child first(guest, {.role = Role::overrun_once, .argument = 3, .grants = first_grants, .context = island.context(0)});
  Child second(guest, {.role = Role::worker, .argument = 100, .grants = grants, .context = island.context(1)});
  CHECK(first.becomes_ready() && second.becomes_ready() && island.activate() != 0 && out.reaches(0, 8));
  for (std::size_t n = 0; n < 3; ++n) CHECK(record(out, n, 0) == n);
  const std::uint64_t next = record(out, 3, 0), dropped = next - 3;
  guest.note("dropped", dropped);
  CHECK(dropped >= 1 && dropped <= 3 && record(out, 3, 5) == dropped);
  CHECK(record(out, 4, 0) == next + 1);
  CHECK(island.status().misses == 2 * dropped);  // each held job of the first one, and each dropped one
}

// Nobody releases it any more: each of its jobs is missed, and says so.
void a_dead_predecessor(Guest& guest) noexcept {
  Pair pair(guest);
  Shared first_out(guest), out(guest);
  Island island(guest, pair.claim);
  CHECK(island.admitted());
  const Grant first_grants[] = {{"out", first_out.cap()}}, grants[] = {{"out", out.cap()}};
  Child second(guest, {.role = Role::worker, .argument = 100, .grants = grants, .context = island.context(1)});
  {
    Child first(guest, {.role = Role::worker, .argument = 100, .grants = first_grants, .context = island.context(0)});
    CHECK(first.becomes_ready() && second.becomes_ready() && island.activate() != 0 && out.reaches(0, 3));
  }
  guest.sleep(kPeriod);
  const std::uint64_t run = out.word(0), missed = island.status().misses;
  guest.sleep(5 * kPeriod);
  CHECK(out.word(0) == run);
  const std::uint64_t now_missed = island.status().misses;
  CHECK(now_missed >= missed + 4 && now_missed <= missed + 6);
  CHECK(second.alive());
}

// What a missed job entails holds for one without input too.
void without_input_stopped(Guest& guest) noexcept {
  Pair pair(guest);
  pair.tasks[1].on_miss = kStopIsland;
  Shared first_out(guest), out(guest);
  Island island(guest, pair.claim);
  CHECK(island.admitted());
  const Grant first_grants[] = {{"out", first_out.cap()}}, grants[] = {{"out", out.cap()}};
  Child first(guest, {.role = Role::overrun_once, .argument = 3, .grants = first_grants, .context = island.context(0)});
  Child second(guest, {.role = Role::worker, .argument = 100, .grants = grants, .context = island.context(1)});
  CHECK(first.becomes_ready() && second.becomes_ready() && island.activate() != 0);
  guest.sleep(8 * kPeriod);
  CHECK(!island.status().active);
  CHECK(out.word(0) == 3);
}

void forged(Guest& guest) noexcept {
  const auto refusal = [&](auto&& change, std::string_view part) {
    Pair pair(guest);
    change(pair);
    const Island island(guest, pair.claim);
    return !island.admitted() && contains(island.refusal(), part);
  };
  CHECK(refusal([](Pair& p) { p.tasks[1].jitter_ns = 799 * kMicrosecond; }, "latency"));
  CHECK(refusal([](Pair& p) { p.tasks[1].period_us = 4'000; }, "path"));
  CHECK(refusal([](Pair& p) { p.claim.chain_latency_ns = kPeriod - 1; }, "latency"));
  CHECK(refusal([](Pair& p) { p.tasks[1].deadline_ns = 2'001 * kMicrosecond; p.claim.chain_latency_ns = p.claim.chain_bound_ns = 2 * kPeriod; },
                "another's finish"));
  CHECK(refusal(
      [](Pair& p) {
        p.tasks[0].misses = p.tasks[0].of = 1;
        p.tasks[0].then = kFallBack;
        p.tasks[0].fallback = 1;
      },
      "another's finish"));
}

constexpr Case kCases[] = {
    {"triggered: released by a finish", on_one_cpu},
    {"triggered: the same by deadline", by_deadline},
    {"triggered: on another CPU", on_another_cpu},
    {"triggered: a held predecessor", a_held_predecessor},
    {"triggered: a dead predecessor", a_dead_predecessor},
    {"triggered: no input stops the island", without_input_stopped},
    {"triggered: forged certificates are refused", forged},
};

}  // namespace

std::span<const Case> trigger_cases() noexcept { return kCases; }

}  // namespace conformance
