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
