// SPDX-License-Identifier: Apache-2.0
// A thread: machine state, what it waits for, and the time it runs on.
//
// Invariants: it runs only on an account (a scheduling context or its own best-effort entity), its own or one donated
// by a call; an account has exactly one owner thread; a waiting thread is a state, never a stack. Only its own CPU
// changes a started thread; others post mail.
#pragma once

#include <atomic>
#include <cstdint>

#include "capos/base/list.hpp"
#include "capos/hal/thread.hpp"
#include "capos/sched/best_effort.hpp"
#include "capos/sched/context.hpp"
#include "capos/sched/timed_queue.hpp"
#include "core/mailbox.hpp"
#include "ipc/call.hpp"
#include "objects/object.hpp"
#include "process/wait_slot.hpp"

namespace capos::kernel {

class Process;
class Endpoint;
class Notification;
class SchedulingContext;
class Thread;

enum class ThreadState : std::uint8_t {
  runnable,         // has an account; its account says whether it runs
  await_release,    // in SchedulingContext.waitNextRelease
  await_reply,      // its call is being served on its account
  await_server,     // its call is queued at an endpoint
  await_call,       // a server without a call
  await_signal,     // in Notification.wait, or waiting for a process
  sleeping,         // in Timer.sleepUntil
  dead,
};

// The time a thread runs on: one of the two, or none.
struct Account {
  SchedulingContext* context = nullptr;
  sched::BestEffortEntity* entity = nullptr;
  [[nodiscard]] bool is_none() const noexcept { return context == nullptr && entity == nullptr; }
};

struct EndpointTag;
struct ProcessExit;

class Thread : public sched::TimedNode, public ListHook<EndpointTag> {
 public:
  Thread(Process& owner, CpuId home) noexcept : process(owner), cpu(home) { entity.owner = this; }

  hal::UserState user;
  Process& process;
  CpuId cpu;
  ThreadState state = ThreadState::runnable;
  bool has_waited = false;             // reached its first wait; read by other CPUs as a hint

  Account account;                     // what it runs on now
  sched::BestEffortEntity entity;      // its own best-effort time
  SchedulingContext* bound = nullptr;  // its own context, if it has one

  // As a caller: its call by registers, and the call that its account is lent for or queues with.
  Call direct_call{*this, CallKind::registers};
  Call* outgoing = &direct_call;
  // As a server: what to answer, and where it waits for calls.
  Call* incoming = nullptr;
  Endpoint* serving = nullptr;
  Ref<Object> serving_hold;            // keeps `serving` alive

  // In await_signal: what it waits for, one of the two.
  Notification* waiting_for = nullptr;
  const ProcessExit* awaited_exit = nullptr;
  WaitSlot* waiting_in = nullptr;

  Mail start_mail;
  Mail wake_mail;
  Mail kill_mail;
};

}  // namespace capos::kernel
