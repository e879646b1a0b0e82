// SPDX-License-Identifier: Apache-2.0
// Calls that block, sent through the ring, where nothing may block: each must be refused and leave the thread
// free.
#include "capos/abi/ring.hpp"
#include "capos/runtime/system_call.hpp"
#include "child.hpp"

namespace conformance {
namespace {

abi::Ring& ring() noexcept { return *reinterpret_cast<abi::Ring*>(abi::kRingBase); }

// A parameter message of one word of data in the arena's first words: a struct pointer, then the word.
void place_parameters(std::uint64_t word) noexcept {
  auto* const arena = reinterpret_cast<std::uint64_t*>(abi::kRingBase + abi::kArenaOffset);
  arena[0] = std::uint64_t{1} << 32;
  arena[1] = word;
}

void submit(abi::CapId cap, std::uint64_t interface_id, std::uint16_t method) noexcept {
  abi::CapSqe entry{};
  entry.operation = static_cast<std::uint8_t>(abi::RingOperation::call);
  entry.method = method;
  entry.cap = cap.raw;
  entry.interface_id = interface_id;
  entry.params_size = 16;
  entry.results_offset = 4096;
  entry.results_capacity = 4096;
  ring().sq[ring().header.sq_tail % abi::kSubmissionEntries] = entry;
  __atomic_store_n(&ring().header.sq_tail, ring().header.sq_tail + 1, __ATOMIC_RELEASE);
}

// All must have been refused as operations that the ring does not have.
int collect(unsigned count) noexcept {
  if (runtime::cap_enter(count, 0) != count) return 1;
  for (unsigned i = 0; i < count; ++i) {
    const abi::CapCqe completion = ring().cq[ring().header.cq_head % abi::kCompletionEntries];
    if (completion.result != -static_cast<std::int32_t>(schema::TransportError::invalid_operation)) return 2;
    __atomic_store_n(&ring().header.cq_head, ring().header.cq_head + 1, __ATOMIC_RELEASE);
  }
  return 0;
}

}  // namespace

int abuse_ring(const Child& child) noexcept {
  const auto timer = child.runtime.need<schema::Timer>("timer").cap();
  place_parameters(child.now() + 1'000'000);
  switch (child.argument()) {
    case 0:
      submit(timer, schema::Timer::kInterfaceId, schema::Timer::SleepUntil::kOrdinal);
      submit(timer, schema::Timer::kInterfaceId, schema::Timer::SleepUntil::kOrdinal);
      return collect(2);
    case 1:
      submit(child.runtime.find_any("event"), schema::Notification::kInterfaceId,
             schema::Notification::Wait::kOrdinal);
      submit(child.runtime.find_any("other"), schema::Notification::kInterfaceId,
             schema::Notification::Wait::kOrdinal);
      return collect(2);
    case 2:
      submit(child.runtime.find_any("process"), schema::ProcessHandle::kInterfaceId,
             schema::ProcessHandle::Wait::kOrdinal);
      return collect(1);
    default:
      submit(child.runtime.find_any("self.context"), schema::SchedulingContext::kInterfaceId,
             schema::SchedulingContext::WaitNextRelease::kOrdinal);
      return collect(1);
  }
}

}  // namespace conformance
