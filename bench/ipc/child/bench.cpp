// SPDX-License-Identifier: Apache-2.0
#include "bench.hpp"

#include <algorithm>
#include <limits>

#include "capos/runtime/mapping.hpp"
#include "capos/schema/load.hpp"

namespace ipc_bench {
namespace {

std::uint64_t measure_empty_pair() noexcept {
  std::uint64_t least = std::numeric_limits<std::uint64_t>::max();
  for (int i = 0; i < 64; ++i) {
    const std::uint64_t start = stamp();
    least = std::min(least, stamp() - start);
  }
  return least;
}

}  // namespace

Bench::Bench(runtime::Runtime& own) noexcept : Bench(own, runtime::need_buffer(own, "results", runtime::Access::read_write)) {}

Bench::Bench(runtime::Runtime& own, std::span<std::byte> memory) noexcept : runtime(own), empty_pair_(measure_empty_pair()) {
  header_ = reinterpret_cast<abi::BenchHeader*>(memory.data());
  values_ = reinterpret_cast<std::uint32_t*>(memory.data() + abi::kBenchSamplesOffset);
  room_ = (memory.size() - abi::kBenchSamplesOffset) / sizeof(std::uint32_t);
  samples_ = header_->request.samples;
  header_->stamp_ticks = empty_pair_;
}

void Bench::fill_table() noexcept {
  auto table = runtime.need<schema::CapabilityTable>("self.capabilities");
  const abi::CapId service = runtime.find_any("service");
  std::uint64_t& made = header_->population.capabilities;
  for (made = 0; made < header_->request.population; ++made) {
    auto copy = table->narrow([&](auto params, runtime::Transfers& transfers) {
      params.init_capability().set_capability(transfers.add(service));
      params.set_interface_id(schema::Echo::kInterfaceId);
    });
    if (!copy.has_value()) return;
    (void)copy->template capability<schema::Echo>(copy->reader().narrowed().get_capability()).leak();
  }
}

void Bench::begin(std::string_view name) noexcept {
  if (rows_ == abi::kBenchRows || name.size() >= abi::kBenchNameBytes) runtime::panic("ipc-bench: too many rows, or too long a name");
  abi::BenchRow& row = header_->rows[rows_];
  std::copy(name.begin(), name.end(), row.name);
  row.first = used_;
  abi::bench_mark<abi::BenchMark::row>();
}

void Bench::add(std::uint64_t ticks) noexcept {
  if (used_ == room_) runtime::panic("ipc-bench: no room for the samples");
  values_[used_++] = static_cast<std::uint32_t>(std::min<std::uint64_t>(ticks, std::numeric_limits<std::uint32_t>::max()));
}

void Bench::end() noexcept {
  abi::BenchRow& row = header_->rows[rows_++];
  row.count = used_ - row.first;
}

void Bench::finish() noexcept {
  header_->rows_count = rows_;
  __atomic_store_n(&header_->magic, abi::kBenchMagic, __ATOMIC_RELEASE);
}

}  // namespace ipc_bench
