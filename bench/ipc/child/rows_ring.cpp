// SPDX-License-Identifier: Apache-2.0
// What a ring's operation costs, from the entry's first word to the completion's last, both sides' programs included.
#include "capos/runtime/system_call.hpp"
#include "capos/schema/load.hpp"
#include "capos/schema/threads.hpp"
#include "rows.hpp"

namespace ipc_bench {
namespace {

using abi::CapCqe;
using abi::CapSqe;
using abi::RingOperation;

constexpr std::uint64_t kForever = ~std::uint64_t{0};

// The ring of the measuring thread, as it was made anew for these rows.
abi::RingHeader& header() noexcept { return *reinterpret_cast<abi::RingHeader*>(abi::kRingBase); }
struct Queues {
  CapSqe* sq = reinterpret_cast<CapSqe*>(abi::kRingBase + header().sq_offset);
  CapCqe* cq = reinterpret_cast<CapCqe*>(abi::kRingBase + header().cq_offset);
  std::uint32_t sq_mask = header().sq_entries - 1, cq_mask = header().cq_entries - 1;
};
// So that a whole row's entries are submitted at once.
void make_ring(runtime::Runtime& runtime, std::uint32_t entries) noexcept {
  static CapCqe kept[runtime::CallRing::kept_for(abi::kMaxSubmissionEntries)];
  const auto control = runtime.need<schema::ThreadControl>("self.thread").cap();
  if (!runtime::call_ring().resize(control, entries, kept).has_value()) runtime::panic("ipc-bench: setRing");
}
std::uint64_t* arena(std::uint32_t offset) noexcept {
  return reinterpret_cast<std::uint64_t*>(abi::kRingBase + abi::kArenaOffset + offset);
}

// Entries by fill(entry, number), then as many completions seen as there are.
template <typename Fill>
void submit(const Queues& queues, std::uint32_t count, Fill&& fill) noexcept {
  std::uint32_t tail = header().sq_tail;
  for (std::uint32_t i = 0; i < count; ++i, ++tail) fill(queues.sq[tail & queues.sq_mask], i);
  __atomic_store_n(&header().sq_tail, tail, __ATOMIC_RELEASE);
}
void reap(const Queues& queues, std::uint32_t count) noexcept {
  std::uint32_t head = header().cq_head;
  for (std::uint32_t i = 0; i < count; ++i, ++head) {
    const CapCqe& completion = queues.cq[head & queues.cq_mask];
    if (completion.user_data != i || completion.result != 0) runtime::panic("ipc-bench: a completion");
  }
  __atomic_store_n(&header().cq_head, head, __ATOMIC_RELEASE);
}

template <std::uint32_t kCount>
void nops(Bench& bench, std::string_view name) noexcept {
  const Queues queues;
  bench.measure(name, [&]() noexcept {
    submit(queues, kCount, [](CapSqe& entry, std::uint32_t number) noexcept {
      reinterpret_cast<std::uint64_t&>(entry) = 0;  // NOP, no flags
      entry.user_data = number;
    });
    if (runtime::cap_enter(kCount, kForever) != kCount) runtime::panic("ipc-bench: NOPs");
    reap(queues, kCount);
  }, kCount);
}

// Each with a message of two words both ways.
template <std::uint32_t kCount>
void calls(Bench& bench, std::string_view name) noexcept {
  const Queues queues;
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
  bench.measure(name, [&]() noexcept {
    submit(queues, kCount, fill);
    if (runtime::cap_enter(kCount, kForever) != kCount) runtime::panic("ipc-bench: ring calls");
    reap(queues, kCount);
  }, kCount);
  for (std::uint32_t i = 0; i < kCount; ++i) {
    const std::uint64_t* const answer = arena(i * kArea + kMessage);
    if (answer[1] != i || answer[2] != 7) runtime::panic("ipc-bench: a message was lost");
  }
}

}  // namespace

void ring_rows(Bench& bench) noexcept {
  make_ring(bench.runtime, 256);
  nops<1>(bench, "ring_nop_1");
  nops<8>(bench, "ring_nop_8");
  nops<32>(bench, "ring_nop_32");
  nops<256>(bench, "ring_nop_256");
  make_ring(bench.runtime, 64);
  calls<1>(bench, "ring_call_1");
  calls<32>(bench, "ring_call_32");
}

// A window of areas: whatever came is answered in place, all of it by one cap_enter.
int serve_ring(runtime::Runtime& runtime) noexcept {
  constexpr std::uint32_t kAreas = 32, kArea = 256;
  make_ring(runtime, 64);
  const Queues queues;
  const std::uint64_t endpoint = runtime.need<schema::Endpoint>("serve").cap().raw;
  submit(queues, 1, [endpoint](CapSqe& entry, std::uint32_t) noexcept {
    entry = {};
    entry.operation = static_cast<std::uint8_t>(RingOperation::receive);
    entry.flags = abi::kSqeMultishot;
    entry.pipeline_field = kAreas;
    entry.cap = endpoint;
    entry.results_capacity = kArea;
  });
  for (;;) {
    const std::uint32_t count = runtime::cap_enter(1, kForever);
    std::uint32_t head = header().cq_head, tail = header().sq_tail;
    for (std::uint32_t i = 0; i < count; ++i, ++head, ++tail) {
      const CapCqe& received = queues.cq[head & queues.cq_mask];
      if (received.result != 0) return 1;
      CapSqe& entry = queues.sq[tail & queues.sq_mask];
      reinterpret_cast<std::uint64_t&>(entry) =
          static_cast<std::uint64_t>(RingOperation::return_call) | std::uint64_t{abi::kSqeQuiet} << 8;
      entry.cap = received.value;
      entry.params_offset = abi::area_of(received) * kArea + static_cast<std::uint32_t>(sizeof(abi::ReceivedCall));
      entry.params_size = received.results_size;
      entry.transfers_count = 0;
    }
    __atomic_store_n(&header().cq_head, head, __ATOMIC_RELEASE);
    __atomic_store_n(&header().sq_tail, tail, __ATOMIC_RELEASE);
  }
}

}  // namespace ipc_bench
