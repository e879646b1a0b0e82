// SPDX-License-Identifier: Apache-2.0
// How a row is measured in Linux: as capOS's rows are (bench/ipc/child/bench.hpp), a stamp, the operation, a stamp.
//
// Samples are ticks of the time stamp counter less those of an empty pair, kept as counts of each value. One thread.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace linux_bench {

// In program order with memory accesses.
inline std::uint64_t stamp() noexcept {
  std::uint64_t low, high;
  asm volatile("rdtsc" : "=a"(low), "=d"(high)::"memory");
  return high << 32 | low;
}

struct Row {
  std::string name;
  std::map<std::uint64_t, std::uint64_t> counts;
  std::string skipped;  // why there are none
};

class Sampler {
 public:
  explicit Sampler(std::uint64_t samples);

  // Each sample does `batch` of what is counted; it is the ticks of one, rounded down.
  template <typename Operation>
  void measure(const std::string& name, Operation&& operation, std::uint64_t batch = 1) {
    measure_from(name, [&] {
      const std::uint64_t start = stamp();
      operation();
      return (stamp() - start - empty_pair_) / batch;
    });
  }
  // The same for what is stamped elsewhere: `sample()` returns ticks.
  template <typename Sample>
  void measure_from(const std::string& name, Sample&& sample) {
    Row& row = rows_.emplace_back();
    row.name = name;
    for (unsigned i = 0; i < kWarmUps; ++i) (void)sample();
    for (std::uint64_t i = 0; i < samples_; ++i) ++row.counts[sample()];
  }
  void skip(const std::string& name, const std::string& why) { rows_.push_back({name, {}, why}); }
  [[nodiscard]] std::uint64_t empty_pair() const { return empty_pair_; }
  // {"sysinfo": {"release", "version"}, "stamp_ticks", "rows": [{"name", "histogram" | "skipped"}]}; whether it was written.
  [[nodiscard]] bool write(const char* file) const;

 private:
  static constexpr unsigned kWarmUps = 16;
  std::uint64_t samples_, empty_pair_;
  std::vector<Row> rows_;
};

}  // namespace linux_bench
