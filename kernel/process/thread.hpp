// SPDX-License-Identifier: Apache-2.0
// A thread: machine state, what it waits for, and the time it runs on; an object that capabilities may name.
//
// Invariants: it runs only on an account (a scheduling context or its own best-effort entity), its own or one donated
// by a call; an account has exactly one owner thread; a waiting thread is a state, never a stack. Only its process's
// CPU changes a started thread; others post mail. A dead thread has left every queue, call and wait; its process may be
// gone, so nothing but its exit record is looked at any more.
//
// Life: made by a call of its process, in portions; the process holds one reference until the thread is buried; a context that is bound to it holds
// another; capabilities, wait slots and mail under way hold the others.
#pragma once

#include <atomic>
#include <cstdint>
#include <type_traits>

#include "capos/abi/syscall.hpp"
#include "capos/base/list.hpp"
#include "capos/hal/thread.hpp"
#include "capos/sched/fair_queue.hpp"
#include "capos/sched/context.hpp"
#include "capos/schema/threads.hpp"
#include "core/home.hpp"
#include "core/mailbox.hpp"
#include "core/timeouts.hpp"
#include "core/watched.hpp"
#include "ipc/call.hpp"
#include "ipc/lease_use.hpp"
#include "ipc/park_list.hpp"
#include "objects/object.hpp"
#include "objects/progress.hpp"
#include "process/wait_slot.hpp"

namespace capos::kernel {

class Endpoint;
class Notification;
class PageSource;
class Process;
class SchedulingContext;
class RingState;

enum class ThreadState : std::uint8_t {
  runnable,         // has an account; its account says whether it runs
  await_release,    // in SchedulingContext.waitNextRelease; if it is bound to none, without an account: it stands by
  await_reply,      // its call is being served on its account
  await_server,     // its call is queued at an endpoint
  await_call,       // a server without a call
  await_signal,     // in Notification.wait, or waiting for a process or a thread
  await_leased,     // the same, through a capability under a lease
  sleeping,         // in Timer.sleepUntil
  await_supervisor, // its fault has been told, or queues to be
  parked,           // in ParkSpace.park or SharedParkSpace.park
  await_completions,  // in cap_enter
  ring_work,        // the same, with something for it to do there: has an account that says when
  call_work,        // in a call by registers that is done in portions: has an account that says when
  dead,
};

// It goes on as soon as its account runs: in user mode, or in the kernel.
[[nodiscard]] constexpr bool goes_on(ThreadState state) noexcept {
  return state == ThreadState::runnable || state == ThreadState::ring_work || state == ThreadState::call_work;
}

// The time a thread runs on: one of the two, or none.
struct Account {
  SchedulingContext* context = nullptr;
  sched::FairEntity* entity = nullptr;
  [[nodiscard]] bool is_none() const noexcept { return context == nullptr && entity == nullptr; }
};

// How a thread or a process ended.
struct ExitRecord {
  schema::ExitReason reason = schema::ExitReason::exited;
  std::int64_t code = 0;
  std::uint64_t address = 0;
};

// What befell a thread that has a supervisor.
struct FaultRecord {
  schema::ThreadFault kind = schema::ThreadFault::exception;
  std::uint8_t vector = 0;  // of the processor's exceptions
  std::uint64_t error_code = 0;
  std::uint64_t address = 0;
  // The exit code it comes to: the vector; or 32 + kind for what is no exception of the processor.
  [[nodiscard]] std::uint16_t code() const noexcept {
    return kind >= schema::ThreadFault::budget_spent ? static_cast<std::uint16_t>(32 + static_cast<unsigned>(kind)) : vector;
  }
  [[nodiscard]] ExitRecord exit() const noexcept { return {schema::ExitReason::fault, code(), address}; }
};

// First of its kind, so that the state that entered the kernel tells the thread.
struct StateHolder {
  hal::UserState user;
};
static_assert(std::is_standard_layout_v<StateHolder>);

struct EndpointTag;
struct ProcessTag;
struct ServingTag;

class Thread final : public TypedObject<Thread, schema::Thread>,
                     public ListHook<EndpointTag>,
                     public ParkWaiter,
                     public ListHook<ServingTag>,
                     public ListHook<ProcessTag>,
                     public StateHolder,
                     public Watched<Thread> {
 public:
  // Whose state it is.
  [[nodiscard]] static Thread& of(hal::UserState& registers) noexcept {
    return static_cast<Thread&>(reinterpret_cast<StateHolder&>(registers));
  }
  static constexpr ObjectType kType = ObjectType::thread;
  using Interface = schema::Thread;
  static constexpr schema::Resource kResource = schema::Resource::threads;

  // Its ring's page, arena behind it, as the kernel sees them. Not of a buried thread.
  [[nodiscard]] void* ring() const noexcept { return ring_address_; }
  // Makes its ring anew, with so many submission entries. On error the ring is what it was. Own CPU, the thread in user mode.
  // Errors: bad_range (not a power of two, or out of range), bad_state (the ring is in use), bad_address (something is
  // mapped where its queues go), quota_exceeded, out_of_memory.
  [[nodiscard]] ResultOf<void, schema::KernelError> set_ring(std::uint32_t entries) noexcept;
  // Where the program sees it.
  [[nodiscard]] std::uint64_t ring_place() const noexcept { return abi::kRingBase + number * abi::kRingStride; }

  // A portion of giving it ring, arena and vector state: true when it is whole. Errors: quota_exceeded, out_of_memory, bad_address
  // (something is mapped in its ring's place); then it is to be dropped. Before it is added to its process.
  [[nodiscard]] ResultOf<bool, schema::KernelError> equip_some() noexcept;

  Process& process;
  Home home;                           // its process's
  const std::uint32_t number;          // in its process; 0: the first
  ThreadState state = ThreadState::runnable;
  bool has_waited = false;             // reached its first wait; read by other CPUs as a hint

  Account account;                     // what it runs on now
  sched::FairEntity entity;            // its own best-effort time
  SchedulingContext* bound = nullptr;  // its own context, if it has one (islands/binding.hpp)

  // As a caller: its call by registers, and the call that its account is lent for or queues with.
  Call direct_call{*this, CallKind::registers};
  Call* outgoing = &direct_call;
  // As a server: what to answer, and where it waits for calls.
  Call* incoming = nullptr;
  std::uint8_t depth = 0;              // callers in a row that it works for; at most abi::kCallDepth
  Endpoint* serving = nullptr;
  Ref<Object> serving_hold;            // keeps `serving` alive
  LeaseUse serving_lease;              // that it serves under, if it does under one
  std::uint64_t open_answer = 0;       // the id of `incoming`, if it was received through the ring

  RingState* ring_state = nullptr;

  // In await_signal and await_leased: what it waits for, one of the two.
  Notification* waiting_for = nullptr;
  const ExitRecord* awaited_exit = nullptr;
  WaitSlot* waiting_in = nullptr;
  Ref<Object> waiting_hold;            // keeps what it waits for alive
  Timeout timeout;                     // of the wait it is in, if that has a limit
  LeaseUse wait_lease;                 // of the call or wait it is in, if the capability is under a lease

  CallProgress progress;               // of a call by registers that is done in portions

  Ref<Object> supervisor;              // a ClientEndpoint of a FaultHandler; null: none
  Call fault_call{*this, CallKind::fault};
  FaultRecord fault;                   // of the open fault call

  Mail wake_mail;
  Mail kill_mail;

  // Any CPU; `exit` is then final.
  [[nodiscard]] bool has_ended() const noexcept { return ended_.load(std::memory_order_acquire); }
  ExitRecord exit;
  WaitSlot waiter;                     // for its end
  // It has left everything: records the end and tells who waits. Own CPU.
  void end(const ExitRecord& how) noexcept;
  Thread* next_to_bury = nullptr;
  Thread* next_doomed = nullptr;

  // Interface.
  Outcome wait(CallContext&, const Interface::Wait::Params::Value&, Interface::Wait::Results::Value&) noexcept;
  Outcome kill(CallContext&, const Interface::Kill::Params::Value&, Interface::Kill::Results::Value&) noexcept;
  Outcome describe(CallContext&, const Interface::Describe::Params::Value&,
                   Interface::Describe::Results::Value&) noexcept;
  Outcome wake_ring(CallContext&, const Interface::WakeRing::Params::Value&,
                    Interface::WakeRing::Results::Value&) noexcept;

 private:
  friend class Process;
  template <typename T, typename... Arguments>
  friend T* heap_new(Arguments&&...) noexcept;
  template <typename T>
  friend void heap_delete(T*) noexcept;

  Thread(Process& owner, CpuId on, std::uint32_t own_number) noexcept;
  ~Thread();
  void destroy() noexcept override;

  // What equip_some() took, and the hold on the process. The ring's mapping stays.
  void give_back() noexcept;
  void unmap_ring() noexcept;
  void unmap_queues() noexcept;

  std::atomic<bool> ended_{false};
  Ref<Process> hold_;                  // until it is buried
  bool has_arena_ = false;             // charged
  bool ring_is_mapped_ = false;        // all of it
  Ref<MemoryObject> ring_;
  void* ring_address_ = nullptr;
  Ref<MemoryObject> queues_;           // behind the arena; null: they are in the ring's page
  std::uint32_t queues_offset_ = 0;
};

}  // namespace capos::kernel
