// SPDX-License-Identifier: Apache-2.0
#include "process/scheduling_policy.hpp"

#include "core/cpu.hpp"
#include "ipc/call_context.hpp"
#include "process/process.hpp"
#include "process/spawner.hpp"

namespace capos::kernel {
namespace {

using schema::KernelError;
using Interface = schema::SchedulingPolicy;

// By the process's own CPU, which alone touches its threads' entities: a few at a time.
void apply_here(void* subject) noexcept {
  constexpr unsigned kThreadsAtOnce = 5;
  Process& process = *static_cast<Process*>(subject);
  Cpu& cpu = Cpu::current();
  const Share share = process.share();
  const sched::FairEntity wanted(share.weight, share.request());
  const Time now = hal::now();
  auto& threads = process.threads();
  unsigned left = kThreadsAtOnce;
  for (Thread* thread = threads.front(); thread != nullptr; thread = threads.next(*thread)) {
    sched::FairEntity& entity = thread->entity;
    if (entity.weight() == wanted.weight() && entity.request() == wanted.request()) continue;
    if (left-- == 0) {
      if (!post_later(cpu.id, process.share_mail, apply_here, &process)) break;  // that one goes on with it
      return;
    }
    cpu.scheduler.set_share(entity, share.weight, share.request(), now);
  }
  process.release();
}

class SchedulingPolicyService final : public SingletonObject<SchedulingPolicyService, Interface> {
 public:
  Outcome set_share(CallContext& call, Interface::SetShare::Params::Reader params, Interface::SetShare::Results::Builder) noexcept {
    ProcessHandle* const handle = call.argument<ProcessHandle>(params.process());
    if (handle == nullptr) return Outcome::invalid(KernelError::bad_capability);
    if (params.weight() == 0 || params.weight() > sched::kMaxWeight || params.latency() > schema::LatencyClass::batch) {
      return Outcome::invalid(KernelError::bad_range);
    }
    Process& process = handle->process();
    process.set_share({params.weight(), static_cast<sched::LatencyClass>(params.latency())});
    process.acquire();
    if (!post(process.cpu(), process.share_mail, apply_here, &process)) process.release();
    call.reschedule = true;
    return Outcome::done();
  }
  Outcome share(CallContext& call, Interface::Share::Params::Reader params, Interface::Share::Results::Builder results) noexcept {
    ProcessHandle* const handle = call.argument<ProcessHandle>(params.process());
    if (handle == nullptr) return Outcome::invalid(KernelError::bad_capability);
    const kernel::Share share = handle->process().share();
    results.set_weight(share.weight);
    results.set_latency(static_cast<schema::LatencyClass>(share.latency));
    return Outcome::done();
  }
};

constinit SchedulingPolicyService g_policy;

}  // namespace

Duration Share::request() const noexcept { return sched::request_of(latency, parameters().slice); }

Object& scheduling_policy_service() noexcept { return g_policy; }

}  // namespace capos::kernel
