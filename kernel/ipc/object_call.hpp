// SPDX-License-Identifier: Apache-2.0
// A ring's CALL on a kernel object: at once, on the caller's thread.
//
// The message is copied out of the arena before it is read. Bounds: as RingState; the object's method besides.
#pragma once

#include "capos/abi/ring.hpp"
#include "core/cpu.hpp"
#include "objects/capability_table.hpp"
#include "objects/outcome.hpp"

namespace capos::kernel {

// `sqe`: its ranges have been checked. Done: results are in the arena, their sizes in the completion.
[[nodiscard]] Outcome call_object(Cpu& cpu, Thread& thread, std::byte* arena, const abi::CapSqe& sqe,
                                  CapabilityEntry& entry, Time now, CallProgress& progress,
                                  abi::CapCqe& completion) noexcept;

}  // namespace capos::kernel
