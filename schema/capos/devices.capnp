# SPDX-License-Identifier: Apache-2.0
# Devices and the machine as kernel objects. A driver is a program that holds some of these and no more.
#
# DeviceManager hands devices out, each once: what somebody holds is refused with `overlap` until the last capability to
# it, and the last mapping of it, is gone. init holds it and grants what it makes.
@0xc7a3d1f08e5b9246;
using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("capos::host");
using Kernel = import "/capos/kernel.capnp";

enum InterruptTrigger {
  # How a line tells of an interrupt.
  firmware @0;
  # As the firmware says; edge and active high for ISA lines, level and active low for others, where it says nothing.
  edgeHigh @1;
  edgeLow @2;
  levelHigh @3;
  levelLow @4;
}

interface DeviceManager @0xf0a1b6c8d2e34760 {
  # The right to hand out what the machine's devices are reached by.
  interrupt @0 (line :UInt8, legacy :Bool, cpu :UInt16, trigger :InterruptTrigger) -> (interrupt :Interrupt);
  # Line `line` of the interrupt controllers, sent to `cpu`, where its driver must run, for as long as it is handed out; or, for
  # `cpu` 65535, to whatever CPU its driver is on. `legacy`: `line` is an ISA
  # interrupt (0 to 15), and goes where the firmware has put it. Errors: notFound (no such line), badCpu, badRange
  # (trigger), overlap, outOfMemory, outOfCapabilities.
  ports @1 (first :UInt16, count :UInt32) -> (ports :IoPorts);
  # Errors: badRange (none, or beyond 65535, or a port that the kernel keeps: console, interrupt controllers, PCI
  # configuration, power), overlap, outOfMemory, outOfCapabilities.
  memory @2 (base :UInt64, size :UInt64) -> (memory :Mmio);
  # Whole pages of device registers. Errors: badAddress (not page-aligned, or none), badRange (RAM, firmware's memory or
  # a register that the kernel keeps), overlap, outOfMemory, outOfCapabilities.
  pciFunction @3 (bus :UInt8, device :UInt8, function :UInt8) -> (function :PciFunction);
  # Errors: notFound, overlap, outOfMemory, outOfCapabilities.
  describe @4 () -> (lines :UInt16, messages :UInt16);
  # Interrupt lines, and how many messages there can be.
}

interface Interrupt @0xf0a1b6c8d2e34761 {
  # One source of interrupts, made to signal a notification. Each interrupt is to be acknowledged by the driver: until
  # then a level line stays masked; of an edge line or a message one more is remembered, to be signalled at the
  # acknowledgement, and masks it. So a device that interrupts as fast as it can costs two interrupts for each
  # acknowledgement. Every method: badCpu on another CPU than the one the interrupt goes to. One that was opened for cpu 65535
  # goes to none while it is not bound, and may be called from any; who binds it is its driver, to whose CPU it goes from then on, and
  # with whom it moves to another. Others may find it elsewhere then.
  bind @0 (notification :Kernel.Notification, bits :UInt64) -> ();
  # Interrupts from now on set `bits`. The binding belongs to the calling process: when that ends, the source is masked
  # and another may bind. Errors: badCapability, badRange (no bits), busy (another living process has bound it), badCpu (also: the
  # interrupt controllers cannot send it to the caller's CPU), quotaExceeded (the process has bound 8 that were opened for cpu 65535).
  acknowledge @1 () -> ();
  # The device has been served: the source may interrupt again. No effect if nothing is to be acknowledged. Errors:
  # badState (not bound), badCpu.
  unbind @2 () -> ();
  # Masks the source. Errors: badState (not bound), badCpu.
  statistics @3 () -> (count :UInt64, repeated :UInt64, unclaimed :UInt64, bound :Bool, masked :Bool);
  # Since it was handed out: interrupts taken; those that came before the one before was acknowledged; those that came
  # after their driver's end. Errors: badCpu.
}

interface IoPorts @0xf0a1b6c8d2e34762 {
  # A range of I/O ports. `offset` counts from its first; accesses are aligned to their width. Errors: badRange.
  read8 @0 (offset :UInt16) -> (value :UInt8);
  read16 @1 (offset :UInt16) -> (value :UInt16);
  read32 @2 (offset :UInt16) -> (value :UInt32);
  write8 @3 (offset :UInt16, value :UInt8) -> ();
  write16 @4 (offset :UInt16, value :UInt16) -> ();
  write32 @5 (offset :UInt16, value :UInt32) -> ();
  describe @6 () -> (first :UInt16, count :UInt32);
}

interface Mmio @0xf0a1b6c8d2e34763 {
  # Device registers in memory.
  map @0 (hint :UInt64, offset :UInt64, size :UInt64, writable :Bool) -> (addr :UInt64);
  # Into the caller's own address space, uncached, never executable; VirtualMemory.unmap takes it out. A mapping keeps
  # the registers from being handed out anew. Errors: badAddress, badRange, overlap, outOfMemory.
  describe @1 () -> (physical :UInt64, size :UInt64);
}

interface PciFunction @0xf0a1b6c8d2e34764 {
  # One PCI function of bus 0. When its last capability is gone, it can neither write to memory nor interrupt any more.
  describe @0 () -> (vendor :UInt16, device :UInt16, classCode :UInt32, revision :UInt8, hasMessage :Bool,
                     busMaster :Bool);
  # `classCode`: class, subclass and programming interface in bits 23 to 0.
  readConfig @1 (offset :UInt16) -> (value :UInt32);
  # Errors: badRange (not a multiple of 4, or beyond the configuration space).
  memory @2 (bar :UInt8) -> (memory :Mmio);
  # The registers of a memory BAR; switches its decoding on. Errors: badRange (above 5), notFound (no memory BAR, or not
  # placed), badAddress (not whole pages), overlap, outOfMemory, outOfCapabilities.
  ports @3 (bar :UInt8) -> (ports :IoPorts);
  # The same for an I/O BAR.
  message @4 (cpu :UInt16) -> (interrupt :Interrupt);
  # Its interrupt as a message (MSI) to `cpu`, or for 65535 to whatever CPU its driver is on; switches its interrupt pin off. Errors: notFound (it has none), busy (it
  # has been handed out), badCpu, outOfCapabilities, outOfMemory (all messages are in use).
  setBusMaster @5 (enabled :Bool) -> ();
  # Lets it write to memory, or not. There is no IOMMU: with this, the driver is trusted with all of memory.
  createDmaBuffer @6 (pages :UInt64) -> (buffer :DmaBuffer);
  # Zeroed contiguous memory, rounded up to a power of two of pages, charged to the caller. Errors: badRange (0, or more
  # than 1024 pages), quotaExceeded (16 of this function exist), outOfMemory, outOfCapabilities.
}

interface DmaBuffer @0xf0a1b6c8d2e34765 {
  # Memory that a device reads and writes by its physical address. It never moves. It is freed when its capabilities and
  # mappings are gone and its function can write no more: its bus mastering has been switched off, or the function's
  # last capability is gone.
  describe @0 () -> (physical :UInt64, size :UInt64);
  map @1 (hint :UInt64) -> (addr :UInt64);
  # The whole of it into the caller's own address space, to read and write. Errors: badAddress, overlap, outOfMemory.
}

interface EntropySource @0xf0a1b6c8d2e34766 {
  # Random words of the processor's own source; never a seed that was made up.
  read @0 () -> (a :UInt64, b :UInt64, c :UInt64, d :UInt64);
  # Errors: notFound (the processor has neither RDSEED nor RDRAND), busy (its source has nothing now: try later).
  describe @1 () -> (kind :EntropyKind);
}

enum EntropyKind {
  none @0;
  generator @1;
  # A generator seeded in hardware: RDRAND.
  seed @2;
  # Conditioned noise: RDSEED.
}

interface SystemInfo @0xf0a1b6c8d2e34768 {
  describe @0 () -> (cpus :UInt16, features :UInt64, tscHz :UInt64, ramBytes :UInt64, freeBytes :UInt64,
                     versionMajor :UInt16, versionMinor :UInt16, versionPatch :UInt16);
  # `cpus`: that run. `features`: bits of the HAL's MachineFeature that are in use. `ramBytes`: that the kernel manages,
  # `freeBytes` of them nobody has.
  cpu @1 (cpu :UInt16) -> (use :Kernel.CpuUse, idleNs :UInt64, switches :UInt64, timers :UInt64, mails :UInt64,
                           devices :UInt64, spurious :UInt64);
  # What the CPU is for; its time halted; changes of thread; interrupts by cause. Read while it runs: each number is
  # whole, together they are of no one instant. Errors: badCpu.
}

interface SharedBuffers @0xf0a1b6c8d2e34769 {
  # Makes memory for rings between two programs.
  create @0 (size :UInt64) -> (buffer :SharedBuffer, producer :BufferProducer, consumer :BufferConsumer);
  # Zeroed memory of `size` bytes, rounded up to pages, charged to the caller, with the right to take either side of the
  # ring in it. Errors: badRange (below 256 bytes or above 64 MiB), outOfMemory, outOfCapabilities.
}

enum BufferState {
  # What is known of one side.
  absent @0;
  attached @1;
  # Claimed.
  closed @2;
  # It has said that it is done.
  dead @3;
  # It went without a word: its holder died, or gave its end up.
  revoked @4;
}

interface SharedBuffer @0xf0a1b6c8d2e3476a {
  # Its maker's hold on a shared buffer.
  revoke @0 () -> ();
  # Both sides are over: every method of theirs fails with `revoked`, both are woken, and both ring states say so. Pages
  # that are mapped stay mapped until who mapped them unmaps them or ends: nothing faults. Errors: badState if it has been
  # revoked.
  state @1 () -> (producer :BufferState, consumer :BufferState);
}

interface BufferProducer @0xf0a1b6c8d2e3476b {
  # The right to be the one that writes.
  claim @0 () -> (end :BufferEnd);
  # Takes the side for the calling process, until the end is given up. Errors: busy (somebody has it, be it the caller
  # itself), revoked, outOfMemory, outOfCapabilities.
}

interface BufferConsumer @0xf0a1b6c8d2e3476c {
  # The right to be the one that reads.
  claim @0 () -> (end :BufferEnd);
  # As BufferProducer.claim.
}

interface BufferEnd @0xf0a1b6c8d2e3476d {
  # One side of a shared buffer, taken. It is given up with its last capability, so also by its holder's death: the peer
  # then sees `dead` and is woken. Another may claim the side after that, and goes on where the memory says.
  map @0 (hint :UInt64) -> (addr :UInt64, size :UInt64);
  # The ring's memory into the claiming process. Errors: badState (another process than the one that claimed, or closed),
  # badAddress, overlap, outOfMemory, revoked.
  notification @1 () -> (notification :Kernel.Notification);
  # What this side waits on: bit 0 is set by the peer's wakePeer, bit 1 when the peer's state has changed.
  wakePeer @2 () -> ();
  # For the first element in an empty ring whose consumer sleeps, or the first place in a full one. Takes no lock. Errors:
  # badState (closed), revoked.
  peer @3 () -> (state :BufferState);
  # The kernel's own word, whatever the memory says.
  close @4 () -> ();
  # Nothing more comes: the peer sees `closed`. Errors: badState (closed before), revoked.
}
