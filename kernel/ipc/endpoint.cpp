// SPDX-License-Identifier: Apache-2.0
#include "ipc/endpoint.hpp"

#include "core/account.hpp"
#include "core/wake.hpp"
#include "ipc/call_context.hpp"
#include "memory/object_heap.hpp"

namespace capos::kernel {

using schema::KernelError;
using schema::TransportError;

namespace {

constexpr std::int32_t status_of(TransportError error) noexcept { return -static_cast<std::int32_t>(error); }

[[noreturn]] void refuse(Thread& caller, TransportError error) noexcept {
  caller.user.set_result(static_cast<std::uint32_t>(status_of(error)), 0, 0);
  resume();
}

void copy_words(hal::UserState& from, hal::UserState& to) noexcept {
  auto& source = from.words();
  auto& target = to.words();
  for (unsigned i = 0; i < 8; ++i) target[i] = source[i];
}

// For the time of `caller`'s call.
void raise_to(Cpu& cpu, Thread& caller, Priority ceiling, Time now) noexcept {
  SchedulingContext* const context = caller.account.context;
  if (context == nullptr) return;
  caller.priority_at_call = context->priority();
  if (ceiling > context->priority()) cpu.scheduler.set_priority(*context, ceiling, now);
}

// To what it had when it called: a ceiling, if it is a server itself. True if that was lower.
bool lower_again(Cpu& cpu, Thread& caller, Time now) noexcept {
  SchedulingContext* const context = caller.account.context;
  if (context == nullptr || context->priority() == caller.priority_at_call) return false;
  cpu.scheduler.set_priority(*context, caller.priority_at_call, now);
  return true;
}

// The caller gets its account back. True if another may be more urgent now.
bool take_account_back(Cpu& cpu, Thread& server, Thread& caller, Time now) noexcept {
  give_account(server.account, caller);
  server.account = {};
  server.caller = nullptr;
  caller.server = nullptr;
  caller.state = ThreadState::runnable;
  return lower_again(cpu, caller, now);
}

}  // namespace

void Endpoint::destroy() noexcept { heap_delete(this); }
void ClientEndpoint::destroy() noexcept { heap_delete(this); }

Outcome Endpoint::connect(CallContext& call, schema::Endpoint::Connect::Params::Reader,
                          schema::Endpoint::Connect::Results::Builder results) noexcept {
  ClientEndpoint* const client = heap_new<ClientEndpoint>(*this);
  if (client == nullptr) return Outcome::overloaded(KernelError::out_of_memory);
  const auto index = call.give(Ref<Object>::adopt(client));
  if (!index.has_value()) return Outcome::overloaded(index.error());
  results.init_client().set_capability(*index);
  return Outcome::done();
}

bool Endpoint::budget_suffices(Thread& caller, Time now) const noexcept {
  const SchedulingContext* const context = caller.account.context;
  return minimum_budget_ == Duration{} || context == nullptr || context->remaining(now) >= minimum_budget_;
}

void Endpoint::deliver(Cpu& cpu, Thread& caller, Thread& server, Time now) noexcept {
  copy_words(caller.user, server.user);
  server.user.set_result((caller.user.operation() & 0xffff'0000u) << 16, caller.process.number(), caller.user.interface_id());
  give_account(caller.account, server);
  raise_to(cpu, caller, ceiling_, now);
  server.caller = &caller;
  server.state = ThreadState::runnable;
  caller.server = &server;
  caller.queued_at = nullptr;
  caller.state = ThreadState::await_reply;
}

bool Endpoint::is_home(CpuId cpu) noexcept {
  std::uint16_t home = home_.load(std::memory_order_relaxed);
  if (home == kNowhere && home_.compare_exchange_strong(home, cpu.value(), std::memory_order_relaxed)) return true;
  return home == cpu.value();
}

void Endpoint::join(Thread& server, Time now) noexcept {
  if (server.serving != nullptr) server.serving->server_left(server, now);
  server.serving_hold = Ref<Object>::share(*this);
  server.serving = this;
  ++servers_count_;
  closed_ = false;
}

void Endpoint::call(Cpu& cpu, Thread& caller, Time now) noexcept {
  if (!is_home(cpu.id)) refuse(caller, TransportError::wrong_cpu);
  if (closed_) refuse(caller, TransportError::disconnected);
  if (minimum_budget_ != Duration{}) {
    cpu.scheduler.charge(now);
    if (!budget_suffices(caller, now)) refuse(caller, TransportError::budget_too_small);
  }
  if (Thread* const server = servers_.pop_front(); server != nullptr) {
    deliver(cpu, caller, *server, now);
    switch_directly(cpu, *server);
  }
  caller.state = ThreadState::await_server;
  caller.queued_at = this;
  callers_.push_back(caller);
  block(cpu, caller.account, now);
  leave(cpu, now);
}

void Endpoint::reply_receive(Cpu& cpu, Thread& server, Time now) noexcept {
  if (!is_home(cpu.id)) refuse(server, TransportError::wrong_cpu);
  Thread* const caller = server.caller;
  bool lowered = false;
  if (caller != nullptr) {
    const std::uint64_t exception = (server.user.operation() >> 16) & 0xffff;
    copy_words(server.user, caller->user);
    if (exception == 0) {
      caller->user.set_result(0, 0, 0);
    } else {
      caller->user.set_result(static_cast<std::uint32_t>(status_of(TransportError::exception)),
                              (exception - 1) | (server.user.interface_id() & 0xffff) << 16, 0);
    }
    lowered = take_account_back(cpu, server, *caller, now);
  }
  if (server.serving != this) join(server, now);
  server.has_waited = true;
  if (Thread* const next = callers_.pop_front(); next != nullptr) {
    if (caller == nullptr) block(cpu, server.account, now);
    make_ready(cpu, next->account, now);
    deliver(cpu, *next, server, now);
    leave(cpu, now);
  }
  server.state = ThreadState::await_call;
  servers_.push_back(server);
  if (caller != nullptr) {
    if (lowered && cpu.scheduler.must_switch(now)) leave(cpu, now);
    switch_directly(cpu, *caller);
  }
  block(cpu, server.account, now);
  server.account = {};
  leave(cpu, now);
}

void Endpoint::server_left(Thread& server, Time now) noexcept {
  if (server.state == ThreadState::await_call) List<Thread, EndpointTag>::erase(server);
  closed_ = --servers_count_ == 0;
  if (!closed_) return;
  while (Thread* const waiting = callers_.pop_front()) {
    waiting->queued_at = nullptr;
    complete_call(*waiting, status_of(TransportError::disconnected), now);
  }
}

void Endpoint::forget_caller(Thread& caller) noexcept {
  List<Thread, EndpointTag>::erase(caller);
  caller.queued_at = nullptr;
}

void withdraw_calls(Cpu& cpu, Thread& thread, Time now) noexcept {
  if (thread.queued_at != nullptr) thread.queued_at->forget_caller(thread);
  if (thread.server == nullptr) return;
  Thread& server = *thread.server;
  const Account lost = thread.account;
  block(cpu, lost, now);
  (void)lower_again(cpu, thread, now);
  server.caller = nullptr;
  thread.server = nullptr;
  // The server, and whoever works for it in turn, finishes on the server's own time.
  const Account own = own_account(server);
  Thread* worker = &server;
  for (; worker->server != nullptr; worker = worker->server) worker->account = own;
  give_account(own, *worker);
  if (worker->state == ThreadState::runnable) make_ready(cpu, own, now);
  give_account(lost, thread);
}

void abandon_calls(Cpu& cpu, Thread& thread, Time now) noexcept {
  withdraw_calls(cpu, thread, now);
  if (Thread* const caller = thread.caller; caller != nullptr) {
    (void)take_account_back(cpu, thread, *caller, now);
    caller->user.set_result(static_cast<std::uint32_t>(status_of(TransportError::disconnected)), 0, 0);
    make_ready(cpu, caller->account, now);  // the dead server may have been waiting on it
  }
  if (thread.serving != nullptr) thread.serving->server_left(thread, now);
  thread.serving = nullptr;
  thread.serving_hold = {};
}

}  // namespace capos::kernel
