// SPDX-License-Identifier: Apache-2.0
#include "process/share_control.hpp"

#include "core/cpu.hpp"
#include "ipc/call_context.hpp"
#include "resources/charged.hpp"

namespace capos::kernel {
namespace {

using schema::KernelError;

// By the process's own CPU, which alone touches its threads' entities: a few at a time.
void apply_here(void* subject) noexcept {
  constexpr unsigned kThreadsAtOnce = 5;
  Process& process = *static_cast<Process*>(subject);
  Cpu& cpu = Cpu::current();
  if (!process.home.is(cpu.id)) [[unlikely]] {
    if (!post_to(process.home, process.share_mail, apply_here, subject)) process.release();
    return;
  }
  const Share share = process.shares().in_force();
  const sched::FairEntity wanted(share.weight, share.request());
  const Time now = hal::now();
  auto& threads = process.threads();
  unsigned left = kThreadsAtOnce;
  // The threads of one that has ended are the reaper's.
  for (Thread* thread = process.alive() ? threads.front() : nullptr; thread != nullptr; thread = threads.next(*thread)) {
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

}  // namespace

bool in_range(std::uint32_t weight, schema::LatencyClass latency) noexcept {
  return weight >= 1 && weight <= sched::kMaxWeight && latency <= schema::LatencyClass::batch;
}

void apply_share(Process& process) noexcept {
  process.acquire();
  if (!post_to(process.home, process.share_mail, apply_here, &process)) process.release();
}

ResultOf<Ref<ShareControl>, KernelError> ShareControl::create(Ledger& payer, Process& process) noexcept {
  if (process.has_share_control.exchange(true, std::memory_order_acq_rel)) return fail(KernelError::busy);
  auto made = new_object<ShareControl>(payer, process);
  if (!made.has_value()) process.has_share_control.store(false, std::memory_order_release);
  return made;
}

Outcome ShareControl::set(CallContext& call, const Interface::Set::Params::Value& params, Interface::Set::Results::Value&) noexcept {
  if (!in_range(params.weight, params.latency)) return Outcome::invalid(KernelError::bad_range);
  process_->shares().put({params.weight, static_cast<sched::LatencyClass>(params.latency)});
  apply_share(*process_);
  call.reschedule = true;
  return Outcome::done();
}

Outcome ShareControl::clear(CallContext& call, const Interface::Clear::Params::Value&, Interface::Clear::Results::Value&) noexcept {
  process_->shares().withdraw();
  apply_share(*process_);
  call.reschedule = true;
  return Outcome::done();
}

Outcome ShareControl::get(CallContext&, const Interface::Get::Params::Value&, Interface::Get::Results::Value& results) noexcept {
  const Share now = process_->shares().in_force(), declared = process_->shares().declared();
  results.weight = now.weight;
  results.latency = static_cast<schema::LatencyClass>(now.latency);
  results.declared_weight = declared.weight;
  results.declared_latency = static_cast<schema::LatencyClass>(declared.latency);
  results.alive = process_->alive();
  results.cpu = process_->cpu().value();
  return Outcome::done();
}

// By mail even on the process's own CPU: this may run after that has chosen what to run.
void ShareControl::destroy() noexcept {
  Process& process = *process_;
  process.shares().withdraw();
  process.has_share_control.store(false, std::memory_order_release);
  process.acquire();
  if (!post_later(process.cpu(), process.share_mail, apply_here, &process)) process.release();
  delete_object(this);
}

}  // namespace capos::kernel
