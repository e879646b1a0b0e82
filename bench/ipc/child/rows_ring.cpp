// SPDX-License-Identifier: Apache-2.0
// What a ring's operation costs, from the entry's first word to the completion's last, both sides' programs included.
#include "capos/runtime/system_call.hpp"
#include "capos/schema/load.hpp"
#include "rows.hpp"

namespace ipc_bench {
namespace {

using abi::CapCqe;
using abi::CapSqe;
using abi::RingOperation;

constexpr std::uint64_t kForever = ~std::uint64_t{0};

abi::Ring& ring() noexcept { return *reinterpret_cast<abi::Ring*>(abi::kRingBase); }
std::uint64_t* arena(std::uint32_t offset) noexcept {
  return reinterpret_cast<std::uint64_t*>(abi::kRingBase + abi::kArenaOffset + offset);
}

// Entries by fill(entry, number), then as many completions seen as there are.
template <typename Fill>
void submit(std::uint32_t count, std::uint32_t first, Fill&& fill) noexcept {
  std::uint32_t tail = ring().header.sq_tail;
  for (std::uint32_t i = 0; i < count; ++i, ++tail) fill(ring().sq[tail % abi::kSubmissionEntries], first + i);
  __atomic_store_n(&ring().header.sq_tail, tail, __ATOMIC_RELEASE);
}
void reap(std::uint32_t count) noexcept {
  std::uint32_t head = ring().header.cq_head;
  for (std::uint32_t i = 0; i < count; ++i, ++head) {
    const CapCqe& completion = ring().cq[head % abi::kCompletionEntries];
    if (completion.user_data != i || completion.result != 0) runtime::panic("ipc-bench: a completion");
  }
  __atomic_store_n(&ring().header.cq_head, head, __ATOMIC_RELEASE);
}

// The queue holds 16: 256 in 16 system calls.
void nops(Bench& bench) noexcept {
  bench.measure("ring_nop_256", []() noexcept {
    for (unsigned batch = 0; batch < 16; ++batch) {
      submit(abi::kSubmissionEntries, 0, [](CapSqe& entry, std::uint32_t number) noexcept {
        reinterpret_cast<std::uint64_t&>(entry) = 0;  // NOP, no flags
        entry.user_data = number;
      });
      if (runtime::cap_enter(abi::kSubmissionEntries, kForever) != abi::kSubmissionEntries) runtime::panic("ipc-bench: NOPs");
      reap(abi::kSubmissionEntries);
    }
  }, 256);
}

// 32 calls, entered in two halves for the queue holds 16; each with a message of two words both ways.
void calls(Bench& bench) noexcept {
  const std::uint64_t service = bench.runtime.find_any("ring.service").raw;
  constexpr std::uint32_t kArea = 128, kMessage = 24;
  const auto fill = [service](CapSqe& entry, std::uint32_t number) noexcept {
    std::uint64_t* const message = arena(number * kArea);
    message[0] = std::uint64_t{2} << 32;
    message[1] = number;
    message[2] = 7;
    entry = {.operation = static_cast<std::uint8_t>(RingOperation::call),
             .flags = 0,
             .method = 0,
             .pipeline_field = 0,
             .cap = service,
             .interface_id = schema::Echo::kInterfaceId,
             .user_data = number,
             .params_offset = number * kArea,
             .params_size = kMessage,
             .results_offset = number * kArea + kMessage,
             .results_capacity = kArea - kMessage,
             .transfers_offset = 0,
             .transfers_count = 0,
             .deadline_ns = 0};
  };
  bench.measure("ring_call_32", [&]() noexcept {
    submit(16, 0, fill);
    (void)runtime::cap_enter(0, 0);
    submit(16, 16, fill);
    if (runtime::cap_enter(32, kForever) != 32) runtime::panic("ipc-bench: ring calls");
    reap(32);
  }, 32);
  for (std::uint32_t i = 0; i < 32; ++i) {
    const std::uint64_t* const answer = arena(i * kArea + kMessage);
    if (answer[1] != i || answer[2] != 7) runtime::panic("ipc-bench: a message was lost");
  }
}

}  // namespace

void ring_rows(Bench& bench) noexcept {
  nops(bench);
  calls(bench);
}

void serve_ring(abi::CapId endpoint) noexcept {
  constexpr std::uint32_t kReceived = 0, kMessage = kReceived + sizeof(abi::ReceivedCall);
  submit(1, 0, [endpoint](CapSqe& entry, std::uint32_t) noexcept {
    entry = {};
    entry.operation = static_cast<std::uint8_t>(RingOperation::receive);
    entry.flags = abi::kSqeMultishot;
    entry.cap = endpoint.raw;
    entry.results_offset = kReceived;
    entry.results_capacity = 4096;
  });
  for (;;) {
    if (runtime::cap_enter(1, kForever) == 0) continue;
    const std::uint32_t head = ring().header.cq_head;
    const CapCqe& received = ring().cq[head % abi::kCompletionEntries];
    if (received.result != 0) return;
    submit(1, 0, [&received](CapSqe& entry, std::uint32_t) noexcept {
      entry = {};
      entry.operation = static_cast<std::uint8_t>(RingOperation::return_call);
      entry.flags = abi::kSqeQuiet;
      entry.cap = received.value;
      entry.params_offset = kMessage;
      entry.params_size = received.results_size;
    });
    __atomic_store_n(&ring().header.cq_head, head + 1, __ATOMIC_RELEASE);
  }
}

}  // namespace ipc_bench
