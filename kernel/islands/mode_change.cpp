// SPDX-License-Identifier: Apache-2.0
#include "islands/mode_change.hpp"

#include <bit>

#include "core/cpu.hpp"
#include "core/job_trace.hpp"
#include "islands/island.hpp"
#include "resources/ledger.hpp"

namespace capos::kernel {
namespace {

constexpr std::uint64_t kChanged = 4;

void change_task(Cpu& cpu, const TaskChange& change, Time now) noexcept {
  SchedulingContext& context = *change.context;
  if (cpu.scheduler.retune(context, change.parameters, now)) record_job(cpu, context, now);
  context.policy.change(change.rules);
}

}  // namespace

ResultOf<ModeChange*, schema::KernelError> ModeChange::create(Island& island, unsigned tasks) noexcept {
  const std::size_t bytes = sizeof(ModeChange) + tasks * sizeof(TaskChange);
  const auto order = static_cast<unsigned>(std::bit_width((bytes - 1) / hal::kPageSize));
  PageSource& pages = island.payer()->pages();
  const FrameBlock block = pages.take(order);
  if (block.is_none()) return fail(pages.shortage(std::uint64_t{1} << order));
  return ::new (hal::to_kernel(block.base)) ModeChange(island, block);
}

void ModeChange::add(const TaskChange& change) noexcept {
  ::new (&tasks()[count_++]) TaskChange(change);
  cpus_ |= std::uint32_t{1} << change.context->cpu().value();
}

void ModeChange::discard() noexcept {
  const FrameBlock block = block_;
  PageSource& pages = island_.payer()->pages();
  this->~ModeChange();
  pages.give(block);
}

void ModeChange::propose() noexcept {
  island_.acquire();
  const std::uint32_t cpus = cpus_;  // the last of them may give it back at once
  to_come_.store(cpus, std::memory_order_relaxed);
  for (std::uint16_t cpu = 0; cpu < kMaxCpus; ++cpu) {
    if ((cpus >> cpu & 1u) != 0) (void)post(CpuId(cpu), proposals_[cpu], propose_here, this);
  }
}

void ModeChange::propose_here(void* subject) noexcept {
  auto& change = *static_cast<ModeChange*>(subject);
  Cpu& cpu = Cpu::current();
  change.next_[cpu.id.value()] = cpu.changes;
  cpu.changes = &change;
  cpu.awaits_idle = true;
}

void ModeChange::make_all(Cpu& cpu, Time now) noexcept {
  while (ModeChange* const change = cpu.changes) {
    cpu.changes = change->next_[cpu.id.value()];
    change->make(cpu, now);
  }
}

void ModeChange::make(Cpu& cpu, Time now) noexcept {
  std::uint64_t changed = 0;
  for (unsigned i = 0; i < count_; ++i) {
    const TaskChange& change = tasks()[i];
    if (change.context->cpu() != cpu.id || change.context->stopped.load(std::memory_order_relaxed)) continue;
    change_task(cpu, change, now);
    ++changed;
  }
  cpu.trace.emit(now, schema::EventKind::island, island_.index(), kChanged, changed);
  const std::uint32_t own = std::uint32_t{1} << cpu.id.value();
  if (to_come_.fetch_and(~own, std::memory_order_acq_rel) != own) return;
  (void)post(CpuId(0), made_mail_, made_everywhere, this);
}

void ModeChange::made_everywhere(void* subject) noexcept {
  auto& change = *static_cast<ModeChange*>(subject);
  Island& island = change.island_;
  change.discard();
  island.change_is_made();
  island.release();
}

}  // namespace capos::kernel
