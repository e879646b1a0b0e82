// SPDX-License-Identifier: Apache-2.0
#include "claimed_work.hpp"

namespace capos::sched {

void BusySearch::begin(const Certificate& certificate, CpuId cpu, Duration limit) noexcept {
  *this = {};
  certificate_ = &certificate;
  cpu_ = cpu;
  limit_ = limit;
  window_ = Duration::ns(1);
}

ResultOf<bool, Refusal> BusySearch::step() noexcept {
  const auto all = [](const TaskClaim&, std::int64_t arrived, Duration) { return arrived; };
  for (unsigned looks = 0; looks < claims::kLooks; ++looks) {
    if (points_ == kMaxDemandPoints || window_ > limit_) return fail(Refusal{Rejection::busy_window, cpu_.value(), limit_, window_});
    if (!claims::add_work(work_, *certificate_, cpu_, window_, nullptr, all)) continue;
    const claims::Sum sum = work_.sum;
    work_ = {};
    if (!sum.overflow() && sum.value() <= window_) return true;
    window_ = sum.overflow() ? Duration::max() : sum.value();
    ++points_;
  }
  return false;
}

ResultOf<Duration, Refusal> longest_busy(const Certificate& c, CpuId cpu, Duration limit) noexcept {
  BusySearch search;
  search.begin(c, cpu, limit);
  while (!TRY(search.step())) {
  }
  return search.found();
}

}  // namespace capos::sched
