// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <nlohmann/json.hpp>
#include <sstream>
#include <vector>

#include "capos/report/analyse.hpp"
#include "capos/report/render.hpp"
#include "synthetic.hpp"

namespace capos::report {
namespace {

using synthetic::demo_inputs;
using synthetic::demo_recording;
using synthetic::Story;

std::string read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

// CAPOS_UPDATE_GOLDEN=1 rewrites the files, for a change that is meant.
void expect_golden(const std::string& name, const std::string& text) {
  const std::string path = std::string(CAPOS_REPORT_TESTS) + "/golden/" + name;
  if (std::getenv("CAPOS_UPDATE_GOLDEN") != nullptr) std::ofstream(path, std::ios::binary) << text;
  EXPECT_EQ(text, read_file(path)) << path;
}

Result good() { return analyse(demo_recording(20), demo_inputs()); }
Result hang() {
  RunInputs inputs = demo_inputs();
  inputs.fault = FaultInput{"controller-hang", "controller", 400 * synthetic::kMs};
  return analyse(demo_recording(420, Story::hang), inputs);
}

TEST(Golden, Json) { expect_golden("demo.json", render_json(good())); }
TEST(Golden, Table) { expect_golden("demo.txt", render_table(good())); }
TEST(Golden, TableOfAFault) { expect_golden("hang.txt", render_table(hang())); }

TEST(Json, HasWhatIsPromised) {
  const auto json = nlohmann::json::parse(render_json(good()));
  EXPECT_EQ(json["verdict"], "pass");
  EXPECT_EQ(json["machine"]["accel"], "tcg");
  EXPECT_EQ(json["machine"]["quantum_ns"], 2000);
  const auto& task = json["islands"][0]["tasks"][0];
  for (const char* key : {"name", "period_ns", "deadline_ns", "budget_ns", "response_bound_ns", "jobs",
                          "misses", "overruns", "response_ns", "wakeup_ns"}) {
    EXPECT_TRUE(task.contains(key)) << key;
  }
  for (const char* key : {"min", "p50", "p99", "max"}) {
    EXPECT_TRUE(task["response_ns"].contains(key)) << key;
    EXPECT_TRUE(task["wakeup_ns"].contains(key)) << key;
  }
  EXPECT_EQ(json["isolated_cpus"][0]["interrupts"]["timerRelease"], 20);
  EXPECT_TRUE(json["control"].contains("max_abs_angle_rad"));
  EXPECT_EQ(json["control"]["fell"], false);
  EXPECT_EQ(json["dropped_events"], 0);
}

TEST(Json, DiffersBetweenHostsInOneKeyOnly) {
  RunInputs elsewhere = demo_inputs();
  elsewhere.machine.host = "another";
  elsewhere.machine.command_line = "another";
  elsewhere.machine.accel_reason = "another";
  elsewhere.machine.qemu_version = "10";
  auto here = nlohmann::json::parse(render_json(good()));
  auto there = nlohmann::json::parse(render_json(analyse(demo_recording(20), elsewhere)));
  EXPECT_NE(here, there);
  here.erase("host");
  there.erase("host");
  EXPECT_EQ(here, there);
}

TEST(Json, OfABenchHasOneObjectPerLine) {
  const auto json =
      nlohmann::json::parse(render_bench_json({{"release_idle", "instructions", summarise({5, 7, 6})}}));
  ASSERT_EQ(json.size(), 1u);
  EXPECT_EQ(json[0], (nlohmann::json{{"name", "release_idle"},
                                     {"unit", "instructions"},
                                     {"min", 5},
                                     {"p50", 6},
                                     {"p99", 7},
                                     {"max", 7},
                                     {"samples", 3}}));
}

TEST(Json, TakesNamesThatAreNoText) {
  RunInputs inputs = demo_inputs();
  inputs.islands[0].tasks[0].name = "\xff\xfe\"<";
  const std::string text = render_json(analyse(demo_recording(5), inputs));
  EXPECT_TRUE(nlohmann::json::accept(text));
}

// Every element that is opened is closed, in order; void ones excepted.
void expect_well_formed(const std::string& html) {
  std::vector<std::string> open;
  for (std::size_t at = html.find("<html"); at != std::string::npos; at = html.find('<', at + 1)) {
    const std::size_t end = html.find('>', at);
    ASSERT_NE(end, std::string::npos);
    const std::string tag = html.substr(at + 1, end - at - 1);
    if (tag.empty() || tag[0] == '!' || tag.back() == '/') continue;
    const std::string name = tag.substr(0, tag.find_first_of(" \n"));
    if (name == "meta") continue;
    if (name[0] != '/') {
      open.push_back(name);
      continue;
    }
    ASSERT_FALSE(open.empty()) << tag;
    ASSERT_EQ("/" + open.back(), name) << "at " << at;
    open.pop_back();
  }
  EXPECT_TRUE(open.empty());
}

TEST(Html, IsWellFormedAndSelfContained) {
  for (const Result& result : {good(), hang(), analyse({}, {}), analyse(demo_recording(0), demo_inputs())}) {
    const std::string html = render_html(result);
    expect_well_formed(html);
    for (const char* outside : {"http://", "https://", "<script", "<link", "<img", "@import", "url("}) {
      EXPECT_EQ(html.find(outside), std::string::npos) << outside;
    }
    EXPECT_EQ(html.find("nan"), std::string::npos);
    EXPECT_EQ(html.find("inf\""), std::string::npos);
  }
}

TEST(Html, SaysTheVerdictAndDrawsTheBound) {
  const std::string html = render_html(good());
  EXPECT_NE(html.find("Every promise kept"), std::string::npos);
  EXPECT_NE(html.find("admitted bound 95 us"), std::string::npos);
  EXPECT_NE(html.find("admitted bound 230 us"), std::string::npos);
  EXPECT_NE(html.find("qemu-system-x86_64 -machine q35"), std::string::npos);
  EXPECT_NE(render_html(hang()).find("The fault was contained"), std::string::npos);
}

TEST(Html, EscapesWhatComesFromOutside) {
  RunInputs inputs = demo_inputs();
  inputs.title = "<b>&\"'";
  inputs.islands[0].name = "<script>alert(1)</script>";
  inputs.islands[0].tasks[0].name = "\"><img src=x>";
  inputs.machine.command_line = "</pre><script>";
  inputs.end.exit_code = 1;
  inputs.end.note = "<i>note";
  const std::string html = render_html(analyse(demo_recording(5), inputs));
  expect_well_formed(html);
  EXPECT_EQ(html.find("<script"), std::string::npos);
  EXPECT_EQ(html.find("<img"), std::string::npos);
  EXPECT_EQ(html.find("<i>note"), std::string::npos);
}

TEST(Table, EndsWithTheVerdict) {
  const std::string text = render_table(good());
  const std::size_t last = text.rfind('\n', text.size() - 2) + 1;
  EXPECT_EQ(text.substr(last, 5), "PASS:");
  EXPECT_EQ(text.find('\x1b'), std::string::npos);
  EXPECT_NE(render_table(good(), {.colour = true}).find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace capos::report
