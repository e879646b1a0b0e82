// SPDX-License-Identifier: Apache-2.0
#include "process/scheduling_policy.hpp"

#include "core/cpu.hpp"
#include "ipc/call_context.hpp"
#include "process/placement_control.hpp"
#include "process/share_control.hpp"
#include "process/spawner.hpp"

namespace capos::kernel {
namespace {

using schema::KernelError;
using Interface = schema::SchedulingPolicy;

class SchedulingPolicyService final : public SingletonObject<SchedulingPolicyService, Interface> {
 public:
  Outcome set_share(CallContext& call, Interface::SetShare::Params::Reader params, Interface::SetShare::Results::Builder) noexcept {
    ProcessHandle* const handle = call.argument<ProcessHandle>(params.process());
    if (handle == nullptr) return Outcome::invalid(KernelError::bad_capability);
    if (!in_range(params.weight(), params.latency())) return Outcome::invalid(KernelError::bad_range);
    Process& process = handle->process();
    process.shares().declare({params.weight(), static_cast<sched::LatencyClass>(params.latency())});
    apply_share(process);
    call.reschedule = true;
    return Outcome::done();
  }
  Outcome share(CallContext& call, Interface::Share::Params::Reader params, Interface::Share::Results::Builder results) noexcept {
    ProcessHandle* const handle = call.argument<ProcessHandle>(params.process());
    if (handle == nullptr) return Outcome::invalid(KernelError::bad_capability);
    const kernel::Share share = handle->process().shares().in_force();
    results.set_weight(share.weight);
    results.set_latency(static_cast<schema::LatencyClass>(share.latency));
    return Outcome::done();
  }
  Outcome control(CallContext& call, Interface::Control::Params::Reader params, Interface::Control::Results::Builder results) noexcept {
    ProcessHandle* const handle = call.argument<ProcessHandle>(params.process());
    if (handle == nullptr) return Outcome::invalid(KernelError::bad_capability);
    auto control = ShareControl::create(call.ledger(), handle->process());
    if (!control.has_value()) return Outcome::overloaded(control.error());
    const auto index = call.give(*std::move(control));
    if (!index.has_value()) return Outcome::overloaded(index.error());
    results.set_control(*index);
    return Outcome::done();
  }
  Outcome placement(CallContext& call, Interface::Placement::Params::Reader, Interface::Placement::Results::Builder results) noexcept {
    auto control = PlacementControl::create(call.ledger());
    if (!control.has_value()) return Outcome::overloaded(control.error());
    const auto index = call.give(*std::move(control));
    if (!index.has_value()) return Outcome::overloaded(index.error());
    results.set_control(*index);
    return Outcome::done();
  }
};

constinit SchedulingPolicyService g_policy;

}  // namespace

Duration Share::request() const noexcept { return sched::request_of(latency, parameters().slice); }

Object& scheduling_policy_service() noexcept { return g_policy; }

}  // namespace capos::kernel
