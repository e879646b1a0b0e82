// SPDX-License-Identifier: Apache-2.0
// What the kernel keeps of a thread's ring: operations under way, chains, answers, and what its thread waits for.
//
// Every entry but a plain NOP takes an Operation from a pool of abi::kRingOperations, which was charged to the process
// with the ring, and gives it back once its completion is in the queue and nobody can ask for its answer any more. An
// entry that finds the pool empty, or the completion queue full, stays in the submission queue: nothing is lost.
//
// Who runs on what. Calls on endpoints are made on their caller's account (docs/decisions/0003), so they are made while
// the caller waits in cap_enter, one at a time, in the order of their entries: the account is lent to the server of the
// one under way, and comes back when that ends, or as soon as the wait is over for another reason (enough completions,
// the timeout); the server then finishes on time of its own and the call stays open. A thread that receives through its
// ring takes a call when it waits in cap_enter, has no call of its own to make, and has answered the call before; the
// delivery ends its wait at once, for it is the caller's time that runs. After its return_call it runs on its own
// account, or gives it up by waiting.
//
// Invariants: each operation ends exactly once, in one completion (a multishot one: the one without kCqeMore); an
// operation is in at most one list, by its state; a call's account is with its server exactly while the caller's
// `outgoing` is that call. On the thread's own CPU only, but for Operation::mail and `holders`.
// Bounds: no loop is longer than kRingOperations or kSubmissionEntries; timers O(log kRingOperations); cap_enter takes
// at most kSubmissionEntries entries, each message at most abi::kArenaBytes. No allocation after the ring was made, but
// what the receiver's capability table may need to grow.
#pragma once

#include <atomic>

#include "capos/abi/ring.hpp"
#include "capos/base/list.hpp"
#include "capos/sched/timed_queue.hpp"
#include "core/cpu.hpp"
#include "core/mailbox.hpp"
#include "ipc/call.hpp"
#include "memory/page_source.hpp"
#include "objects/object.hpp"
#include "objects/outcome.hpp"

namespace capos::kernel {

class RingState;
struct OperationTag;

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

class Operation final : public Call, public sched::TimedNode, public ListHook<OperationTag> {
 public:
  Operation(Thread& by, RingState& of) noexcept : Call(by, CallKind::message), ring(of) {}

  [[nodiscard]] bool in_use() const noexcept { return state != OperationState::free; }
  [[nodiscard]] bool has(std::uint8_t flag) const noexcept { return (sqe.flags & flag) != 0; }
  [[nodiscard]] abi::RingOperation kind_of() const noexcept { return static_cast<abi::RingOperation>(sqe.operation); }

  RingState& ring;
  OperationState state = OperationState::free;
  bool called_off = false;             // completes with `cancelled` when its turn or its mail comes
  std::uint8_t answer_caps_count = 0;
  abi::CapSqe sqe{};                   // copied once
  Operation* linked = nullptr;         // held: the next of its chain
  Operation* dependents = nullptr;     // deferred on this one's answer, oldest first
  Operation* next_dependent = nullptr;
  Operation* dependency = nullptr;     // what it is deferred on
  Ref<Object> object;                  // the endpoint called, the notification waited for
  abi::CapCqe completion{};            // once ended
  std::uint64_t answer_caps[abi::kAnswerCaps] = {};
  Mail mail;                           // from another CPU's signal
};

class RingState {
 public:
  // `ring`: the ring's page and arena in kernel memory, which lives as long as this. nullptr: out of memory.
  // Errors: quota_exceeded, out_of_memory.
  [[nodiscard]] static ResultOf<RingState*, schema::KernelError> create(Thread& thread, void* ring,
                                                                        PageSource& pages) noexcept;
  // By its thread, once that is dead, and by whoever had an operation outside: the last one gives the memory back.
  static void release(RingState& state, PageSource& pages) noexcept;

  // cap_enter, and its continuation when the thread is dispatched in ThreadState::ring_work. Do not return.
  [[noreturn]] void enter(Cpu& cpu, Time now) noexcept;
  [[noreturn]] void continue_enter(Cpu& cpu, Time now) noexcept;
  // The thread dies: everything ends, without completions.
  void abandon(Cpu& cpu, Time now) noexcept;

  // --- for endpoints
  // The receive that takes the next call; nullptr if none is open.
  [[nodiscard]] Operation* receiver() noexcept { return receives_.front(); }
  // A call has been put into the receiver's area (message_call): completes the receive and ends the thread's wait.
  void call_received(Operation& receive, std::uint32_t message_bytes, std::uint32_t caps, Time now) noexcept;
  // Its thread serves elsewhere from now on: receives end with `disconnected`.
  void end_receives(Time now) noexcept;
  // The thread waits, and has its account back: it goes on in the kernel once it is dispatched.
  void continue_later(Cpu& cpu, Time now) noexcept;

  // --- ends of operations
  void end(Operation& operation, const Outcome& outcome, Time now) noexcept;
  void end(Operation& operation, abi::CapCqe completion, Time now) noexcept;
  // Something has happened while the thread may be waiting, and its account, if it was lent, may be back: wakes it if
  // there is reason to.
  void poke(Cpu& cpu, Time now) noexcept;
  // The same for the account's own way back on this CPU: whom to switch to directly, the account's owner; nullptr if the
  // scheduler must decide.
  [[nodiscard]] Thread* resume_with_account(Cpu& cpu, Time now) noexcept;

  // A notification's signal has reached the operation's CPU. Subject: the Operation.
  static void signal_arrived(void* subject) noexcept;

  [[nodiscard]] std::byte* arena() noexcept { return reinterpret_cast<std::byte*>(&ring_) + abi::kArenaOffset; }

  Thread& thread;
  std::atomic<std::uint32_t> holders{1};  // its thread, and operations in a notification's slot or in the mail

 private:
  RingState(Thread& of, abi::Ring& ring) noexcept;

  // --- submission (ring_submission.cpp)
  void take_submissions(Cpu& cpu, Time now) noexcept;
  void accept(Cpu& cpu, Operation& operation, Time now) noexcept;
  void start_ready(Cpu& cpu, Time now) noexcept;
  void start(Cpu& cpu, Operation& operation, Time now) noexcept;
  [[nodiscard]] bool alive() const noexcept { return thread.state != ThreadState::dead; }
  // --- operations (ring_operations.cpp); each ends the operation or leaves it under way
  void start_call(Cpu& cpu, Operation& operation, Time now) noexcept;
  [[nodiscard]] bool resolve_pipelined(Operation& operation, Time now) noexcept;
  void start_receive(Cpu& cpu, Operation& operation, Time now) noexcept;
  void start_return(Cpu& cpu, Operation& operation, Time now) noexcept;
  void start_timeout(Operation& operation, Time now) noexcept;
  void start_notify(Operation& operation, Time now) noexcept;
  void take_signal(Operation& operation, Time now) noexcept;
  void start_cancel(Operation& operation, Time now) noexcept;
  void start_finish(Operation& operation, Time now) noexcept;
  [[nodiscard]] Operation* find(std::uint64_t user_data, const Operation& but) noexcept;
  void call_off(Operation& operation, Time now) noexcept;
  void fire_timers(Time now) noexcept;

  // --- completion (ring_completion.cpp)
  [[nodiscard]] std::uint32_t available() const noexcept;
  [[nodiscard]] std::uint32_t room() const noexcept { return abi::kCompletionEntries - available(); }
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
  [[nodiscard]] bool satisfied() const noexcept { return timed_out_ || available() >= wanted_; }
  [[nodiscard]] bool has_work() noexcept { return retry_ || !ready_.empty(); }
  void watch_time(Cpu& cpu) noexcept;
  void timer_due(Cpu& cpu, Time now) noexcept;
  void stop_waiting(Cpu& cpu) noexcept;
  void finish_wait() noexcept;
  void wake(Cpu& cpu, Time now) noexcept;
  void take_account_home(Cpu& cpu, Time now) noexcept;
  [[nodiscard]] Thread* issue_next(Cpu& cpu, Time now) noexcept;
  void release_caller(Cpu& cpu, Time now) noexcept;

  [[nodiscard]] Operation& operation(std::uint32_t index) noexcept {
    return reinterpret_cast<Operation*>(storage_)[index];
  }

  abi::Ring& ring_;
  List<Operation, OperationTag> free_, ready_, pending_, receives_, overflow_;
  sched::TimedQueue<Operation> timers_;
  std::uint32_t open_count_ = 0;        // operations that have not ended
  std::uint32_t wanted_ = 0;            // completions that end the wait
  Time wait_until_ = Time::never();
  bool timed_out_ = false;
  bool stalled_ = false;                // entries were left in the queue
  bool retry_ = false;                  // and something has ended since
  bool must_schedule_ = false;          // an entry may have changed what this CPU should run
  bool chain_broken_ = false;           // entries up to the end of the chain complete with `cancelled`
  Operation* chain_tail_ = nullptr;     // the next entry is its successor
  std::uint64_t next_answer_ = 1;
  Thread* returned_ = nullptr;          // the caller this thread has just answered, its account home, not yet resumed
  bool lowered_ = false;                // and that has a lower priority now
  alignas(Operation) std::byte storage_[abi::kRingOperations * sizeof(Operation)];
};

}  // namespace capos::kernel
