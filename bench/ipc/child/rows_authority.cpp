// SPDX-License-Identifier: Apache-2.0
// Authority: what it costs to take it back.
#include <span>

#include "capos/runtime/mapping.hpp"
#include "rows.hpp"

namespace ipc_bench {
namespace {

constexpr std::size_t kHolders = 10'000;
// Each makes its holders anew, about 50 ms of the job that measures: fewer samples than the other rows have.
constexpr std::uint64_t kRevocations = 5;

// An endpoint that nobody serves, and that so many capabilities of this program's table name.
runtime::OwnedCapability<schema::Endpoint> endpoint_with_holders(Bench& bench, std::span<abi::CapId> holders) noexcept {
  auto made = bench.runtime.need<schema::ObjectFactory>("objects")->create_endpoint([](auto) {});
  if (!made.has_value()) runtime::panic("ipc-bench: createEndpoint");
  auto endpoint = made->capability<schema::Endpoint>(made->reader().endpoint());
  auto table = bench.runtime.need<schema::CapabilityTable>("self.capabilities");
  for (abi::CapId& holder : holders) {
    auto copy = table->narrow([&](auto params, runtime::Transfers& transfers) {
      params.init_capability().set_capability(transfers.add(endpoint.cap()));
      params.set_interface_id(schema::Endpoint::kInterfaceId);
    });
    if (!copy.has_value()) runtime::panic("ipc-bench: narrow");
    holder = copy->cap(copy->reader().narrowed().get_capability());
  }
  return endpoint;
}

void revoke_10k(Bench& bench) noexcept {
  const auto memory = runtime::need_buffer(bench.runtime, "holders", runtime::Access::read_write);
  if (memory.size() < kHolders * sizeof(abi::CapId)) runtime::panic("ipc-bench: no room for the holders");
  const std::span<abi::CapId> holders(reinterpret_cast<abi::CapId*>(memory.data()), kHolders);
  bench.measure_from(
      "revoke_10k",
      [&]() noexcept {
        auto endpoint = endpoint_with_holders(bench, holders);
        auto table = bench.runtime.need<schema::CapabilityTable>("self.capabilities");
        if (!table->describe(holders.back().raw).has_value()) runtime::panic("ipc-bench: a holder before");
        abi::bench_mark<abi::BenchMark::start>();
        const std::uint64_t start = stamp();
        const bool done = endpoint->revoke().has_value();
        const std::uint64_t end = stamp();
        abi::bench_mark<abi::BenchMark::stop>();
        if (!done) runtime::panic("ipc-bench: revoke");
        for (const abi::CapId holder : holders) {
          if (table->describe(holder.raw).has_value()) runtime::panic("ipc-bench: a holder outlived the revocation");
          (void)runtime::call_ring().release(holder);
        }
        return end - start - bench.empty_pair();
      },
      kRevocations, 1);
}

}  // namespace

void authority_rows(Bench& bench) noexcept { revoke_10k(bench); }

}  // namespace ipc_bench
