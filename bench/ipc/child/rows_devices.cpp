// SPDX-License-Identifier: Apache-2.0
#include "capos/runtime/mapping.hpp"
#include "capos/schema/devices.hpp"
#include "rows.hpp"

namespace ipc_bench {
namespace {

// QEMU's educational PCI function (docs/specs/edu.txt): a store to one register interrupts, to another takes it back.
class Device {
 public:
  explicit Device(Bench& bench) noexcept {
    const auto mapped = bench.runtime.need<schema::Mmio>("registers")->map(0, 0, kSize, true);
    if (!mapped.has_value()) runtime::panic("ipc-bench: the device's registers cannot be mapped");
    base_ = mapped->addr;
  }
  void interrupt() const noexcept { at(0x60) = 1; }
  void clear() const noexcept { at(0x64) = 1; }

 private:
  static constexpr std::uint64_t kSize = 1 << 20;
  [[nodiscard]] volatile std::uint32_t& at(std::uint64_t offset) const noexcept {
    return *reinterpret_cast<volatile std::uint32_t*>(base_ + offset);
  }
  std::uint64_t base_ = 0;
};

// From the store that makes the device interrupt, in the client, to the driver's first instruction: it waits at a
// higher priority in another address space, stamps, acknowledges, and waits again before the client goes on.
void irq_to_user(Bench& bench) noexcept {
  const Device device(bench);
  const auto& page =
      *reinterpret_cast<const volatile SharedPage*>(runtime::need_buffer(bench.runtime, "shared", runtime::Access::read_write).data());
  bench.measure_from("irq_to_user", [&]() noexcept {
    abi::bench_mark<abi::BenchMark::start>();
    const std::uint64_t start = stamp();
    device.interrupt();
    const std::uint64_t woken = page.waiter_stamp;
    if (woken <= start) runtime::panic("ipc-bench: the driver did not run");
    device.clear();
    return woken - start - bench.empty_pair();
  });
}

}  // namespace

void device_rows(Bench& bench) noexcept { irq_to_user(bench); }

}  // namespace ipc_bench
