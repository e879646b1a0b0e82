// SPDX-License-Identifier: Apache-2.0
#include "claimed_work.hpp"

namespace capos::sched {

ResultOf<Duration, Refusal> longest_busy(const Certificate& c, CpuId cpu, Duration limit) noexcept {
  const auto all = [](const TaskClaim&, std::int64_t arrived, Duration) { return arrived; };
  Duration window = Duration::ns(1);
  for (std::uint32_t point = 0; point < kMaxDemandPoints && window <= limit; ++point) {
    const claims::Sum work = claims::work_within(c, cpu, window, nullptr, all).sum;
    if (!work.overflow() && work.value() <= window) return window;
    window = work.overflow() ? Duration::max() : work.value();
  }
  return fail(Refusal{Rejection::busy_window, cpu.value(), limit, window});
}

}  // namespace capos::sched
