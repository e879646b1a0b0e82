// SPDX-License-Identifier: Apache-2.0
// One call on an endpoint: what queues there, what a server works on, what a reply ends.
//
// A thread's register call is a Call of its own (Thread::direct_call), used again and again; calls of a ring have records
// of their own. Invariants: a call is idle, queued (`queued_at`) or being served (`server`), one at a time; it ends
// exactly once. While it is served on its caller's account, `caller.outgoing` is this call. On the caller's CPU only.
#pragma once

#include <cstdint>

#include "capos/base/list.hpp"
#include "capos/base/strong.hpp"
#include "capos/base/time.hpp"

namespace capos::kernel {

class Endpoint;
class Thread;

struct CallTag;

enum class CallKind : std::uint8_t {
  registers,  // Thread::direct_call: the words are in the caller's registers
  message,    // of a ring: the message is in the caller's arena
  fault,      // Thread::fault_call: the message is made from what befell the thread; no account is lent (fault_call.hpp)
};

class Call : public ListHook<CallTag> {
 public:
  constexpr Call(Thread& by, CallKind how) noexcept : caller(by), kind(how) {}

  [[nodiscard]] bool idle() const noexcept { return server == nullptr && queued_at == nullptr; }

  Thread& caller;
  Thread* server = nullptr;        // who works on it
  Endpoint* queued_at = nullptr;   // where it waits for a server
  std::uint64_t disclosed = 0;     // what the server is told of who calls
  Priority priority_at_call{};     // the caller's context's, while the call is served
  Time floor_at_call{};            // the same of its floor (EDF); not of a direct call, which changes none
  const CallKind kind;
  bool one_way = false;            // a send: while it queues
  bool direct = false;             // while it is served: by registers, without a limit, on a plain endpoint
  static constexpr std::uint8_t kNoSlot = 0xff;
  std::uint8_t slot = kNoSlot;     // of a message: its place among those that its server's ring has open
};

}  // namespace capos::kernel
