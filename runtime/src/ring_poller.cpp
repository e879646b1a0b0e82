// SPDX-License-Identifier: Apache-2.0
#include "capos/runtime/ring_poller.hpp"

#include "capos/runtime/system_call.hpp"

namespace capos::runtime {
namespace {

constexpr std::uint64_t kNeverEnough = ~std::uint64_t{0};

void work_off(void* argument) noexcept {
  const auto& plan = *static_cast<const RingPoller::Plan*>(argument);
  if (plan.context.is_null()) {
    for (;;) (void)cap_enter(kNeverEnough, CallRing::kNoLimit, plan.poll_ns);
  }
  Capability<schema::SchedulingContext> context(plan.context);
  while (context->wait_next_release().has_value()) (void)cap_enter(kNeverEnough, plan.job_ns, plan.poll_ns);
}

}  // namespace

RingPoller::RingPoller(Thread thread) noexcept : thread_(std::move(thread)) {
  ring_.attach(abi::kRingBase + thread_.number() * abi::kRingStride);
}

Result<RingPoller> RingPoller::start(const Runtime& runtime, const Plan& plan) noexcept {
  auto thread = TRY(Thread::start(runtime, work_off, const_cast<Plan*>(&plan), {.stack_pages = 1, .context = plan.context}));
  return RingPoller(std::move(thread));
}

Result<Thread::Exit> RingPoller::stop() noexcept {
  TRY_VOID(thread_.capability()->kill());
  return thread_.join();
}

}  // namespace capos::runtime
