// SPDX-License-Identifier: Apache-2.0
// What the kernel keeps of a thread's ring: operations under way, chains, answers, and what its thread waits for.
//
// Every entry but a plain NOP takes an Operation from a pool of abi::ring_operations(), which was charged to the process
// with the ring, and gives it back once its completion is in the queue and nobody can ask for its answer any more. An
// entry that finds the pool empty, or the completion queue full, stays in the submission queue: nothing is lost.
//
// Who runs on what. Calls on endpoints are made on their caller's account (docs/decisions/0003), so they are made while
// the caller waits in cap_enter, one at a time, in the order of their entries: the account is lent to the server of the
// one under way, and comes back when that ends, or as soon as the wait is over for another reason (enough completions,
// the timeout); the server then finishes on time of its own and the call stays open. A thread that receives through its
// ring takes calls when it waits in cap_enter, has no call of its own to make, and has no call open; the
// delivery ends its wait at once, for it is the caller's time that runs. After its last return_call it runs on its own
// account, or gives it up by waiting.
//
// Several calls of one caller. Where the server's RECEIVE has several areas, calls that wait behind the one that is being
// delivered go along: to the same endpoint, as many as their thread waits for, and only if nobody else queues there
// (decision 0015). The server has calls of one caller open, then, and they share the account that was lent: `outgoing` is one of
// them, and if that ends, another; the account is home when the last has been answered.
//
// Polling (ring_polling.cpp, decision 0018). A thread that waits with a time to poll looks for submissions meanwhile, on its
// account: other threads of its process submit without entering the kernel. It does not while its account is lent, nor
// while it receives or has a call open.
//
// Linked timeouts. A LINK_TIMEOUT is the `linked` of the operation that it watches, and `dependency` points back; its own
// `linked` is how the chain goes on. It is held until that operation starts, then among the timers, and it ends with it.
//
// Invariants: each operation ends exactly once, in one completion (a multishot one: the one without kCqeMore); an
// operation is in at most one list, by its state; a call's account is with its server exactly while the caller's
// `outgoing` is that call. On the thread's own CPU only, but for Operation::mail and `holders`.
// Bounds: no loop is longer than the ring has operations or submission entries; timers O(log operations). cap_enter takes
// at most the queue's entries, each message at most abi::kArenaBytes. It lets interrupts in after each call on a kernel object,
// or portion of one, after kShortPortion other entries, kStartedAtOnce that a chain has set free, and kPortion plain CALLs or RETURNs in a row or twice
// as many plain NOPs, and before one with more than kFewTransfers capabilities: what they make ready then runs first. After every kPortion it also decides afresh who runs. No allocation after the ring was
// made, but what the receiver's capability table may need to grow.
#pragma once

#include <atomic>
#include <bit>

#include "capos/abi/ring.hpp"
#include "capos/base/list.hpp"
#include "capos/sched/timed_queue.hpp"
#include "core/cpu.hpp"
#include "core/mailbox.hpp"
#include "ipc/call.hpp"
#include "ipc/park_list.hpp"
#include "memory/page_source.hpp"
#include "objects/object.hpp"
#include "objects/outcome.hpp"

namespace capos::kernel {

class RingState;
struct OperationTag;

// Of a word that the program may write at any time.
template <typename T>
[[nodiscard]] T load_once(const T& shared) noexcept {
  return __atomic_load_n(&shared, __ATOMIC_ACQUIRE);
}

inline constexpr std::uint8_t kNoOperation = 0xff;  // of an entry that is refused in its turn

enum class OperationState : std::uint8_t {
  free,
  held,      // the entry before it in its chain is under way
  ready,     // its turn in the chain has come: its thread starts it
  deferred,  // a call on an answer that has not come
  pending,   // a call on an endpoint that waits for its caller to wait
  open,      // under way
  ended,     // its completion waits for room
  answered,  // its completion is out, its answer is kept
};

class Operation final : public Call, public sched::TimedNode, public ListHook<OperationTag>, public ParkWaiter {
 public:
  Operation(Thread& by, RingState& of) noexcept : Call(by, CallKind::message), ParkWaiter(true), ring(of) {}

  [[nodiscard]] bool in_use() const noexcept { return state != OperationState::free; }
  [[nodiscard]] bool has(std::uint8_t flag) const noexcept { return (sqe.flags & flag) != 0; }
  [[nodiscard]] abi::RingOperation kind_of() const noexcept { return static_cast<abi::RingOperation>(sqe.operation); }

  // Of a receive: bit n: a call lies in area n.
  [[nodiscard]] std::uint64_t& busy_areas() noexcept { return answer_caps[0]; }

  RingState& ring;
  schema::TransportError called_off{};  // not none: what it completes with when its turn or its mail comes
  OperationState state = OperationState::free;
  std::uint8_t areas = 0;              // of a receive; of a call: kPlainCall if nothing is special about it
  std::uint8_t answer_caps_count = 0;
  static constexpr std::uint8_t kLeased = 0x80;  // in the entry's flags, where it is no flag of an entry
  static constexpr std::uint8_t kPlainCall = 0xff;  // no transfers, no deadline
  abi::CapSqe sqe{};                   // copied once
  Operation* linked = nullptr;         // held: the next of its chain
  Operation* dependents = nullptr;     // deferred on this one's answer, oldest first
  Operation* next_dependent = nullptr;
  Operation* dependency = nullptr;     // what it is deferred on, or watches
  Ref<Object> object;                  // the endpoint called, the notification waited for, the memory parked on
  abi::CapCqe completion{};            // once ended; of a LINK_TIMEOUT, `value` once its time has come
  std::uint64_t answer_caps[abi::kAnswerCaps] = {};  // of a call
  LeaseUse lease_use;                  // of a call or wait through a capability under a lease: then kLeased
  Mail mail;                           // from another CPU's signal or unpark
};

class RingState {
 public:
  // Where a ring lies in kernel memory, which lives as long as this: its page with the arena behind it, its queues, and
  // where the program sees those: bytes from the page.
  struct Place {
    void* page = nullptr;
    void* queues = nullptr;
    std::uint32_t queues_offset = 0;
    std::uint32_t entries = abi::kSubmissionEntries;
  };
  // An empty ring, its header written. Errors: quota_exceeded, out_of_memory.
  [[nodiscard]] static ResultOf<RingState*, schema::KernelError> create(Thread& thread, const Place& place,
                                                                        PageSource& pages) noexcept;
  // The same for a ring of default size, its queues in its page.
  [[nodiscard]] static ResultOf<RingState*, schema::KernelError> create(Thread& thread, void* page,
                                                                        PageSource& pages) noexcept;
  // Of the block that holds one.
  [[nodiscard]] static unsigned order_for(std::uint32_t entries) noexcept;
  // By its thread, once that is dead, and by whoever had an operation outside: the last one gives the memory back.
  static void release(RingState& state, PageSource& pages) noexcept;

  // Nothing submitted, nothing under way or kept, nothing to reap: it may be made anew. O(operations).
  [[nodiscard]] bool idle() noexcept;
  // No operation has begun that has not ended, none is where others reach it; what stands in its queues does not count. Its thread may move. Own CPU.
  [[nodiscard]] bool nothing_under_way() const noexcept { return open_count_ == 0 && holders.load(std::memory_order_relaxed) == 1; }
  // The calls that this ring's successor receives have other ids than those it received.
  void succeed(const RingState& before) noexcept { next_answer_ = before.next_answer_; }

  // cap_enter, and its continuation when the thread is dispatched in ThreadState::ring_work. Do not return.
  [[noreturn]] void enter(Cpu& cpu, Time now) noexcept;
  [[noreturn]] void continue_enter(Cpu& cpu, Time now) noexcept;
  // The thread was to go on in continue_enter() and does not: cap_enter ends with what there is; entries stay queued.
  void cut_short() noexcept {
    to_take_ = 0;
    finish_wait();
  }
  // For one that polls: there is something in the queue, or room for completions. No effect if it is not parked.
  void look_again(Cpu& cpu, Time now) noexcept;
  // The thread dies: everything ends, without completions. abandon_some() ends at most so many operations, and no other call finds
  // these any more: true when none is left. Its thread is dead then, to others, though it has not ended.
  void abandon(Cpu& cpu, Time now) noexcept { (void)abandon_some(cpu, now, operations_); }
  [[nodiscard]] bool abandon_some(Cpu& cpu, Time now, unsigned most) noexcept;
  // Of its operations, how many have ever been wanted.
  [[nodiscard]] unsigned made() const noexcept { return made_; }

  // --- for endpoints
  // Where the next call goes: which receive takes it, into which of its areas, under which number.
  struct Landing {
    Operation* receive = nullptr;
    std::uint32_t area = 0, slot = 0;
    [[nodiscard]] std::uint32_t offset() const noexcept {
      return receive->sqe.results_offset + area * receive->sqe.results_capacity;
    }
    [[nodiscard]] std::uint32_t size() const noexcept { return receive->sqe.results_capacity; }
  };
  // False: there is no place.
  [[nodiscard]] bool find_landing(CallKind kind, bool one_way, Landing& at) noexcept;
  // For another message, and it would be told of at once.
  [[nodiscard]] bool has_area() noexcept {
    Landing at;
    return room() > 0 && overflow_.empty() && find_landing(CallKind::message, false, at);
  }
  // A call has been put there (message_call): the receive completes, or goes on.
  void call_received(const Landing& at, Call& call, std::uint32_t message_bytes, std::uint32_t caps, Time now) noexcept;
  // All that is to be delivered now has been: ends the thread's wait.
  void receive_ended() noexcept;
  // After a call has been delivered to a server that waits in its ring: others that wait behind it go along.
  void deliver_more(Cpu& cpu, Endpoint& endpoint, Thread& server, Time now) noexcept;
  // A message call that was received is over, however: another that is open, of the same caller; nullptr if none is.
  [[nodiscard]] Call* close(Call& call) noexcept;
  // Its thread answers a call that it received here by reply_receive.
  void answered_by_registers(const Call& call) noexcept;
  [[nodiscard]] bool has_several_open() const noexcept { return (open_mask_ & (open_mask_ - 1)) != 0; }
  // Its thread serves elsewhere from now on: receives end with `disconnected`.
  void end_receives(Time now) noexcept;
  // The thread waits, and has its account back: it goes on in the kernel once it is dispatched.
  void continue_later(Cpu& cpu, Time now) noexcept;

  // --- ends of operations
  void end(Operation& operation, const Outcome& outcome, Time now) noexcept;
  void end(Operation& operation, abi::CapCqe completion, Time now) noexcept;
  // Something has happened while the thread may be waiting, and its account, if it was lent, may be back: wakes it if
  // there is reason to. True if it did.
  bool poke(Cpu& cpu, Time now) noexcept;
  // The same for the account's own way back on this CPU: whom to switch to directly, the account's owner; nullptr if the
  // scheduler must decide.
  [[nodiscard]] Thread* resume_with_account(Cpu& cpu, Time now) noexcept;

  // --- operations that others reach: in a notification's slot, in a list of who is parked, in the mail
  // An operation that is there counts among its ring's holders, and holds its thread and process.
  static void hold(Operation& operation) noexcept;
  // On its own CPU, its thread not buried: nothing goes with this.
  static void let_go(Operation& operation) noexcept;
  // A notification's signal, or an unpark, has reached the operation's CPU; takes over what it held. Subject: the Operation.
  static void signal_arrived(void* subject) noexcept;
  static void unparked(void* subject) noexcept;

  [[nodiscard]] std::byte* arena() noexcept { return reinterpret_cast<std::byte*>(&header_) + abi::kArenaOffset; }

  Thread& thread;
  std::atomic<std::uint32_t> holders{1};  // its thread, and operations in a notification's slot or in the mail

 private:
  RingState(Thread& of, const Place& place, unsigned order) noexcept;

  // What the thread was told of and has not answered. O(1) each but forget_receive.
  struct ReceivedCall {
    Call* call = nullptr;          // a message that is open; null: by registers (Thread::incoming), sent, or given up
    std::uint64_t id = 0;          // what its return_call says; 0: none
    Operation* receive = nullptr;  // in whose area it lies; null: that has ended
    std::uint8_t area = 0;
    bool one_way = false;
  };
  // Of a call by registers; there is one at most, and Thread::open_answer says whether it still is.
  static constexpr std::uint32_t kRegisterSlot = abi::kReceivedCalls - 1;
  [[nodiscard]] bool can_receive() noexcept;
  void forget_receive(const Operation& receive) noexcept;
  void free_received(std::uint32_t slot) noexcept;
  void end_answered(Cpu& cpu, Call& call, const abi::CapCqe& completion, Time now) noexcept;

  // None is free: makes some of those that have never been wanted, so that a ring costs nothing for its size. nullptr: all are in
  // use. O(kMadeAtOnce).
  static constexpr unsigned kMadeAtOnce = 8;
  [[nodiscard]] Operation* make_operations() noexcept;
  void check_unused() noexcept;
  // --- submission (ring_submission.cpp)
  static constexpr std::uint32_t kPortion = 32, kShortPortion = 3, kFewTransfers = 4, kStartedAtOnce = 6;
  void take_submissions(Cpu& cpu, Time& now) noexcept;
  void take_rest(Cpu& cpu, Time& now) noexcept;
  void take_portion(Cpu& cpu, Time now) noexcept;
  [[nodiscard]] std::uint32_t take_run(Cpu& cpu, std::uint32_t head, std::uint32_t& portion, Time now) noexcept;
  [[nodiscard]] std::uint32_t answer_nops(std::uint32_t head, std::uint32_t most) noexcept;
  void accept(Cpu& cpu, Operation& operation, Time now) noexcept;
  void start_ready(Cpu& cpu, Time now) noexcept;
  void start(Cpu& cpu, Operation& operation, Time now) noexcept;
  [[nodiscard]] bool alive() const noexcept { return thread.state != ThreadState::dead; }
  // --- polling (ring_polling.cpp)
  void begin_polling(std::uint64_t wanted, Time now) noexcept;
  // In place of waiting; `now` is then later. True: something may have ended the wait; false: the thread is to wait. Does not
  // return if an interrupt came.
  [[nodiscard]] bool poll(Cpu& cpu, Time& now) noexcept;
  [[nodiscard]] bool work_off(Cpu& cpu, Time& now) noexcept;
  // Whoever submits is to call Thread.wakeRing, or need not.
  void ask_for_wakeups(bool ask) noexcept;
  // --- runs of usual entries (ring_runs.cpp): how many there were. At most `most`, from the submission queue's `head` on,
  // not in a chain.
  [[nodiscard]] std::uint32_t take_calls(std::uint32_t head, std::uint32_t most) noexcept;
  [[nodiscard]] std::uint32_t take_returns(Cpu& cpu, std::uint32_t head, std::uint32_t most, Time now) noexcept;
  // Of this ring's waiting calls, to a server that has just been given one.
  [[nodiscard]] std::uint32_t deliver_run(Endpoint& endpoint, Thread& server, std::uint32_t most) noexcept;
  // --- operations (ring_operations.cpp, ring_serving.cpp, ring_waiting.cpp); each ends the operation or leaves it under way
  void start_call(Cpu& cpu, Operation& operation, Time now) noexcept;
  void go_on_later(Operation& operation) noexcept;
  void drop_progress() noexcept;
  [[nodiscard]] bool resolve_pipelined(Operation& operation, Time now) noexcept;
  void start_receive(Cpu& cpu, Operation& operation, Time now) noexcept;
  void start_return(Cpu& cpu, Operation& operation, Time now) noexcept;
  void start_timeout(Operation& operation, Time now) noexcept;
  void start_notify(Operation& operation, Time now) noexcept;
  void take_signal(Operation& operation, Time now) noexcept;
  void start_park(Operation& operation, Time now) noexcept;
  void start_unpark(Operation& operation, Time now) noexcept;
  void take_unpark(Operation& operation, Time now) noexcept;
  // Something that the operation waited for has come to its CPU; takes over what it held.
  static void arrived(Operation& operation, void (RingState::*take)(Operation&, Time) noexcept) noexcept;
  void start_release(Operation& operation, Time now) noexcept;
  void start_cancel(Operation& operation, Time now) noexcept;
  void start_finish(Operation& operation, Time now) noexcept;
  // The operation goes on under the lease of the capability that it names, unless that is nullptr.
  void enter_lease(Operation& operation, Liveness* lease) noexcept;
  static void lease_ended(void* operation, Cpu& cpu, Time now) noexcept;
  [[nodiscard]] Operation* find(std::uint64_t user_data, const Operation& but) noexcept;
  [[nodiscard]] bool leave_wait(Operation& operation, schema::TransportError why) noexcept;
  // Are other calls served on the account that is lent for this one?
  [[nodiscard]] static bool has_company(const Operation& operation) noexcept;
  // Ends an operation that has not ended, with `why`: at once, or when its turn comes, or with the mail that is under way.
  void call_off(Operation& operation, schema::TransportError why, Time now) noexcept;
  static constexpr unsigned kTimersAtOnce = 2;
  void fire_timers(Time now) noexcept;
  // --- linked timeouts (ring_waiting.cpp)
  [[nodiscard]] static bool is_link_timeout(const Operation& operation) noexcept {
    return operation.kind_of() == abi::RingOperation::link_timeout;
  }
  void accept_link_timeout(Operation& timeout, Operation& watched, Time now) noexcept;
  void arm_link_timeout(Operation& timeout, Time now) noexcept;
  void fire_link_timeout(Operation& timeout, Time now) noexcept;
  // With what it watches; `succeeded`: how that ended.
  void end_link_timeout(Operation& timeout, bool succeeded) noexcept;
  // The same, behind an entry that had succeeded before this was taken.
  void pass_link_timeout(Operation& timeout) noexcept;
  // The same, behind one that had failed.
  void cancel_link_timeout(Operation& timeout) noexcept;

  // --- completion (ring_completion.cpp)
  // The kernel's own indices live in the page for the program to read; the program could spoil them, and with them only
  // its own ring: each is used modulo the queue's size.
  [[nodiscard]] std::uint32_t available() const noexcept {
    const std::uint32_t tail = __atomic_load_n(&header_.cq_tail, __ATOMIC_ACQUIRE);
    const std::uint32_t count = tail - __atomic_load_n(&header_.cq_head, __ATOMIC_ACQUIRE);
    return count < cq_mask_ + 1 ? count : cq_mask_ + 1;
  }
  [[nodiscard]] std::uint32_t room() const noexcept { return cq_mask_ + 1 - available(); }
  void write(const abi::CapCqe& completion) noexcept;
  void put_out(Operation& operation) noexcept;
  void out(Operation& operation) noexcept;
  void flush() noexcept;
  void follow_chain(Operation& operation, bool succeeded, Time now) noexcept;
  void follow_dependents(Operation& operation, Time now) noexcept;
  void give_back(Operation& operation) noexcept;

  // --- waiting (ring.cpp)
  [[noreturn]] void settle(Cpu& cpu, Time now) noexcept;
  [[noreturn]] void call_for_itself(Cpu& cpu, Time now) noexcept;
  [[noreturn]] void return_to_program(Cpu& cpu) noexcept;
  void pause(Cpu& cpu) noexcept;
  void let_interrupts_in(Cpu& cpu) noexcept;
  [[nodiscard]] bool satisfied() const noexcept { return timed_out_ || available() >= wanted_; }
  [[nodiscard]] bool has_work() noexcept { return retry_ || !ready_.empty(); }
  void watch_time(Cpu& cpu) noexcept;
  void timer_due(Cpu& cpu, Time now) noexcept;
  void stop_waiting() noexcept;
  void finish_wait() noexcept;
  void wake(Cpu& cpu, Time now) noexcept;
  void take_account_home(Cpu& cpu, Time now) noexcept;
  [[nodiscard]] Thread* issue_next(Cpu& cpu, Time now) noexcept;
  void release_caller(Cpu& cpu, Time now) noexcept;

  // The pool lies behind this, in the same block.
  [[nodiscard]] Operation& operation(std::uint32_t index) noexcept {
    return reinterpret_cast<Operation*>(reinterpret_cast<std::byte*>(this) + pool_offset())[index];
  }
  [[nodiscard]] static constexpr std::size_t pool_offset() noexcept;

  abi::RingHeader& header_;
  abi::CapSqe* const sq_;
  abi::CapCqe* const cq_;
  const std::uint32_t sq_mask_, cq_mask_;  // places in the queues, less one
  const std::uint32_t operations_;
  std::uint32_t made_ = 0;              // of these, from the first on: the others have never been wanted
  const unsigned order_;                // of the block that this lies in
  List<Operation, OperationTag> free_, ready_, pending_, receives_, overflow_;
  sched::TimedQueue<Operation> timers_;
  std::uint32_t open_count_ = 0;        // operations that have not ended
  std::uint32_t wanted_ = 0;            // completions that end the wait
  Time wait_until_ = Time::never();
  bool timed_out_ = false;
  std::uint64_t poll_ns_ = 0;           // of this cap_enter; 0: it does not poll
  Time poll_until_{};                   // unless something comes
  bool asks_for_wakeups_ = false;
  std::uint32_t to_take_ = 0;           // entries of this cap_enter that have not been looked at
  bool stalled_ = false;                // entries were left in the queue
  bool retry_ = false;                  // and something has ended since
  std::uint32_t short_portion_ = 0;     // entries since interrupts were let in; one that took long counts for all
  bool unfinished_ = false;             // the first of those that are ready goes on then, or there are timers that are due
  Operation* in_progress_ = nullptr;    // that operation, until it ends: the first of those that are ready
  CallProgress progress_;               // its
  bool must_schedule_ = false;          // an entry may have changed what this CPU should run
  bool chain_broken_ = false;           // entries up to the end of the chain complete with `cancelled`
  bool chain_goes_on_ = false;          // the last entry had kSqeLink and has succeeded: a LINK_TIMEOUT has nothing to watch
  Operation* chain_tail_ = nullptr;     // the next entry is its successor
  std::uint64_t next_answer_ = 1;
  std::uint64_t received_mask_ = 0, open_mask_ = 0;  // bit n: received_[n] has an id, a call
  ReceivedCall received_[abi::kReceivedCalls] = {};
  Thread* returned_ = nullptr;          // the caller this thread has just answered, its account home, not yet resumed
  bool lowered_ = false;                // and that has a lower priority now
};

constexpr std::size_t RingState::pool_offset() noexcept {
  return (sizeof(RingState) + alignof(Operation) - 1) / alignof(Operation) * alignof(Operation);
}

}  // namespace capos::kernel
