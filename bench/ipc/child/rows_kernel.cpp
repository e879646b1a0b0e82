// SPDX-License-Identifier: Apache-2.0
#include "capos/runtime/mapping.hpp"
#include "capos/runtime/system_call.hpp"
#include "rows.hpp"

namespace ipc_bench {
namespace {

void null_system_call(Bench& bench) noexcept {
  bench.measure("null_syscall", []() noexcept { runtime::null_system_call(); });
}

void typed_call(Bench& bench) noexcept {
  auto memory = bench.runtime.need<schema::MemoryObject>("shared");
  bench.measure("typed_call", [&]() noexcept {
    if (!memory->get_size().has_value()) runtime::panic("ipc-bench: getSize");
  });
}

void signal_no_waiter(Bench& bench) noexcept {
  auto quiet = bench.runtime.need<schema::Notification>("quiet");
  bench.measure("signal_no_waiter", [&]() noexcept {
    if (!quiet->signal(1).has_value()) runtime::panic("ipc-bench: signal");
  });
}

// The waiter's priority is above ours: it runs, stamps and waits again before signal() returns here.
void signal_to_waiter(Bench& bench) noexcept {
  auto event = bench.runtime.need<schema::Notification>("event");
  const auto& page =
      *reinterpret_cast<const volatile SharedPage*>(runtime::need_buffer(bench.runtime, "shared", runtime::Access::read_write).data());
  bench.measure_from("signal_to_waiter", [&]() noexcept {
    abi::bench_mark<abi::BenchMark::start>();
    const std::uint64_t start = stamp();
    if (!event->signal(1).has_value()) runtime::panic("ipc-bench: signal");
    const std::uint64_t woken = page.waiter_stamp;
    if (woken <= start) runtime::panic("ipc-bench: the waiter did not run");
    return woken - start - bench.empty_pair();
  });
}

}  // namespace

void kernel_rows(Bench& bench) noexcept {
  null_system_call(bench);
  typed_call(bench);
  signal_no_waiter(bench);
  signal_to_waiter(bench);
}

}  // namespace ipc_bench
