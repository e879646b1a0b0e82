# SPDX-License-Identifier: Apache-2.0
# Trace events: 64 bytes each, the data section of one struct, written by the kernel into per-CPU rings.
# The rings' and the host channel's layouts are in abi/trace.hpp.
@0xe59f93add604797b;
using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("capos::host");

enum EventKind {
  none @0;
  job @1;
  # A job has ended: JobEvent.
  release @2;
  # A job has been released. source: task. a: scheduled release, b: index. Only with RunParams.traceSwitches.
  miss @3;
  # A deadline passed with the job unfinished. source: task. a: deadline, b: index, c: MissCause, d: who ran (source)
  overrun @4;
  # A budget was spent before the job ended. source: task. a: index, b: consumed
  consequence @5;
  # source: task. a: Remedy, b: index
  dispatch @6;
  # Another thread runs. source: its program; 2^32-1: nobody, the CPU idles. a: source of the context that
  # it runs on, 2^32-1: best effort. b: the thread's number in its program. Only with RunParams.traceSwitches.
  fault @7;
  # A program's fault. source: its number. a: vector, b: error code, c: instruction pointer, d: address
  exit @8;
  # source: its number. a: ExitReason, b: code
  user @9;
  # TraceSource.emit. source: 2^31 + code * 2^16 + number, a to f: the values.
  island @10;
  # source: island index. a: 1 activated, 2 retired, 3 refused, 4 changed on this CPU (b: so many tasks)
  boot @11;
  # a: milestone (BootMilestone), b: time stamp counter
  block @12;
  # Not an event: a part of a block that a program recorded for the host (abi/recording.hpp). timeNs: the block's number, cpu:
  # the part's, source: 2^31 + the program's; a to f: the part's 48 bytes.
  interrupt @13;
  # source: InterruptCause. Only with RunParams.traceSwitches.
  lend @14;
  # A call goes to a server, and its caller's time with it. source: the caller's program, a: the server's, b: source of the context
  # that is lent, 2^32-1: best effort; c: the caller's thread, d: the server's. Only with RunParams.traceSwitches.
  giveBack @15;
  # That time is its caller's again: by a reply, or because the caller waits no more. As lend.
  binding @16;
  # Another thread runs on a task's context from now on, or none does. source: task. a: source of its program, 2^32-1: none.
  # b: the thread's number in its program.
}

enum Remedy {
  # What was done about a miss, an overrun, or their repetition (manifest.capnp's Consequence and RepeatedConsequence), and
  # the way back.
  runLate @0;
  skip @1;
  hold @2;
  stopTask @3;
  stopIsland @4;
  demote @5;
  promote @6;
  # The task runs at its own priority again.
  fallBack @7;
  returnBack @8;
  # The task is released again instead of its fallback.
}

struct TraceEvent {
  timeNs @0 :UInt64;
  kind @1 :EventKind;
  cpu @2 :UInt16;
  source @3 :UInt32;
  # Tasks: island index * 65536 + task index. Programs: 2^31 + number given at spawn (below 2^16).
  a @4 :UInt64;
  b @5 :UInt64;
  c @6 :UInt64;
  d @7 :UInt64;
  e @8 :UInt64;
  f @9 :UInt64;
}

struct JobEvent {
  # The same 64 bytes for kind `job`; times in ns since the clock's start.
  finishNs @0 :UInt64;
  kind @1 :EventKind;
  cpu @2 :UInt16;
  source @3 :UInt32;
  releaseNs @4 :UInt64;
  # Scheduled.
  startNs @5 :UInt64;
  # First dispatch to user mode.
  deadlineNs @6 :UInt64;
  consumedNs @7 :UInt64;
  index @8 :UInt32;
  cause @9 :MissCause;
  # Why it was late; `none` if it was not.
  overran @10 :Bool;
  abandoned @11 :Bool;
  # Ended by a consequence, not by the program.
  preemptions @12 :UInt32;
  byWhom @13 :UInt32;
  # Source of whoever preempted it longest or last; 2^32-1: nobody.
}

enum MissCause {
  none @0;
  budgetSpent @1;
  lateWakeup @2;
  # First dispatched later than the machine's jitter and releases explain.
  preempted @3;
  # By more urgent tasks: byWhom.
  ranLong @4;
  # Started in time, was not preempted, and ran past its deadline.
  previousJobLate @5;
  inputLate @6;
  # Its predecessor in a triggered chain ended later than was admitted.
  noInput @7;
  # Its predecessor had not ended by its deadline: the job was not run.
}

enum InterruptCause {
  # Index of the counters in a ring's header.
  timerRelease @0;
  timerBudget @1;
  timerSlice @2;
  timerQuantum @3;
  timerSleep @4;
  mailbox @5;
  device @6;
  spurious @7;
  timerEarly @8;
  # Nothing was due: the timer had been armed for something that no longer is.
}

enum BootMilestone {
  kernelEntry @0;
  calibrationStart @1;
  calibrationEnd @2;
  cpusStarted @3;
  initStarted @4;
  # init's first instruction.
  islandsStarted @5;
  cpusStarting @6;
  # From here to cpusStarted the boot CPU waits for the others.
}
