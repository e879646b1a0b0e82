// SPDX-License-Identifier: Apache-2.0
// Consequences of misses: each for one job, each for n in m, and the ways back.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>

#include "capos/sched/miss_policy.hpp"
#include "random.hpp"

namespace capos::sched {
namespace {

MissPolicy with(const MissRules& rules) {
  EXPECT_TRUE(well_formed(rules));
  MissPolicy policy;
  policy.configure(rules);
  return policy;
}

MissRules two_in_three(Repeated then, std::uint16_t recover = 0) {
  return {Consequence::run_late, Consequence::hold, {2, 3, then, recover}};
}

Remedy job(MissPolicy& policy, bool missed) {
  if (missed) {
    EXPECT_NE(policy.missed(), Remedy::none);
  }
  return policy.ended();
}

TEST(MissPolicy, EachRemedyForOneJobIsTheDeclaredOne) {
  for (const Consequence declared : {Consequence::run_late, Consequence::skip, Consequence::hold}) {
    MissPolicy policy = with({.on_miss = declared, .on_overrun = Consequence::hold});
    EXPECT_EQ(policy.missed(), static_cast<Remedy>(declared));
    EXPECT_EQ(policy.overrun(), Remedy::hold) << "a second event of the same job";
    EXPECT_EQ(policy.ended(), Remedy::none);
    EXPECT_EQ(policy.mode(), TaskMode::normal);
  }
}

TEST(MissPolicy, AStoppedTaskSaysNothingMore) {
  for (const Consequence declared : {Consequence::stop_task, Consequence::stop_island}) {
    MissPolicy policy = with({.on_miss = Consequence::skip, .on_overrun = declared});
    EXPECT_EQ(policy.missed(), Remedy::skip);
    EXPECT_EQ(policy.overrun(), static_cast<Remedy>(declared));
    EXPECT_EQ(policy.mode(), TaskMode::stopped);
    EXPECT_EQ(policy.missed(), Remedy::none);
    EXPECT_EQ(policy.ended(true), Remedy::none);
  }
}

TEST(MissPolicy, TwoInThreeCountsJobsAndForgetsOldOnes) {
  MissPolicy policy = with(two_in_three(Repeated::stop_task));
  EXPECT_EQ(job(policy, true), Remedy::none);
  EXPECT_EQ(job(policy, false), Remedy::none);
  EXPECT_EQ(job(policy, false), Remedy::none);
  EXPECT_EQ(job(policy, true), Remedy::none) << "the first miss is four jobs ago";
  EXPECT_EQ(job(policy, false), Remedy::none);
  EXPECT_EQ(job(policy, true), Remedy::stop_task);
  EXPECT_EQ(policy.mode(), TaskMode::stopped);
}

TEST(MissPolicy, AJobCountsOnceHoweverOftenItGoesWrong) {
  MissPolicy policy = with(two_in_three(Repeated::stop_task));
  EXPECT_EQ(policy.overrun(), Remedy::hold);
  EXPECT_EQ(policy.missed(), Remedy::run_late);
  EXPECT_EQ(policy.ended(true), Remedy::none);
  EXPECT_EQ(policy.recent_misses(), 1u);
}

TEST(MissPolicy, ALateEndCountsWithoutAnEvent) {
  MissPolicy policy = with(two_in_three(Repeated::stop_island));
  EXPECT_EQ(policy.ended(true), Remedy::none);
  EXPECT_EQ(policy.ended(true), Remedy::stop_island);
}

TEST(MissPolicy, ADemotedTaskComesBackAfterEnoughJobsInTime) {
  MissPolicy policy = with(two_in_three(Repeated::demote, 3));
  (void)job(policy, true);
  EXPECT_EQ(job(policy, true), Remedy::demote);
  EXPECT_EQ(policy.mode(), TaskMode::demoted);
  EXPECT_EQ(policy.recent_misses(), 0u);
  EXPECT_EQ(job(policy, false), Remedy::none);
  EXPECT_EQ(job(policy, true), Remedy::none) << "one more miss starts the count anew";
  EXPECT_EQ(job(policy, false), Remedy::none);
  EXPECT_EQ(job(policy, false), Remedy::none);
  EXPECT_EQ(job(policy, false), Remedy::promote);
  EXPECT_EQ(policy.mode(), TaskMode::normal);
  EXPECT_EQ(job(policy, true), Remedy::none) << "the history began anew";
}

TEST(MissPolicy, WhatIsDemotedAndFailsAgainIsStopped) {
  MissPolicy policy = with(two_in_three(Repeated::demote));
  (void)job(policy, true);
  EXPECT_EQ(job(policy, true), Remedy::demote);
  (void)job(policy, true);
  EXPECT_EQ(job(policy, true), Remedy::stop_task);
}

TEST(MissPolicy, AFallbackGoesOnUntilThereIsSomebodyToHandBackTo) {
  MissPolicy policy = with(two_in_three(Repeated::fall_back, 1));
  (void)job(policy, true);
  EXPECT_EQ(job(policy, true), Remedy::fall_back);
  EXPECT_EQ(policy.ended(false, false), Remedy::none);
  EXPECT_EQ(policy.ended(true, false), Remedy::none);
  EXPECT_EQ(policy.ended(false, false), Remedy::none);
  EXPECT_EQ(policy.mode(), TaskMode::fallen_back);
  EXPECT_EQ(policy.ended(false, true), Remedy::return_back);
  (void)job(policy, true);
  EXPECT_EQ(job(policy, true), Remedy::fall_back);
  EXPECT_EQ(policy.ended(false, false), Remedy::none);
  EXPECT_EQ(policy.ended(true, false), Remedy::none);
  EXPECT_EQ(policy.ended(true, false), Remedy::stop_task) << "it goes wrong as ever";
}

TEST(MissPolicy, AFallbackHandsBackOrIsStoppedToo) {
  MissPolicy policy = with(two_in_three(Repeated::fall_back, 1));
  (void)job(policy, true);
  EXPECT_EQ(job(policy, true), Remedy::fall_back);
  EXPECT_EQ(policy.mode(), TaskMode::fallen_back);
  EXPECT_EQ(job(policy, false), Remedy::return_back);
  (void)job(policy, true);
  EXPECT_EQ(job(policy, true), Remedy::fall_back);
  (void)job(policy, true);
  EXPECT_EQ(job(policy, true), Remedy::stop_task);
}

TEST(MissPolicy, WithoutARuleAMillionMissesChangeNothing) {
  MissPolicy policy = with({});
  for (int i = 0; i < 1'000'000; ++i) ASSERT_EQ(job(policy, true), Remedy::none);
}

TEST(MissPolicy, RulesOutOfRangeAreNamed) {
  const auto unknown = static_cast<Consequence>(5);
  EXPECT_FALSE(well_formed(MissRules{.on_miss = unknown}));
  EXPECT_FALSE(well_formed(MissRules{.on_overrun = unknown}));
  EXPECT_FALSE(well_formed(MissRules{.repeated = {.misses = 2, .of = 1, .then = Repeated::stop_task}}));
  const auto repeated = [](const Repetition& rule) { return well_formed(rule); };
  EXPECT_FALSE(repeated({.misses = 2, .of = 65, .then = Repeated::stop_task}));
  EXPECT_FALSE(repeated({.misses = 2, .of = 3}));
  EXPECT_FALSE(repeated({.misses = 0, .of = 3}));
  EXPECT_FALSE(repeated({.then = Repeated::demote}));
  EXPECT_FALSE(repeated({.recover = 3}));
  EXPECT_FALSE(repeated({.misses = 1, .of = 1, .then = Repeated::stop_task, .recover = 3}));
  EXPECT_FALSE(repeated({.misses = 1, .of = 1, .then = static_cast<Repeated>(5)}));
  EXPECT_TRUE(repeated({.misses = 64, .of = 64, .then = Repeated::fall_back, .recover = 3}));
}

// Against a list of the last m jobs.
TEST(MissPolicy, AnyRuleAgreesWithAPlainList) {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    test::Random random(seed);
    MissRules rules = two_in_three(Repeated::demote, static_cast<std::uint16_t>(random.between(1, 6)));
    Repetition& rule = rules.repeated;
    rule.of = static_cast<std::uint8_t>(random.between(1, 64));
    rule.misses = static_cast<std::uint8_t>(random.between(1, rule.of));
    MissPolicy policy = with(rules);
    std::deque<bool> last;
    unsigned in_row = 0;
    bool demoted = false;
    for (int k = 0; k < 2000; ++k) {
      const bool miss = random.chance(40);
      const Remedy found = job(policy, miss);
      last.push_back(miss);
      if (last.size() > rule.of) last.pop_front();
      in_row = miss ? 0 : in_row + 1;
      const bool repeats = miss && std::count(last.begin(), last.end(), true) >= rule.misses;
      const bool recovers = demoted && in_row >= rule.recover;
      Remedy expected = Remedy::none;
      if (repeats) expected = demoted ? Remedy::stop_task : Remedy::demote;
      if (recovers) expected = Remedy::promote;
      ASSERT_EQ(found, expected) << "seed " << seed << " job " << k;
      if (expected == Remedy::stop_task) break;
      if (expected == Remedy::none) continue;
      demoted = repeats;
      last.clear();
      in_row = 0;
    }
  }
}

}  // namespace
}  // namespace capos::sched
