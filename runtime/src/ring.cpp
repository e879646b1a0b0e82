// SPDX-License-Identifier: Apache-2.0
#include "capos/runtime/ring.hpp"

#include "capos/runtime/system_call.hpp"
#include "capos/schema/threads.hpp"

namespace capos::runtime {

Result<void> CallRing::resize(abi::CapId control, std::uint32_t entries, std::span<abi::CapCqe> kept) noexcept {
  if (kept.size() < kept_for(entries)) {
    return fail(CallError{schema::TransportError::exception, schema::ExceptionType::overloaded,
                          static_cast<std::uint16_t>(schema::KernelError::quota_exceeded)});
  }
  using SetRing = schema::ThreadControl::SetRing;
  const WordsReply reply = call_words(control, SetRing::kInterfaceId, SetRing::kOrdinal, entries);
  if (reply.status != 0) return fail(call_error(reply.status, reply.exception));
  kept_ = kept.data();
  kept_room_ = static_cast<std::uint32_t>(kept.size());
  kept_first_ = kept_count_ = 0;
  RingQueues::attach(address());
  return {};
}

std::uint32_t CallRing::enter(std::uint32_t wanted, std::uint64_t timeout_ns) noexcept {
  const std::uint32_t more = wanted > kept_count_ ? wanted - kept_count_ : 0;
  return kept_count_ + cap_enter(more, more == 0 ? 0 : timeout_ns);
}

abi::CapCqe CallRing::take_kept() noexcept {
  const abi::CapCqe completion = kept_[kept_first_];
  kept_first_ = (kept_first_ + 1) % kept_room_;
  --kept_count_;
  return completion;
}

// More than fit can only come of completions that the program posts itself: the oldest then go.
void CallRing::keep(const abi::CapCqe& completion) noexcept {
  if (kept_count_ == kept_room_) (void)take_kept();
  kept_[(kept_first_ + kept_count_++) % kept_room_] = completion;
}

abi::CapCqe CallRing::await(std::uint64_t user_data, std::uint64_t or_this) noexcept {
  for (std::uint32_t i = 0; i < kept_count_; ++i) {
    const abi::CapCqe found = kept_[(kept_first_ + i) % kept_room_];
    if (found.user_data != user_data && found.user_data != or_this) continue;
    for (; i > 0; --i) kept_[(kept_first_ + i) % kept_room_] = kept_[(kept_first_ + i - 1) % kept_room_];
    (void)take_kept();
    return found;
  }
  for (;;) {
    while (const auto completion = take()) {
      if (completion->user_data == user_data || completion->user_data == or_this) return *completion;
      keep(*completion);
    }
    (void)cap_enter(1, kNoLimit);
  }
}

abi::CapCqe CallRing::perform(const abi::CapSqe& entry) noexcept {
  while (!submit(entry)) (void)cap_enter(0, 0);
  (void)cap_enter(1, kNoLimit);
  const auto completion = take();
  if (completion.has_value() && completion->user_data == kOwnData) [[likely]] return *completion;
  if (completion.has_value()) keep(*completion);
  return await(kOwnData);
}

Result<RawReply> CallRing::call(abi::CapId cap, std::uint64_t interface_id, std::uint16_t method,
                                std::uint32_t params_words, std::uint32_t transfers) noexcept {
  abi::CapSqe entry{};
  entry.operation = static_cast<std::uint8_t>(abi::RingOperation::call);
  entry.method = method;
  entry.cap = cap.raw;
  entry.interface_id = interface_id;
  entry.user_data = kOwnData;
  entry.params_offset = 0;
  entry.params_size = params_words * static_cast<std::uint32_t>(sizeof(wire::Word));
  entry.results_offset = results_offset();
  entry.results_capacity = calls_bytes_ - results_offset();
  entry.transfers_offset = transfers_offset();
  entry.transfers_count = transfers;
  const abi::CapCqe completion = perform(entry);
  if (completion.result != 0) return fail(call_error(completion.result, completion.flags));
  const std::byte* const results = arena() + results_offset();
  return RawReply{{reinterpret_cast<const wire::Word*>(results), completion.results_size / sizeof(wire::Word)},
                  {reinterpret_cast<const abi::ResultCap*>(results + completion.results_size), completion.caps_count}};
}

Result<void> CallRing::release(abi::CapId cap) noexcept {
  abi::CapSqe entry{};
  entry.operation = static_cast<std::uint8_t>(abi::RingOperation::release);
  entry.cap = cap.raw;
  entry.user_data = kOwnData;
  const abi::CapCqe completion = perform(entry);
  if (completion.result != 0) return fail(call_error(completion.result, completion.flags));
  return {};
}

}  // namespace capos::runtime
