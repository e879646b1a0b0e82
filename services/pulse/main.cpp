// SPDX-License-Identifier: Apache-2.0
// pulse: the tutorial's periodic task (docs/tutorial.md). Each job takes one step of a triangle wave and reports it.
#include "capos/runtime/periodic_job.hpp"
#include "capos/runtime/runtime.hpp"

namespace {

constexpr std::uint32_t kPulseCode = 16;  // of its `user` events: a: the wave's value, b: how late the job began, in ns
constexpr std::uint64_t kSteps = 50;      // up, and as many down

std::uint64_t wave(std::uint64_t step) noexcept {
  const std::uint64_t place = step % (2 * kSteps);
  return place < kSteps ? place : 2 * kSteps - place;
}

}  // namespace

int program_main(capos::runtime::Runtime& runtime) {
  capos::runtime::PeriodicJob job(runtime);
  auto trace = runtime.need<capos::schema::TraceSource>("trace");
  while (const auto release = job.wait_next_release()) {
    const auto late = release->actual.ns() - release->scheduled.ns();
    (void)trace->emit(kPulseCode, wave(release->index), late, 0, 0, 0, 0);
  }
  return 0;  // the island was retired
}
