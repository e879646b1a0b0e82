# SPDX-License-Identifier: Apache-2.0
# What a person writes: one machine, its services, and which of their work is realtime.
@0xb1a54f3c02e97d10;
using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("capos::host");
using Robot = import "/capos/robot.capnp";
using Load = import "/capos/load.capnp";
using Media = import "/capos/media.capnp";
using Policy = import "/capos/policy.capnp";
using Units = import "/capos/units.capnp";

const currentSchemaVersion :UInt32 = 1;

struct SystemManifest {
  # The whole machine. A field that is not here is an error that names the valid ones.
  schemaVersion @0 :UInt32;
  # Must be 1. Required: a manifest without it is refused.
  kernelParams @1 :KernelParams;
  binaries @2 :List(Binary);
  # Every program the machine may run. Names are unique.
  initConfig @3 :InitConfig;
}

struct KernelParams {
  # How the machine is made and what the kernel reserves at boot.
  cpus @0 :UInt16 = 1;
  # Logical CPUs, 1 to 16. CPU 0 keeps the house: it runs best-effort work and everything no island leases.
  memory @1 :Units.Size = (mib = 256);
  # RAM of the machine, 64 MiB to 8 GiB.
  traceEvents @2 :UInt32 = 8192;
  # Capacity of each CPU's trace ring in events of 64 bytes; a power of two, 256 to 65536.
  machine @3 :MachineType = q35;
  bestEffortSlice @4 :Units.Time = (ms = 2);
  # How long a best-effort thread of latency class normal runs at a time while another of its CPU waits. 100 us to 100 ms.
}

enum MachineType {
  # QEMU machine types the image boots on.
  q35 @0;
  # PCI Express, ACPI, HPET: the reference.
  microvm @1;
  # No PCI: no telemetry channel to the host, console only.
}

struct Binary {
  name @0 :Text;
  # How services refer to it; unique.
  path @1 :Text;
  # The program's name in the build, for example "services/init", or a path to an ELF file.
}

struct InitConfig {
  init @0 :Text = "init";
  # The binary the kernel starts; it alone holds the machine's authority at first.
  services @1 :List(Service);
  islands @2 :List(Island);
  buffers @3 :List(Buffer);
  # Memory that services share.
  rings @4 :List(Ring);
  # Shared buffers with one producer and one consumer each.
}

struct Buffer {
  # A memory object made at start and granted by name.
  name @0 :Text;
  size @1 :Units.Size = (kib = 16);
  file @2 :Text;
  # Its first bytes are those of this file, a path relative to the manifest, put into the boot pack; the rest is zero.
}

struct Ring {
  # A shared buffer that the kernel makes: one service writes (a grant with `produces`), one reads (`consumes`).
  name @0 :Text;
  size @1 :Units.Size = (kib = 8);
  # 1 KiB to 64 MiB; how many elements fit is the producer's to say.
}

struct Service {
  # A process. It holds the capabilities listed here and no other.
  name @0 :Text;
  # Unique; letters, digits and '-'.
  binary @1 :Text;
  exports @2 :List(Export);
  # Endpoints it serves; others are granted them as "service.export".
  grants @3 :List(Grant);
  memory @4 :Units.Size = (kib = 512);
  # Bound on its stack, heap and kernel objects.
  weight @5 :UInt16 = 100;
  # Share of best-effort time of each of its threads, relative to others on its CPU, 1 to 1000.
  cpu @6 :UInt16 = 0;
  # Where its best-effort thread runs. A leased CPU is refused unless its island says slack = bestEffort. 65535: the
  # housekeeping CPU with the fewest best-effort services when it starts, and it may move when another rests; then it neither serves
  # nor calls other services, for calls do not cross CPUs.
  passive @7 :Bool = false;
  # Has no time of its own: runs only on the contexts of those who call it.
  config @8 :ServiceConfig;
  latency @9 :Units.LatencyClass = normal;
  # How soon its best-effort threads run once they may.
  recovery @10 :Recovery;
  # Of a passive server that tasks call; nothing unless given.
  restarts @11 :UInt16 = 0;
  # How often init starts it again when it has ended. Not of a task's service, nor of a passive one.
}

struct Recovery {
  # Time of its own for a passive server that tasks call. When a caller's budget is spent, or its job held, in the middle of a
  # call, the call ends with status timeout, and the server finishes what it was at on this; then it serves others again.
  # Admission counts it as a task of the first island that calls the server, at the priority of its most urgent caller,
  # or of a caller of a server that it calls in turn; under EDF with the shortest deadline of those.
  budget @0 :Units.Time;
  # In each period; at least 5 us. What one call takes at most is enough for the server to be free again within the bound that
  # `./capos admit` states. Required.
  period @1 :Units.Period;
  # 10 us to 1 hour. Required.
}

struct Export {
  name @0 :Text;
  interface @1 :UInt64;
  # Interface id of what is served, for example Robot.actuatorInterface.
}

struct Grant {
  name @0 :Text;
  # The name the program finds it by in its CapSet.
  union {
    from @1 :Text;
    # Another service's export: "service.export".
    kernel @2 :KernelService;
    buffer @3 :Text;
    # A buffer of initConfig.buffers.
    produces @4 :Text;
    # The writing side of a ring of initConfig.rings: BufferProducer.
    consumes @5 :Text;
    # The reading side: BufferConsumer.
  }
}

enum KernelService {
  # Capabilities the kernel itself serves.
  console @0;
  timer @1;
  trace @2;
  # TraceSource: emit events of one's own; the source is the service.
  traceRings @3;
  # Read every CPU's trace ring: for the telemetry service.
  hostChannel @4;
  # The memory shared with the host: for the telemetry service.
  control @5;
  # SystemControl: end the run.
  frames @6;
  # FrameAllocator.
  bootPackage @7;
  # Read what the machine was booted with: for the admission service.
  schedulingPolicy @8;
  # Who gets how much of best effort: for a policy service.
  standingIslands @9;
  # IslandReader: which islands are admitted, for an admission service that is asked while they run.
  placement @10;
  # PlacementControl: on which CPUs best effort is started, for as long as the service lives. For one policy service.
}

struct ServiceConfig {
  # What the program reads as its configuration.
  union {
    none @0 :Void;
    cartPole @1 :Robot.CartPoleConfig;
    controller @2 :Robot.ControllerConfig;
    actuator @3 :Robot.ActuatorConfig;
    load @4 :Load.LoadConfig;
    media @5 :Media.NodeConfig;
    policy @6 :Policy.PolicyConfig;
  }
}

struct Island {
  # An admitted promise: CPUs leased to tasks whose deadlines are proved before the island starts.
  name @0 :Text;
  cpus @1 :List(UInt16);
  # Leased CPUs, which islands may share if their policy and slack are the same: they are analysed together. CPU 0 may be
  # leased only when the machine has one CPU and slack = bestEffort.
  policy @2 :IslandPolicy = fixedPriority;
  tasks @3 :List(Task);
  chains @4 :List(Chain);
  slack @5 :SlackPolicy = idle;
  interrupts @6 :List(InterruptLoad);
  # Device interrupts that arrive on the island's CPUs.
  offset @7 :Units.Time;
  # Its first release comes so much later than the islands' start: 0 to 1 s. Admission does not count on it.
}

struct InterruptLoad {
  # Interrupts that take time from every task of a CPU. What is stated is believed, not enforced.
  name @0 :Text;
  # For reports; unique within the island.
  cpu @1 :Int16 = -1;
  # One of the island's CPUs; -1: the first.
  minInterarrival @2 :Units.Time;
  # The least time between two of them: 1 us to 1 hour. Required.
  cost @3 :Units.Time;
  # What one takes of the kernel; the machine's releaseNs unless given. Less than minInterarrival.
}

enum IslandPolicy {
  fixedPriority @0;
  # Deadline monotonic unless tasks state priorities.
  edf @1;
  # The earliest deadline first. Tasks state no priorities; passive servers run at the floor of their callers' deadlines.
}

enum SlackPolicy {
  # What may run on a leased CPU while no task of the island wants it.
  idle @0;
  # Nothing: the CPU halts.
  bestEffort @1;
  # Services that name this CPU.
}

struct Task {
  # Periodic work of one service, on one CPU.
  name @0 :Text;
  # Unique within the island.
  service @1 :Text;
  period @2 :Units.Period;
  # 10 us to 1 hour, kept exactly. Required.
  budget @3 :Units.Time;
  # Time per period, calls to passive servers included. At least 5 us; at most the deadline. Required.
  deadline @4 :Units.Time;
  # Relative to the release; the period unless given. Beyond the period (up to 1 hour) only with onMiss = runLate: job
  # after job runs in order, each due at its own release and this.
  priority @5 :Int16 = -1;
  # 0 to 255, 255 most urgent; -1: derived from the deadlines.
  cpu @6 :Int16 = -1;
  # One of the island's CPUs; -1: the first.
  calls @7 :List(ServerCall);
  jitter @8 :Units.Time;
  # Release jitter beyond the machine's own.
  onMiss @9 :Consequence = runLate;
  onOverrun @10 :Consequence = hold;
  onRepeated @11 :RepeatedMisses;
  # What follows when misses or overruns repeat; nothing unless given.
}

struct RepeatedMisses {
  # When `misses` of the task's last `of` jobs missed their deadline or spent their budget, `then` follows as well. The
  # count starts anew after it. Example: (misses = 3, of = 10, then = fallBack, fallback = "coast", recover = 100).
  misses @0 :UInt8;
  # 1 to `of`. Required.
  of @1 :UInt8;
  # 1 to 64. Required.
  then @2 :RepeatedConsequence;
  # Required.
  recover @3 :UInt16;
  # So many jobs in a row without a miss end a demotion or a fallback; 0: nothing does.
  fallback @4 :Text;
  # With fallBack, and required then: another task of the island on the same CPU. It is released only while it stands in,
  # and may have no onRepeated of its own. Admission counts both as if both ran all the time.
}

enum RepeatedConsequence {
  nothing @0;
  demote @1;
  # The task runs below all others of its island. If its misses repeat again, it is stopped.
  fallBack @2;
  # The task is held, and `fallback` is released instead of it, from its next release on; a call that the task was in ends
  # with status timeout. If the fallback's misses repeat, both are stopped.
  stopTask @3;
  stopIsland @4;
  # All tasks of the island are stopped for good, and its CPUs are given back.
}

struct ServerCall {
  server @0 :Text;
  # "service.export".
  wcet @1 :Units.Time;
  # The longest one call takes in the server; part of the caller's budget. Required.
}

enum Consequence {
  # What happens when a job has missed its deadline (onMiss) or spent its budget (onOverrun).
  runLate @0;
  # Goes on with what budget it has; later jobs start as soon as they can.
  skip @1;
  # Goes on with what budget it has; releases that have passed meanwhile are skipped.
  hold @2;
  # Gets no more time until its next release; what it drives keeps its last value until that expires.
  stopTask @3;
  # The task is stopped for good; the island goes on.
  stopIsland @4;
  # All tasks of the island are stopped for good, and its CPUs are given back.
}

struct Chain {
  # Work that data passes through, with a bound on its age from the first task's release to the last's finish.
  name @0 :Text;
  path @1 :List(Text);
  # Task names.
  bound @2 :Units.Time;
  # Required.
  hops @3 :HopKind = sampled;
}

enum HopKind {
  sampled @0;
  # Each task reads the newest value at its own release.
  triggered @1;
  # Each task is released by its predecessor's finish. Same period required. Its job counts from the release of the
  # chain's first task: that is what its deadline, at most the period, is relative to. If its predecessor does not finish a
  # job by then (held, skipped, stopped, late), the task's job is not run: it is a missed one, for the cause noInput.
}
