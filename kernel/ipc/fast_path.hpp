// SPDX-License-Identifier: Apache-2.0
// The usual case of a call and of its reply, in as few instructions as it takes: a part of core/entry.cpp, which alone
// includes it.
//
// Both look whether the case is the usual one and do it, or return without having changed anything: endpoint.cpp does
// every case. They stamp no time and make no scheduling decision. Nothing is allocated. Inlined into the system call's
// own function, because a path without calls saves no registers. Counts: bench/budgets.json, docs/profiling.md. Bounds:
// O(1), no loop but the eight words.
#pragma once

#include "core/account.hpp"
#include "ipc/endpoint.hpp"
#include "process/process.hpp"

namespace capos::kernel {

[[gnu::always_inline]] inline void copy_all_words(hal::UserState& from, hal::UserState& to) noexcept {
  const auto& source = from.words();
  auto& target = to.words();
#pragma GCC unroll 8
  for (unsigned i = 0; i < abi::kRegisterWords; ++i) target[i] = source[i];
}

// From `from`, which entered the kernel, to `to`, on the account it has just been given.
[[noreturn, gnu::always_inline]] inline void switch_between(Thread& from, Thread& to) noexcept {
  Cpu::current().thread = &to;
  hal::switch_user_between(from.user, to.user, to.process.memory().space());
  resume();
}

// A server waits in reply_receive on this CPU; no least budget, no ceiling, no limit. (That a server waits here keeps the endpoint
// open, and makes its CPU the endpoint's.)
[[gnu::always_inline]] inline void Endpoint::call_fast(Thread& caller) noexcept {
  if (servers_.empty() || !caller.home.of_running_is(CpuId(plain_home_.load(std::memory_order_relaxed)))) [[unlikely]] return;
  Thread& server = servers_.first();
  const std::uint64_t operation = caller.user.operation();
  const auto depth = static_cast<std::uint8_t>(caller.depth + 1);
  if (server.state != ThreadState::await_call || operation >> 32 != 0 || depth > abi::kCallDepth) [[unlikely]] return;
  List<Thread, EndpointTag>::erase(server);
  copy_all_words(caller.user, server.user);
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
  call.direct = true;
  caller.state = ThreadState::await_reply;
  switch_between(caller, server);
}

// It answers a direct call without an exception, and nobody else waits to be served.
[[gnu::always_inline]] inline void Endpoint::reply_receive_fast(Thread& server) noexcept {
  Call* const answered = server.incoming;
  if (answered == nullptr || !answered->direct || !calls_.empty() || (server.user.operation() & 0xffff'0000u) != 0)
      [[unlikely]] {
    return;
  }
  Thread& caller = answered->caller;
  copy_all_words(server.user, caller.user);
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
  server.state = ThreadState::await_call;
  servers_.push_back(server);
  answered->server = nullptr;
  caller.state = ThreadState::runnable;
  switch_between(server, caller);
}

}  // namespace capos::kernel
