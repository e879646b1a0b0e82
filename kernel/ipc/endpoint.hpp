// SPDX-License-Identifier: Apache-2.0
// Where a server's calls arrive: callers run their servers on their own time.
//
// Invariants: a call is queued or being served, and ends exactly once (reply, limit, server's death, endpoint's death or
// revocation);
// while it is served its account belongs to the server's thread, unless its caller has stopped waiting for it
// (ipc/ring_state.hpp). Servers and callers are on one CPU: that of whoever called or received first. A server waits in
// reply_receive or, with a RECEIVE, in its ring. An endpoint is closed while the servers that it had are gone, and for
// good once nobody holds its serving side. What is sent one way queues with the calls and ends when a server takes it.
// Bounds: call and reply O(1), a direct switch without a scheduling decision when the other side waits.
#pragma once

#include "capos/base/list.hpp"
#include "core/cpu.hpp"
#include "ipc/call.hpp"
#include "objects/object.hpp"

namespace capos::kernel {

class Liveness;

class Endpoint final : public TypedObject<Endpoint, schema::Endpoint> {
 public:
  static constexpr ObjectType kType = ObjectType::endpoint;
  using Interface = schema::Endpoint;
  static constexpr schema::Resource kResource = schema::Resource::endpoints;
  // `floor`: for callers of EDF islands; zero: none. `contexts_only`: for calls on contexts, and nothing else.
  Endpoint(std::uint64_t served, Duration minimum_budget, Priority ceiling, Duration floor, bool contexts_only) noexcept
      : TypedObject(kType),
        served_(served),
        minimum_budget_(minimum_budget),
        floor_(floor),
        ceiling_(ceiling),
        contexts_only_(contexts_only),
        plain_(minimum_budget == Duration{} && ceiling == Priority{} && floor == Duration{} && !contexts_only && !parameters().trace_switches) {}

  [[nodiscard]] std::uint64_t served() const noexcept { return served_; }
  [[nodiscard]] Priority ceiling() const noexcept { return ceiling_; }
  [[nodiscard]] Duration floor() const noexcept { return floor_; }

  Outcome connect(CallContext&, schema::Endpoint::Connect::Params::Reader,
                  schema::Endpoint::Connect::Results::Builder) noexcept;

  Outcome revoke(CallContext&, const Interface::Revoke::Params::Value&, Interface::Revoke::Results::Value&) noexcept;

  // The calling thread's call; its words are in its registers. Does not return.
  [[noreturn, gnu::noinline]] void call(Cpu& cpu, Thread& caller, Time now) noexcept;
  // The same one way: returns when a server has taken the words.
  [[noreturn]] void send(Cpu& cpu, Thread& sender, Time now) noexcept;
  // Answers the server's open call, if there is one, and waits for the next. Does not return.
  // `lease`: of the capability that it came by, nullptr if none: it serves under that from now on.
  [[noreturn, gnu::noinline]] void reply_receive(Cpu& cpu, Thread& server, Liveness* lease, Time now) noexcept;
  // The usual cases of the two (fast_path.hpp): they do not return if the case is one, and have no effect if it is not.
  void call_fast(Thread& caller) noexcept;
  void reply_receive_fast(Thread& server) noexcept;  // `server` serves here

  // The same for a call of a ring whose thread waits and whose account is ready. Done: `server` works on it, or it queues
  // (nullptr), its account blocked. Otherwise why it was not started: disconnected, wrongCpu, budgetRequired, budgetTooSmall, and those
  // of hand_over_request.
  [[nodiscard]] Outcome start(Cpu& cpu, Call& call, Time now, Thread*& server) noexcept;
  // A thread with a RECEIVE serves here from now on. Errors: wrongCpu; unimplemented for an endpoint of faults, which a
  // supervisor takes by registers.
  [[nodiscard]] Outcome serve_by_ring(Cpu& cpu, Thread& server, Liveness* lease, Time now) noexcept;
  // May another call of `caller`, of which `open` are being served here on its account, go along? Not while others queue,
  // nor with less than the least budget for each.
  [[nodiscard]] bool takes_more(Cpu& cpu, Thread& caller, std::uint32_t open, Time now) noexcept;
  // Any number of them, without looking at the budget.
  [[nodiscard]] bool takes_all() noexcept { return calls_.empty() && minimum_budget_ == Duration{}; }
  // It waits: gets the call that is next, true; or is the next to get one. Refuses those that it cannot take.
  [[nodiscard]] bool listen(Cpu& cpu, Thread& server, Time now) noexcept;

  // A fault of `call`'s thread: told to a server that waits, or queued. False if it cannot be (closed, or another CPU).
  [[nodiscard]] bool take_fault(Cpu& cpu, Call& call, Time now) noexcept;

  // The server's thread dies or serves another endpoint; after the last one, all who queue get `disconnected`,
  // and those whose fault is queued are doomed.
  void server_left(Thread& server, Time now) noexcept;
  // A thread that serves here goes on under that lease, if it does under none.
  static void serve_under(Cpu& cpu, Thread& server, Liveness& lease) noexcept;
  // A queued call leaves the queue. The endpoint may be gone afterwards, unless the caller of this holds it.
  void forget_call(Call& call) noexcept;

  // The calling side's holds; any CPU. They do not keep the serving side open: when its last Ref goes, all who queue get
  // `disconnected`, and later callers too; the memory goes with the last of both.
  void hold_client() noexcept { clients_.fetch_add(1, std::memory_order_relaxed); }
  void drop_client() noexcept;

 private:
  void destroy() noexcept override;
  void enqueue(Call& call) noexcept;
  [[nodiscard]] bool budget_suffices(Thread& caller, Time now) const noexcept;
  // Why a call or send cannot be started here, `none` if it can.
  [[nodiscard]] schema::TransportError obstacle(Cpu& cpu, const Thread& caller) noexcept;
  // Here only contexts may call, and it runs on none.
  [[nodiscard]] bool lacks_context(const Thread& caller) const noexcept { return contexts_only_ && caller.account.context == nullptr; }
  // The thread waits here for a server, up to its limit.
  [[noreturn]] void queue(Cpu& cpu, Thread& caller, Time now) noexcept;
  void disconnect_queue(Time now) noexcept;
  static void on_abandoned(void* endpoint) noexcept;
  // Hands the sender's words to the server, which gets time of its own and is ready; the sender goes on when dispatched.
  // Errors: those of hand_over_request.
  [[nodiscard]] Outcome deliver_one_way(Cpu& cpu, Call& call, Thread& server, Time now) noexcept;
  // Hands the caller's account and parameters to the server. Done, or why nothing happened.
  [[nodiscard]] Outcome deliver(Cpu& cpu, Call& call, Thread& server, Time now) noexcept;

  const std::uint64_t served_;
  const Duration minimum_budget_;
  const Duration floor_;
  const Priority ceiling_;
  const bool contexts_only_;
  const bool plain_;  // no least budget, no ceiling, no floor, for everybody, no trace: a call looks at neither time nor urgency
  // Is this its CPU? Makes it so if it has none yet.
  [[nodiscard]] bool is_home(CpuId cpu) noexcept;
  void join(Thread& server, Time now) noexcept;
  [[nodiscard]] bool take_next(Cpu& cpu, Thread& server, Time now) noexcept;
  // A server is set free: what it works on and what it waits in end with `disconnected`. O(calls it has open).
  void end_server(Cpu& cpu, Thread& server, Time now) noexcept;
  // After a revocation, on its CPU: every call and every server gets `disconnected`. O(calls and servers).
  void end_all(Cpu& cpu, Time now) noexcept;
  static void end_here(void* subject) noexcept;

  static constexpr std::uint16_t kNowhere = 0xffff;
  std::atomic<std::uint16_t> home_{kNowhere};
  std::atomic<std::uint16_t> plain_home_{kNowhere};  // the same if it is plain: what the fast path compares
  bool closed_ = false;
  std::atomic<bool> abandoned_{false};         // nobody holds the serving side any more
  std::atomic<std::uint32_t> clients_{1};      // ClientEndpoints, and one for the serving side
  Mail abandoned_mail_;
  List<Thread, ServingTag> serving_;    // threads that serve here, busy ones included
  Mail revoke_mail_;
  List<Call, CallTag> calls_;           // waiting to be served
  List<Thread, EndpointTag> servers_;   // waiting for calls
};

// The calling side: nothing but calls.
class ClientEndpoint final : public Object {
 public:
  static constexpr ObjectType kType = ObjectType::client_endpoint;
  explicit ClientEndpoint(Endpoint& endpoint) noexcept : Object(kType), endpoint_(endpoint) { endpoint.hold_client(); }
  [[nodiscard]] Endpoint& endpoint() const noexcept { return endpoint_; }

  [[nodiscard]] std::uint64_t interface_id() const noexcept override { return endpoint_.served(); }
  // Calls by register go to Endpoint::call; by message they are not served yet.
  Outcome call_registers(CallContext&, std::uint64_t, std::uint16_t, const std::uint64_t (&)[8],
                         std::uint64_t (&)[8]) noexcept override {
    return Outcome::unimplemented();
  }
  Outcome call_message(CallContext&, std::uint64_t, std::uint16_t, wire::AnyStructReader,
                       wire::MessageBuilder&) noexcept override {
    return Outcome::unimplemented();
  }

 private:
  void destroy() noexcept override;
  Endpoint& endpoint_;
};

// `server`, or whoever works for it in turn, goes on on `account`, which none of them had. On its CPU.
// O(servers that call one another).
void hand_on(Cpu& cpu, Account account, Thread& server, Time now) noexcept;
// EDF: a context that has to wait comes back without a floor, in whatever servers it is: late, it is not to delay others that it had no
// claim to delay. O(servers that call one another).
void drop_floors(Cpu& cpu, SchedulingContext& context, Time now) noexcept;
// The call's server works on it no more. If it has others of the same caller open, one of them takes its place, also as
// what the account is lent for: that one; nullptr if none.
Call* stop_serving(Call& call) noexcept;
// The call has been answered, or its server is gone: the server works for it no more. If the caller's account was lent, and
// not for others besides, it is the caller's again, whose state then says how it goes on; `lowered`: and it may be less urgent than another now.
// True if it is home. The server has no account then.
bool give_account_back(Cpu& cpu, Thread& server, Call& call, Time now, bool& lowered) noexcept;
// The call ends with an error, its account on its caller: who goes on when it is dispatched.
void refuse_call(Cpu& cpu, Call& call, const Outcome& outcome, Time now) noexcept;
// A caller whose account is home, and ready: to it directly, or to whom it has its next call served by; by the scheduler
// if it has become less urgent, or has nobody to go to.
[[noreturn]] void resume_caller(Cpu& cpu, Thread& caller, bool lowered, Time now) noexcept;
// The same, for the scheduler to decide.
void resume_caller_later(Cpu& cpu, Thread& caller, Time now) noexcept;

// The thread's own call, queued or being served, is called off: its account is its own again, and blocked; a server at
// work on the call finishes on time of its own (a ring's call stays open then). On its CPU. O(servers that call one another).
void withdraw_calls(Cpu& cpu, Thread& thread, Time now) noexcept;
// The thread's call by register, queued or being served, ends with `why`; as above for its server.
void call_off(Cpu& cpu, Thread& caller, schema::TransportError why, Time now) noexcept;
// What a dying thread leaves behind in calls, as caller or as server. On its CPU.
void abandon_calls(Cpu& cpu, Thread& thread, Time now) noexcept;
// The same as server alone: who waits for its answers gets the error disconnected. O(calls that it has open).
void stop_answering(Cpu& cpu, Thread& thread, Time now) noexcept;

}  // namespace capos::kernel
