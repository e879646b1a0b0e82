// SPDX-License-Identifier: Apache-2.0
// No certificate that the checker accepts belongs to a set that a simulation shows missing a deadline, or taking longer
// than claimed: fixed priorities and EDF, deadlines within and beyond the period, release jitter, server calls, kernel
// sections, interrupts, overheads; and servers' recoveries, with calls that outlast their callers' budgets as often as there is time for
// it. CAPOS_SOUNDNESS_SETS=N takes N sets instead of 100 000.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <string>

#include "model.hpp"
#include "simulator.hpp"
#include "task_sets.hpp"

namespace capos::sched {
namespace {

using test::Island;
using test::kHyperperiodNs;
using test::Random;
using test::SimTask;
using test::us;

#if defined(__SANITIZE_ADDRESS__)
constexpr std::uint64_t kDefaultSets = 4'000;
#else
constexpr std::uint64_t kDefaultSets = 100'000;
#endif
constexpr std::uint64_t kShards = 4;

std::uint64_t wanted_sets() {
  const char* const given = std::getenv("CAPOS_SOUNDNESS_SETS");
  return given == nullptr ? kDefaultSets : std::strtoull(given, nullptr, 10);
}

void add_task(Island& island, Random& random, double share) {
  const std::int64_t period = test::random_period(random);
  TaskModel& task = island.task(period / 1000, 5);
  task.budget = std::max(kMinBudget, Duration::ns(static_cast<std::int64_t>(share * static_cast<double>(period))));
  const std::int64_t kind = random.between(0, 9);
  if (kind >= 4) {
    const Duration latest = kind >= 8 ? task.period.floor() * 3 : task.period.floor();
    task.deadline = random.duration(std::min(task.budget * 2, latest), latest);
    task.implicit_deadline = false;
  }
  if (random.chance(30)) task.jitter = random.duration(Duration{}, task.deadline / 6);
}

void add_calls(Island& island, Random& random) {
  for (std::uint16_t i = 0; i < island.tasks.size(); ++i) {
    if (!random.chance(60)) continue;
    const Duration wcet = random.duration(Duration::ns(1), island.tasks[i].budget / 2);
    island.calls.push_back({i, static_cast<std::uint16_t>(random.between(0, 1)), wcet});
  }
}

constexpr std::uint16_t kServers = 2;

struct Case {
  Island island;
  Policy policy;
  bool nested = false;  // server 0 calls server 1
};

// Behind the tasks, of servers that are called. A server that calls another may be in it for all of its recovery.
void add_recoveries(Case& made, Random& random) {
  Island& island = made.island;
  const std::vector<ServerCall> of_tasks = island.calls;
  made.nested = random.chance(30);
  for (const ServerCall& call : of_tasks) {
    if (made.nested && call.server == 0) island.calls.push_back({call.task, 1, call.wcet});
  }
  for (std::uint16_t server = 0; server < kServers; ++server) {
    const bool called = std::ranges::any_of(of_tasks, [&](const ServerCall& call) { return call.server == server; });
    if (!called || !random.chance(70)) continue;
    const auto index = static_cast<std::uint16_t>(island.tasks.size());
    // Often as short as the shortest of its callers' deadlines: so that several fall into those of the others.
    std::int64_t period = test::random_period(random);
    for (const ServerCall& call : of_tasks) {
      if (made.policy == Policy::edf && call.server == server && random.chance(60)) period = std::min(period, island.tasks[call.task].deadline.ns());
    }
    TaskModel& recovery = island.task(std::max<std::int64_t>(period / 1000, 10), 5);
    recovery.budget = random.duration(kMinBudget, std::max(kMinBudget, Duration::ns(period / 6)));
    recovery.on_overrun = Consequence::run_late;
    recovery.recovers = server;
    if (made.nested && server == 0) island.calls.push_back({index, 1, recovery.budget});
  }
}

Case random_case(Random& random) {
  Case made;
  made.policy = random.chance(50) ? Policy::edf : Policy::fixed_priority;
  const auto count = static_cast<std::size_t>(random.between(1, 6));
  const double utilisation = static_cast<double>(random.between(300, 1000)) / 1000;
  for (const double share : test::uunifast(random, count, utilisation)) add_task(made.island, random, share);
  if (made.policy == Policy::fixed_priority && random.chance(25)) {
    for (TaskModel& task : made.island.tasks) task.stated = Priority(static_cast<std::uint8_t>(random.between(1, 4)));
  }
  if (random.chance(40)) {
    add_calls(made.island, random);
    if (random.chance(60)) add_recoveries(made, random);
  }
  if (random.chance(30)) {
    made.island.interrupts = {{"nic", CpuId(1), us(random.between(40, 400)), us(random.between(1, 8))}};
  }
  if (random.chance(40)) {
    made.island.overheads = {random.duration(Duration{}, us(2)), random.duration(Duration{}, us(2)),
                             random.duration(Duration{}, us(4)), random.duration(Duration{}, us(3)), 0};
  }
  return made;
}

SimTask simulated(const TaskModel& t) {
  SimTask task;
  task.priority = t.priority.value();
  task.execution = t.budget.ns();
  task.deadline = t.deadline.ns();
  task.period_numerator = std::int64_t{t.period.numerator} * 1'000'000'000;
  task.period_denominator = t.period.denominator;
  return task;
}

bool recovers(const Case& c, int server) {
  return std::ranges::any_of(c.island.tasks, [&](const TaskModel& t) { return t.recovers != kNoServer && t.recovers == server; });
}

// Whoever calls a server that recovers does so at the end of its budget, which ends somewhere in the call's time: in each job, or in some.
void add_overruns(const Case& c, std::vector<SimTask>& tasks, Random& random) {
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    SimTask& task = tasks[i];
    const TaskModel& model = c.island.tasks[i];
    if (model.recovers != kNoServer) {
      task.recovers = model.recovers;
      task.server = task.kernel = {};
      const std::int64_t least = random.chance(50) ? task.execution : 1;
      for (int k = 0; k < 5; ++k) task.work.push_back(random.between(least, task.execution * 4));
    } else if (task.server.length != 0 && recovers(c, task.server.server)) {
      task.server.length = random.chance(30) ? task.server.length : random.between(1, task.server.length);
      task.server.from = task.execution + c.island.overheads.context_switch.ns() - task.server.length;
      const bool always = random.chance(40);
      for (int k = 0; k < 7; ++k) task.overruns.push_back(always || random.chance(50));
    }
  }
}

// The jitter that a job may have is taken whole by the first jobs, and none by those after them: the arrivals that
// stand closest. Sections lie anywhere in a job.
std::vector<SimTask> simulated(const Case& c, Random& random) {
  std::vector<SimTask> tasks;
  const Overheads& o = c.island.overheads;
  for (const TaskModel& t : c.island.tasks) {
    SimTask& task = tasks.emplace_back(simulated(t));
    const std::int64_t latest = (t.jitter + o.jitter).ns();
    for (int k = 0; k < 7; ++k) task.jitter.push_back(k == 0 ? latest : random.chance(70) ? 0 : random.between(0, latest));
    task.kernel = {random.between(0, task.execution - 1), o.blocking.ns(), 0, 0};
  }
  for (const ServerCall& call : c.island.calls) {
    SimTask& task = tasks[call.task];
    if (task.server.length == 0) {
      task.server = {random.between(0, task.execution - call.wcet.ns()), call.wcet.ns(), 0, task.deadline, call.server, 0};
    }
    task.server.held |= 1u << call.server;
    for (const ServerCall& other : c.island.calls) {
      if (other.server != call.server) continue;
      const TaskModel& caller = c.island.tasks[other.task];
      task.server.priority = std::max(task.server.priority, tasks[other.task].priority);
      task.server.floor = std::min(task.server.floor, (caller.deadline - caller.jitter - o.jitter).ns());
    }
  }
  add_overruns(c, tasks, random);
  // Nobody enters a server with interrupts off: whoever makes a call has just been interruptible.
  for (SimTask& task : tasks) {
    const bool off = task.kernel.from < task.server.from && task.kernel.from + task.kernel.length > task.server.from;
    if (task.server.length != 0 && off) task.kernel.from = task.server.from;
  }
  return tasks;
}

// May it have to wait for a server whose recovery is spent?
bool may_wait(const Case& c, const std::vector<SimTask>& tasks, const SimTask& task) {
  return std::ranges::any_of(tasks, [&](const SimTask& other) {
    return other.server.length != 0 && recovers(c, other.server.server) && (other.server.held & task.server.held) != 0;
  });
}

// All first arrivals at one instant; then wherever they fall.
void place(std::vector<SimTask>& tasks, Random& random, bool together) {
  std::int64_t latest = 0;
  for (const SimTask& task : tasks) latest = std::max(latest, task.jitter.front());
  for (SimTask& task : tasks) {
    const std::int64_t period = task.period_numerator / task.period_denominator;
    task.offset = together ? latest - task.jitter.front() : random.between(0, period - 1);
  }
}

class Soundness : public testing::TestWithParam<std::uint64_t> {
 protected:
  static ResultOf<void, Refusal> verdict(const Case& c, std::span<const TaskClaim> tasks, Certificate certificate) {
    certificate.tasks = tasks;
    const MachineFacts machine{.cpus = 0b110, .overheads = certificate.overheads, .runs = kRunsAll};
    certificate.policy = c.policy;
    return check_certificate(certificate, machine);
  }
  // False if the checker refuses what is claimed.
  static bool accepted(const Case& c, std::span<const TaskClaim> tasks, const Certificate& certificate) {
    return verdict(c, tasks, certificate).has_value();
  }

  static void expect_kept(const Case& c, std::span<const TaskClaim> claims, Random& random, std::uint64_t seed) {
    std::vector<SimTask> tasks = simulated(c, random);
    test::SimCosts costs{c.island.overheads.release.ns(), c.island.overheads.context_switch.ns(),
                         c.policy == Policy::edf ? test::SimPolicy::edf : test::SimPolicy::fixed_priority, {}};
    if (!c.island.interrupts.empty()) {
      const InterruptSource& source = c.island.interrupts[0];
      costs.interrupt = {source.min_interarrival.ns(), 0, source.cost.ns()};
    }
    for (const bool together : {true, false}) {
      place(tasks, random, together);
      costs.interrupt.offset = together ? tasks[0].offset + tasks[0].jitter.front() : 0;
      test::SimOutcome outcome;
      costs.spends_recoveries = false;
      expect_kept(claims, test::simulate(tasks, costs, kHyperperiodNs * 3 / 2, &outcome), [](std::size_t) { return true; });
      ASSERT_EQ(outcome.found_busy, 0u) << "seed " << seed << ": a call found its server at work";
      recoveries += outcome.recoveries;
      if (HasFatalFailure()) FAIL() << "seed " << seed << (c.policy == Policy::edf ? " EDF" : " fixed priorities");
      if (outcome.recoveries == 0) continue;
      costs.spends_recoveries = true;
      const auto jobs = test::simulate(tasks, costs, kHyperperiodNs * 3 / 2, &outcome);
      expect_kept(claims, jobs, [&](std::size_t i) { return !may_wait(c, tasks, tasks[i]); });
      waited += outcome.waited;
      if (HasFatalFailure()) FAIL() << "seed " << seed << (c.policy == Policy::edf ? " EDF" : " fixed priorities") << ", recoveries are spent";
    }
  }
  template <typename Wanted>
  static void expect_kept(std::span<const TaskClaim> claims, const std::vector<std::vector<test::SimJob>>& jobs, Wanted&& wanted) {
    for (std::size_t i = 0; i < jobs.size(); ++i) {
      if (!wanted(i)) continue;
      ASSERT_LE(test::worst_response(jobs[i]), claims[i].response.ns()) << "task " << i;
    }
  }
  static inline std::uint64_t recoveries = 0, waited = 0;
};

TEST_P(Soundness, WhatTheCheckerAcceptsKeepsItsDeadlines) {
  std::uint64_t accepted_sets = 0;
  std::uint64_t refused_sets = 0;
  for (std::uint64_t k = 0; k < wanted_sets() / kShards; ++k) {
    const std::uint64_t seed = k * kShards + GetParam();
    Random random(seed);
    Case c = random_case(random);
    c.island.refresh().policy = c.policy;
    const Analysis analysis = analyse(c.island.model);
    const bool admitted = analysis.admitted();
    std::vector<TaskClaim> claims(c.island.tasks.size());
    Certificate certificate = certify(c.island.model, claims, {});
    if (admitted) {
      const auto checked = verdict(c, claims, certificate);
      ASSERT_TRUE(checked.has_value()) << "seed " << seed << ": analyser and checker disagree: "
                                       << describe(checked.error().reason) << ' ' << checked.error().index << ' '
                                       << checked.error().claimed.ns() << ' ' << checked.error().required.ns();
    } else {
      // The weakest claim there is; and busy windows that nobody computed.
      for (TaskClaim& claim : claims) claim.response = claim.deadline;
      certificate.busy[1] = random.duration(Duration::ns(1), Duration::ns(kHyperperiodNs * 2));
      const bool taken = accepted(c, claims, certificate);
      if (taken) expect_kept(c, claims, random, seed);
      // The analyser gives up sooner than the checker.
      ASSERT_TRUE(!taken || analysis.verdict == Verdict::unresolved) << "seed " << seed << ": accepted, and the analyser refuses it: "
                                                     << static_cast<int>(analysis.verdict) << ' ' << analysis.index
                                                     << ' ' << analysis.found.ns() << ' ' << analysis.limit.ns();
    }
    ++(admitted ? accepted_sets : refused_sets);
    if (admitted) expect_kept(c, claims, random, seed);
    if (HasFatalFailure()) return;
  }
  RecordProperty("accepted", std::to_string(accepted_sets));
  EXPECT_GT(accepted_sets * 5, refused_sets) << "hardly anything was tried";
  EXPECT_GT(refused_sets * 20, accepted_sets) << "hardly anything was refused";
  EXPECT_GT(recoveries, accepted_sets * 5) << "hardly a call outlasted its budget";
  EXPECT_GT(waited, accepted_sets) << "hardly a recovery was spent";
}

// Claims that somebody forged: whatever the checker still accepts must be true.
TEST_P(Soundness, AForgedClaimThatIsAcceptedIsTrue) {
  std::uint64_t accepted_forgeries = 0;
  for (std::uint64_t k = 0; k < wanted_sets() / kShards / 4; ++k) {
    const std::uint64_t seed = 1'000'000'007 + k * kShards + GetParam();
    Random random(seed);
    Case c = random_case(random);
    c.island.refresh().policy = c.policy;
    (void)analyse(c.island.model);
    std::vector<TaskClaim> claims(c.island.tasks.size());
    Certificate certificate = certify(c.island.model, claims, {});
    const auto victim = static_cast<std::size_t>(random.between(0, static_cast<std::int64_t>(claims.size()) - 1));
    TaskClaim& claim = claims[victim];
    switch (random.between(0, 5)) {
      case 5:
        claim.deadline = random.duration(claim.budget, claim.period.floor());
        claim.response = claim.deadline;
        c.island.tasks[victim].deadline = claim.deadline;
        break;
      case 0:
        claim.response = random.duration(Duration::ns(1), claim.deadline);
        break;
      case 1:
        claim.blocking = random.duration(Duration{}, claim.blocking);
        break;
      case 2:
        claim.priority = Priority(static_cast<std::uint8_t>(random.between(0, 255)));
        c.island.tasks[victim].priority = claim.priority;  // it would be run so
        break;
      case 3:
        claim.budget = random.duration(kMinBudget, claim.deadline);
        c.island.tasks[victim].budget = claim.budget;  // enforced
        break;
      default:
        certificate.busy[1] = random.duration(Duration::ns(1), us(9'000));
    }
    const bool calls_fit = std::ranges::all_of(c.island.calls, [&](const ServerCall& call) {
      return call.wcet <= c.island.tasks[call.task].budget;
    });
    if (!calls_fit || !accepted(c, claims, certificate)) continue;
    ++accepted_forgeries;
    expect_kept(c, claims, random, seed);
    if (HasFatalFailure()) return;
  }
  EXPECT_GT(accepted_forgeries, wanted_sets() / kShards / 200);
}

INSTANTIATE_TEST_SUITE_P(Shards, Soundness, testing::Range<std::uint64_t>(0, kShards));

}  // namespace
}  // namespace capos::sched
