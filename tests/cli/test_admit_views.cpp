// SPDX-License-Identifier: Apache-2.0
// What `./capos admit` shows beside the verdict: the worst case drawn out, margins, proposed budgets.
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "manifest/busy_window.hpp"
#include "manifest/check.hpp"
#include "manifest/margins.hpp"
#include "manifests.hpp"

namespace capos::cli {
namespace {

Message fixed_machine() {
  return build_message([](wire::MessageBuilder& message) {
    const auto overheads = message.init_root<schema::MachineParams>().init_overheads();
    overheads.set_release_ns(1500);
    overheads.set_switch_ns(1000);
    overheads.set_blocking_ns(4000);
    overheads.set_jitter_ns(1600);
  });
}

// The islands of a manifest of the tree, whatever the kernel runs of them.
struct Judged {
  explicit Judged(const std::string& file)
      : compiled(std::move(compile_manifest(test_paths(), std::string(CAPOS_SOURCE_DIR) + "/" + file).value())),
        machine(fixed_machine()),
        verdicts(admit_islands(compiled.message.root<schema::SystemManifest>(), machine.root<schema::MachineParams>(),
                               sched::kRunsAll)) {}
  const admission::IslandModel& model() const { return verdicts[0].admission->model(); }
  CompiledFile compiled;
  Message machine;
  std::vector<IslandVerdict> verdicts;
};

const char* const kAll[] = {"configs/demo.capnp",
                            "configs/examples/two-rate.capnp",
                            "configs/examples/too-much.capnp",
                            "tests/manifests/refused/long-deadline.capnp",
                            "tests/manifests/refused/interrupts.capnp",
                            "tests/manifests/refused/triggered-chain.capnp"};

// The pieces are scheduled anew, so the end of the picture is a second opinion on the bound: to the nanosecond.
TEST(BusyWindow, EndsWhereTheBoundSays) {
  for (const char* const file : kAll) {
    Judged judged(file);
    for (std::size_t i = 0; i < judged.model().view.tasks.size(); ++i) {
      const BusyWindow window = busy_window_of(judged.model(), i);
      ASSERT_TRUE(window.bounded) << file;
      EXPECT_EQ(window.finish + window.jitter - window.worst_job * judged.model().view.tasks[i].period.floor().ns(),
                window.response)
          << file << ' ' << window.task;
      ASSERT_FALSE(window.segments.empty());
      EXPECT_EQ(window.segments.front().from, 0);
      EXPECT_EQ(window.segments.back().to, window.finish);
      EXPECT_EQ(window.segments.back().who, Who::own);
      for (std::size_t k = 1; k < window.segments.size(); ++k) {
        EXPECT_EQ(window.segments[k].from, window.segments[k - 1].to);
        EXPECT_NE(window.segments[k].who, Who::idle) << "a busy window has no idle time";
      }
    }
  }
}

TEST(BusyWindow, OfAnEdfTaskEndsWithItsTightestDeadline) {
  Judged judged("tests/manifests/refused/edf-demand.capnp");
  const BusyWindow first = busy_window_of(judged.model(), 0);
  const BusyWindow second = busy_window_of(judged.model(), 1);
  EXPECT_TRUE(first.edf);
  EXPECT_LE(first.finish, first.due);
  EXPECT_GT(second.finish, second.due) << "this is why it is refused";
  EXPECT_EQ(second.due, 698'400);
}

TEST(BusyWindow, IsTextPictureAndJson) {
  Judged judged("configs/examples/too-much.capnp");
  const BusyWindow window = busy_window_of(judged.model(), 1);
  const std::string text = render_text(window);
  EXPECT_EQ(text.rfind("balance.control: at most ", 0), 0u) << text;
  EXPECT_NE(text.find("after its deadline"), std::string::npos) << text;
  EXPECT_NE(text.find("control  <-"), std::string::npos) << text;
  const std::string svg = render_svg(window);
  EXPECT_TRUE(svg.starts_with("<svg ")) << svg;
  EXPECT_TRUE(svg.ends_with("</svg>\n"));
  const auto json = to_json(window);
  EXPECT_EQ(json["response_bound_ns"], window.response);
  EXPECT_EQ(json["segments"].size(), window.segments.size());
}

TEST(Margins, OfTheDemoLeaveRoom) {
  Judged judged("configs/demo.capnp");
  ASSERT_TRUE(judged.verdicts[0].admitted());
  const auto json = margins_json(judged.verdicts[0]);
  EXPECT_GT(json["all_budgets_ppm"], 1'000'000);
  const auto& tasks = judged.model().view.tasks;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    EXPECT_GE(json["tasks"][i]["budget_at_most_ns"], tasks[i].budget.ns());
    EXPECT_LE(json["tasks"][i]["period_at_least_ns"], tasks[i].period.ceil().ns());
  }
  EXPECT_NE(render_margins(judged.verdicts[0]).find("all budgets together: up to x "), std::string::npos);
}

// Of the demo: these tasks of its island "balance", and all of "audio".
std::string result_of(const std::string& tasks) {
  std::string audio;
  for (const char* name : {"play", "read", "amplify", "filter", "limit"}) {
    audio += fmt::format(R"({}{{"name": "{}", "jobs": 9, "consumed_max_ns": 4000}})", audio.empty() ? "" : ", ", name);
  }
  return R"({"islands": [{"name": "balance", "tasks": [)" + tasks + R"(]}, {"name": "audio", "tasks": [)" + audio + "]}]}";
}

TEST(Wcet, ProposesWhatWasMeasuredAndTheMargin) {
  Judged judged("configs/demo.capnp");
  const auto proposal = propose_budgets(
      judged.verdicts,
      result_of(R"({"name": "simulate", "jobs": 5000, "consumed_max_ns": 40001, "overruns": 0},
                   {"name": "control", "jobs": 5000, "consumed_max_ns": 1, "overruns": 2})"),
      25);
  ASSERT_TRUE(proposal.has_value()) << proposal.error().cause;
  EXPECT_EQ(proposal->budgets[0].proposed_ns, 51'000u) << "40001 + 25 % = 50001.25, upwards";
  std::uint64_t call = 0;
  for (const auto& one : judged.model().view.calls) call = std::max(call, static_cast<std::uint64_t>(one.wcet.ns()));
  EXPECT_EQ(proposal->budgets[1].proposed_ns, std::max<std::uint64_t>(5'000, call)) << "never below its longest call";
  EXPECT_TRUE(proposal->budgets[1].overran);
  EXPECT_TRUE(proposal->admitted);
  const std::string text = render_proposal(*proposal, 25);
  EXPECT_NE(text.find("is no proof"), std::string::npos);
  EXPECT_NE(text.find("measured too little"), std::string::npos);
}

TEST(Wcet, SaysWhenTheProposalDoesNotFit) {
  Judged judged("configs/demo.capnp");
  const Duration before = judged.model().view.tasks[0].budget;
  const auto proposal = propose_budgets(
      judged.verdicts,
      result_of(R"({"name": "simulate", "jobs": 1, "consumed_max_ns": 800000}, {"name": "control", "jobs": 1, "consumed_max_ns": 800000})"),
      0);
  ASSERT_TRUE(proposal.has_value());
  EXPECT_FALSE(proposal->admitted);
  EXPECT_NE(render_proposal(*proposal, 0).find("REFUSED: island 'balance'"), std::string::npos);
  EXPECT_EQ(judged.model().view.tasks[0].budget, before);
}

TEST(Wcet, RefusesResultsThatDoNotMeasureEveryTask) {
  Judged judged("configs/demo.capnp");
  for (const std::string& bad :
       {std::string("no JSON"), std::string("[]"), std::string("{}"), result_of(""), result_of(R"({"name": "simulate"})"),
        result_of(R"({"name": "simulate", "jobs": 0, "consumed_max_ns": 4}, {"name": "control", "jobs": 1, "consumed_max_ns": 4})"),
        result_of(R"({"name": "simulate", "jobs": 1, "consumed_max_ns": -4}, {"name": "control", "jobs": 1, "consumed_max_ns": 4})"),
        result_of(
            R"({"name": "simulate", "jobs": 1, "consumed_max_ns": 9000000000000000}, {"name": "control", "jobs": 1, "consumed_max_ns": 4})")}) {
    EXPECT_FALSE(propose_budgets(judged.verdicts, bad, 20).has_value()) << bad;
  }
}

}  // namespace
}  // namespace capos::cli
