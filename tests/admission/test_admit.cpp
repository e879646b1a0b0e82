// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "fixtures.hpp"

namespace capos::admission {
namespace {

using test::admit_small;
using test::Admitted;
using test::Compiled;

TEST(Admit, TheSmallIslandFitsAndEveryBoundIsStated) {
  Admitted island = admit_small();
  ASSERT_TRUE(island.good()) << island.refusal();
  const IslandReport& report = island->report();
  ASSERT_EQ(report.task_count, 2u);
  for (const TaskResult& task : report.all_tasks()) {
    EXPECT_TRUE(task.bounded);
    EXPECT_TRUE(task.fits);
    EXPECT_GT(task.response_ns, task.budget_ns);
    EXPECT_LE(task.response_ns, task.deadline_ns);
    EXPECT_EQ(task.slack_ns, static_cast<std::int64_t>(task.deadline_ns - task.response_ns));
    EXPECT_EQ(task.period_ns, 1'000'000u);
    EXPECT_EQ(task.cpu, 1);
  }
  EXPECT_EQ(report.tasks[0].name, "simulate");
  EXPECT_EQ(report.tasks[0].utilisation_ppm, 80'000u);
  EXPECT_EQ(report.tasks[1].utilisation_ppm, 120'000u);
  EXPECT_GT(report.tasks[0].priority, report.tasks[1].priority);
  EXPECT_GE(report.tasks[1].response_ns, 200'000u) << "simulate comes before control";
  ASSERT_EQ(report.chain_count, 1u);
  EXPECT_EQ(report.chains[0].latency_ns,
            report.tasks[0].response_ns + 1'000'000 + report.tasks[1].response_ns);
  EXPECT_EQ(report.refusal.kind, RefusalKind::none);
}

TEST(Admit, TheDemoFits) {
  Admitted island(Compiled::file("configs/demo.capnp", "demo"));
  EXPECT_TRUE(island.good()) << island.refusal();
}

TEST(Admit, TheOtherShippedManifestsFit) {
  for (const auto& [path, name] : {std::pair{"configs/wakeup.capnp", "wakeup"},
                                   {"configs/examples/minimal.capnp", "minimal"},
                                   {"configs/examples/two-islands.capnp", "twoIslands"},
                                   {"configs/examples/two-rate.capnp", "twoRate"},
                                   {"configs/examples/edf.capnp", "edf"},
                                   {"configs/examples/triggered.capnp", "triggered"}}) {
    Admitted island(Compiled::file(path, name));
    EXPECT_TRUE(island.good()) << path << ": " << island.refusal();
  }
}

// The small manifest with another island on its CPU, before or behind it: one task of service "noise".
std::string two_islands(const std::string& task, bool before, std::initializer_list<test::Edit> edits = {}) {
  const std::string other = "(name = \"other\", cpus = [1], tasks = [(name = \"slow\", service = \"noise\", " + task + ")])";
  std::string text = test::small_manifest(edits);
  const std::string_view first = "islands = [(", last = "bound = (us = 1500))],\n    )";
  if (before) {
    text.replace(text.find(first), first.size(), "islands = [" + other + ", (");
  } else {
    text.replace(text.find(last), last.size(), std::string(last) + ", " + other);
  }
  return text;
}

TEST(Admit, TheOrderOfIslandsThatShareACpuDecidesNothing) {
  for (const char* task : {"period = (ms = 10), budget = (us = 400)", "period = (us = 900), budget = (us = 40)"}) {
    std::vector<std::vector<std::uint64_t>> bounds;
    for (const bool before : {false, true}) {
      for (const std::uint16_t island : {std::uint16_t{0}, std::uint16_t{1}}) {
        Admitted admitted(Compiled::value(two_islands(task, before)), island);
        ASSERT_TRUE(admitted.good()) << admitted.refusal();
        const bool is_other = admitted->report().island == "other";
        auto& found = bounds.emplace_back(std::vector<std::uint64_t>{is_other});
        for (const TaskResult& one : admitted->report().all_tasks()) {
          found.push_back(one.priority);
          found.push_back(one.response_ns);
        }
      }
    }
    EXPECT_EQ(bounds[0], bounds[3]) << task;
    EXPECT_EQ(bounds[1], bounds[2]) << task;
  }
}

TEST(Admit, AnIslandIsPromisedLessBesideAnother) {
  Admitted alone = admit_small();
  Admitted beside(Compiled::value(two_islands("period = (us = 900), budget = (us = 40)", false)));
  ASSERT_TRUE(alone.good() && beside.good());
  EXPECT_GE(beside->report().tasks[0].response_ns, alone->report().tasks[0].response_ns + 40'000);
}

TEST(Admit, WhoOfAnotherIslandIsLateIsNamed) {
  const auto text = two_islands("period = (ms = 10), budget = (ms = 8)", false);
  Admitted asked(Compiled::value(text));
  EXPECT_FALSE(asked.good());
  const std::string refusal = asked.refusal();
  EXPECT_TRUE(refusal.starts_with("other.slow (beside balance): response ")) << refusal;
  EXPECT_NE(refusal.find("simulate 11 x 80"), std::string::npos) << refusal;
  EXPECT_NE(refusal.find("or control.budget <= "), std::string::npos) << refusal;
  Admitted other(Compiled::value(text), 1);
  EXPECT_FALSE(other.good());
  EXPECT_TRUE(other.refusal().starts_with("other.slow: response ")) << other.refusal();
}

TEST(Admit, TooMuchIsRefusedInTheseWords) {
  Admitted island(Compiled::file("configs/examples/too-much.capnp", "tooMuch"));
  EXPECT_FALSE(island.good());
  EXPECT_EQ(island.refusal(),
            "balance.control: response 974.2 us exceeds its deadline 800 us. Busy window (us): control 350, "
            "simulate "
            "2 x 300, switches 3, timer events 9, late budget ends 6.1, kernel section 4, release jitter "
            "2.1. Fits if "
            "control.budget <= 179 us, or control.deadline >= 975 us, or simulate.budget <= 212 us, or "
            "simulate.period >= "
            "671 us.");
}

TEST(Admit, TheBusyWindowSumsToTheResponse) {
  Admitted island(Compiled::file("configs/examples/too-much.capnp", "tooMuch"));
  std::uint64_t sum = 0;
  for (const Contributor& part : island->report().refusal.busy_window()) sum += part.total_ns();
  EXPECT_EQ(sum, island->report().refusal.response_ns);
}

TEST(Admit, EachFixFitsAndAMicrosecondLessDoesNot) {
  const auto changed = [](std::string_view from, const std::string& to) {
    return admit_small({{"(us = 80)", "(us = 500), deadline = (us = 700)"},
                        {"(us = 120)", "(us = 400), deadline = (us = 800)"},
                        {"bound = (us = 1500)", "bound = (ms = 5)"},
                        {from, to}});
  };
  Admitted refused = changed("bound", "bound");
  ASSERT_FALSE(refused.good());
  ASSERT_EQ(refused->report().refusal.name, "control");
  unsigned tried = 0;
  for (const Fix& fix : refused->report().refusal.all_fixes()) {
    const std::uint64_t us = fix.ns / 1000;
    const auto with = [&](std::uint64_t value) {
      const std::string number = "(us = " + std::to_string(value) + ")";
      if (fix.kind == FixKind::budget_at_most && fix.name == "control")
        return changed("(us = 400)", number).good();
      if (fix.kind == FixKind::budget_at_most) return changed("(us = 500)", number).good();
      return changed("(us = 800)", number).good();
    };
    if (fix.kind != FixKind::budget_at_most && fix.kind != FixKind::deadline_at_least) continue;
    const bool at_most = fix.kind == FixKind::budget_at_most;
    EXPECT_TRUE(with(us)) << fix.name << ' ' << us;
    EXPECT_FALSE(with(at_most ? us + 1 : us - 1)) << fix.name << ' ' << us;
    ++tried;
  }
  EXPECT_GE(tried, 3u);
}

TEST(Admit, AChainThatIsTooOldIsRefusedWithWhatItIsMadeOf) {
  Admitted island = admit_small({{"bound = (us = 1500)", "bound = (us = 1300)"}});
  ASSERT_FALSE(island.good());
  EXPECT_EQ(island->report().refusal.kind, RefusalKind::chain);
  const std::string text = island.refusal();
  EXPECT_EQ(
      text.rfind(
          "balance.angle-to-force: latency 1 313.3 us exceeds its bound 1 300 us. Made of (us): "
          "simulate 93.1, wait for control 1 000, control 220.2. Fits if angle-to-force.bound >= 1 314 us",
          0),
      0u)
      << text;
}

TEST(Admit, AFullCpuIsRefused) {
  Admitted island =
      admit_small({{"(us = 80)", "(us = 600)"}, {"(us = 120)", "(us = 500)"}, {"(us = 1500)", "(ms = 5)"}});
  ASSERT_FALSE(island.good());
  EXPECT_EQ(island->report().refusal.kind, RefusalKind::overloaded);
  const std::string text = island.refusal();
  EXPECT_EQ(text.rfind("balance: CPU 1 is overloaded: its budgets take 110.0 %. Fits if ", 0), 0u) << text;
}

TEST(Admit, AMoreUrgentTaskWaitsForALessUrgentOnesCallOfTheSameServer) {
  Admitted alone = admit_small();
  Admitted shared = admit_small({
      {"grants = [(name = \"sensor\", buffer = \"sensor\")]",
       "grants = [(name = \"a\", from = \"actuator.drive\")]"},
      {"(us = 80)", "(us = 80), calls = [(server = \"actuator.drive\", wcet = (us = 10))]"},
  });
  ASSERT_TRUE(shared.good()) << shared.refusal();
  EXPECT_EQ(shared->report().tasks[0].response_ns, alone->report().tasks[0].response_ns + 15'000);
  EXPECT_EQ(shared->report().tasks[1].response_ns, alone->report().tasks[1].response_ns);
}

TEST(Admit, ACallHoldsTheServersBehindItToo) {
  // control calls filter, which may call the actuator that the more urgent simulate calls itself.
  Admitted island = admit_small({
      {"(name = \"noise\"",
       "(name = \"filter\", binary = \"load\", passive = true, exports = [(name = \"f\", interface = 8)], "
       "grants = [(name "
       "= \"d\", from = \"actuator.drive\")]), (name = \"noise\""},
      {"(name = \"actuator\", from = \"actuator.drive\")", "(name = \"filter\", from = \"filter.f\")"},
      {"(server = \"actuator.drive\", wcet = (us = 15))", "(server = \"filter.f\", wcet = (us = 25))"},
      {"grants = [(name = \"sensor\", buffer = \"sensor\")]",
       "grants = [(name = \"a\", from = \"actuator.drive\")]"},
      {"(us = 80)", "(us = 80), calls = [(server = \"actuator.drive\", wcet = (us = 10))]"},
  });
  ASSERT_TRUE(island.good()) << island.refusal();
  EXPECT_EQ(island->report().tasks[0].response_ns, admit_small()->report().tasks[0].response_ns + 25'000);
}

TEST(Admit, StatedPrioritiesAreKept) {
  Admitted island =
      admit_small({{"(us = 80)", "(us = 80), priority = 10"}, {"(us = 120)", "(us = 120), priority = 20"}});
  ASSERT_TRUE(island.good());
  EXPECT_EQ(island->report().tasks[0].priority, 10);
  EXPECT_EQ(island->report().tasks[1].priority, 20);
  EXPECT_GT(island->report().tasks[0].response_ns, 200'000u);
}

TEST(Admit, ShorterDeadlinesAreMoreUrgent) {
  Admitted island = admit_small({{"(us = 120)", "(us = 120), deadline = (us = 500)"}});
  ASSERT_TRUE(island.good());
  EXPECT_LT(island->report().tasks[0].priority, island->report().tasks[1].priority);
}

TEST(Admit, TasksOnDifferentCpusDoNotDelayEachOther) {
  Admitted island = admit_small({{"cpus = 2", "cpus = 3"},
                                 {"cpus = [1]", "cpus = [1, 2]"},
                                 {"(us = 80)", "(us = 900), cpu = 2"},
                                 {"(us = 120)", "(us = 900)"},
                                 {"bound = (us = 1500)", "bound = (ms = 5)"}});
  ASSERT_TRUE(island.good()) << island.refusal();
  EXPECT_EQ(island->report().tasks[0].cpu, 2);
  EXPECT_EQ(island->report().tasks[1].cpu, 1);
  EXPECT_EQ(island->report().tasks[0].response_ns, island->report().tasks[1].response_ns);
}

TEST(Admit, AnObjectIsUsedAgainAfterARefusal) {
  auto good = Compiled::value(test::small_manifest());
  auto bad = Compiled::file("configs/examples/too-much.capnp", "tooMuch");
  auto admission = std::make_unique<IslandAdmission>();
  EXPECT_FALSE(admission->run(bad.manifest(), 0, test::fixed_overheads()));
  EXPECT_TRUE(admission->run(good.manifest(), 0, test::fixed_overheads()));
  EXPECT_EQ(admission->report().refusal.kind, RefusalKind::none);
  EXPECT_FALSE(admission->run(good.manifest(), 1, test::fixed_overheads()));
  EXPECT_EQ(admission->report().refusal.kind, RefusalKind::internal);
}

TEST(Admit, PeriodsOfFramesStayExact) {
  Admitted island = admit_small(
      {{"(ms = 1), budget = (us = 80)", "(frames = (count = 64, rate = 48000)), budget = (us = 80)"},
       {"bound = (us = 1500)", "bound = (ms = 5)"}});
  ASSERT_TRUE(island.good());
  EXPECT_EQ(island->report().tasks[0].period, (Period{1, 750}));
  EXPECT_EQ(island->report().tasks[0].period_ns, 1'333'333u);
}

}  // namespace
}  // namespace capos::admission
