// SPDX-License-Identifier: Apache-2.0
// A certificate of several islands: who belongs to whom, and how long a CPU may be busy.
#include <gtest/gtest.h>

#include <array>
#include <functional>

#include "model.hpp"

namespace capos::sched {
namespace {

using test::Island;
using test::us;

// Two islands on CPU 1, the second on CPU 2 too.
struct Two {
  Two() {
    island.task(1000, 100, 900);
    island.task(2000, 200);
    island.task(4000, 700);
    island.task(500, 100, 400, -1, 2);
    island.tasks[2].island = island.tasks[3].island = 1;
    island.overheads = test::typical_overheads();
    island.chain({0, 1}, 9000);
    island.refresh();
    island.model.islands = parts;
    EXPECT_TRUE(sched::analyse(island.model).admitted());
    tasks.resize(4);
    chains.resize(1);
    certificate = certify(island.model, tasks, chains);
    hops.assign(chains[0].tasks.begin(), chains[0].tasks.end());
  }
  ResultOf<void, Refusal> check() {
    chains[0].tasks = hops;
    certificate.tasks = tasks;
    certificate.chains = chains;
    certificate.islands = parts;
    return check_certificate(certificate, {.cpus = 0b110, .overheads = certificate.overheads});
  }
  Island island;
  std::array<IslandPart, 2> parts{{{"one", 0b010}, {"two", 0b110}}};
  std::vector<TaskClaim> tasks;
  std::vector<ChainClaim> chains;
  std::vector<std::uint16_t> hops;
  Certificate certificate;
};

TEST(Islands, OfOneGroupAreCheckedTogether) {
  Two two;
  EXPECT_TRUE(two.check().has_value());
  for (TaskClaim& task : two.tasks) {
    task.response -= Duration::ns(1);
    EXPECT_EQ(two.check().error().reason, Rejection::response) << task.name << ": each bound is the least";
    task.response += Duration::ns(1);
  }
}

TEST(Islands, ForgedMembershipIsRefused) {
  struct Forgery {
    const char* what;
    Rejection reason;
    std::function<void(Two&)> forge;
  };
  const Forgery all[] = {
      {"an island that is not there", Rejection::islands, [](Two& t) { t.tasks[0].island = 2; }},
      {"a task on a CPU that only another island leases", Rejection::cpu_not_leased, [](Two& t) { t.tasks[3].island = 0; }},
      {"an island without CPUs", Rejection::cpu_not_available, [](Two& t) { t.parts[1].cpus = 0; }},
      {"an island with CPUs of nobody", Rejection::cpu_not_available, [](Two& t) { t.parts[1].cpus |= 0b1000; }},
      {"a chain through two islands", Rejection::islands, [](Two& t) { t.hops[1] = 2; }},
      {"a chain through no task", Rejection::chain_path, [](Two& t) { t.hops[1] = 4; }},
      {"a fallback of another island", Rejection::islands,
       [](Two& t) {
         t.tasks[0].repeated = {.misses = 1, .of = 1, .then = Repeated::fall_back, .recover = 0};
         t.tasks[0].fallback = 2;
       }},
  };
  for (const Forgery& forgery : all) {
    Two two;
    forgery.forge(two);
    const auto verdict = two.check();
    ASSERT_FALSE(verdict.has_value()) << forgery.what;
    EXPECT_EQ(verdict.error().reason, forgery.reason) << forgery.what << ": " << describe(verdict.error().reason);
  }
}

TEST(Islands, WithoutPartsEveryTaskIsOfTheFirst) {
  Two two;
  for (TaskClaim& task : two.tasks) task.island = 0;
  two.certificate.islands = {};
  two.certificate.tasks = two.tasks;
  const MachineFacts machine{.cpus = 0b110, .overheads = two.certificate.overheads};
  EXPECT_TRUE(check_certificate(two.certificate, machine).has_value());
  two.tasks[1].island = 1;
  EXPECT_EQ(check_certificate(two.certificate, machine).error().reason, Rejection::islands);
}

// All tasks of the CPU, of whichever island, in one window without a break.
TEST(LongestBusy, HoldsAllWorkThatArrivesInIt) {
  Two two;
  const Overheads& o = two.island.overheads;
  // One job of each of the three, as no second one arrives before they are done.
  const Duration jobs = us(100 + 200 + 700) + o.context_switch * 3 + (o.jitter + o.blocking) * 3 + o.blocking;
  const auto busy = longest_busy(two.certificate, CpuId(1), us(100'000));
  ASSERT_TRUE(busy.has_value());
  // The first task's second job arrives within it.
  EXPECT_EQ(*busy, jobs + us(100) + o.context_switch + o.release * 2 * 4);
  EXPECT_EQ(longest_busy(two.certificate, CpuId(1), *busy).value(), *busy);
  EXPECT_EQ(longest_busy(two.certificate, CpuId(1), *busy - Duration::ns(1)).error().reason, Rejection::busy_window);
  EXPECT_EQ(*longest_busy(two.certificate, CpuId(3), us(10)), o.blocking) << "nothing but a section of the kernel's";
}

TEST(LongestBusy, OfAFullCpuHasNoEnd) {
  Island island;
  island.task(1000, 1000);
  island.overheads = test::typical_overheads();
  island.refresh();
  std::vector<TaskClaim> tasks(1);
  const Certificate certificate = certify(island.model, tasks, {});
  EXPECT_FALSE(longest_busy(certificate, CpuId(1), Duration::s(1)).has_value());
}

}  // namespace
}  // namespace capos::sched
