// SPDX-License-Identifier: Apache-2.0
// ipc-bench-child: plays the part that its number names.
#include "capos/runtime/mapping.hpp"
#include "capos/schema/devices.hpp"
#include "rows.hpp"

namespace ipc_bench {
namespace {

int measure(runtime::Runtime& runtime) noexcept {
  Bench bench(runtime);
  prepare_ipc_rows(bench);
  prepare_switch_rows(bench);
  bench.fill_table();
  // From here on it is a job of an active island, as any realtime client.
  if (!runtime.need<schema::SchedulingContext>("self.context")->wait_next_release().has_value()) return 1;
  switch_rows(bench);  // first: its peer is gone then
  kernel_rows(bench);
  ipc_rows(bench);
  device_rows(bench);
  ring_rows(bench);
  authority_rows(bench);
  bench.finish();
  return 0;
}

int serve(runtime::Runtime& runtime) noexcept {
  serve_as_it_comes(runtime.need<schema::Endpoint>("serve").cap());
  return 1;
}

int wait(runtime::Runtime& runtime) noexcept {
  auto event = runtime.need<schema::Notification>("event");
  auto& page = *reinterpret_cast<volatile SharedPage*>(
      runtime::need_buffer(runtime, "shared", runtime::Access::read_write).data());
  auto interrupt = runtime.need<schema::Interrupt>("irq");
  const auto bound = interrupt->bind([&](auto params, runtime::Transfers& transfers) {
    params.set_notification(transfers.add(event.cap()));
    params.set_bits(kInterruptBit);
  });
  if (!bound.has_value()) return 2;
  for (;;) {
    const auto bits = event->wait();
    page.waiter_stamp = stamp();
    abi::bench_mark<abi::BenchMark::stop>();
    if (!bits.has_value()) return 1;
    if ((bits->bits & kInterruptBit) != 0 && !interrupt->acknowledge().has_value()) return 3;
  }
}

int sleep(runtime::Runtime& runtime) noexcept {
  constexpr std::uint64_t kYear = 31'536'000'000'000'000;
  while (runtime.need<schema::Timer>("timer")->sleep_until(kYear).has_value()) {
  }
  return 1;
}

}  // namespace
}  // namespace ipc_bench

int program_main(capos::runtime::Runtime& runtime) {
  using ipc_bench::Part;
  switch (static_cast<Part>(runtime.number())) {
    case Part::client:
      return ipc_bench::measure(runtime);
    case Part::server:
      return ipc_bench::serve(runtime);
    case Part::waiter:
      return ipc_bench::wait(runtime);
    case Part::ring_server:
      return ipc_bench::serve_ring(runtime);
    case Part::bystander:
      return ipc_bench::sleep(runtime);
  }
  return 2;
}
