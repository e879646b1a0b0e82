// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cmath>

#include "capos/report/result.hpp"

namespace capos::report {
namespace {

// Nearest rank: the sample number ceil(parts / whole * n), counted from 1, of the sorted samples.
std::uint64_t rank(const std::vector<std::uint64_t>& sorted, std::uint64_t parts, std::uint64_t whole) {
  const std::uint64_t n = sorted.size();
  return sorted[(n * parts + whole - 1) / whole - 1];
}

std::array<double, Histogram::kDecades * Histogram::kPerDecade + 1> make_edges() {
  std::array<double, Histogram::kDecades * Histogram::kPerDecade + 1> edges{};
  double decade = static_cast<double>(Histogram::kLowest);
  for (unsigned i = 0; i < edges.size(); ++i) {
    if (i != 0 && i % Histogram::kPerDecade == 0) decade *= 10;
    edges[i] =
        decade * std::pow(10.0, static_cast<double>(i % Histogram::kPerDecade) / Histogram::kPerDecade);
  }
  return edges;
}

const auto& edges() {
  static const auto table = make_edges();
  return table;
}

}  // namespace

Summary summarise(std::vector<std::uint64_t> samples) {
  if (samples.empty()) return {};
  std::sort(samples.begin(), samples.end());
  return {samples.size(),         samples.front(),          rank(samples, 50, 100),
          rank(samples, 99, 100), rank(samples, 999, 1000), samples.back()};
}

double Histogram::edge(unsigned bin) noexcept {
  return edges()[std::min<std::size_t>(bin, edges().size() - 1)];
}

void Histogram::add(std::uint64_t value, std::uint64_t count) noexcept {
  const double x = static_cast<double>(value);
  if (value < kLowest) {
    below += count;
  } else if (x >= edges().back()) {
    above += count;
  } else {
    const auto past = std::upper_bound(edges().begin(), edges().end(), x);
    bins[static_cast<std::size_t>(past - edges().begin()) - 1] += count;
  }
}

}  // namespace capos::report
