// SPDX-License-Identifier: Apache-2.0
#include "core/triggers.hpp"

#include <bit>

#include "core/job_trace.hpp"

namespace capos::kernel {
namespace {

void take_inputs(Cpu& cpu, SchedulingContext& context, Time now) noexcept {
  const auto inputs = std::bit_cast<sched::Inputs>(context.inputs.load(std::memory_order_relaxed));
  // Twice at most: after the first, no deadline of a job that it waits for has passed.
  while (!context.stopped.load(std::memory_order_relaxed) && cpu.scheduler.take_inputs(context, inputs, now)) {
    note_dropped(cpu, context, now);
  }
}

void take_inputs_here(void* subject) noexcept {
  auto& context = *static_cast<SchedulingContext*>(subject);
  // Whoever finds the mail still on its way stores before it looks; here the mail has been taken, and then is looked.
  std::atomic_thread_fence(std::memory_order_seq_cst);
  take_inputs(Cpu::current(), context, hal::now());
  context.release();
}

}  // namespace

void tell_successors(Cpu& cpu, SchedulingContext& context, const sched::Job& job, Time now) noexcept {
  for (const Ref<SchedulingContext>& successor : context.successors) {
    if (!successor) return;
    SchedulingContext& next = *successor;
    const auto so_far = std::bit_cast<sched::Inputs>(next.inputs.load(std::memory_order_relaxed));
    const sched::Inputs inputs = so_far.with(static_cast<std::uint32_t>(job.index));
    next.inputs.store(std::bit_cast<std::uint64_t>(inputs), std::memory_order_release);
    if (next.cpu() == cpu.id) {
      take_inputs(cpu, next, now);
      continue;
    }
    next.acquire();
    if (!post(next.cpu(), next.input_mail, take_inputs_here, &next)) next.release();
  }
}

}  // namespace capos::kernel
