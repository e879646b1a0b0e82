// SPDX-License-Identifier: Apache-2.0
#include "trace/switches.hpp"

#include "islands/scheduling_context.hpp"
#include "process/process.hpp"

namespace capos::kernel::switches {
namespace {

constexpr std::uint32_t kNobody = 0xffff'ffff;

std::uint32_t source_of(const Thread& thread) noexcept { return 1u << 31 | (thread.process.number() & 0xffff); }

std::uint32_t source_of(const Account& account) noexcept {
  return account.context != nullptr ? account.context->source : kNobody;
}

}  // namespace

void dispatch(Cpu& cpu, const Thread* thread) noexcept {
  const Time now = hal::now();
  if (thread == nullptr) return cpu.trace.emit(now, schema::EventKind::dispatch, kNobody, kNobody);
  cpu.trace.emit(now, schema::EventKind::dispatch, source_of(*thread), source_of(thread->account), thread->number);
}

void interrupt(Cpu& cpu, schema::InterruptCause cause) noexcept {
  cpu.trace.emit(hal::now(), schema::EventKind::interrupt, static_cast<std::uint32_t>(cause));
}

void release(Cpu& cpu, const sched::Context& context, Time now) noexcept {
  const sched::Job& job = context.jobs().current();
  cpu.trace.emit(now, schema::EventKind::release, context.source, job.release.ns(), job.index);
}

void lend(Cpu& cpu, schema::EventKind kind, const Thread& caller, const Thread& server, Time now) noexcept {
  const Account& lent = kind == schema::EventKind::lend ? server.account : caller.account;
  cpu.trace.emit(now, kind, source_of(caller), source_of(server), source_of(lent), caller.number, server.number);
}

}  // namespace capos::kernel::switches
