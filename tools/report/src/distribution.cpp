// SPDX-License-Identifier: Apache-2.0
#include "capos/report/distribution.hpp"

#include <algorithm>

namespace capos::report {

void Distribution::add(std::uint64_t value, std::uint64_t count) {
  if (count == 0) return;
  counts_[value] += count;
  counted_ += count;
  greatest_ = std::max(greatest_, value);
}

void Distribution::add_overflow(std::uint64_t count, std::uint64_t greatest) {
  if (count == 0) return;
  overflow_ += count;
  greatest_ = std::max(greatest_, greatest);
}

void Distribution::add(const Distribution& other) {
  for (const auto& [value, count] : other.counts_) add(value, count);
  add_overflow(other.overflow_, other.greatest_);
}

// The smallest value that at least parts/whole of all do not exceed.
std::uint64_t Distribution::rank(std::uint64_t parts, std::uint64_t whole) const {
  const std::uint64_t wanted = (samples() * parts + whole - 1) / whole;
  std::uint64_t seen = 0;
  for (const auto& [value, count] : counts_) {
    seen += count;
    if (seen >= wanted) return value;
  }
  return greatest_;
}

Summary Distribution::summary() const {
  if (samples() == 0) return {};
  const std::uint64_t least = counts_.empty() ? greatest_ : counts_.begin()->first;
  return {samples(), least, rank(50, 100), rank(99, 100), rank(999, 1000), greatest_};
}

Histogram Distribution::histogram() const {
  Histogram histogram;
  for (const auto& [value, count] : counts_) histogram.add(value, count);
  if (overflow_ != 0) histogram.add(greatest_, overflow_);
  return histogram;
}

double Distribution::mean() const {
  double sum = 0;
  for (const auto& [value, count] : counts_) sum += static_cast<double>(value) * static_cast<double>(count);
  return counted_ == 0 ? 0 : sum / static_cast<double>(counted_);
}

}  // namespace capos::report
