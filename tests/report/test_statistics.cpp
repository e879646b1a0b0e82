// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <numeric>

#include "capos/report/render.hpp"
#include "capos/report/result.hpp"

namespace capos::report {
namespace {

std::vector<std::uint64_t> one_to(std::uint64_t n) {
  std::vector<std::uint64_t> values(n);
  std::iota(values.begin(), values.end(), 1);
  return values;
}

TEST(Summary, HasExactOrderStatistics) {
  const Summary thousand = summarise(one_to(1000));
  EXPECT_EQ(thousand.samples, 1000u);
  EXPECT_EQ(thousand.min, 1u);
  EXPECT_EQ(thousand.p50, 500u);
  EXPECT_EQ(thousand.p99, 990u);
  EXPECT_EQ(thousand.p999, 999u);
  EXPECT_EQ(thousand.max, 1000u);
}

TEST(Summary, DoesNotDependOnTheOrder) {
  auto values = one_to(101);
  std::reverse(values.begin(), values.end());
  const Summary summary = summarise(values);
  EXPECT_EQ(summary.min, 1u);
  EXPECT_EQ(summary.p50, 51u);
  EXPECT_EQ(summary.p99, 100u);
  EXPECT_EQ(summary.max, 101u);
}

TEST(Summary, OfFewSamplesIsMadeOfSamples) {
  EXPECT_EQ(summarise({}).samples, 0u);
  const Summary one = summarise({7});
  EXPECT_EQ(one.min, 7u);
  EXPECT_EQ(one.p50, 7u);
  EXPECT_EQ(one.p99, 7u);
  EXPECT_EQ(one.max, 7u);
  EXPECT_EQ(summarise({1, 9}).p50, 1u);
  EXPECT_EQ(summarise({1, 9}).p99, 9u);
}

TEST(Histogram, CountsEverythingOnce) {
  Histogram histogram;
  const std::vector<std::uint64_t> values{0,     99,     100,        101,         999,
                                          1'000, 40'000, 99'999'999, 100'000'000, ~0ull};
  for (const std::uint64_t value : values) histogram.add(value);
  EXPECT_EQ(histogram.below, 2u);
  EXPECT_EQ(histogram.above, 2u);
  EXPECT_EQ(std::accumulate(histogram.bins.begin(), histogram.bins.end(), std::uint64_t{0}),
            values.size() - 4);
  EXPECT_EQ(histogram.bins[0], 2u);
  EXPECT_EQ(histogram.bins[Histogram::kPerDecade], 1u);
  EXPECT_EQ(histogram.bins.back(), 1u);
}

TEST(Histogram, PutsAValueBetweenTheEdgesOfItsBin) {
  for (std::uint64_t value = 100; value < 100'000'000; value = value * 7 / 5 + 1) {
    Histogram histogram;
    histogram.add(value);
    const auto bin = static_cast<unsigned>(std::find(histogram.bins.begin(), histogram.bins.end(), 1u) -
                                           histogram.bins.begin());
    ASSERT_LT(bin, histogram.bins.size());
    EXPECT_LE(Histogram::edge(bin), static_cast<double>(value));
    EXPECT_GT(Histogram::edge(bin + 1), static_cast<double>(value));
  }
}

TEST(FormatNs, ReadsWell) {
  EXPECT_EQ(format_ns(0), "0 ns");
  EXPECT_EQ(format_ns(999), "999 ns");
  EXPECT_EQ(format_ns(1'000), "1 us");
  EXPECT_EQ(format_ns(3'565), "3.565 us");
  EXPECT_EQ(format_ns(120'000), "120 us");
  EXPECT_EQ(format_ns(999'949), "999.9 us");
  EXPECT_EQ(format_ns(999'950), "1 ms");
  EXPECT_EQ(format_ns(1'240'000), "1.24 ms");
  EXPECT_EQ(format_ns(10'000'000'000), "10 s");
}

}  // namespace
}  // namespace capos::report
