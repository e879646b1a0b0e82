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
             context :Kernel.SchedulingContext, passive :Bool) -> (thread :Thread, number :UInt32);
  # A thread that begins at `entry` with its stack pointer at `stackTop` (a multiple of 16), its ring's address, its
  # number and `argument` in the registers of _start. `fsBase`: its FS base, 0 for none. `context` null: best effort.
  # `passive`: allowed on a leased CPU without slack too; it is to run once, up to its first receive. `number`: from 1 up,
  # the lowest that is free.
  # Errors: badAddress (entry, stack or FS base outside user space or misaligned; or something else is mapped where its
  # ring goes), quotaExceeded (64 threads), outOfMemory, outOfCapabilities, badCapability (the context), badCpu (the
  # context is another CPU's; no best effort here), busy (the context is bound), badState (its island has been retired).
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
}

interface ThreadControl @0xf0a1b6c8d2e34742 {
  # What a thread may do to itself: whoever calls is meant.
  setFsBase @0 (base :UInt64) -> ();
  # Errors: badAddress at or above the end of user space.
  getFsBase @1 () -> (base :UInt64);
  number @2 () -> (number :UInt32);
  # 0 for a process's first thread.
}
