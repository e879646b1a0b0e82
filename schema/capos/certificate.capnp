# SPDX-License-Identifier: Apache-2.0
# The claim that a CPU's tasks fit, with what a checker needs to verify it in one evaluation per task.
@0xba05eb0d74477056;
using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("capos::host");

struct IslandCertificate {
  formatVersion @0 :UInt32 = 1;
  islandName @1 :Text;
  # Unique among the islands that stand.
  islandIndex @2 :UInt32;
  # Place in the manifest.
  cpus @3 :List(UInt16);
  overheads @4 :Overheads;
  tasks @5 :List(TaskClaim);
  chains @6 :List(ChainClaim);
  bestEffortSlack @7 :Bool;
  calls @8 :List(CallClaim);
  # Every kind of call that a task makes of a passive server.
  interrupts @9 :List(InterruptClaim);
  # Device interrupts that every bound allows for.
  policy @10 :UInt16;
  # IslandPolicy of manifest.capnp.
  busyNs @11 :List(UInt64);
  # EDF: for each of `cpus` and of the others' CPUs, the lowest first, a busy window that is long enough to look at. Else empty.
  others @12 :List(OtherIsland);
  # The islands that stand already and share a CPU with this one, or with one of them: each once, in any order.
}

struct OtherIsland {
  # What an admitted island's tasks are promised beside the certificate's own: claims that the kernel checks, with the
  # parameters that it has admitted. Its chains keep the bounds that they asked for.
  name @0 :Text;
  responseNs @1 :List(UInt64);
  # For each of its tasks, in the order of its certificate.
  blockingNs @2 :List(UInt64);
}

struct InterruptClaim {
  name @0 :Text;
  cpu @1 :UInt16;
  minInterarrivalNs @2 :UInt64;
  costNs @3 :UInt64;
}

struct CallClaim {
  # One kind of call. Its time is part of the caller's budget; while it lasts, it blocks whoever the server's ceiling
  # is not below.
  task @0 :UInt16;
  # Index into the certificate's tasks.
  server @1 :UInt16;
  # The serving service's place in the manifest.
  wcetNs @2 :UInt64;
}

struct Overheads {
  # What the kernel adds, in ns; measured, or stated by the machine's description. The kernel refuses a
  # certificate whose overheads are not those of the machine it booted on.
  releaseNs @0 :UInt64;
  # One release: interrupt, queue, dispatch.
  switchNs @1 :UInt64;
  # One preemption: to the other context and back.
  blockingNs @2 :UInt64;
  # Longest stretch with interrupts off.
  jitterNs @3 :UInt64;
  # Lateness of a timer: the simulation quantum on a deterministic machine with several CPUs.
  version @4 :UInt64;
  # A stamp computed from the four (sched's overheads_version). In a machine's description: the stamp of the kernel that
  # they were measured on, which ./capos compares with the one it boots; 0 if they are stated.
}

struct TaskClaim {
  name @0 :Text;
  periodNumerator @1 :UInt32;
  periodDenominator @2 :UInt32;
  # Period in seconds, exact.
  budgetNs @3 :UInt64;
  deadlineNs @4 :UInt64;
  jitterNs @5 :UInt64;
  blockingNs @6 :UInt64;
  # By servers of lower-priority tasks, kernel sections apart.
  priority @7 :UInt8;
  cpu @8 :UInt16;
  responseNs @9 :UInt64;
  # Claimed bound, from the scheduled release to the finish.
  onMiss @10 :UInt16;
  onOverrun @11 :UInt16;
  # Consequence of manifest.capnp.
  repeatedMisses @12 :UInt8;
  repeatedOf @13 :UInt8;
  repeatedThen @14 :UInt16;
  # RepeatedConsequence of manifest.capnp.
  repeatedRecover @15 :UInt16;
  # The four of RepeatedMisses; all 0: no such rule.
  fallback @16 :UInt16 = 0xffff;
  # Index of the task that stands in after fallBack; all ones: none.
  recovers @17 :UInt16 = 0xffff;
  # No task, but time in which the server of that number (CallClaim.server) finishes a call that its caller's budget did not
  # last for: at most so much in each period, at the server's ceiling; under EDF as urgent
  # as its callers. All ones: a task.
}

struct ChainClaim {
  name @0 :Text;
  tasks @1 :List(UInt16);
  # Indices into the certificate's tasks.
  boundNs @2 :UInt64;
  latencyNs @3 :UInt64;
  # Claimed; at most boundNs.
  triggered @4 :Bool;
}
