// SPDX-License-Identifier: Apache-2.0
// The kernel's checker: an honest certificate is admitted, every forged claim is refused with its reason.
#include "island_harness.hpp"

namespace conformance {
namespace {

constexpr Task kOne[] = {{.response_ns = 400 * kMicrosecond}};

void expect_refusal(Guest& guest, const Claim& claim, std::string_view reason) noexcept {
  const Island island(guest, claim);
  if (island.admitted() || !contains(island.refusal(), reason)) {
    guest.fail(reason, 0, island.admitted() ? "was admitted" : island.refusal());
  }
}

// One task, changed.
template <typename Change>
void forge_task(Guest& guest, std::string_view reason, Change&& change) noexcept {
  Task tasks[] = {kOne[0]};
  change(tasks[0]);
  expect_refusal(guest, honest(guest, tasks), reason);
}

void honest_admitted(Guest& guest) noexcept {
  for (int round = 0; round < 3; ++round) {
    const Island island(guest, honest(guest, kOne));
    if (!island.admitted()) guest.fail("refused", 0, island.refusal());
    CHECK(island.admitted());
  }
}

void boundary_of_the_response(Guest& guest) noexcept {
  const MachineOverheads o = machine_overheads(guest);
  // budget + switch + blocking + two timer events of the one release in the window, and the jitter.
  const std::uint64_t least = kOne[0].budget_ns + o.context_switch + o.blocking + 2 * o.release + o.jitter;
  Task tasks[] = {kOne[0]};
  tasks[0].response_ns = least;
  {
    const Island island(guest, honest(guest, tasks));
    CHECK(island.admitted());
  }
  tasks[0].response_ns = least - 1;
  expect_refusal(guest, honest(guest, tasks), "tried: ");
  const Island island(guest, honest(guest, tasks));
  CHECK(!island.admitted() && contains(island.refusal(), "(task)") && contains(island.refusal(), "required"));
}

void response_too_small(Guest& guest) noexcept {
  forge_task(guest, "(task)", [](Task& t) { t.response_ns = 50 * kMicrosecond; });
  forge_task(guest, "(task)", [](Task& t) { t.response_ns = 1; });
}
void response_over_deadline(Guest& guest) noexcept {
  forge_task(guest, "(task)", [](Task& t) { t.response_ns = 2'000 * kMicrosecond; });
}
void deadline_over_period(Guest& guest) noexcept {
  forge_task(guest, "(task)", [](Task& t) {
    t.deadline_ns = 1'500 * kMicrosecond;
    t.on_miss = kSkip;
  });
}
void deadline_under_budget(Guest& guest) noexcept {
  forge_task(guest, "(task)", [](Task& t) { t.deadline_ns = t.budget_ns - 1; });
}
void budget_zero_and_huge(Guest& guest) noexcept {
  forge_task(guest, "(task)", [](Task& t) { t.budget_ns = 0; });
  forge_task(guest, "(task)", [](Task& t) { t.budget_ns = 4'999; });
  forge_task(guest, "(task)", [](Task& t) { t.budget_ns = std::uint64_t{1} << 61; });
  forge_task(guest, "range", [](Task& t) { t.budget_ns = ~std::uint64_t{0}; });
}
void period_zero_and_short(Guest& guest) noexcept {
  forge_task(guest, "period", [](Task& t) {
    t.period_us = 0;
    t.deadline_ns = 400 * kMicrosecond;
  });
  forge_task(guest, "(task)", [](Task& t) {
    t.period_us = 9;
    t.budget_ns = 5'000;
    t.deadline_ns = 8'000;
    t.response_ns = 8'000;
  });
}
void cpus_out_of_range(Guest& guest) noexcept {
  forge_task(guest, "CPU out of range", [](Task& t) { t.cpu = 16; });
  forge_task(guest, "(task)", [](Task& t) { t.cpu = 7; });
  Claim claim = honest(guest, kOne);
  claim.cpu = 15;
  expect_refusal(guest, claim, "tried: ");
  claim.cpu = 16;
  expect_refusal(guest, claim, "CPU out of range");
}
void consequences_unknown(Guest& guest) noexcept {
  forge_task(guest, "consequence", [](Task& t) { t.on_miss = 5; });
  forge_task(guest, "consequence", [](Task& t) { t.on_overrun = 0xffff; });
}

void overheads_forged(Guest& guest) noexcept {
  Claim claim = honest(guest, kOne);
  claim.release_overhead_ns = static_cast<std::uint64_t>(-1);  // one less than the machine's
  expect_refusal(guest, claim, "overheads");
  claim = honest(guest, kOne);
  claim.version_change = 1;
  expect_refusal(guest, claim, "overheads");
}

void format_unknown(Guest& guest) noexcept {
  Claim claim = honest(guest, kOne);
  for (const std::uint32_t format : {0u, 2u, ~0u}) {
    claim.format = format;
    expect_refusal(guest, claim, "format");
  }
}

void no_tasks(Guest& guest) noexcept { expect_refusal(guest, honest(guest, {}), "task"); }

void utilisation(Guest& guest) noexcept {
  Task tasks[] = {
      {.name = "a", .budget_ns = 600 * kMicrosecond, .priority = 20, .response_ns = 900 * kMicrosecond},
      {.name = "b", .budget_ns = 600 * kMicrosecond, .priority = 10, .response_ns = 1'000 * kMicrosecond}};
  expect_refusal(guest, honest(guest, tasks), "tried: ");
}

// Two tasks that fit by their priorities, and do not when the priorities are claimed the other way.
void priorities_forged(Guest& guest) noexcept {
  Task tasks[] = {{.name = "urgent",
                   .period_us = 1'000,
                   .budget_ns = 100 * kMicrosecond,
                   .deadline_ns = 250 * kMicrosecond,
                   .priority = 20},
                  {.name = "long",
                   .period_us = 4'000,
                   .budget_ns = 800 * kMicrosecond,
                   .deadline_ns = 4'000 * kMicrosecond,
                   .priority = 10}};
  {
    const Island island(guest, honest(guest, tasks));
    if (!island.admitted()) guest.fail("refused", 0, island.refusal());
  }
  tasks[0].priority = 10;
  tasks[1].priority = 20;
  expect_refusal(guest, honest(guest, tasks), "urgent");
  tasks[0].priority = 20;  // equal priorities interfere with each other
  expect_refusal(guest, honest(guest, tasks), "urgent");
}

void blocking_forged(Guest& guest) noexcept {
  Task tasks[] = {{.name = "upper", .priority = 20, .blocking_ns = 60 * kMicrosecond},
                  {.name = "lower", .period_us = 2'000, .priority = 10}};
  const CallOf calls[] = {{0, 3, 20 * kMicrosecond}, {1, 3, 60 * kMicrosecond}};
  Claim claim = honest(guest, tasks);
  claim.calls = calls;
  {
    const Island island(guest, claim);
    if (!island.admitted()) guest.fail("refused", 0, island.refusal());
  }
  tasks[0].blocking_ns = 60 * kMicrosecond - 1;
  expect_refusal(guest, claim, "upper");
}

void calls_forged(Guest& guest) noexcept {
  Claim claim = honest(guest, kOne);
  const CallOf no_such_task[] = {{1, 0, 1'000}};
  claim.calls = no_such_task;
  expect_refusal(guest, claim, "tried: ");
  const CallOf too_long[] = {{0, 0, kOne[0].budget_ns + 1}};
  claim.calls = too_long;
  expect_refusal(guest, claim, "tried: ");
}

void chains_forged(Guest& guest) noexcept {
  Task tasks[] = {{.name = "a", .priority = 20, .response_ns = 300 * kMicrosecond},
                  {.name = "b", .priority = 10, .response_ns = 500 * kMicrosecond}};
  Claim claim = honest(guest, tasks);
  claim.chain_latency_ns = (300 + 1'000 + 500) * kMicrosecond;
  claim.chain_bound_ns = claim.chain_latency_ns;
  {
    const Island island(guest, claim);
    if (!island.admitted()) guest.fail("refused", 0, island.refusal());
  }
  claim.chain_bound_ns = claim.chain_latency_ns - 1;
  expect_refusal(guest, claim, "tried: ");
  claim.chain_latency_ns -= 1;
  expect_refusal(guest, claim, "tried: ");
}

void leased_cpu_refused(Guest& guest) noexcept {
  const Island first(guest, honest(guest, kOne));
  CHECK(first.admitted());
  expect_refusal(guest, honest(guest, kOne), "tried: ");
}

void boot_cpu_needs_slack(Guest& guest) noexcept {
  Claim claim = honest(guest, kOne);
  claim.cpu = 0;
  claim.slack = false;
  expect_refusal(guest, claim, "CPU 0 can be leased only with best-effort slack");
  claim.slack = true;
  const Island island(guest, claim);
  CHECK(island.admitted());
}

// A refusal takes nothing: right after it the honest one is admitted.
void refusal_takes_nothing(Guest& guest) noexcept {
  for (int round = 0; round < 20; ++round) response_too_small(guest);
  honest_admitted(guest);
}

constexpr Case kCases[] = {
    {"certificate honest", honest_admitted},
    {"certificate at the boundary of its response", boundary_of_the_response},
    {"certificate response too small", response_too_small},
    {"certificate response over the deadline", response_over_deadline},
    {"certificate deadline over the period", deadline_over_period},
    {"certificate deadline under the budget", deadline_under_budget},
    {"certificate budgets", budget_zero_and_huge},
    {"certificate periods", period_zero_and_short},
    {"certificate CPUs", cpus_out_of_range},
    {"certificate consequences", consequences_unknown},
    {"certificate overheads", overheads_forged},
    {"certificate format", format_unknown},
    {"certificate without tasks", no_tasks},
    {"certificate utilisation", utilisation},
    {"certificate priorities", priorities_forged},
    {"certificate blocking", blocking_forged},
    {"certificate calls", calls_forged},
    {"certificate chains", chains_forged},
    {"certificate of a leased CPU", leased_cpu_refused},
    {"certificate of CPU 0", boot_cpu_needs_slack},
    {"certificate refusal takes nothing", refusal_takes_nothing},
};

}  // namespace

std::span<const Case> certificate_cases() noexcept { return kCases; }

}  // namespace conformance
