// SPDX-License-Identifier: Apache-2.0
// What the bench's programs agree on: who plays which part, and the page two of them share.
#pragma once

#include <cstdint>

namespace ipc_bench {

// The number a program is started with.
enum class Part : std::uint32_t {
  client,     // measures; on a scheduling context
  server,     // answers calls as they came; passive
  waiter,     // waits on "event" at a higher priority than the client's
  bystander,  // sleeps for ever
  ring_server,  // returns the messages that come through its ring; passive
};

// Beside bit 0 of "event": the device's interrupt.
inline constexpr std::uint64_t kInterruptBit = 2;

// The page "shared" of client and waiter.
struct SharedPage {
  std::uint64_t waiter_stamp;  // as soon as it runs after a signal
};

}  // namespace ipc_bench
