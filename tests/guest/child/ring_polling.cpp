// SPDX-License-Identifier: Apache-2.0
// A task whose entries another thread of its program works off.
#include "capos/runtime/periodic_job.hpp"
#include "capos/runtime/ring_poller.hpp"
#include "child.hpp"

namespace conformance {

int submit_to_poller(const Child& child) noexcept {
  std::uint64_t* const out = child.out();
  auto context = child.runtime.need<schema::SchedulingContext>("poller");
  const runtime::RingPoller::Plan plan{.poll_ns = 20'000, .context = context.cap(), .job_ns = 100'000};
  auto poller = runtime::RingPoller::start(child.runtime, plan);
  if (!poller.has_value()) return 90;
  std::uint64_t submitted = 0, completed = 0, wrong = 0;
  runtime::PeriodicJob job(child.runtime);
  for (std::uint64_t jobs = 0; job.wait_next_release().has_value();) {
    while (const auto completion = poller->reap()) {
      if (completion->user_data != completed || completion->result != 0) publish(out[2], ++wrong);
      ++completed;
    }
    for (int i = 0; i < 4; ++i) {
      abi::CapSqe entry{};
      entry.operation = static_cast<std::uint8_t>(abi::RingOperation::post);
      entry.user_data = submitted;
      // By a store alone: the poller looks at its queue when its own job begins.
      if (poller->submit_quietly(entry)) ++submitted;
    }
    publish(out[1], completed);
    const auto spent = context->consumed();
    publish(out[3], spent.has_value() ? spent->total_ns : 0);
    publish(out[0], ++jobs);
  }
  return 0;
}

}  // namespace conformance
