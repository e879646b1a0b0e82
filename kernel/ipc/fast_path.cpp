// SPDX-License-Identifier: Apache-2.0
// The usual case of a call, of its reply and of a signal, in as few instructions as it takes.
//
// The two of calls look whether the case is the usual one and do it, or return without having changed anything:
// endpoint.cpp does every case. They stamp no time and make no scheduling decision. Nothing is allocated. Flattened, because a
// path without calls saves no registers. Counts: bench/budgets.json. Bounds: O(1), no loop but the eight words.
#include "core/account.hpp"
#include "core/wake.hpp"
#include "ipc/endpoint.hpp"
#include "ipc/notification.hpp"
#include "process/process.hpp"

namespace capos::kernel {
namespace {

[[gnu::always_inline]] inline void copy_words(hal::UserState& from, hal::UserState& to) noexcept {
  const auto& source = from.words();
  auto& target = to.words();
#pragma GCC unroll 8
  for (unsigned i = 0; i < abi::kRegisterWords; ++i) target[i] = source[i];
}

}  // namespace

// A server waits in reply_receive on this CPU; no least budget, no ceiling, no limit. (That a server waits here keeps the endpoint
// open, and makes its CPU the endpoint's.)
[[gnu::flatten]] void Endpoint::call_fast(Cpu& cpu, Thread& caller) noexcept {
  if (servers_.empty()) return;
  Thread& server = *servers_.front();
  if (!plain_ || server.cpu != cpu.id || server.state != ThreadState::await_call) [[unlikely]] return;
  const std::uint64_t operation = caller.user.operation();
  const auto depth = static_cast<std::uint8_t>(caller.depth + 1);
  if (operation >> 32 != 0 || depth > abi::kCallDepth) [[unlikely]] return;
  List<Thread, EndpointTag>::erase(server);
  copy_words(caller.user, server.user);
  server.user.set_result((operation & 0xffff'0000u) << 16, caller.process.number(),
                         caller.user.interface_id());
  Call& call = caller.direct_call;
  // The account's new owner; a server that waits has none of its own.
  if (SchedulingContext* const context = caller.account.context; context != nullptr) {
    call.priority_at_call = context->priority();
    context->owner = &server;
    server.account.context = context;
  } else {
    caller.account.entity->owner = &server;
    server.account.entity = caller.account.entity;
  }
  server.incoming = &call;
  server.depth = depth;
  server.state = ThreadState::runnable;
  call.server = &server;
  caller.state = ThreadState::await_reply;
  switch_directly(cpu, server);
}

// It answers a call by register without a limit and without an exception, and nobody else waits to be served.
[[gnu::flatten]] void Endpoint::reply_receive_fast(Cpu& cpu, Thread& server) noexcept {
  Call* const answered = server.incoming;
  if (server.serving != this || answered == nullptr || answered->kind != CallKind::registers || !calls_.empty() ||
      !plain_ || (server.user.operation() & 0xffff'0000u) != 0) [[unlikely]] {
    return;
  }
  Thread& caller = answered->caller;
  if (caller.timeout.queued()) [[unlikely]] return;
  copy_words(server.user, caller.user);
  caller.user.set_result(0, 0, 0);
  // The account that the caller lent is still noted with it.
  if (SchedulingContext* const context = server.account.context; context != nullptr) {
    context->owner = &caller;
    server.account.context = nullptr;
  } else {
    server.account.entity->owner = &caller;
    server.account.entity = nullptr;
  }
  server.incoming = nullptr;
  server.open_answer = 0;
  server.state = ThreadState::await_call;
  servers_.push_back(server);
  answered->server = nullptr;
  caller.state = ThreadState::runnable;
  switch_directly(cpu, caller);
}

// Notification.signal by register, whoever waits; to a waiter that is more urgent it switches at once.
[[gnu::noinline, gnu::flatten]] void Notification::signal_fast(Cpu& cpu, Thread& thread) noexcept {
  auto& words = thread.user.words();
  const std::uint64_t bits = words[0];
#pragma GCC unroll 8
  for (unsigned i = 0; i < abi::kRegisterWords; ++i) words[i] = 0;
  thread.user.set_result(0, 0, 0);
  Thread* const waiting = signal_and_take(bits);
  if (waiting == nullptr) [[likely]] {
    if (ring_waiter_.load(std::memory_order_seq_cst) != nullptr && wake_ring()) [[unlikely]] leave(cpu, hal::now());
    resume();
  }
  if (waiting->cpu != cpu.id) [[unlikely]] {
    wake_for_signal(*waiting);
    resume();
  }
  const Time now = hal::now();
  if (waiting->account.context == nullptr || cpu.remains) [[unlikely]] {
    (void)end_signal_wait(*waiting, now);
    leave(cpu, now);
  }
  leave_for_signal(cpu, *waiting, now);
}

}  // namespace capos::kernel
