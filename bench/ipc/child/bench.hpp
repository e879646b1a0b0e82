// SPDX-License-Identifier: Apache-2.0
// How a row is measured: a stamp, the operation as a program makes it, a stamp; samples into the host's memory.
//
// A sample is the ticks between two stamps less those of an empty pair, measured once at the start and reported.
// The measuring program runs alone at its priority, on a scheduling context, so that nothing comes between.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

#include "capos/abi/bench.hpp"
#include "capos/abi/bench_marker.hpp"
#include "capos/runtime/runtime.hpp"
#include "ipc_bench.hpp"

namespace ipc_bench {

using namespace capos;

// The time stamp counter, in program order with memory accesses.
inline std::uint64_t stamp() noexcept {
  std::uint64_t low, high;
  asm volatile("rdtsc" : "=a"(low), "=d"(high)::"memory");
  return high << 32 | low;
}

class Bench {
 public:
  // Into the buffer "results", or the memory that is shared with the host itself.
  explicit Bench(runtime::Runtime& own) noexcept;
  Bench(runtime::Runtime& own, std::span<std::byte> memory) noexcept;

  runtime::Runtime& runtime;

  // `operation` between two stamps, as often as the host wants samples; each does `batch` of what is counted.
  template <typename Operation>
  void measure(std::string_view name, Operation&& operation, std::uint64_t batch = 1) noexcept {
    measure_from(name, [&]() noexcept {
      abi::bench_mark<abi::BenchMark::start>();
      const std::uint64_t start = stamp();
      operation();
      const std::uint64_t end = stamp();
      abi::bench_mark<abi::BenchMark::stop>();
      return (end - start - empty_pair_) / batch;
    });
  }
  // The same for what is stamped elsewhere: `sample()` returns ticks, and sets the counting plug-in's marks. At most
  // `at_most` samples, of what takes long to prepare.
  template <typename Sample>
  void measure_from(std::string_view name, Sample&& sample, std::uint64_t at_most = ~std::uint64_t{0},
                    unsigned warm_ups = kWarmUps) noexcept {
    begin(name);
    for (unsigned i = 0; i < warm_ups; ++i) (void)sample();
    for (std::uint64_t i = 0; i < samples_ && i < at_most; ++i) add(sample());
    end();
  }
  [[nodiscard]] std::uint64_t empty_pair() const noexcept { return empty_pair_; }
  [[nodiscard]] std::uint64_t samples() const noexcept { return samples_; }
  // As many more capabilities in this program's table as the host wants, or as there is room for.
  void fill_table() noexcept;
  // The samples are complete.
  void finish() noexcept;

 private:
  static constexpr unsigned kWarmUps = 8;

  void begin(std::string_view name) noexcept;
  void add(std::uint64_t ticks) noexcept;
  void end() noexcept;

  abi::BenchHeader* header_ = nullptr;
  std::uint32_t* values_ = nullptr;
  std::uint64_t room_ = 0, used_ = 0, samples_ = 0, rows_ = 0, empty_pair_ = 0;
};

}  // namespace ipc_bench
