# SPDX-License-Identifier: Apache-2.0
# The policy service: who may change shares of best effort, where best effort is started, and who keeps a CPU free of it.
#
# Each of its exports is a desk with limits of its own: who is granted the export may ask for what the desk allows, and for
# nothing else. All that it sets lasts as long as the service lives (decision 25).
@0xc6a1e07d35b9f248;
using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("capos::host");
using Kernel = import "/capos/kernel.capnp";
using Units = import "/capos/units.capnp";

const policyInterface :UInt64 = 0xd92c40b1f7e6385a;

struct PolicyConfig {
  desks @0 :List(PolicyDesk);
  # 1 to 8, one for each export, in any order.
}

struct PolicyDesk {
  export @0 :Text;
  # The service's export that is this desk. Each once.
  shares @1 :List(ShareLimit);
  # Whose share may be looked at and changed here. At most 16 services in all desks.
  leases @2 :List(UInt16);
  # CPUs that may be kept free here, never CPU 0.
  placement @3 :Bool;
  # Whether it may be said here where best effort is started.
}

struct ShareLimit {
  service @0 :Text;
  # Of the manifest; each once in a desk, not the policy service itself.
  minWeight @1 :UInt16 = 1;
  maxWeight @2 :UInt16 = 100;
  # 1 to 1000, minWeight at most maxWeight.
  latency @3 :Units.LatencyClass = normal;
  # The most urgent class that may be set.
}

enum PolicyOutcome {
  done @0;
  notAllowed @1;
  # The desk says nothing of that service or CPU, or may not place.
  outOfRange @2;
  # A weight or class outside the desk's limits, or no CPU 0.
  taken @3;
  # An island leases the CPU, or another desk keeps it.
  occupied @4;
  # Best-effort processes live there, and do not move.
  refused @5;
  # By the kernel.
}

interface Policy @0xd92c40b1f7e6385a {
  # `subject`: a service, by its place in the desk's `shares`.
  share @0 (subject :UInt16) -> (outcome :PolicyOutcome, weight :UInt16, latency :Units.LatencyClass, declaredWeight :UInt16,
                                 declaredLatency :Units.LatencyClass, minWeight :UInt16, maxWeight :UInt16,
                                 mostUrgent :Units.LatencyClass, alive :Bool, cpu :UInt16);
  # What is in force, what the manifest declares, the desk's limits, and where the service lives. Or notAllowed.
  setShare @1 (subject :UInt16, weight :UInt16, latency :Units.LatencyClass) -> (outcome :PolicyOutcome);
  # In place of what the manifest declares. Or notAllowed, outOfRange.
  resetShare @2 (subject :UInt16) -> (outcome :PolicyOutcome);
  # What the manifest declares. Or notAllowed.
  place @3 (cpus :UInt32) -> (outcome :PolicyOutcome, cpus :UInt32);
  # Bit c: best effort may be started on CPU c, unless some desk keeps it. Answers where that is now. Or notAllowed,
  # outOfRange; then nothing has changed.
  lease @4 (cpu :UInt16) -> (outcome :PolicyOutcome);
  # No best effort is started there until the desk gives it back: for an island that is to come. Done too if the desk keeps it
  # already. Or notAllowed, taken, occupied.
  giveBack @5 (cpu :UInt16) -> (outcome :PolicyOutcome);
  # Done too if nobody keeps it. Or notAllowed, taken (another desk keeps it).
  cpu @6 (cpu :UInt16) -> (outcome :PolicyOutcome, use :Kernel.CpuUse, processes :UInt32, placed :Bool, kept :Bool, desk :UInt16,
                           leased :Bool, island :UInt16);
  # What a CPU is for, how many best-effort processes live there, and whether they may be started there. `desk`: if it is kept,
  # which one keeps it, by its place in the configuration. `island`: if it is leased, by which of the manifest's islands, the first
  # of several. Or refused: there is no such CPU.
}
