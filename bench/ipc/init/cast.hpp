// SPDX-License-Identifier: Apache-2.0
// The programs of the bench and the objects between them.
#pragma once

#include <span>
#include <string_view>

#include "capos/abi/bench.hpp"
#include "capos/runtime/runtime.hpp"
#include "capos/schema/devices.hpp"
#include "ipc_bench.hpp"

namespace ipc_bench {

using namespace capos;
using runtime::Capability;
using runtime::OwnedCapability;

struct Grant {
  std::string_view name;
  abi::CapId cap;
};
struct SpawnWish {
  Part part{};
  std::span<const Grant> grants{};
  abi::CapId context{};
  std::uint64_t pages = 256;
  abi::CapId ledger{};  // on which it runs; none: on a part of this program's, with `pages`
};
// Says why and ends the machine: nobody else would, and the host would wait.
[[noreturn]] void give_up(runtime::Runtime& runtime, std::string_view why) noexcept;
[[nodiscard]] runtime::Result<OwnedCapability<schema::ProcessHandle>> spawn(runtime::Runtime& runtime,
                                                                            const SpawnWish& wish) noexcept;

// Two contexts on CPU 0, the second above the first, best effort in their slack; the program ends if they are refused.
struct Contexts {
  Capability<schema::RealtimeIsland> island;
  abi::CapId client;
  abi::CapId waiter;
  abi::CapId peer;     // of the client's priority
  abi::CapId spender;  // above all others, for 20 us each ms
};
[[nodiscard]] Contexts admit_contexts(runtime::Runtime& runtime) noexcept;

// QEMU's educational PCI function: one register interrupts. The program ends if the machine has none.
struct Device {
  OwnedCapability<schema::PciFunction> function;
  OwnedCapability<schema::Mmio> registers;
  OwnedCapability<schema::Interrupt> interrupt;
};
[[nodiscard]] Device open_device(runtime::Runtime& runtime) noexcept;

// Makes the endpoints and sleeping processes that the header asks for; stops at the first refusal of each kind, and notes
// what there is. The client's capabilities are its own to make.
void populate(runtime::Runtime& runtime, abi::BenchHeader& header) noexcept;

}  // namespace ipc_bench
