# SPDX-License-Identifier: Apache-2.0
# Every kernel object as an interface: the interface is the permission.
#
# A method whose parameters and results are data of at most 8 words each travels in registers (`call`); the
# others travel as messages through the calling thread's ring and arena. Errors come in three layers: a negative
# status for transport (TransportError), an exception (ExceptionType with a KernelError as detail), and unions
# in results for outcomes of the domain.
@0xd4833f6a2e24c599;
using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("capos::host");
using Authority = import "/capos/authority.capnp";
using Certificate = import "/capos/certificate.capnp";
using Units = import "/capos/units.capnp";

enum TransportError {
  # The call never reached its object, or its answer never left. On the wire: the negated value.
  none @0;
  invalidCap @1;
  # The CapId is empty, stale, or of an object that was revoked.
  disconnected @2;
  # The object or its server died while the call was under way.
  invalidMessage @3;
  # The message is malformed, or lies outside the arena.
  resultTooLarge @4;
  # The results do not fit the space the entry names.
  timeout @5;
  cancelled @6;
  invalidOperation @7;
  # Unknown system call or ring operation.
  exception @8;
  # The object answered with an exception: its ExceptionType and detail are in the result.
  budgetTooSmall @9;
  # The caller's context has less budget left than the endpoint demands.
  wrongCpu @10;
  # The server runs on another CPU than the caller.
  notBound @11;
  # The thread has no scheduling context, or not this one.
  truncated @12;
  # An exception whose text was cut.
  tooDeep @13;
  # The chain of calls would be longer than the kernel's bound.
  queueFull @14;
  # No room for another call or completion; nothing was started.
  budgetRequired @15;
  # The endpoint is an island's: it takes calls on scheduling contexts only, and nothing that is sent one way.
}

enum ExceptionType {
  # Cap'n Proto's exception kinds, and invalidArgument.
  failed @0;
  overloaded @1;
  disconnected @2;
  unimplemented @3;
  invalidArgument @4;
}

enum KernelError {
  # Why a kernel object refused.
  none @0;
  outOfMemory @1;
  # The caller's memory quota or the machine's frames are spent.
  outOfCapabilities @2;
  # The capability table is full.
  badAddress @3;
  # Not page-aligned, outside user space, or not mapped.
  overlap @4;
  # The range is mapped already.
  badProtection @5;
  # Writable and executable at once, or not readable.
  badRange @6;
  # Offset or size outside the object.
  badElf @7;
  # Not a static ELF64 for x86-64 that the loader accepts.
  notFound @8;
  badState @9;
  # Not now: for example a second activation.
  badCertificate @10;
  busy @11;
  # A CPU or context is in use already.
  badCapability @12;
  # A capability in the message is empty, stale, or of the wrong interface.
  badCpu @13;
  # No such CPU, or it is not running.
  quotaExceeded @14;
  # A ResourceLedger of the caller is short of what this takes.
  revoked @15;
  # The object, or the grant it came by, has been revoked.
  expired @16;
  # The session or lease has ended.
  notTransferable @17;
  # The capability's transfer scope forbids this transfer.
  tooDeep @18;
  # Nested calls, children or links beyond their bound.
  mismatch @19;
  # A compared word has another value.
}

interface Console @0xf0a1b6c8d2e34711 {
  # The machine's text console, for people.
  write @0 (text :Text) -> ();
  # At most 1024 bytes; cut lines are not joined. Errors: badRange for more, quotaExceeded when the caller's ledger has no
  # logBytes left. Cost: linear; not for realtime work.
}

interface Timer @0xf0a1b6c8d2e34712 {
  # The monotonic clock: nanoseconds since the machine's clock started.
  now @0 () -> (ns :UInt64);
  sleepUntil @1 (ns :UInt64) -> (ns :UInt64);
  # Blocks a best-effort thread until then and returns the time. Errors: badState for a thread on a
  # scheduling context (it waits for its next release instead).
  describe @2 () -> (startTsc :UInt64, tscHz :UInt64, features :UInt64);
  # What the clock is made of: the time stamp counter at its zero and in a second, so that a program reads the
  # time by itself; and the features that the kernel uses (bits of hal's MachineFeature).
  createEventTimer @3 (notification :Notification, bits :UInt64) -> (timer :EventTimer);
  # A timer that sets `bits`. It belongs to the caller's process, and is on its CPU. Errors: badCapability, badRange (no bits),
  # quotaExceeded (the process has 64), outOfMemory, outOfCapabilities.
}

interface EventTimer @0xf0a1b6c8d2e34767 {
  # Signals at an instant, or at each of a series that never drifts. Every method: badCpu on another CPU than its own, which is that
  # of the process that made it. That process stays on its CPU from when another gets a capability to its timer, and so does that one.
  start @0 (firstNs :UInt64, periodNs :UInt64) -> ();
  # Replaces what was started before. First at firstNs, at once if that has passed; then at firstNs + n * periodNs, or
  # never again if periodNs is 0. Instants that pass before the timer is served are counted, not made up for. Errors:
  # badRange (a period below 10 us or above an hour).
  cancel @1 () -> (wasArmed :Bool);
  # No signal comes after this.
  status @2 () -> (armed :Bool, nextNs :UInt64, fired :UInt64, skipped :UInt64);
  # Signals made, and instants skipped, since it was created. `nextNs` is 0 if it is not armed.
}

interface SchedulingContext @0xf0a1b6c8d2e34713 {
  # Time as a capability: budget, period, deadline, priority, CPU, island.
  waitNextRelease @0 () -> (index :UInt64, scheduledNs :UInt64, actualNs :UInt64, previousNs :UInt64,
                            deadlineNs :UInt64, skipped :UInt64);
  # Ends the current job and blocks until the next release. Returns the release's number and instants: when it was
  # due, when this job starts, when the previous one started, its deadline; and how many releases were skipped
  # since. Errors: notBound if the thread does not run on this context.
  consumed @1 () -> (totalNs :UInt64, jobNs :UInt64);
  # Execution time charged so far: in all, and to the current job.
  parameters @2 () -> (periodNumerator :UInt32, periodDenominator :UInt32, budgetNs :UInt64, deadlineNs :UInt64,
                       priority :UInt8, cpu :UInt16, island :UInt32);
  bind @3 (thread :AnyPointer) -> ();
  # `thread`, a Thread or a ProcessHandle (its first thread), runs on this context from now on; whoever was bound to it stands by
  # (decision 31). Budget, releases, misses and what follows from them are the context's, and stay as they are. If the thread
  # stands by, it has the next job, or the one that has been released and not begun; any other has the first release after it has
  # come to waitNextRelease, and computes up to that on the context's budget. It leaves best effort for good. From any CPU, by
  # ring; waits for the context's CPU. O(threads of its process). Errors: badCapability (no Thread or ProcessHandle), badCpu (it lives on another CPU
  # than the context's), badState (it has ended, or is the caller; the context is a server's recovery, or has been stopped), busy (it
  # has a context, is in a call, in its ring or starting; who is bound is in the middle of a job; a thread is being made for the
  # context; or the CPU has not been idle since an island retired there: try again), quotaExceeded, outOfMemory.
  unbind @4 () -> ();
  # Who is bound stands by: it waits on in waitNextRelease, without time, until it is bound again. Nobody runs on the context: its
  # releases are skipped until a thread is bound, or spawned, and waits for the next one. From any CPU. Errors: badState (nobody is bound; it is a server's
  # recovery), busy (who is bound is in the middle of a job, or has one released; or is being made: try again, or end it),
  # quotaExceeded, outOfMemory.
  standBy @5 () -> (index :UInt64, scheduledNs :UInt64, actualNs :UInt64, previousNs :UInt64,
                    deadlineNs :UInt64, skipped :UInt64);
  # Blocks, without time, until somebody binds the calling thread to a context; returns when its first job there begins, with what
  # waitNextRelease says of it. It leaves best effort for good. Errors: badState (it has a context, or serves a call; this one has been
  # stopped), status wrongCpu (the context is another CPU's), invalidOperation (by ring).
}

interface MemoryObject @0xf0a1b6c8d2e34714 extends(Authority.MemoryReader) {
  # Frames of memory. Its methods hide the like-named ones of MemoryReader and do the same.
  read @0 (offset :UInt64, count :UInt64) -> (data :Data);
  # Errors: badRange.
  write @1 (offset :UInt64, data :Data) -> ();
  # Errors: badRange, badProtection for memory that only the kernel writes.
  getSize @2 () -> (size :UInt64);
  createChild @3 (offset :UInt64, size :UInt64) -> (child :MemoryOwner);
  # A window on that range (multiples of 4096, not empty): the same memory, from offset 0 on. Made through a capability
  # under a lease, it ends with the lease. Errors: badRange, tooDeep (more than 8 leases, sessions and windows one within
  # another), quotaExceeded, outOfMemory, outOfCapabilities.
}

interface MemoryOwner @0xf0a1b6c8d2e3473a extends(MemoryObject) {
  # A window, held by whoever made it. Others are given a MemoryObject or a MemoryReader, made of it by
  # CapabilityTable.narrow.
  revoke @0 () -> ();
  # Every capability to the window, and to windows made of it, is dead at once, this one too; so are those narrowed,
  # copied and leased of it. What has been mapped of it stays mapped, and the memory in use, until it is unmapped or its
  # process ends. Cost: one store.
}

interface FrameAllocator @0xf0a1b6c8d2e34715 {
  allocate @0 (pages :UInt64) -> (object :MemoryObject);
  # Zeroed memory of pages * 4096 bytes, charged to the caller's ledger. Errors: quotaExceeded, outOfMemory (the machine's
  # memory is too fragmented), outOfCapabilities, badRange for zero or more than 65536 pages.
  available @1 () -> (freePages :UInt64, poolPages :UInt64, poolBytes :UInt64);
  # Frames of the machine that nobody has; frames in the pools of the kernel's objects, which only grow; and how much of
  # them is in use.
}

interface VirtualMemory @0xf0a1b6c8d2e34716 {
  # One process's address space. Protections: 1 read, 2 write, 4 execute; write and execute exclude each other.
  # Addresses and sizes are multiples of 4096 below 0x600000000000. Only the process itself may change it: badState for
  # every other that holds the capability, and while another thread of it maps in the same range. At most 512 regions:
  # quotaExceeded beyond.
  map @0 (hint :UInt64, size :UInt64, prot :UInt32) -> (addr :UInt64);
  # Fresh zeroed memory at `hint`, or where there is room when it is 0. Errors: badAddress, overlap, badProtection,
  # quotaExceeded, outOfMemory.
  unmap @1 (addr :UInt64, size :UInt64) -> ();
  # Errors: badAddress if a page of the range is not mapped; then nothing is unmapped.
  protect @2 (addr :UInt64, size :UInt64, prot :UInt32) -> ();
  # Errors: badAddress, badProtection.
  mapObject @3 (object :Authority.MemoryReader, offset :UInt64, size :UInt64, hint :UInt64, prot :UInt32)
      -> (addr :UInt64);
  # Writing and executing want a MemoryObject: badProtection for a mere reader. Errors: also badRange, badCapability.
}

struct CapabilityGrant {
  # A capability given to a new process under a name.
  name @0 :Text;
  # At most 31 bytes.
  capability @1 :AnyPointer;
}

interface ProcessSpawner @0xf0a1b6c8d2e34717 {
  spawn @0 (name :Text, program :Text, grants :List(CapabilityGrant), cpu :UInt16, memoryPages :UInt64,
            context :SchedulingContext, passive :Bool, source :UInt32, supervisor :AnyPointer,
            ledger :Authority.ResourceLedger, session :Authority.Session) -> (process :ProcessHandle);
  # Starts `program` of the boot pack. A `context` that is a server's recovery (TaskClaim.recovers) makes it a passive one. `context` null: best effort on `cpu`; 65535: on the housekeeping CPU where the fewest
  # best-effort processes live, or, if all CPUs are leased, on one leased with slack; later it may move (decision 29). `passive`: no time of its own; it runs
  # once, on the spawner's account, up to its first receive. `source` is the number its trace events carry.
  # `supervisor`: a FaultHandler that is told of its threads' faults; null: a fault ends the process.
  # `ledger`: what the process runs on, together with whoever else does; null: a child of the spawner's ledger with
  # `memoryPages` frames, 64 KiB and 256 bytes a frame of kernel memory, room for 65536 capabilities, 64 threads and rings,
  # 1024 endpoints and 16 MiB of log (or half of what the spawner has left, if that is less), no contexts and no CPU bandwidth. `session`: its session for life, and the lease of
  # all grants that have none within it; null: the spawner's.
  # Errors: quotaExceeded (failed: the process's ledger is too small; overloaded: the spawner's is), badRange (both a ledger
  # and memoryPages; a grant's name), expired (the session has ended), mismatch (a grant's lease may outlive the session),
  # notFound, badElf, outOfMemory, outOfCapabilities, badCapability, badCpu, busy (the context has a thread that has not ended, or one is
  # being made for it), badState (its island has been retired), notTransferable (a grant's transfer scope forbids it).
}

interface ProcessHandle @0xf0a1b6c8d2e34718 {
  wait @0 () -> (reason :ExitReason, code :Int64, address :UInt64);
  # Blocks until the process has ended. `code`: exit code, or exception vector; `address`: of the fault.
  kill @1 () -> ();
  state @2 () -> (alive :Bool, ready :Bool, cpu :UInt16);
  # `ready`: its thread has waited once for a release, a call or an event. `cpu`: where it lives.
}

interface SchedulingPolicy @0xf0a1b6c8d2e34723 {
  # The authority over best effort: what share of the time that no island uses a process has. What is declared here the kernel
  # keeps, whatever becomes of the holder; what a ShareControl or the PlacementControl says lasts as long as that is held.
  setShare @0 (process :ProcessHandle, weight :UInt16, latency :Units.LatencyClass) -> ();
  # For each thread of the process, those it has and those it makes later: a thread's share of its CPU is its weight over the
  # sum of weights that are ready there. `weight`: 1 to 1000. Before, a process has what is declared of its spawner; init has 100, normal.
  # Applied by the process's own CPU, at once if that is the caller's; has no effect on a process that has ended.
  # Errors: badCapability (no ProcessHandle), badRange.
  share @1 (process :ProcessHandle) -> (weight :UInt16, latency :Units.LatencyClass);
  # What the process has now. Errors: badCapability.
  control @2 (process :ProcessHandle) -> (control :ShareControl);
  # For a policy service. Errors: badCapability, busy (the process has one), quotaExceeded, outOfMemory, outOfCapabilities.
  placement @3 () -> (control :PlacementControl);
  # For a policy service. Errors: busy (there is one), quotaExceeded, outOfMemory, outOfCapabilities.
}

interface ShareControl @0xf0a1b6c8d2e34790 {
  # What one process has of best effort, for as long as this is held. When the last capability to it goes, by its holder's end at
  # the latest, what SchedulingPolicy.setShare has declared is in force again: the process's own CPU changes its threads,
  # five at a time. It gives no other authority over the process.
  set @0 (weight :UInt16, latency :Units.LatencyClass) -> ();
  # As SchedulingPolicy.setShare, in place of what is declared. Errors: badRange.
  clear @1 () -> ();
  # What is declared is in force again.
  get @2 () -> (weight :UInt16, latency :Units.LatencyClass, declaredWeight :UInt16, declaredLatency :Units.LatencyClass,
                alive :Bool, cpu :UInt16);
  # What is in force, what is declared, and where the process lives, if it does.
}

enum CpuUse {
  # What a CPU is for.
  off @0;
  housekeeping @1;
  # Best effort.
  leased @2;
  # Islands' tasks, and nothing else.
  leasedSlack @3;
  # Islands' tasks, and best effort below them.
}

interface PlacementControl @0xf0a1b6c8d2e34791 {
  # Which CPUs best effort may be started on, for as long as this is held; when the last capability to it goes, all of them
  # again. Nobody moves to others (decision 29), and who lives there already stays.
  set @0 (cpus :UInt32) -> ();
  # Bit c: CPU c. ProcessSpawner.spawn starts no best-effort process on others: badCpu if it names one; 65535 chooses among
  # these. Passive servers and what runs on contexts may be started anywhere. Errors: badRange (CPU 0 is not among them).
  get @1 () -> (cpus :UInt32);
  # What was set, and those that run: bits of CPUs that there are not are 0.
  cpu @2 (cpu :UInt16) -> (use :CpuUse, processes :UInt32);
  # What it is for now, and how many best-effort processes live there. Errors: badCpu.
}

enum ExitReason {
  exited @0;
  fault @1;
  killed @2;
}

interface BootPackage @0xf0a1b6c8d2e34719 {
  # What the machine was booted with.
  readManifest @0 () -> (pack :MemoryObject, offset :UInt64, size :UInt64);
  # Read-only memory that holds the BootPack message: its place in the object, in bytes (stream framing included).
}

interface Notification @0xf0a1b6c8d2e3471a extends(Authority.NotificationSignal) {
  # A word of event bits. `signal` hides that of NotificationSignal and does the same.
  signal @0 (bits :UInt64) -> ();
  # Sets bits; wakes the waiter. Never blocks. No effect if `bits` is 0.
  wait @1 () -> (bits :UInt64);
  # Takes all bits, blocking while there are none. Returns 0 only if, while this thread was being woken by another CPU, others
  # took the bits and one of them waits now. Errors: busy if another thread waits.
  poll @2 () -> (bits :UInt64);
  # Takes all bits; 0 if there are none.
}

interface Endpoint @0xf0a1b6c8d2e3471b {
  # The serving side of an interface: `reply_receive` takes it. The calling side carries the served interface.
  connect @0 () -> (client :AnyPointer);
  # A call-only capability on this endpoint. Errors: quotaExceeded, outOfMemory, outOfCapabilities.
  revoke @1 () -> ();
  # Ends the endpoint for good: every capability to it, this one too, is dead at once; calls through clients answer
  # `disconnected`, and so do the calls that queue here or are being served, and the threads that wait for calls. A server at
  # work on one finishes on time of its own. Cost: one store, and so much for each call and server that it ends.
}

interface ObjectFactory @0xf0a1b6c8d2e3471c {
  # What it makes is charged to the caller's ledger. Errors: quotaExceeded, outOfMemory, outOfCapabilities.
  createNotification @0 () -> (notification :Notification);
  createEndpoint @1 (interfaceId :UInt64, minimumBudgetNs :UInt64, ceiling :UInt8, floorNs :UInt64, contextsOnly :Bool)
      -> (endpoint :Endpoint);
  # `interfaceId`: what is served. A call whose context has less than minimumBudgetNs left is refused. `ceiling`: the
  # priority at which calls made on scheduling contexts are served, if it is above the caller's. `floorNs`: the same for
  # contexts of EDF islands: a call is served as if it were due so long after it was taken up, or when its caller is due
  # if that is earlier; 0: none; else the least time from an arrival of one of its callers to its deadline. A call
  # that had to queue has it only if its caller is the first to run then. `contextsOnly`: a call that runs on no scheduling context, and whatever is sent one way, is refused with budgetRequired (decision 27).
  # Errors: badRange (minimumBudgetNs or floorNs over an hour; contextsOnly for a FaultHandler).
}

interface IslandAuthority @0xf0a1b6c8d2e3471d {
  # The right to have islands admitted.
  admit @0 (certificate :Certificate.IslandCertificate) -> AdmitResult;
  # The kernel re-verifies each inequality, over all islands that share CPUs with this one; then the CPUs are leased and the
  # contexts made, charged to the caller's ledger with the bandwidth they are promised and the frames that keep the
  # certificate, whose names are of at most 64 bytes. A refusal is an answer, not an error. From CPU 0. Errors: badCpu, busy (a change of an island that shares
  # CPUs is under way, or another certificate is being judged), quotaExceeded, outOfMemory, outOfCapabilities.
}

struct AdmitResult {
  union {
    admitted :group {
      island @0 :RealtimeIsland;
      contexts @1 :List(SchedulingContext);
      # One SchedulingContext for each task, in the certificate's order; of the first 63 if there are more: a message carries 64
      # capabilities. RealtimeIsland.contexts has the others.
    }
    refused @2 :Text;
    # Which inequality of which task does not hold, in one line.
    occupied :group {
      # The claims hold, but best effort lives on a CPU that the island leases without slack, and cannot move. What could has moved.
      cpu @3 :UInt16;
      by @4 :Text;
      # A process with best-effort threads there: the one that came first. They would not run again.
    }
  }
}

interface IslandReader @0xf0a1b6c8d2e34780 {
  # Looks at what is admitted: for who analyses what is to come.
  standing @0 (after :UInt64) -> (serial :UInt64, certificate :Certificate.IslandCertificate);
  # The island that stands and was admitted next after the one of that serial number (0: the first), and its certificate as
  # it was admitted or last changed; others have come and gone since. `serial` 0: there is none. From CPU 0. Errors: badCpu.
}

interface RealtimeIsland @0xf0a1b6c8d2e3471e {
  activate @0 (startNs :UInt64) -> ();
  # First release of every task at startNs; on a CPU where another island has just been retired, the first one of that
  # grid after the next instant at which no task of any island is ready there. Errors: badState unless every context has a
  # thread that waits.
  retire @1 () -> ();
  # Stops the releases and gives the CPUs back; the island's threads get no more time. So does the release of the last
  # capability to the island. Errors: badState if it has been retired.
  status @2 () -> (active :Bool, jobs :UInt64, misses :UInt64, overruns :UInt64, changing :Bool);
  # `changing`: a modeChange has been accepted, and not all CPUs have made it.
  modeChange @3 (certificate :Certificate.IslandCertificate) -> ChangeResult;
  # New claims for the same tasks: of the same names, on the same CPUs, with the same fallbacks, in the same order. On each
  # CPU they are in force from the first instant on at which no task of any island is ready there; until then the old ones
  # are. A task that is changed is released first at that instant, with a full budget. The others do not notice, and keep
  # the bounds they were admitted with. A refusal changes nothing, and what is accepted comes to pass, unless the island is
  # retired before. From CPU 0; charged to who pays for the island. Errors: badCpu, badState if it has been retired, busy (a
  # change of an island that shares CPUs is under way, or another certificate is being judged), quotaExceeded, outOfMemory.
  contexts @4 (first :UInt16) -> (contexts :List(SchedulingContext));
  # Those of the tasks from `first` on, in the certificate's order: at most 64 in one answer, none beyond the last task; also of an
  # island that has been retired. From any CPU. Errors: quotaExceeded, outOfMemory, outOfCapabilities; then none is given.
}

struct ChangeResult {
  union {
    accepted :group {
      withinNs @0 :UInt64;
      # The instant comes on every CPU within so long: the longest busy window under the old claims.
    }
    refused @1 :Text;
    # In one line, as of `admit`; or that a busy window may last for longer than a second.
  }
}

interface TraceSource @0xf0a1b6c8d2e3471f {
  emit @0 (code :UInt32, a :UInt64, b :UInt64, c :UInt64, d :UInt64, e :UInt64, f :UInt64) -> ();
  # Writes an event of kind `user` with this process's source number. Wait-free. `code` is below 2^15; larger ones are cut to it.
}

interface TraceRings @0xf0a1b6c8d2e34720 {
  open @0 (cpu :UInt16) -> (ring :MemoryObject);
  # The CPU's trace ring, read-only. Errors: badCpu.
}

interface HostChannel @0xf0a1b6c8d2e34721 {
  open @0 () -> (memory :MemoryObject);
  # Memory shared with the host. Errors: notFound on a machine without the device.
}

interface SystemControl @0xf0a1b6c8d2e34722 {
  shutdown @0 (code :UInt8) -> ();
  # Ends the run; on QEMU the code reaches the launcher. Does not return.
}
