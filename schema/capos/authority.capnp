# SPDX-License-Identifier: Apache-2.0
# Authority itself: what a holder may do with a capability, and how it is given with less.
#
# A capability is an entry in a process's table: an object, the interface that it permits, and its hold edge (how far it
# may travel, what a call through it tells the server about the caller, the lease that it was granted under). There are
# no rights bits: less authority is an ancestor of the interface. A call names the entry's interface or one of its
# ancestors, as the schemas known to the kernel state them; any other is `unimplemented`.
@0xf0a1b6c8d2e34730;
using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("capos::host");

enum TransferScope {
  # How far a capability may travel from its holder: granted to a new process, or sent with a message. Using it as an
  # argument of a call on a kernel object is no travel. A copy has the scope of its original, or less.
  any @0;
  sameSession @1;
  # To processes of the holder's session only.
  none @2;
  # Nowhere.
}

enum DisclosureScope {
  # What a server learns about who calls it through this capability: one number, beside the call.
  process @0;
  # The number of the calling process.
  session @1;
  # The number of the caller's session; 0 outside sessions.
  nothing @2;
  # 0.
}

interface CapabilityTable @0xf0a1b6c8d2e34731 {
  # The calling process's own capabilities. Every process holds it as "self.capabilities"; whoever calls it reaches its
  # own table and no other.
  narrow @0 (capability :AnyPointer, interfaceId :UInt64, transfer :TransferScope, disclosure :DisclosureScope)
      -> (narrowed :AnyPointer);
  # Another capability on the same object: with `interfaceId`, which is the capability's own or an ancestor of it, and with
  # scopes that are its own or stricter. Its lease stays. Errors: badCapability, mismatch (the interface is no ancestor),
  # badRange (an unknown scope, or a wider one), quotaExceeded, outOfMemory, outOfCapabilities.
  describe @1 (cap :UInt64) -> (interfaceId :UInt64, transfer :TransferScope, disclosure :DisclosureScope,
                                leased :Bool);
  # Of the capability with that CapId. Errors: badCapability if it is empty, stale, revoked, in transit, or its lease has
  # ended.
  count @2 () -> (inUse :UInt32);
  # Slots in use, those of dead capabilities included.
}

interface MemoryReader @0xf0a1b6c8d2e34732 {
  # Memory that its holder may look at: the read-only part of MemoryObject.
  read @0 (offset :UInt64, count :UInt64) -> (data :Data);
  # Errors: badRange.
  getSize @1 () -> (size :UInt64);
}

interface NotificationSignal @0xf0a1b6c8d2e34733 {
  # The signalling part of Notification.
  signal @0 (bits :UInt64) -> ();
  # Sets bits; wakes the waiter. Never blocks. No effect if `bits` is 0.
}

enum Resource {
  # What ledgers count.
  frames @0;
  # Pages of 4096 bytes: memory objects, page tables, capability tables, stacks, rings.
  tableSlots @1;
  # Capabilities held.
  threads @2;
  contexts @3;
  # SchedulingContexts.
  endpoints @4;
  ringArenas @5;
  # A thread's ring and the arena behind it.
  logBytes @6;
  # Written to the console. Spent for good: these do not come back.
  kernelBytes @7;
  # The kernel's own memory behind objects, each with its whole place: 64 bytes to 4096, a power of two.
  cpuPpm @8;
  # Millionths of a CPU, of admitted scheduling contexts.
}

struct ResourceAmounts {
  # Of each Resource. What is not stated is nothing.
  frames @0 :UInt64;
  tableSlots @1 :UInt64;
  threads @2 :UInt64;
  contexts @3 :UInt64;
  endpoints @4 :UInt64;
  ringArenas @5 :UInt64;
  logBytes @6 :UInt64;
  kernelBytes @7 :UInt64;
  cpuPpm @8 :UInt64;
}

interface LedgerReader @0xf0a1b6c8d2e34734 {
  usage @0 (resource :Resource) -> (limit :UInt64, used :UInt64);
  # `used` includes what has been donated to children that still are. The machine's ledger states a limit of 2^62 for what
  # it does not limit. Errors: badRange for an unknown resource.
}

interface ResourceLedger @0xf0a1b6c8d2e34735 extends(LedgerReader) {
  # An account of resources, and the right to use them and to donate of them. Every process holds the one it runs on as
  # "self.ledger": what it makes is charged there, until the last holder has given it up, whoever that is.
  createChild @0 (amounts :ResourceAmounts) -> (ledger :ResourceLedger);
  # A ledger of its own, with that much of this one's: donated until nobody holds the child and all that was charged to it
  # is gone; then everything comes back but the log bytes that were spent. Errors: quotaExceeded (an amount is more than is
  # left here, or there is no kernel memory left for the ledger itself), tooDeep (more than 8 generations below the
  # machine's), outOfMemory, outOfCapabilities.
}

interface SessionInfo @0xf0a1b6c8d2e34736 {
  describe @0 () -> (number :UInt64, alive :Bool, expiresNs :UInt64);
  # `number`: never used again until the machine restarts. `expiresNs`: its own end as agreed last, 0 for none; a session
  # made by a process in a session ends with that one too.
}

interface Session @0xf0a1b6c8d2e34737 extends(SessionInfo) {
  # Somebody's presence: processes are spawned in it, and what they are granted lasts as long as it does. Giving up the
  # last capability to it logs it out. A process has one session for life, the one given at spawn or its spawner's.
  logout @0 () -> ();
  # Every capability granted under the session, and under its leases, is dead at once, wherever it has been copied to:
  # calls by it answer invalidCap. Calls that are being served are finished; processes go on with what is their own
  # ("self."). Cost: one store. Errors: expired if it has ended.
  renew @1 (expiresNs :UInt64) -> ();
  # Another end, on the machine's clock (Timer.now); 0 for none. No table is touched. Errors: badRange for a time that has
  # passed, expired if it has ended.
  createLease @2 (expiresNs :UInt64) -> (lease :GrantLease);
  # A lease within the session, charged to the session's ledger. Errors: badRange, expired, quotaExceeded, tooDeep,
  # outOfMemory, outOfCapabilities.
}

interface GrantLease @0xf0a1b6c8d2e34738 {
  # Capabilities granted for a time. Giving up the last capability to the lease ends it.
  grant @0 (capability :AnyPointer) -> (leased :AnyPointer);
  # The same capability, but under this lease, to be passed on: it and all copies of it, and what calls through them bring,
  # are dead when the lease or its session has ended. Errors: badCapability, expired, mismatch (it is under another lease
  # already, within which this one is not), quotaExceeded, outOfMemory, outOfCapabilities.
  renew @1 (expiresNs :UInt64) -> ();
  # As Session.renew.
  end @2 () -> ();
  # At once and for good. Cost: one store. Errors: expired if it has ended.
  state @3 () -> (alive :Bool, expiresNs :UInt64);
}

interface SessionAuthority @0xf0a1b6c8d2e34739 {
  # The right to make sessions.
  create @0 (expiresNs :UInt64, ledger :ResourceLedger) -> (session :Session);
  # The session, its leases and their records are charged to `ledger`: whoever wants one donates what it costs. Made by a
  # process in a session, it ends with that one. Errors: badCapability, badRange, quotaExceeded, tooDeep, outOfMemory,
  # outOfCapabilities.
}
