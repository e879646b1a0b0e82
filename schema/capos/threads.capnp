# SPDX-License-Identifier: Apache-2.0
# Threads of a process, and what concerns one thread.
#
# A process lives on one CPU: all its threads run there. Each has a ring and an arena of its own, at
# kRingBase + number * kRingStride (abi/syscall.hpp).
@0xb57c1f0d9e6a4c32;
using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("capos::host");
using Kernel = import "/capos/kernel.capnp";

interface ThreadFactory @0xf0a1b6c8d2e34740 {
  # The right to make threads in one's own process: whoever calls gets a thread of the calling process.
  create @0 (entry :UInt64, stackTop :UInt64, argument :UInt64, fsBase :UInt64,
             context :Kernel.SchedulingContext, passive :Bool, supervisor :FaultHandler)
         -> (thread :Thread, number :UInt32);
  # A thread that begins at `entry` with its stack pointer at `stackTop` (a multiple of 16), its ring's address, its
  # number and `argument` in the registers of _start. `fsBase`: its FS base, 0 for none. `context` null: best effort.
  # `passive`: allowed on a leased CPU without slack too; it is to run once, up to its first receive. `number`: from 1 up,
  # the lowest that is free.
  # `supervisor`: who is told of the thread's faults; null: its process's supervisor, if that has one.
  # Errors: badAddress (entry, stack or FS base outside user space or misaligned; or something else is mapped where its
  # ring goes), quotaExceeded (64 threads), outOfMemory, outOfCapabilities, badCapability (the context or the supervisor), badCpu (the
  # context is another CPU's; no best effort here), busy (the context has a thread that has not
  # ended, or one is being made for it), badState (its island has been retired).
}

enum ThreadActivity {
  # What a thread is doing; of a thread on another CPU, what it did a moment ago.
  ready @0;
  # Runs, or waits for time to run in.
  waitsForRelease @1;
  waitsForReply @2;
  # Its call is being served, on its time.
  waitsForServer @3;
  # Its call is queued.
  waitsForCall @4;
  # A server without a call.
  waitsForEvent @5;
  # A notification, or the end of a process or thread.
  sleeps @6;
  ended @7;
  parked @8;
  waitsForSupervisor @9;
}

interface Thread @0xf0a1b6c8d2e34741 {
  # One thread. The capability outlives the thread; giving it up ends nothing.
  wait @0 () -> (reason :Kernel.ExitReason, code :Int64, address :UInt64);
  # Blocks until the thread has ended; as ProcessHandle.wait. A thread that ended with its process has the process's
  # reason. Errors: busy if another thread waits for this one, badState for itself.
  kill @1 () -> ();
  # Ends the thread, whatever it does; with the last thread its process ends, as killed. No effect on an ended thread.
  describe @2 () -> (alive :Bool, ready :Bool, activity :ThreadActivity, number :UInt32);
  # `ready`: it has waited once for a release, a call or an event.
  wakeRing @3 () -> ();
  # If the thread polls its ring (abi/syscall.hpp, cap_enter) and has parked, it takes what was submitted and polls again.
  # No effect otherwise. Never blocks. Errors: badCpu (the thread is another CPU's).
}

interface ThreadControl @0xf0a1b6c8d2e34742 {
  # What a thread may do to itself: whoever calls is meant.
  setFsBase @0 (base :UInt64) -> ();
  # Errors: badAddress at or above the end of user space.
  getFsBase @1 () -> (base :UInt64);
  number @2 () -> (number :UInt32);
  # 0 for a process's first thread.
  setRing @3 (entries :UInt32) -> ();
  # Makes the thread's ring anew: `entries` submissions (a power of two, 16 to 256), twice as many completions, entries + 24
  # operations. The header says where the queues are then; the arena stays where it is. The pages are the program's own.
  # Nothing may be submitted, under way, kept or unread. By registers only.
  # Errors: badRange (entries), badState (the ring is in use), badAddress (something is mapped behind the arena),
  # quotaExceeded, outOfMemory, status invalidOperation (called through the ring).
}

interface ParkSpace @0xf0a1b6c8d2e34743 {
  # Waiting on the 32-bit words of one's own memory: whoever calls means its own process. Threads are woken in the order
  # in which they parked. No priority inheritance: for best effort, not for what a realtime job waits for.
  park @0 (address :UInt64, expected :UInt32, timeoutNs :UInt64) -> ();
  # Compares the word at `address` with `expected` and, if it is the same, waits until unpark, in one step. At most
  # `timeoutNs` (below 3600 s; all ones: without limit; 0: only compares). Errors: mismatch if the word is another,
  # status timeout, badAddress (not a multiple of 4, not mapped, or a device's memory), badRange (timeoutNs).
  unpark @1 (address :UInt64, count :UInt32) -> (woken :UInt32);
  # Wakes up to `count` threads parked at that address. Never blocks. Errors: badAddress (not a multiple of 4).
  share @2 (memory :Kernel.MemoryObject) -> (space :SharedParkSpace);
  # The words of a memory object, for all who hold the space, under the memory's lease if it has one. Errors: badCapability,
  # badState (a device's memory, or the kernel's own), mismatch (this capability is under a lease as well, and neither lease
  # ends with the other), outOfMemory, outOfCapabilities.
}

interface SharedParkSpace @0xf0a1b6c8d2e34744 {
  # Waiting on the words of one memory object, across processes and CPUs: all spaces on the same object are one.
  # At most 128 threads park on one object. Not for realtime: see ParkSpace; and for the time of a call the object's lock
  # keeps out other CPUs.
  park @0 (offset :UInt64, expected :UInt32, timeoutNs :UInt64) -> ();
  # As ParkSpace.park. Errors: mismatch, status timeout, badRange (offset outside the object or no multiple of 4;
  # timeoutNs), busy (128 threads are parked).
  unpark @1 (offset :UInt64, count :UInt32) -> (woken :UInt32);
  # As ParkSpace.unpark. Errors: badRange.
}

enum ThreadFault {
  # What befell a thread.
  pageFault @0;
  # `address`, and why in `errorCode` (the processor's: 1 protection, 2 write, 4 user, 16 fetch).
  invalidInstruction @1;
  exception @2;
  # Any other exception of the processor: `vector` says which.
  budgetSpent @3;
  # Its context was stopped because its budget was spent in a job (consequence stopTask).
  deadlineMissed @4;
  # Its context was stopped because a deadline was missed (consequence stopTask).
  contextStopped @5;
  # Its context was stopped with its island, or before it got to run.
}

enum FaultAction {
  resume @0;
  # Where it was: the instruction that faulted is tried again. A thread that waited for time it no longer has returns from
  # that wait with status notBound (waitNextRelease) or disconnected (a call).
  restart @1;
  # At another instruction, on another stack; its other registers stay.
  endThread @2;
  endProcess @3;
}

interface FaultHandler @0xf0a1b6c8d2e34745 {
  # What a supervisor serves: the endpoint that a process or thread was given when it was made. The faulting thread waits
  # for the answer. The supervisor works on time of its own, and on the CPU of those it supervises. It must not be the
  # thread that faults.
  fault @0 (thread :UInt32, kind :ThreadFault, vector :UInt8, instructionPointer :UInt64, stackPointer :UInt64,
            address :UInt64, errorCode :UInt64)
        -> (action :FaultAction, instructionPointer :UInt64, stackPointer :UInt64);
  # `thread`: its number in the process that the call names as caller. The results' pointers are those of `restart`.
  # An exception as answer, or the supervisor's end, ends the process as if nobody supervised it: reason fault, code the
  # vector, or 32 + kind for what is no exception of the processor. To an answer that makes no sense (an unknown action, a
  # pointer outside user space, `resume` or `restart` for a thread without time on a CPU without best effort)
  # replyReceive returns status invalidMessage, and the fault stays open.
}
