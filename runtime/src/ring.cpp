// SPDX-License-Identifier: Apache-2.0
#include "capos/runtime/ring.hpp"

#include "capos/runtime/system_call.hpp"

namespace capos::runtime {

abi::CapCqe CallRing::submit(const abi::CapSqe& entry) noexcept {
  abi::RingHeader& header = ring_->header;
  ring_->sq[header.sq_tail % abi::kSubmissionEntries] = entry;
  __atomic_store_n(&header.sq_tail, header.sq_tail + 1, __ATOMIC_RELEASE);
  while (cap_enter(1, ~std::uint64_t{0}) == 0) {
  }
  const abi::CapCqe completion = ring_->cq[header.cq_head % abi::kCompletionEntries];
  __atomic_store_n(&header.cq_head, header.cq_head + 1, __ATOMIC_RELEASE);
  return completion;
}

Result<RawReply> CallRing::call(abi::CapId cap, std::uint64_t interface_id, std::uint16_t method,
                                std::uint32_t params_words, std::uint32_t transfers) noexcept {
  abi::CapSqe entry{};
  entry.operation = static_cast<std::uint8_t>(abi::RingOperation::call);
  entry.method = method;
  entry.cap = cap.raw;
  entry.interface_id = interface_id;
  entry.params_offset = 0;
  entry.params_size = params_words * static_cast<std::uint32_t>(sizeof(wire::Word));
  entry.results_offset = kResultsOffset;
  entry.results_capacity = abi::kArenaBytes - kResultsOffset;
  entry.transfers_offset = kTransfersOffset;
  entry.transfers_count = transfers;
  const abi::CapCqe completion = submit(entry);
  if (completion.result != 0) return fail(call_error(completion.result, completion.flags));
  const std::byte* const results = arena() + kResultsOffset;
  return RawReply{{reinterpret_cast<const wire::Word*>(results), completion.results_size / sizeof(wire::Word)},
                  {reinterpret_cast<const abi::ResultCap*>(results + completion.results_size), completion.caps_count}};
}

Result<void> CallRing::release(abi::CapId cap) noexcept {
  abi::CapSqe entry{};
  entry.operation = static_cast<std::uint8_t>(abi::RingOperation::release);
  entry.cap = cap.raw;
  const abi::CapCqe completion = submit(entry);
  if (completion.result != 0) return fail(call_error(completion.result, completion.flags));
  return {};
}

}  // namespace capos::runtime
