// SPDX-License-Identifier: Apache-2.0
// The end of an endpoint by its owner: calls in every state end, servers are set free; or of the lease of one server.
#include "core/account.hpp"
#include "core/wake.hpp"
#include "ipc/call_context.hpp"
#include "ipc/endpoint.hpp"
#include "ipc/fault_call.hpp"
#include "ipc/ring_state.hpp"

namespace capos::kernel {
namespace {

constexpr std::int32_t kDisconnected = -static_cast<std::int32_t>(schema::TransportError::disconnected);

// The calls that the server is at work on end; the server goes on, on its own time.
void end_calls_in_service(Cpu& cpu, Thread& server, Time now) noexcept {
  server.open_answer = 0;
  while (Call* const call = server.incoming) {
    Thread& caller = call->caller;
    if (call->kind == CallKind::fault) {
      withdraw_fault(caller);
      doom(cpu, caller);
      continue;
    }
    const Outcome gone = Outcome::transport(schema::TransportError::disconnected);
    const bool lent = caller.outgoing == call;
    if (lent) withdraw_calls(cpu, caller, now);
    if (call->server != nullptr) (void)stop_serving(*call);
    if (lent) {
      refuse_call(cpu, *call, gone, now);
      continue;
    }
    auto& operation = static_cast<Operation&>(*call);
    operation.ring.end(operation, gone, now);
    (void)operation.ring.poke(cpu, now);
  }
}

}  // namespace

void Endpoint::end_server(Cpu& cpu, Thread& server, Time now) noexcept {
  end_calls_in_service(cpu, server, now);
  const bool waits = server.state == ThreadState::await_call;
  server.ring_state->end_receives(now);
  server_left(server, now);
  server.serving = nullptr;
  server.serving_hold = {};  // whoever calls this holds the endpoint
  if (!waits) {
    (void)server.ring_state->poke(cpu, now);
    return;
  }
  give_account(finishing_account(server), server);
  complete_call(server, kDisconnected, now);
}

void Endpoint::end_all(Cpu& cpu, Time now) noexcept {
  while (Thread* const server = serving_.front()) end_server(cpu, *server, now);
  closed_ = true;
  disconnect_queue(now);
}

void Endpoint::end_here(void* subject) noexcept {
  Endpoint& endpoint = *static_cast<Endpoint*>(subject);
  endpoint.end_all(Cpu::current(), hal::now());
  endpoint.release();
}

Outcome Endpoint::revoke(CallContext& call, const Interface::Revoke::Params::Value&,
                         Interface::Revoke::Results::Value&) noexcept {
  Object::revoke();
  if (!is_home(call.cpu.id)) {
    acquire();
    if (!post(CpuId(home_.load(std::memory_order_relaxed)), revoke_mail_, end_here, this)) release();
  } else if (serving_.empty() && calls_.empty()) {
    closed_ = true;
  } else {
    end_all(call.cpu, call.now);
    call.reschedule = true;
  }
  return Outcome::done();
}

}  // namespace capos::kernel
