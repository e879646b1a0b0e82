// SPDX-License-Identifier: Apache-2.0
// The checker in steps says what the inequalities say, written as plain loops: of certificates that hold, and of certificates in
// which anything has been changed. A step is short whatever it looks at.
#include <gtest/gtest.h>

#include <array>
#include <string>

#include "capos/sched/check.hpp"
#include "certified.hpp"
#include "plain_checker.hpp"
#include "random.hpp"

namespace capos::sched {
namespace {

using test::Certified;
using test::Island;
using test::Random;
using test::us;

constexpr std::uint16_t kServers = 3;

// Tasks on two CPUs in two islands, calls, chains of either kind, fallbacks, recoveries.
Island random_island(Random& random) {
  Island island;
  const auto count = static_cast<std::uint16_t>(random.between(1, 24));
  constexpr std::int64_t kPeriods[] = {1'000, 2'000, 4'000, 5'000, 8'000};
  for (std::uint16_t i = 0; i < count; ++i) {
    const std::int64_t period = kPeriods[random.between(0, 4)];
    const std::int64_t budget = random.between(5, std::max<std::int64_t>(6, period / count));
    TaskModel& task = island.task(period, budget, 0, -1, static_cast<std::uint16_t>(random.between(1, 2)));
    if (random.chance(20)) task.deadline = task.period.floor() * 2;
    if (random.chance(20)) task.jitter = us(random.between(0, 40));
    if (random.chance(30)) task.on_overrun = Consequence::run_late;
  }
  const auto any = [&] { return static_cast<std::uint16_t>(random.between(0, count - 1)); };
  for (std::int64_t k = random.between(0, 12); k > 0; --k) {
    const std::uint16_t task = any();
    island.calls.push_back({task, static_cast<std::uint16_t>(random.between(0, kServers - 1)), us(random.between(1, 4))});
  }
  for (ServerCall& call : island.calls) island.tasks[call.task].cpu = CpuId(static_cast<std::uint16_t>(1 + call.server % 2));
  for (std::int64_t k = random.between(0, 3); k > 0; --k) {
    std::vector<std::uint16_t> path{any()};
    const bool triggered = random.chance(40);
    for (std::int64_t hops = random.between(0, 20); hops > 0; --hops) path.push_back(any());
    if (triggered) path.resize(std::min<std::size_t>(path.size(), 2));
    island.chain(std::move(path), 500'000, triggered ? HopKind::triggered : HopKind::sampled);
  }
  if (random.chance(30)) island.interrupts = {{"nic", CpuId(1), us(300), us(4)}, {"disk", CpuId(2), us(900), us(9)}};
  const std::uint16_t fallback = any();
  for (std::int64_t k = count > 1 && random.chance(30) ? random.between(1, 2) : 0; k > 0; --k) {
    TaskModel& task = island.tasks[any()];
    task.repeated = {.misses = 1, .of = 2, .then = Repeated::fall_back, .recover = 0};
    task.fallback = fallback;
  }
  if (random.chance(20) && !island.calls.empty()) {
    TaskModel& recovery = island.task(8'000, 20);
    recovery.recovers = island.calls[0].server;
    recovery.cpu = island.tasks[island.calls[0].task].cpu;
    recovery.on_overrun = Consequence::run_late;
    // Servers 0 and 2 are on one CPU.
    if (recovery.recovers != 1 && random.chance(40)) island.calls.push_back({count, static_cast<std::uint16_t>(2 - recovery.recovers), us(20)});
  }
  if (random.chance(70)) island.overheads = test::typical_overheads();
  return island;
}

// One value of the certificate, to another that it may have.
void forge(Certified& c, std::vector<std::vector<std::uint16_t>>& paths, Random& random) {
  const auto index = [&](std::size_t size) { return static_cast<std::size_t>(random.between(0, static_cast<std::int64_t>(size) - 1)); };
  TaskClaim& task = c.tasks[index(c.tasks.size())];
  const auto nudge = [&](Duration& value) { value = random.chance(50) ? value - Duration::ns(1) : random.duration(Duration{}, us(9'000)); };
  switch (random.between(0, 18)) {
    case 0: return nudge(task.response);
    case 1: return nudge(task.blocking);
    case 2: return nudge(task.budget);
    case 3: return nudge(task.deadline);
    case 4: return nudge(task.jitter);
    case 5: task.priority = Priority(static_cast<std::uint8_t>(random.between(0, 255))); return;
    case 6: task.cpu = CpuId(static_cast<std::uint16_t>(random.between(0, 3))); return;
    case 7: task.fallback = static_cast<std::uint16_t>(index(c.tasks.size() + 1)); return;
    case 8: task.repeated.then = static_cast<Repeated>(random.between(0, 4)); return;
    case 9: task.recovers = static_cast<std::uint16_t>(random.between(0, kServers)); return;
    case 10: task.island = static_cast<std::uint16_t>(random.between(0, 2)); return;
    case 11: task.period = {static_cast<std::uint32_t>(random.between(0, 9'000)), 1'000'000}; return;
    case 12: return nudge(c.certificate.busy[static_cast<std::size_t>(random.between(1, 2))]);
    case 13: c.certificate.cpus = static_cast<std::uint32_t>(random.between(0, 15)); return;
    case 14: if (!c.calls.empty()) c.calls[index(c.calls.size())].task = static_cast<std::uint16_t>(index(c.tasks.size() + 1)); return;
    case 15: if (!c.calls.empty()) nudge(c.calls[index(c.calls.size())].wcet); return;
    case 16: if (!c.interrupts.empty()) nudge(c.interrupts[0].min_interarrival); return;
    case 17: if (!c.chains.empty()) nudge(c.chains[index(c.chains.size())].latency); return;
    default:
      if (paths.empty()) return;
      std::vector<std::uint16_t>& path = paths[index(paths.size())];
      path[index(path.size())] = static_cast<std::uint16_t>(index(c.tasks.size() + 1));
  }
}

class CheckSteps : public testing::TestWithParam<std::uint64_t> {};

TEST_P(CheckSteps, SayWhatThePlainLoopsSay) {
  unsigned accepted = 0, refused = 0, forged_accepted = 0;
  std::array<unsigned, 64> reasons{};
  for (std::uint64_t k = 0; k < 50'000; ++k) {
    const std::uint64_t seed = GetParam() * 1'000'003 + k;
    Random random(seed);
    Certified c(random_island(random), random.chance(30) ? Policy::edf : Policy::fixed_priority);
    if (!c.admitted) {
      for (TaskClaim& task : c.tasks) task.response = task.deadline;
    }
    std::vector<std::vector<std::uint16_t>> paths;
    for (const ChainClaim& chain : c.chains) paths.emplace_back(chain.tasks.begin(), chain.tasks.end());
    for (std::size_t i = 0; i < paths.size(); ++i) c.chains[i].tasks = paths[i];
    const std::array<IslandPart, 2> parts{{{"one", 0b010}, {"two", 0b110}}};
    if (random.chance(30)) c.certificate.islands = parts;
    const std::int64_t forgeries = random.between(0, 2);
    for (std::int64_t i = 0; i < forgeries; ++i) forge(c, paths, random);
    const auto plain = test::check_plainly(c.refresh(), c.machine);
    const auto stepped = check_certificate(c.certificate, c.machine);
    ASSERT_EQ(stepped.has_value(), plain.has_value())
        << "seed " << seed << ": " << (plain ? describe(stepped.error().reason) : describe(plain.error().reason));
    ++(plain ? accepted : refused);
    if (plain && forgeries != 0) ++forged_accepted;
    if (!stepped) ++reasons[static_cast<std::size_t>(stepped.error().reason)];
  }
  EXPECT_GT(accepted, 2'000u);
  EXPECT_GT(refused, 2'000u);
  EXPECT_GT(forged_accepted, 200u);
  for (const Rejection reason : {Rejection::blocking, Rejection::response, Rejection::call, Rejection::chain_latency, Rejection::chain_path,
                                 Rejection::utilisation, Rejection::consequence, Rejection::trigger, Rejection::islands,
                                 Rejection::recovery, Rejection::busy_window, Rejection::demand}) {
    EXPECT_GT(reasons[static_cast<std::size_t>(reason)], 0u) << describe(reason);
  }
}

INSTANTIATE_TEST_SUITE_P(Seeds, CheckSteps, testing::Values(1, 2));

std::size_t steps_of(const Certificate& certificate, const MachineFacts& machine) {
  Check check;
  check.begin(certificate, machine);
  std::size_t steps = 1;
  for (auto next = check.step(); next && !*next; next = check.step()) ++steps;
  return steps;
}

// Nothing is done in one go: neither a sum over many tasks, nor a walk through many windows.
TEST(CheckSteps, AreManyForALargeCertificate) {
  Island island;
  for (int i = 0; i < 200; ++i) island.task(100'000, 100, 0, 200 - i);
  Certified c(std::move(island));
  ASSERT_TRUE(c.check().has_value());
  const std::size_t looks = 200 * 200;
  EXPECT_GE(steps_of(c.certificate, c.machine), looks / claims::kLooks);
  BusySearch search;
  search.begin(c.certificate, CpuId(1), Duration::s(1));
  std::size_t steps = 1;
  for (auto next = search.step(); next && !*next; next = search.step()) ++steps;
  EXPECT_GE(steps, 200 / claims::kLooks);
  EXPECT_EQ(search.found(), *longest_busy(c.certificate, CpuId(1), Duration::s(1)));
}

TEST(CheckSteps, AreManyForALongWalk) {
  Island island;
  island.task(10, 5);
  island.task(10, 5);
  Certified c(std::move(island), Policy::edf);
  ASSERT_TRUE(c.check().has_value());
  c.certificate.busy[1] = Duration::s(3);
  EXPECT_EQ(c.check().error().reason, Rejection::demand_points);
  EXPECT_GE(steps_of(c.certificate, c.machine), kMaxDemandPoints / claims::kLooks);
}

}  // namespace
}  // namespace capos::sched
