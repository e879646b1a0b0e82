// SPDX-License-Identifier: Apache-2.0
// Distributions count exactly, and a comparison shows all of its runs: as table, JSON and page.
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "capos/report/comparison.hpp"

namespace capos::report {
namespace {

TEST(Distribution, IsAsTheSummaryOfItsSamples) {
  std::vector<std::uint64_t> samples;
  Distribution distribution;
  for (std::uint64_t i = 0; i < 1777; ++i) {
    samples.push_back(i * i % 997 + 600);
    distribution.add(samples.back());
  }
  const Summary raw = summarise(samples), counted = distribution.summary();
  EXPECT_EQ(counted.samples, raw.samples);
  EXPECT_EQ(counted.min, raw.min);
  EXPECT_EQ(counted.p50, raw.p50);
  EXPECT_EQ(counted.p99, raw.p99);
  EXPECT_EQ(counted.p999, raw.p999);
  EXPECT_EQ(counted.max, raw.max);
}

TEST(Distribution, CountsWhatOverflowedAsTheGreatest) {
  Distribution distribution;
  distribution.add(10, 98);
  distribution.add_overflow(2, 5000);
  EXPECT_EQ(distribution.samples(), 100U);
  EXPECT_EQ(distribution.overflow(), 2U);
  EXPECT_EQ(distribution.summary().p50, 10U);
  EXPECT_EQ(distribution.summary().p99, 5000U);
  EXPECT_EQ(distribution.summary().max, 5000U);
}

TEST(Distribution, AddsUpOverRuns) {
  Distribution all, first, second;
  first.add(7, 3);
  second.add(9);
  second.add_overflow(1, 80);
  all.add(first);
  all.add(second);
  EXPECT_EQ(all.samples(), 5U);
  EXPECT_EQ(all.counts().at(7), 3U);
  EXPECT_EQ(all.summary().max, 80U);
  EXPECT_DOUBLE_EQ(all.mean(), 7.5);
  EXPECT_EQ(Distribution{}.summary().samples, 0U);
}

TEST(Distribution, PutsEverySampleInItsHistogram) {
  Distribution distribution;
  distribution.add(50, 2);
  distribution.add(700, 5);
  distribution.add_overflow(3, 9000);
  const Histogram histogram = distribution.histogram();
  std::uint64_t sum = histogram.below + histogram.above;
  for (const auto count : histogram.bins) sum += count;
  EXPECT_EQ(sum, 10U);
  EXPECT_EQ(histogram.below, 2U);
}

Comparison example() {
  Comparison comparison;
  comparison.title = "one <beside> another";
  for (const char* const system : {"capos", "linux"}) {
    ComparedRun run{system, "default", "ipc", "instructions", {}};
    for (std::uint64_t i = 0; i < 200; ++i) run.distribution.add((system[0] == 'c' ? 600 : 3700) + i % 13);
    run.distribution.add_overflow(1, 123'456);
    comparison.runs.push_back(run);
  }
  comparison.statements = {"a maximum is no bound"};
  comparison.commands = {{"first", "qemu -append 'a b'"}};
  return comparison;
}

TEST(Comparison, HasItsJson) {
  const auto json = nlohmann::json::parse(render_comparison_json(example()));
  ASSERT_EQ(json.size(), 2U);
  const auto& row = json[1];
  EXPECT_EQ(row["system"], "linux");
  EXPECT_EQ(row["options"], "default");
  EXPECT_EQ(row["load"], "ipc");
  EXPECT_EQ(row["unit"], "instructions");
  EXPECT_EQ(row["min"], 3700);
  EXPECT_EQ(row["p50"], 3706);
  EXPECT_EQ(row["p999"], 123'456);
  EXPECT_EQ(row["max"], 123'456);
  EXPECT_EQ(row["samples"], 201);
  EXPECT_EQ(row["overflow"], 1);
  EXPECT_TRUE(row.contains("p99"));
  EXPECT_EQ(row.size(), 11U);
}

TEST(Comparison, HasATable) {
  EXPECT_EQ(render_comparison_table(example()),
            "                               min   median      p99    p99.9      max  samples overflow\n"
            "  capos default, load ipc      600      606      612   123456   123456      201        1\n"
            "  linux default, load ipc     3700     3706     3712   123456   123456      201        1\n");
}

TEST(Comparison, HasAPageThatFetchesNothing) {
  const std::string page = render_comparison_html(example());
  EXPECT_NE(page.find("one &lt;beside&gt; another"), std::string::npos);
  EXPECT_NE(page.find("a maximum is no bound"), std::string::npos);
  EXPECT_NE(page.find("qemu -append &#39;a b&#39;"), std::string::npos);
  EXPECT_NE(page.find("class=\"curve over-0 dash-0\" d=\"M"), std::string::npos);
  EXPECT_NE(page.find("class=\"curve over-1 dash-0\" d=\"M"), std::string::npos);
  for (const char* const outside : {"http:", "https:", "<script", "<link", "url("}) EXPECT_EQ(page.find(outside), std::string::npos) << outside;
  EXPECT_EQ(page, render_comparison_html(example()));
}

TEST(Comparison, HasOperationsInItsJsonAndTablesForPeople) {
  Comparison comparison = example();
  ComparedRun pipe{"linux", "tuned", "none", "instructions", {}, "pipe"};
  pipe.distribution.add(12'805, 3);
  comparison.operations = {pipe};
  comparison.tables = {{"Round <trips>", {{"Linux", true}, {"median"}, {"capOS", true}}, {{"pipe", "12805", "call"}, {"x", "7", ""}}}};
  const auto json = nlohmann::json::parse(render_comparison_json(comparison));
  ASSERT_EQ(json.size(), 3U);
  EXPECT_FALSE(json[0].contains("operation"));
  EXPECT_EQ(json[2]["operation"], "pipe");
  EXPECT_EQ(json[2]["p50"], 12'805);
  EXPECT_EQ(render_table_text(comparison.tables[0]),
            "Round <trips>\n"
            "  Linux  median  capOS\n"
            "  pipe    12805  call\n"
            "  x           7\n");
  const std::string page = render_comparison_html(comparison);
  EXPECT_NE(page.find("Round &lt;trips&gt;"), std::string::npos);
  EXPECT_NE(page.find("<td>12805</td><td class=\"left\">call</td>"), std::string::npos);
}

TEST(Comparison, IsAPageWithoutRunsToo) { EXPECT_NE(render_comparison_html({}).find("</html>"), std::string::npos); }

}  // namespace
}  // namespace capos::report
