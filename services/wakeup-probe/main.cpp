// SPDX-License-Identifier: Apache-2.0
// wakeup-probe: a periodic task that reads the time stamp counter as soon as it is released, and reports how
// long the release took to reach it: `user` events of code 2, a: latency in ns, b: the scheduled release.
#include "capos/abi/bench_marker.hpp"
#include "capos/runtime/runtime.hpp"
#include "capos/runtime/stamped_release.hpp"

namespace {

using namespace capos;

constexpr std::uint32_t kWakeupCode = 2;

// Cannot overflow below 18 GHz.
std::uint64_t to_ns(std::uint64_t ticks, std::uint64_t hz) noexcept {
  constexpr std::uint64_t kSecond = 1'000'000'000;
  return ticks / hz * kSecond + ticks % hz * kSecond / hz;
}

}  // namespace

int program_main(capos::runtime::Runtime& runtime) {
  const auto context = runtime.need<schema::SchedulingContext>("self.context");
  auto trace = runtime.need<schema::TraceSource>("trace");
  const auto clock = runtime.need<schema::Timer>("timer")->describe();
  if (!clock.has_value() || clock->tsc_hz == 0)
    runtime::panic("wakeup-probe: the clock does not describe itself");
  for (;;) {
    const runtime::StampedRelease woken = runtime::wait_stamped_release(context.cap());
    abi::bench_mark<abi::BenchMark::first_job>();
    if (woken.status != 0) return 0;  // retired
    const std::uint64_t now_ns = to_ns(woken.ticks - clock->start_tsc, clock->tsc_hz);
    const std::uint64_t latency = now_ns > woken.scheduled_ns ? now_ns - woken.scheduled_ns : 0;
    (void)trace->emit(kWakeupCode, latency, woken.scheduled_ns, 0, 0, 0, 0);
  }
}
