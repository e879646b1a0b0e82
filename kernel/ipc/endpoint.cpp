// SPDX-License-Identifier: Apache-2.0
#include "ipc/endpoint.hpp"

#include "core/account.hpp"
#include "core/wake.hpp"
#include "ipc/call_context.hpp"
#include "ipc/fault_call.hpp"
#include "ipc/message_call.hpp"
#include "resources/charged.hpp"
#include "trace/switches.hpp"

namespace capos::kernel {

using schema::KernelError;
using schema::TransportError;

namespace {

constexpr std::int32_t status_of(TransportError error) noexcept { return -static_cast<std::int32_t>(error); }

// Back to a thread whose call came to nothing, its registers set.
[[noreturn]] void resume_refused(Thread& caller) noexcept {
  if (!caller.wait_lease.active()) [[likely]] resume();
  end_lease_use(caller.wait_lease);
  leave(Cpu::current(), hal::now());  // the timer may have to be armed
}

[[noreturn]] void refuse(Thread& caller, TransportError error) noexcept {
  caller.user.set_result(static_cast<std::uint32_t>(status_of(error)), 0, 0);
  resume_refused(caller);
}

[[noreturn]] void refuse(Thread& caller, const Outcome& outcome) noexcept {
  caller.user.set_result(static_cast<std::uint32_t>(outcome.status()), outcome.exception_word(), 0);
  resume_refused(caller);
}

void copy_words(hal::UserState& from, hal::UserState& to) noexcept {
  auto& source = from.words();
  auto& target = to.words();
#pragma GCC unroll 8
  for (unsigned i = 0; i < 8; ++i) target[i] = source[i];
}

// A thread's call by register is over: its limit, the lease that it was under, and what marks it as a send.
void close(Thread& caller) noexcept {
  cancel_timeout(caller.timeout);
  end_lease_use(caller.wait_lease);
  caller.direct_call.one_way = false;
}

// A call or send by register, queued or being served, has reached its limit.
void limit_reached(void* subject, Cpu& cpu, Time now) noexcept {
  call_off(cpu, *static_cast<Thread*>(subject), TransportError::timeout, now);
}

// The limit in the operation word.
void start_limit(Cpu& cpu, Thread& caller, Time now) noexcept {
  const auto limit_us = static_cast<std::int64_t>(caller.user.operation() >> 32);
  if (limit_us != 0) start_timeout(cpu.timeouts, caller.timeout, now + Duration::us(limit_us), limit_reached, &caller);
}

// Under EDF: to the server's floor, for the time of the call.
void lower_to_floor(Cpu& cpu, Call& call, SchedulingContext& context, Duration floor, Time now) noexcept {
  call.floor_at_call = context.floor();
  if (floor != Duration{}) cpu.scheduler.enter_server(context, floor, now);
}

bool is_edf(const Account& account) noexcept { return account.context != nullptr && account.context->edf(); }

// It has to wait for the server: others are not to be delayed when it comes back.
void queue_up(Cpu& cpu, const Account& account, Time now) noexcept {
  if (is_edf(account)) [[unlikely]] drop_floors(cpu, *account.context, now);
  block(cpu, account, now);
}

bool takes_over(const Account& account) noexcept { return is_edf(account) && account.context->recovery; }

// A recovery goes on at the floor that its caller had reached, unless it has to wait.
void take_over(Cpu& cpu, SchedulingContext& recovery, Time floor, Time now) noexcept {
  if (recovery.state() != sched::ContextState::ready) return drop_floors(cpu, recovery, now);
  cpu.scheduler.take_over(recovery, floor, now);
}

// For the time of the call.
void raise_to(Cpu& cpu, Call& call, const Endpoint& endpoint, Time now) noexcept {
  SchedulingContext* const context = call.caller.account.context;
  if (context == nullptr) return;
  call.priority_at_call = context->priority();
  if (context->edf()) return lower_to_floor(cpu, call, *context, endpoint.floor(), now);
  if (endpoint.ceiling() > context->priority()) cpu.scheduler.set_priority(*context, endpoint.ceiling(), now);
}

// To what it had when it called: a ceiling or a floor, if it is a server itself. True if that was lower.
bool lower_again(Cpu& cpu, Call& call, Time now) noexcept {
  SchedulingContext* const context = call.caller.account.context;
  if (context == nullptr) return false;
  if (context->edf()) {
    if (call.direct || context->floor() == call.floor_at_call) return false;
    cpu.scheduler.set_floor(*context, call.floor_at_call, now);
    return true;
  }
  if (context->priority() == call.priority_at_call) return false;
  cpu.scheduler.set_priority(*context, call.priority_at_call, now);
  return true;
}

// EDF: whose time it is had to wait while the call was open, and goes on without a floor (decision 0033), in the calls below too.
bool has_lost_floor(const Call& call) noexcept { return is_edf(call.caller.account) && call.caller.account.context->floor().is_never(); }

}  // namespace

// The last Ref is one of a capability or of a serving thread: nobody can receive here any more. Who queues is told on the
// endpoint's CPU, by mail even from that CPU itself: this may run after the CPU has chosen what to run.
void Endpoint::destroy() noexcept {
  abandoned_.store(true, std::memory_order_seq_cst);
  const std::uint16_t home = home_.load(std::memory_order_seq_cst);
  if (home == kNowhere) return drop_client();
  abandoned_mail_.handler = on_abandoned;
  abandoned_mail_.subject = this;
  Cpu::find(CpuId(home))->deliver(abandoned_mail_);
}

void Endpoint::on_abandoned(void* endpoint) noexcept {
  auto& self = *static_cast<Endpoint*>(endpoint);
  self.disconnect_queue(hal::now());
  self.drop_client();
}

void Endpoint::drop_client() noexcept {
  if (clients_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete_object(this);
}

void ClientEndpoint::destroy() noexcept {
  endpoint_.drop_client();
  delete_object(this);
}

Outcome Endpoint::connect(CallContext& call, schema::Endpoint::Connect::Params::Reader,
                          schema::Endpoint::Connect::Results::Builder results) noexcept {
  auto client = new_object<ClientEndpoint>(call.ledger(), *this);
  if (!client.has_value()) return Outcome::overloaded(client.error());
  const auto index = call.give(*std::move(client));
  if (!index.has_value()) return Outcome::overloaded(index.error());
  results.init_client().set_capability(*index);
  return Outcome::done();
}

bool Endpoint::budget_suffices(Thread& caller, Time now) const noexcept {
  const SchedulingContext* const context = caller.account.context;
  return minimum_budget_ == Duration{} || context == nullptr || context->remaining(now) >= minimum_budget_;
}

Outcome Endpoint::deliver(Cpu& cpu, Call& call, Thread& server, Time now) noexcept {
  server.depth = 0;
  if (call.one_way) return deliver_one_way(cpu, call, server, now);
  if (call.kind == CallKind::fault) {
    deliver_fault(cpu, call, server, now);
    return Outcome::done();
  }
  Thread& caller = call.caller;
  const bool by_ring = server.state != ThreadState::await_call;
  if (call.kind == CallKind::registers && !by_ring) [[likely]] {
    copy_words(caller.user, server.user);
    server.user.set_result((caller.user.operation() & 0xffff'0000u) << 16, call.disclosed, caller.user.interface_id());
  } else {
    const Outcome outcome = hand_over_request(call, server, now);
    if (outcome.kind() != Outcome::Kind::done) return outcome;
  }
  give_account(caller.account, server);
  trace_lend(cpu, caller, server, now);
  raise_to(cpu, call, *this, now);
  call.direct = plain_ && call.kind == CallKind::registers && !by_ring &&
                caller.user.operation() >> 32 == 0 && !caller.wait_lease.active() && !caller.process.is_ending();
  server.incoming = &call;
  server.depth = static_cast<std::uint8_t>(caller.depth + 1);
  server.state = ThreadState::runnable;
  call.server = &server;
  call.queued_at = nullptr;
  if (call.kind == CallKind::registers) caller.state = ThreadState::await_reply;
  if (by_ring) {
    if (call.kind == CallKind::message) static_cast<Operation&>(call).ring.deliver_more(cpu, *this, server, now);
    server.ring_state->receive_ended();
  }
  return Outcome::done();
}

bool Endpoint::takes_more(Cpu& cpu, Thread& caller, std::uint32_t open, Time now) noexcept {
  if (!calls_.empty()) return false;
  const SchedulingContext* const context = caller.account.context;
  if (minimum_budget_ == Duration{} || context == nullptr) return true;
  cpu.scheduler.charge(now);
  return context->remaining(now) / (open + 1) >= minimum_budget_;
}

bool Endpoint::is_home(CpuId cpu) noexcept {
  std::uint16_t home = home_.load(std::memory_order_relaxed);
  if (home == kNowhere && home_.compare_exchange_strong(home, cpu.value(), std::memory_order_seq_cst)) {
    if (plain_) plain_home_.store(cpu.value(), std::memory_order_relaxed);
    return true;
  }
  return home == cpu.value();
}

void Endpoint::join(Thread& server, Time now) noexcept {
  if (server.serving != nullptr) {
    server.ring_state->end_receives(now);
    server.serving->server_left(server, now);
  }
  server.serving_hold = Ref<Object>::share(*this);
  server.serving = this;
  serving_.push_back(server);
  closed_ = false;
}

TransportError Endpoint::obstacle(Cpu& cpu, const Thread& caller) noexcept {
  if (!is_home(cpu.id)) return TransportError::wrong_cpu;
  if (closed_ || abandoned_.load(std::memory_order_seq_cst)) return TransportError::disconnected;
  return caller.depth >= abi::kCallDepth ? TransportError::too_deep : TransportError::none;
}

void Endpoint::queue(Cpu& cpu, Thread& caller, Time now) noexcept {
  start_limit(cpu, caller, now);
  caller.state = ThreadState::await_server;
  enqueue(caller.direct_call);
  queue_up(cpu, caller.account, now);
  leave(cpu, now);
}

Outcome Endpoint::deliver_one_way(Cpu& cpu, Call& call, Thread& server, Time now) noexcept {
  Thread& sender = call.caller;
  if (server.state == ThreadState::await_call) {
    copy_words(sender.user, server.user);
    server.user.set_result((sender.user.operation() & 0xffff'0000u) << 16 | abi::kReceivedOneWay, call.disclosed,
                           sender.user.interface_id());
    server.state = ThreadState::runnable;
  } else {
    const Outcome outcome = hand_over_request(call, server, now);
    if (outcome.kind() != Outcome::Kind::done) return outcome;
    server.ring_state->receive_ended();
  }
  call.queued_at = nullptr;
  give_account(finishing_account(server), server);
  make_ready(cpu, server.account, now);
  close(sender);
  for (auto& word : sender.user.words()) word = 0;
  sender.user.set_result(0, 0, 0);
  sender.state = ThreadState::runnable;
  return Outcome::done();
}

void Endpoint::send(Cpu& cpu, Thread& sender, Time now) noexcept {
  const TransportError why = contexts_only_ ? TransportError::budget_required : obstacle(cpu, sender);
  if (why != TransportError::none) refuse(sender, why);
  sender.direct_call.one_way = true;
  Thread* const server = servers_.pop_front();
  if (server == nullptr) queue(cpu, sender, now);
  const Outcome outcome = deliver(cpu, sender.direct_call, *server, now);
  if (outcome.kind() != Outcome::Kind::done) {
    close(sender);
    servers_.push_front(*server);
    refuse(sender, outcome);
  }
  leave(cpu, now);  // the server may be more urgent
}

void Endpoint::call(Cpu& cpu, Thread& caller, Time now) noexcept {
  const TransportError why = obstacle(cpu, caller);
  if (why != TransportError::none) refuse(caller, why);
  if (lacks_context(caller)) [[unlikely]] refuse(caller, TransportError::budget_required);
  if (minimum_budget_ != Duration{}) {
    cpu.scheduler.charge(now);
    if (!budget_suffices(caller, now)) refuse(caller, TransportError::budget_too_small);
  }
  if (Thread* const server = servers_.pop_front(); server != nullptr) {
    const Outcome outcome = deliver(cpu, caller.direct_call, *server, now);
    if (outcome.kind() != Outcome::Kind::done) [[unlikely]] {
      servers_.push_front(*server);
      refuse(caller, outcome);
    }
    start_limit(cpu, caller, now);
    if (timer_is_late(cpu)) leave(cpu, now);
    switch_directly(cpu, *server);
  }
  queue(cpu, caller, now);
}

bool Endpoint::take_fault(Cpu& cpu, Call& call, Time now) noexcept {
  if (closed_ || abandoned_.load(std::memory_order_seq_cst) || !is_home(cpu.id)) return false;
  if (Thread* const server = servers_.pop_front(); server != nullptr) {
    deliver_fault(cpu, call, *server, now);
  } else {
    enqueue(call);
  }
  return true;
}

Outcome Endpoint::start(Cpu& cpu, Call& call, Time now, Thread*& server) noexcept {
  if (const TransportError why = obstacle(cpu, call.caller); why != TransportError::none) return Outcome::transport(why);
  if (lacks_context(call.caller)) [[unlikely]] return Outcome::transport(TransportError::budget_required);
  if (minimum_budget_ != Duration{}) {
    cpu.scheduler.charge(now);
    if (!budget_suffices(call.caller, now)) return Outcome::transport(TransportError::budget_too_small);
  }
  server = servers_.pop_front();
  if (server != nullptr) {
    const Outcome outcome = deliver(cpu, call, *server, now);
    if (outcome.kind() != Outcome::Kind::done) servers_.push_front(*server);
    return outcome;
  }
  enqueue(call);
  queue_up(cpu, call.caller.account, now);
  return Outcome::done();
}

void Endpoint::serve_under(Cpu& cpu, Thread& server, Liveness& lease) noexcept {
  if (server.serving_lease.active()) return;
  begin_lease_use(cpu, server.serving_lease, lease, [](void* subject, Cpu& on, Time now) noexcept {
    Thread& thread = *static_cast<Thread*>(subject);
    const Ref<Object> hold = Ref<Object>::share(*thread.serving);
    thread.serving->end_server(on, thread, now);
  }, &server);
}

Outcome Endpoint::serve_by_ring(Cpu& cpu, Thread& server, Liveness* lease, Time now) noexcept {
  if (served_ == schema::FaultHandler::kInterfaceId) return Outcome::unimplemented();
  if (!is_home(cpu.id)) return Outcome::transport(TransportError::wrong_cpu);
  if (server.serving != this) join(server, now);
  if (lease != nullptr) serve_under(cpu, server, *lease);
  return Outcome::done();
}

// Gives the server, which waits, the call that is next, its account ready; false if there is none. Refuses those that it
// cannot take, one after the other.
bool Endpoint::take_next(Cpu& cpu, Thread& server, Time now) noexcept {
  while (Call* const next = calls_.front()) {
    forget_call(*next);  // the server holds the endpoint
    if (next->kind != CallKind::fault) make_ready(cpu, next->caller.account, now);
    const Outcome outcome = deliver(cpu, *next, server, now);
    if (outcome.kind() == Outcome::Kind::done) return true;
    refuse_call(cpu, *next, outcome, now);
  }
  return false;
}

bool Endpoint::listen(Cpu& cpu, Thread& server, Time now) noexcept {
  if (take_next(cpu, server, now)) return true;
  servers_.push_back(server);
  return false;
}

namespace {

// The server's words to the caller, or its exception. True if the caller has its account back.
bool answer(Cpu& cpu, Thread& server, Call& call, Time now, bool& lowered) noexcept {
  if (call.kind != CallKind::registers) [[unlikely]] {
    auto& operation = static_cast<Operation&>(call);
    const abi::CapCqe completion = results_from_registers(operation, server);
    const bool lent = give_account_back(cpu, server, call, now, lowered);
    operation.ring.end(operation, completion, now);
    if (!lent) (void)operation.ring.poke(cpu, now);
    return lent;
  }
  hal::UserState& user = call.caller.user;
  const std::uint64_t exception = (server.user.operation() >> 16) & 0xffff;
  copy_words(server.user, user);
  if (exception == 0) {
    user.set_result(0, 0, 0);
  } else {
    user.set_result(static_cast<std::uint32_t>(status_of(TransportError::exception)),
                    (exception - 1) | (server.user.interface_id() & 0xffff) << 16, 0);
  }
  return give_account_back(cpu, server, call, now, lowered);
}

}  // namespace

void Endpoint::reply_receive(Cpu& cpu, Thread& server, Liveness* lease, Time now) noexcept {
  if (!is_home(cpu.id)) refuse(server, TransportError::wrong_cpu);
  Call* answered = server.incoming;
  // Which one would it answer? They are answered where they came.
  if (server.ring_state->has_several_open()) refuse(server, TransportError::invalid_operation);
  if (answered != nullptr && answered->kind == CallKind::fault) [[unlikely]] {
    const bool exception = (server.user.operation() & 0xffff'0000u) != 0;
    if (!answer_fault(cpu, *answered, server, exception, now)) refuse(server, TransportError::invalid_message);
    if (server.process.is_ending()) leave(cpu, now);  // it was its own process's supervisor, and ended that
    answered = nullptr;                       // it worked on its own account: as before a first receive
  }
  Thread* caller = nullptr;  // who has its account back
  bool lowered = false;
  server.open_answer = 0;  // as long as it receives by registers
  if (answered != nullptr) {
    server.ring_state->answered_by_registers(*answered);
    if (answer(cpu, server, *answered, now, lowered)) caller = &answered->caller;
  }
  const bool moved = server.serving != this;
  if (moved) join(server, now);
  if (lease != nullptr) serve_under(cpu, server, *lease);
  server.has_waited = true;
  server.depth = 0;
  server.state = ThreadState::await_call;
  if (!calls_.empty()) {
    if (caller == nullptr) block(cpu, server.account, now);
    server.account = {};
    if (!take_next(cpu, server, now)) servers_.push_back(server);
    if (caller != nullptr) resume_caller_later(cpu, *caller, now);
    leave(cpu, now);
  }
  servers_.push_back(server);
  if (caller != nullptr && (moved || timer_is_late(cpu))) {
    // The endpoint it has left may have closed, and those who queued there are ready now.
    resume_caller_later(cpu, *caller, now);
    leave(cpu, now);
  }
  if (caller != nullptr) resume_caller(cpu, *caller, lowered, now);
  block(cpu, server.account, now);
  server.account = {};
  leave(cpu, now);
}

void Endpoint::server_left(Thread& server, Time now) noexcept {
  if (static_cast<ListHook<EndpointTag>&>(server).linked()) List<Thread, EndpointTag>::erase(server);
  List<Thread, ServingTag>::erase(server);
  end_lease_use(server.serving_lease);
  closed_ = serving_.empty();
  if (closed_) disconnect_queue(now);
}

void Endpoint::disconnect_queue(Time now) noexcept {
  while (Call* const waiting = calls_.front()) {
    forget_call(*waiting);  // the server, or whoever revokes, still holds the endpoint
    if (waiting->kind == CallKind::fault) {
      doom(Cpu::current(), waiting->caller);
      continue;
    }
    refuse_call(Cpu::current(), *waiting, Outcome::transport(TransportError::disconnected), now);
  }
}

// A call that queues holds the endpoint, not its serving side: another thread of its program may give up the last capability meanwhile.
void Endpoint::enqueue(Call& call) noexcept {
  hold_client();
  call.queued_at = this;
  calls_.push_back(call);
}

void Endpoint::forget_call(Call& call) noexcept {
  List<Call, CallTag>::erase(call);
  call.queued_at = nullptr;
  drop_client();  // last of all: this may have been the last hold
}

void drop_floors(Cpu& cpu, SchedulingContext& context, Time now) noexcept {
  cpu.scheduler.set_floor(context, Time::never(), now);
  const Thread* const thread = context.thread;
  if (thread == nullptr || thread->account.context != &context) return;
  for (Call* call = thread->outgoing; call->server != nullptr; call = call->server->outgoing) call->floor_at_call = Time::never();
}

void hand_on(Cpu& cpu, Account account, Thread& server, Time now) noexcept {
  Thread* worker = &server;
  for (; worker->outgoing->server != nullptr; worker = worker->outgoing->server) {
    worker->account = account;
    // Else the reply would restore the priority of the account that is gone. Whoever takes over has its floors.
    if (!takes_over(account)) raise_to(cpu, *worker->outgoing, *worker->outgoing->server->serving, now);
  }
  give_account(account, *worker);
  if (worker->state == ThreadState::sleeping && account.context != nullptr) [[unlikely]] {  // no sleeper on best effort any more
    suspend_timeout(worker->timeout);
    resume_timeout(cpu.timeouts, worker->timeout);
  }
  if (goes_on(worker->state)) make_ready(cpu, account, now);
}

Call* stop_serving(Call& call) noexcept {
  Thread& server = *std::exchange(call.server, nullptr);
  Call* const other = call.slot == Call::kNoSlot ? nullptr : server.ring_state->close(call);
  if (server.incoming == &call) server.incoming = other;
  if (other != nullptr && call.caller.outgoing == &call) {
    other->priority_at_call = call.priority_at_call;
    other->floor_at_call = call.floor_at_call;
    call.caller.outgoing = other;
  }
  return other;
}

bool give_account_back(Cpu& cpu, Thread& server, Call& call, Time now, bool& lowered) noexcept {
  Thread& caller = call.caller;
  (void)stop_serving(call);
  if (caller.outgoing != &call) return false;
  give_account(server.account, caller);
  server.account = {};
  trace_give_back(cpu, caller, server, now);
  if (call.kind == CallKind::registers) {
    close(caller);
    caller.state = ThreadState::runnable;
  } else {
    caller.outgoing = &caller.direct_call;
  }
  lowered = !has_lost_floor(call) && lower_again(cpu, call, now);
  return true;
}

void refuse_call(Cpu& cpu, Call& call, const Outcome& outcome, Time now) noexcept {
  Thread& caller = call.caller;
  if (call.kind == CallKind::registers) {
    close(caller);
    caller.user.set_result(static_cast<std::uint32_t>(outcome.status()), outcome.exception_word(), 0);
    caller.state = ThreadState::runnable;
  } else {
    auto& operation = static_cast<Operation&>(call);
    caller.outgoing = &caller.direct_call;
    operation.ring.end(operation, outcome, now);
  }
  resume_caller_later(cpu, caller, now);
}

void resume_caller(Cpu& cpu, Thread& caller, bool lowered, Time now) noexcept {
  if (cpu.ending != nullptr) [[unlikely]] {  // the caller may be one of those
    resume_caller_later(cpu, caller, now);
    leave(cpu, now);
  }
  Thread* const next =
      caller.state == ThreadState::await_completions ? caller.ring_state->resume_with_account(cpu, now) : &caller;
  if (next == nullptr || (lowered && cpu.scheduler.must_switch(now))) leave(cpu, now);
  switch_directly(cpu, *next);
}

void resume_caller_later(Cpu& cpu, Thread& caller, Time now) noexcept {
  if (caller.state == ThreadState::await_completions) return caller.ring_state->continue_later(cpu, now);
  make_ready(cpu, caller.account, now);
}

void withdraw_calls(Cpu& cpu, Thread& thread, Time now) noexcept {
  Call& call = *thread.outgoing;
  // Else its limit would end whatever the thread waits for then.
  if (call.kind == CallKind::registers && (call.queued_at != nullptr || call.server != nullptr)) close(thread);
  if (call.queued_at != nullptr) call.queued_at->forget_call(call);
  if (call.server == nullptr) return;
  Thread& server = *call.server;
  const Account lost = thread.account;
  const Time floor = lost.context != nullptr ? lost.context->floor() : Time::never();
  const bool lost_floor = has_lost_floor(call);
  block(cpu, lost, now);
  if (!lost_floor) (void)lower_again(cpu, call, now);
  if (call.kind == CallKind::registers) {
    server.incoming = nullptr;
    call.server = nullptr;
  } else {
    thread.outgoing = &thread.direct_call;  // it stays open
  }
  const Account own = finishing_account(server);
  hand_on(cpu, own, server, now);
  if (takes_over(own)) [[unlikely]] take_over(cpu, *own.context, floor, now);
  give_account(lost, thread);
  trace_give_back(cpu, thread, server, now);
}

void call_off(Cpu& cpu, Thread& caller, TransportError why, Time now) noexcept {
  withdraw_calls(cpu, caller, now);
  close(caller);
  for (auto& word : caller.user.words()) word = 0;
  complete_call(caller, status_of(why), now);
}

void abandon_calls(Cpu& cpu, Thread& thread, Time now) noexcept {
  withdraw_calls(cpu, thread, now);
  if (thread.ring_state != nullptr) thread.ring_state->abandon(cpu, now);
  stop_answering(cpu, thread, now);
}

void stop_answering(Cpu& cpu, Thread& thread, Time now) noexcept {
  while (Call* const call = thread.incoming) {
    bool lowered = false;
    const Outcome gone = Outcome::transport(TransportError::disconnected);
    if (call->kind == CallKind::fault) {
      withdraw_fault(call->caller);
      doom(cpu, call->caller);
    } else if (give_account_back(cpu, thread, *call, now, lowered)) {
      refuse_call(cpu, *call, gone, now);  // the dead server may have been waiting on the account: it becomes ready
    } else {
      auto& operation = static_cast<Operation&>(*call);
      operation.ring.end(operation, gone, now);
      (void)operation.ring.poke(cpu, now);
    }
  }
  if (thread.serving != nullptr) thread.serving->server_left(thread, now);
  thread.serving = nullptr;
  thread.serving_hold = {};
}

}  // namespace capos::kernel
