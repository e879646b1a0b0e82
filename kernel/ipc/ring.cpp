// SPDX-License-Identifier: Apache-2.0
// cap_enter: works off the submission queue, then waits, its account at work for its calls meanwhile.
#include <algorithm>
#include <bit>
#include <new>

#include "capos/abi/ring_identity.hpp"
#include "core/account.hpp"
#include "ipc/endpoint.hpp"
#include "ipc/fault_call.hpp"
#include "ipc/message_call.hpp"
#include "ipc/notification.hpp"
#include "ipc/park.hpp"
#include "ipc/ring_state.hpp"
#include "process/process.hpp"

namespace capos::kernel {

using schema::TransportError;

namespace {

bool is_stale(const Operation& call, Time now) noexcept {
  return call.sqe.deadline_ns != 0 && now.ns() > call.sqe.deadline_ns;
}

}  // namespace

RingState::RingState(Thread& of, const Place& place, unsigned order) noexcept
    : thread(of),
      header_(*::new (place.page) abi::RingHeader{}),
      sq_(static_cast<abi::CapSqe*>(place.queues)),
      cq_(reinterpret_cast<abi::CapCqe*>(sq_ + place.entries)),
      sq_mask_(place.entries - 1),
      cq_mask_(2 * place.entries - 1),
      operations_(abi::ring_operations(place.entries)),
      order_(order) {
  header_.magic = abi::kRingMagic;
  header_.sq_entries = place.entries;
  header_.cq_entries = 2 * place.entries;
  header_.arena_bytes = abi::kArenaBytes;
  header_.sq_offset = place.queues_offset;
  header_.cq_offset = place.queues_offset + place.entries * static_cast<std::uint32_t>(sizeof(abi::CapSqe));
  header_.operations = operations_;
  ::new (static_cast<std::byte*>(place.page) + abi::kRingIdentityOffset)
      abi::RingIdentity{abi::kRingIdentityMagic, of.process.number(), of.number};
}

Operation* RingState::make_operations() noexcept {
  for (unsigned left = kMadeAtOnce; left != 0 && made_ < operations_; --left) {
    free_.push_back(*::new (&operation(made_++)) Operation(thread, *this));
  }
  return free_.front();
}

unsigned RingState::order_for(std::uint32_t entries) noexcept {
  const std::size_t bytes = pool_offset() + abi::ring_operations(entries) * sizeof(Operation);
  return static_cast<unsigned>(std::bit_width((bytes - 1) / hal::kPageSize));
}

ResultOf<RingState*, schema::KernelError> RingState::create(Thread& thread, const Place& place,
                                                            PageSource& pages) noexcept {
  const unsigned order = order_for(place.entries);
  const FrameBlock block = pages.take(order);
  if (block.is_none()) return fail(pages.shortage(std::uint64_t{1} << order));
  return ::new (hal::to_kernel(block.base)) RingState(thread, place, order);
}

ResultOf<RingState*, schema::KernelError> RingState::create(Thread& thread, void* page, PageSource& pages) noexcept {
  constexpr std::uint32_t kOffset = offsetof(abi::Ring, sq);
  return create(thread, {page, static_cast<std::byte*>(page) + kOffset, kOffset}, pages);
}

bool RingState::idle() noexcept {
  for (std::uint32_t i = 0; i < made_; ++i) {
    if (operation(i).in_use()) return false;
  }
  const std::uint32_t head = __atomic_load_n(&header_.sq_head, __ATOMIC_ACQUIRE);
  return chain_tail_ == nullptr && !chain_broken_ && available() == 0 &&
         __atomic_load_n(&header_.sq_tail, __ATOMIC_ACQUIRE) == head;
}

void RingState::release(RingState& state, PageSource& pages) noexcept {
  if (state.holders.fetch_sub(1, std::memory_order_acq_rel) != 1) return;
  if constexpr (kDebugChecks) state.check_unused();
  pages.give({hal::to_physical(&state), state.order_});
}

// What has ended, or was abandoned, holds nothing: so there is nothing to destroy, however many there are.
void RingState::check_unused() noexcept {
  for (std::uint32_t i = 0; i < made_; ++i) {
    require(!operation(i).object && !operation(i).lease_use.active(), "an operation of a ring that goes holds something");
  }
}

void RingState::enter(Cpu& cpu, Time now) noexcept {
  const auto& words = thread.user.words();
  wanted_ = static_cast<std::uint32_t>(std::min<std::uint64_t>(words[0], cq_mask_ + 1));
  const std::uint64_t timeout = words[1];
  const std::uint64_t left = ~std::uint64_t{0} - now.ns();
  wait_until_ = timeout >= left ? Time::never() : Time::from_ns(now.ns() + timeout);
  timed_out_ = timeout == 0;
  must_schedule_ = unfinished_ = false;
  poll_ns_ = words[2];
  if (poll_ns_ != 0) [[unlikely]] begin_polling(words[0], now);
  if (!overflow_.empty()) flush();
  if (!timers_.empty()) fire_timers(now);
  if (!ready_.empty()) start_ready(cpu, now);
  if (alive()) take_submissions(cpu, now);
  settle(cpu, now);
}

void RingState::continue_enter(Cpu& cpu, Time now) noexcept {
  if (unfinished_) [[unlikely]] hal::interrupt_window();  // what led here has been a stretch of its own
  thread.state = ThreadState::runnable;
  unfinished_ = false;
  if (!timers_.empty()) fire_timers(now);
  start_ready(cpu, now);
  if (alive() && (to_take_ != 0 || unfinished_)) take_rest(cpu, now);
  if (alive() && stalled_) take_submissions(cpu, now);
  settle(cpu, now);
}

// The program goes on, or its thread waits.
void RingState::settle(Cpu& cpu, Time now) noexcept {
  do {
    if (!alive()) leave(cpu, hal::now());
    if (satisfied()) return_to_program(cpu);
    if (now >= wait_until_) {
      timed_out_ = true;
      return_to_program(cpu);
    }
  } while (poll_ns_ != 0 && poll(cpu, now));
  thread.state = ThreadState::await_completions;
  thread.has_waited = true;
  if (!pending_.empty()) call_for_itself(cpu, now);
  watch_time(cpu);
  if (returned_ == nullptr) block(cpu, thread.account, now);
  const bool called = !receives_.empty() && can_receive() && thread.serving->listen(cpu, thread, now);
  if (called || returned_ == nullptr || must_schedule_ || timer_is_late(cpu)) {
    release_caller(cpu, now);
    leave(cpu, now);
  }
  resume_caller(cpu, *std::exchange(returned_, nullptr), std::exchange(lowered_, false), now);
}

// The thread waits for calls of its own: its account works for the next one.
void RingState::call_for_itself(Cpu& cpu, Time now) noexcept {
  const bool decide = returned_ != nullptr || must_schedule_;
  // After a RETURN its own account has been blocked so far.
  if (returned_ != nullptr) make_ready(cpu, thread.account, now);
  release_caller(cpu, now);
  Thread* const server = issue_next(cpu, now);
  watch_time(cpu);
  if (server == nullptr || decide || timer_is_late(cpu)) leave(cpu, now);
  switch_directly(cpu, *server);
}

// Completions to the registers, and back, on an account that is ready.
void RingState::return_to_program(Cpu& cpu) noexcept {
  finish_wait();
  if (returned_ == nullptr && !must_schedule_ && cpu.thread == &thread) [[likely]] resume();
  // An entry may have made another thread ready, or taken long: decide afresh.
  const Time now = hal::now();
  if (returned_ != nullptr) {
    release_caller(cpu, now);
    make_ready(cpu, thread.account, now);
  }
  leave(cpu, now);
}

// Between two portions of entries: returns if nothing else is to run.
void RingState::pause(Cpu& cpu) noexcept {
  thread.state = ThreadState::ring_work;
  short_portion_ = 0;
  if (returned_ != nullptr || must_schedule_ || cpu.thread != &thread) {
    const Time now = hal::now();
    if (returned_ != nullptr) {
      release_caller(cpu, now);
      make_ready(cpu, thread.account, now);
    }
    must_schedule_ = false;
    leave(cpu, now);
  }
  hal::interrupt_window();
  thread.state = ThreadState::runnable;
}

// Between two entries, and between two portions of one: returns unless an interrupt has come; then it goes on in
// continue_enter(), once the thread is dispatched. Where accounts are on their way, that has to wait for pause().
void RingState::let_interrupts_in(Cpu& cpu) noexcept {
  short_portion_ = 0;
  if (returned_ != nullptr || cpu.thread != &thread) return;
  thread.state = ThreadState::ring_work;
  if (must_schedule_) cpu.remains = true;  // who is ready has not been chosen yet: nothing that comes may go to another directly
  hal::interrupt_window();
  thread.state = ThreadState::runnable;
}

// The caller that this thread has answered, when this thread does not switch to it.
void RingState::release_caller(Cpu& cpu, Time now) noexcept {
  Thread* const caller = std::exchange(returned_, nullptr);
  lowered_ = false;
  if (caller != nullptr) resume_caller_later(cpu, *caller, now);
}

void RingState::continue_later(Cpu& cpu, Time now) noexcept {
  stop_waiting();
  thread.state = ThreadState::ring_work;
  wake(cpu, now);
}

// Its account to the scheduler; a thread whose own context was stopped meanwhile gets no more time, and its supervisor
// is told, as complete_call does.
void RingState::wake(Cpu& cpu, Time now) noexcept {
  const SchedulingContext* const context = thread.account.context;
  if (context == nullptr || context != thread.bound || !context->stopped.load(std::memory_order_relaxed)) [[likely]] {
    return make_ready(cpu, thread.account, now);
  }
  finish_wait();
  raise_lost_time(cpu, thread, schema::ThreadFault::context_stopped, now);
}

void RingState::finish_wait() noexcept {
  auto& words = thread.user.words();
  const std::uint32_t count = available();
  for (auto& word : words) word = 0;
  words[0] = count;
  thread.user.set_result(0, 0, 0);
  thread.state = ThreadState::runnable;
  if (poll_ns_ != 0) [[unlikely]] ask_for_wakeups(false);
}

// What comes first: the end of its wait, or a TIMEOUT.
void RingState::watch_time(Cpu& cpu) noexcept {
  if (thread.state != ThreadState::await_completions) return;
  const Time until = std::min(wait_until_, timers_.earliest_time());
  if (until.is_never()) return;
  kernel::start_timeout(cpu.timeouts, thread.timeout, until, [](void* ring, Cpu& on, Time when) noexcept {
    static_cast<RingState*>(ring)->timer_due(on, when);
  }, this);
}

// Out of the places where it waits; the state is the caller's to set.
void RingState::stop_waiting() noexcept {
  cancel_timeout(thread.timeout);
  if (static_cast<ListHook<EndpointTag>&>(thread).linked()) List<Thread, EndpointTag>::erase(thread);
}

// Makes the next call on the thread's account, which is ready: whom it works for then, nullptr if the call queues, or
// there is none, or the wait is over; the account is blocked, or the state ring_work.
Thread* RingState::issue_next(Cpu& cpu, Time now) noexcept {
  while (!satisfied() && !has_work()) {
    Operation* const call = pending_.pop_front();
    if (call == nullptr && poll_ns_ != 0) [[unlikely]] break;  // it looks at its queue before it rests
    if (call == nullptr) {
      block(cpu, thread.account, now);
      return nullptr;
    }
    call->state = OperationState::open;
    if (is_stale(*call, now)) {
      end(*call, Outcome::transport(TransportError::timeout), now);
      continue;
    }
    thread.outgoing = call;
    Thread* server = nullptr;
    const Outcome outcome = static_cast<Endpoint&>(*call->object).start(cpu, *call, now, server);
    if (outcome.kind() == Outcome::Kind::done) return server;
    thread.outgoing = &thread.direct_call;
    end(*call, outcome, now);
  }
  continue_later(cpu, now);
  return nullptr;
}

// As many of the next calls as the wait is for and the server has areas for go along, on the same account: if nobody else
// queues at the endpoint, and each brings the least budget that it asks for.
void RingState::deliver_more(Cpu& cpu, Endpoint& endpoint, Thread& server, Time now) noexcept {
  RingState& serving = *server.ring_state;
  for (std::uint32_t open = 1; open + available() < wanted_ && !has_work();) {
    if (endpoint.takes_all()) {
      open += deliver_run(endpoint, server, wanted_ - available() - open);
      if (open + available() >= wanted_) return;
    }
    Operation* const call = pending_.front();
    if (call == nullptr || call->object.get() != &endpoint || !serving.has_area() ||
        !endpoint.takes_more(cpu, thread, open, now)) {
      return;
    }
    (void)pending_.pop_front();
    call->state = OperationState::open;
    if (is_stale(*call, now)) {
      end(*call, Outcome::transport(TransportError::timeout), now);
      continue;
    }
    const Outcome outcome = hand_over_request(*call, server, now);
    if (outcome.kind() == Outcome::Kind::done) {
      call->server = &server;
      ++open;
    } else {
      end(*call, outcome, now);
    }
  }
}

Thread* RingState::resume_with_account(Cpu& cpu, Time now) noexcept {
  if (satisfied()) {
    stop_waiting();
    finish_wait();
    return &thread;
  }
  return issue_next(cpu, now);
}

// Whatever is under way on its account goes on without: queued calls wait again for their caller to wait.
void RingState::take_account_home(Cpu& cpu, Time now) noexcept {
  Call& call = *thread.outgoing;
  if (call.kind != CallKind::message) return;
  if (call.queued_at != nullptr) {
    call.queued_at->forget_call(call);
    auto& operation = static_cast<Operation&>(call);
    operation.state = OperationState::pending;
    pending_.push_front(operation);
    thread.outgoing = &thread.direct_call;
  } else if (call.server != nullptr) {
    withdraw_calls(cpu, thread, now);
  }
}

bool RingState::poke(Cpu& cpu, Time now) noexcept {
  if (thread.state != ThreadState::await_completions) return false;
  const bool over = satisfied();
  const bool lent = thread.outgoing->kind == CallKind::message;  // or queued with its call
  if (!over && (lent || (!has_work() && pending_.empty()))) return false;
  take_account_home(cpu, now);
  stop_waiting();
  if (over) {
    finish_wait();
  } else {
    thread.state = ThreadState::ring_work;
  }
  wake(cpu, now);
  return true;
}

void RingState::timer_due(Cpu& cpu, Time now) noexcept {
  fire_timers(now);
  if (wait_until_ <= now) timed_out_ = true;
  (void)poke(cpu, now);
  if (thread.state == ThreadState::await_completions) watch_time(cpu);
}

bool RingState::abandon_some(Cpu& cpu, Time now, unsigned most) noexcept {
  release_caller(cpu, now);
  stop_waiting();
  drop_progress();
  for (; made_ != 0 && most != 0; --most) {
    Operation& each = operation(--made_);
    end_lease_use(each.lease_use);
    if (each.state == OperationState::open && each.kind_of() == abi::RingOperation::notify && each.object &&
        !static_cast<Notification&>(*each.object).leave_ring(each)) {
      continue;  // its mail is under way, and finds the thread dead
    }
    if (each.state == OperationState::open && each.kind_of() == abi::RingOperation::park && !leave_park(each)) continue;
    if (each.queued_at != nullptr) each.queued_at->forget_call(each);
    if (each.server != nullptr) stop_serving(each);
    each.object = {};
  }
  return made_ == 0;
}

}  // namespace capos::kernel
