// SPDX-License-Identifier: Apache-2.0
// How often each value was seen, exactly: what a latency run leaves, to be added up over runs.
//
// A recorder may have a range: of what lies beyond it, only the number and the greatest are known. Cost: O(log n) a
// value, n the distinct values.
#pragma once

#include <cstdint>
#include <map>

#include "capos/report/result.hpp"

namespace capos::report {

class Distribution {
 public:
  void add(std::uint64_t value, std::uint64_t count = 1);
  void add_overflow(std::uint64_t count, std::uint64_t greatest);
  void add(const Distribution& other);

  // As summarise() of the raw samples; what overflowed counts as the greatest. All 0 without samples.
  [[nodiscard]] Summary summary() const;
  [[nodiscard]] Histogram histogram() const;
  [[nodiscard]] double mean() const;  // of what did not overflow
  [[nodiscard]] const std::map<std::uint64_t, std::uint64_t>& counts() const noexcept { return counts_; }
  [[nodiscard]] std::uint64_t overflow() const noexcept { return overflow_; }
  [[nodiscard]] std::uint64_t samples() const noexcept { return counted_ + overflow_; }

 private:
  [[nodiscard]] std::uint64_t rank(std::uint64_t parts, std::uint64_t whole) const;
  std::map<std::uint64_t, std::uint64_t> counts_;
  std::uint64_t counted_ = 0, overflow_ = 0, greatest_ = 0;
};

}  // namespace capos::report
