// SPDX-License-Identifier: Apache-2.0
// Waiting on a word of memory: compare and park in one step, unpark by key. After the futex of Franke, Russell and
// Kirkwood ("Fuss, futexes and furwocks", OLS 2002), without their user pointers and their global table.
//
// Who waits is a thread, in park(), or an operation of a ring, PARK. A private key is an address of a process: its waiters are
// a list of the process (its threads, and at most kMaxRingParked PARKs). A shared key is a memory object and an offset in it:
// a list of the object (at most kMaxSharedParked, of any process and CPU) under the object's lock, so that nobody suffers
// from another object's use.
// They are woken in the order in which they came. No priority inheritance, no requeue, no robust lists: for
// best-effort threads; a realtime job must not wait for a lock in this way.
//
// Invariants: a waiter is in exactly one list; whoever takes it out ends its wait. While it is there, and until its mail has
// come, the thread is kept, and of an operation its ring and process too. The word is read once, through
// the kernel's own mapping, after the waiter's CPU has shut out everybody who could unpark it (own CPU, or the lock), so
// that a change of the word followed by an unpark is never missed.
// Bounds: park O(regions of the process, or extents of the object); unpark O(waiters in the list) and four woken, each O(log n), a
// portion (decision 21): it wakes as many as waited when it began.
// Cross-CPU wake-ups go by mail.
#pragma once

#include "memory/memory_object.hpp"
#include "process/thread.hpp"

namespace capos::kernel {

class Cpu;
class Operation;

// "self.park" of every process: ParkSpace. One object serves all: it means the caller's process.
[[nodiscard]] Object& park_space_service() noexcept;

// The words of one memory object. Several of these on one object are the same space.
class SharedParkSpaceObject final : public TypedObject<SharedParkSpaceObject, schema::SharedParkSpace> {
 public:
  static constexpr ObjectType kType = ObjectType::shared_park_space;
  static constexpr bool kPortionsByRegisters = true;
  using Interface = schema::SharedParkSpace;
  explicit SharedParkSpaceObject(MemoryObject& memory) noexcept
      : TypedObject(kType), memory_(Ref<MemoryObject>::share(memory)) {}

  [[nodiscard]] MemoryObject& memory() noexcept { return *memory_; }

  Outcome park(CallContext&, const Interface::Park::Params::Value&, Interface::Park::Results::Value&) noexcept;
  Outcome unpark(CallContext&, const Interface::Unpark::Params::Value&, Interface::Unpark::Results::Value&) noexcept;

 private:
  void destroy() noexcept override;
  Ref<MemoryObject> memory_;
};

// --- for rings, on the operation's CPU
// Compares the word that a PARK names, and parks it in one step: done. Otherwise why not; `instead`, if that is not done, where
// the word is as expected. Errors: those of park(), busy (no place in the list); invalid_cap (`cap` is no such space).
[[nodiscard]] Outcome park_by_ring(Operation& operation, const Outcome& instead) noexcept;
// A portion of an UNPARK: done, or unfinished. Errors: those of unpark(), invalid_cap.
[[nodiscard]] Outcome unpark_by_ring(const Operation& operation, CallProgress& progress, std::uint32_t& woken) noexcept;

// Who is ended or stopped where it waits leaves its list; false if its wake-up is under way already. Its own CPU.
bool leave_park(ParkWaiter& waiter) noexcept;
// A parked thread's wait ends with `why`, unless its wake-up is under way.
void end_park(Thread& thread, schema::TransportError why, Time now) noexcept;

}  // namespace capos::kernel
