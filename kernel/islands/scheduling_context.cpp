// SPDX-License-Identifier: Apache-2.0
#include "islands/scheduling_context.hpp"

#include "core/job_trace.hpp"
#include "ipc/call_context.hpp"
#include "islands/binding.hpp"
#include "process/spawner.hpp"
#include "resources/charged.hpp"

namespace capos::kernel {

// A thread that is bound holds it, so it has none.
void SchedulingContext::destroy() noexcept { delete_object(this); }

Outcome SchedulingContext::wait_next_release(CallContext& call, const Interface::WaitNextRelease::Params::Value&,
                                             Interface::WaitNextRelease::Results::Value&) noexcept {
  if (!call.may_block) return Outcome::transport(schema::TransportError::invalid_operation);
  Thread& caller = call.thread;
  if (caller.bound != this || caller.account.context != this) {
    return Outcome::transport(schema::TransportError::not_bound);
  }
  caller.state = ThreadState::await_release;
  caller.has_waited = true;
  if (call.cpu.scheduler.wait_next_release(*this, call.now)) [[likely]] {
    end_job(call.cpu, *this, call.now);
  } else if (off_grid) [[unlikely]] {
    back_on_grid(call.cpu, *this, call.now);
  }
  return Outcome::blocked();
}

Outcome SchedulingContext::bind(CallContext& call, Interface::Bind::Params::Reader params, Interface::Bind::Results::Builder) noexcept {
  if (call.progress.begun) return bind_to(call, *this, nullptr);
  const auto named = params.thread().get_capability();
  if (auto* const handle = call.argument<ProcessHandle>(named); handle != nullptr) return bind_to(call, *this, &handle->process().main_thread());
  return bind_to(call, *this, call.argument<Thread>(named));
}

Outcome SchedulingContext::unbind(CallContext& call, const Interface::Unbind::Params::Value&, Interface::Unbind::Results::Value&) noexcept {
  return unbind_from(call, *this);
}

Outcome SchedulingContext::stand_by(CallContext& call, const Interface::StandBy::Params::Value&, Interface::StandBy::Results::Value&) noexcept {
  return kernel::stand_by(call, *this);
}

Outcome SchedulingContext::consumed(CallContext& call, const Interface::Consumed::Params::Value&,
                                    Interface::Consumed::Results::Value& results) noexcept {
  if (call.cpu.id != cpu()) return Outcome::transport(schema::TransportError::wrong_cpu);
  call.cpu.scheduler.charge(call.now);
  results.total_ns = static_cast<std::uint64_t>(total_consumed().ns());
  results.job_ns = static_cast<std::uint64_t>(jobs().current().consumed.ns());
  return Outcome::done();
}

Outcome SchedulingContext::parameters(CallContext&, const Interface::Parameters::Params::Value&,
                                      Interface::Parameters::Results::Value& results) noexcept {
  const sched::ContextParameters& own = sched::Context::parameters();
  results.period_numerator = own.period.numerator;
  results.period_denominator = own.period.denominator;
  results.budget_ns = static_cast<std::uint64_t>(own.budget.ns());
  results.deadline_ns = static_cast<std::uint64_t>(own.deadline.ns());
  results.priority = own.priority.value();
  results.cpu = own.cpu.value();
  results.island = own.island.value();
  return Outcome::done();
}

}  // namespace capos::kernel
