// SPDX-License-Identifier: Apache-2.0
// Capabilities that travel with a message from one process's table to another's: all of them or none.
//
// A message that is handed over at once calls transfer(). One that waits calls send() when it is queued: moved
// capabilities are then in transit, still their sender's and of no use to him; and deliver() when it is received, or
// recall() when that will never be. Both processes live on the CPU that calls, so nothing happens in between.
// Invariants: a call that fails has changed nothing in either table, but for room that the receiver's table may have
// grown; a moved capability is in exactly one table that can use it.
// Who pays: the receiver, for its slots. Bounds: O(descriptors), at most abi::kMaxTransfers of them.
#pragma once

#include <span>

#include "capos/abi/ring.hpp"
#include "objects/capability_table.hpp"

namespace capos::kernel {

class Process;

using Descriptors = std::span<const abi::TransferDescriptor>;

struct TransferError {
  schema::KernelError reason{};
  bool receivers_fault = false;  // its table or its ledger is short; otherwise the sender named what it must not
};

// May the capability go from a process of one session to one of the other? 0: of none.
[[nodiscard]] bool may_travel(const CapabilityEntry& entry, std::uint64_t from_session, std::uint64_t to_session) noexcept;

// At once. `received`: at least as long as the descriptors; filled in their order.
// Errors: bad_capability (empty, stale, revoked, in transit, named for a move and once more), bad_range (a descriptor of
// unknown kind), not_transferable; and of the receiver, out_of_capabilities, quota_exceeded, out_of_memory.
[[nodiscard]] ResultOf<void, TransferError> transfer(Process& from, Process& to, Descriptors descriptors,
                                                     std::span<abi::ResultCap> received) noexcept;

// Checks what is sent, and takes moved capabilities on their way. Errors: the sender's of transfer().
[[nodiscard]] ResultOf<void, TransferError> send(Process& from, Descriptors descriptors) noexcept;
// The other half. On error the message stays sent. Copies are looked up now: what has been released or revoked since is
// bad_capability, and the receiver's session may be one that they must not go to.
[[nodiscard]] ResultOf<void, TransferError> deliver(Process& from, Process& to, Descriptors descriptors,
                                                    std::span<abi::ResultCap> received) noexcept;
// Moved capabilities are their sender's again. No effect on a table that has been cleared.
void recall(Process& from, Descriptors descriptors) noexcept;

}  // namespace capos::kernel
