// SPDX-License-Identifier: Apache-2.0
#include "ipc/object_call.hpp"

#include <cstring>

#include "ipc/call_context.hpp"

namespace capos::kernel {

using schema::TransportError;

namespace {

// What a method finds that has its parameters already (CallProgress): a message whose root is null.
constexpr wire::Word kEmpty[1] = {0};

Outcome dispatch(CallContext& context, Object& object, const abi::CapSqe& sqe, std::uint32_t& result_bytes) noexcept {
  wire::MessageReader message(context.message);
  wire::MessageBuilder results({reinterpret_cast<wire::Word*>(context.cpu.message_out), abi::kArenaBytes / 8});
  const Ref<Object> held = Ref<Object>::share(object);  // the call may give up the last capability
  const Outcome outcome =
      object.call_message(context, sqe.interface_id, sqe.method, message.root_pointer().get_struct(), results);
  if (outcome.kind() != Outcome::Kind::done) return outcome;
  if (message.error() != wire::Error::none) return Outcome::transport(TransportError::invalid_message);
  if (results.error() != wire::Error::none) return Outcome::transport(TransportError::result_too_large);
  result_bytes = static_cast<std::uint32_t>(results.words().size() * 8);
  return outcome;
}

}  // namespace

Outcome call_object(Cpu& cpu, Thread& thread, std::byte* arena, const abi::CapSqe& sqe, CapabilityEntry& entry, Time now,
                    CallProgress& progress, abi::CapCqe& completion) noexcept {
  // Copied before it is looked at: the program may change the arena meanwhile.
  abi::TransferDescriptor descriptors[abi::kMaxTransfers];
  std::memcpy(descriptors, arena + sqe.transfers_offset, sqe.transfers_count * sizeof(abi::TransferDescriptor));
  for (std::uint32_t i = 0; i < sqe.transfers_count; ++i) {
    if (descriptors[i].transfer != static_cast<std::uint32_t>(abi::Transfer::copy) || descriptors[i].reserved != 0) {
      return Outcome::transport(TransportError::invalid_message);
    }
  }
  CallContext context(cpu, thread, now, entry, {descriptors, sqe.transfers_count}, progress);
  context.message = kEmpty;
  context.results_at = {arena + sqe.results_offset, sqe.results_capacity};
  if (!progress.has_parameters) [[likely]] {
    std::memcpy(cpu.message_in, arena + sqe.params_offset, sqe.params_size);
    context.message = {reinterpret_cast<const wire::Word*>(cpu.message_in), sqe.params_size / 8};
  }
  std::uint32_t bytes = 0;
  const Outcome outcome = dispatch(context, *entry.object(), sqe, bytes);
  if (outcome.kind() != Outcome::Kind::done) {
    context.take_back();
    return outcome;
  }
  const auto caps = context.results();
  const auto caps_bytes = static_cast<std::uint32_t>(caps.size_bytes());
  if (context.placed != 0) [[unlikely]] bytes = context.placed;
  if (bytes > sqe.results_capacity || caps_bytes > sqe.results_capacity - bytes) {
    context.take_back();
    return Outcome::transport(TransportError::result_too_large);
  }
  if (context.placed == 0) [[likely]] std::memcpy(arena + sqe.results_offset, cpu.message_out, bytes);
  std::memcpy(arena + sqe.results_offset + bytes, caps.data(), caps_bytes);
  completion.results_size = bytes;
  completion.caps_count = static_cast<std::uint32_t>(caps.size());
  return outcome;
}

}  // namespace capos::kernel
