// SPDX-License-Identifier: Apache-2.0
#include "capos/runtime/server.hpp"
#include "capos/schema/ringcalls.hpp"

namespace capos::runtime {

MessageServer::MessageServer(CallRing& ring, abi::CapId endpoint) noexcept : ring_(ring), endpoint_(endpoint) {
  ring_.limit_calls(kReceived);
}

void MessageServer::listen() noexcept {
  abi::CapSqe entry{};
  entry.operation = static_cast<std::uint8_t>(abi::RingOperation::receive);
  entry.flags = abi::kSqeMultishot;
  entry.cap = endpoint_.raw;
  entry.user_data = kReceiveData;
  entry.results_offset = kReceived;
  entry.results_capacity = kArea;
  while (!ring_.submit(entry)) (void)ring_.enter(0, 0);
  listening_ = true;
}

Result<MessageServer::Received> MessageServer::next() noexcept {
  if (!listening_) listen();
  abi::CapCqe completion = ring_.await(kReceiveData, kReturnData);
  while (completion.user_data == kReturnData) {  // quiet if it succeeds
    const auto why = call_error(completion.result, completion.flags).transport;
    if (why != schema::TransportError::cancelled && why != schema::TransportError::invalid_cap) {
      refuse(answered_, schema::ExceptionType::failed, static_cast<std::uint16_t>(completion.flags >> 16));
    }
    completion = ring_.await(kReceiveData, kReturnData);
  }
  if (completion.result != 0) return fail(call_error(completion.result, completion.flags));
  listening_ = (completion.flags & abi::kCqeMore) != 0;
  const std::byte* const area = ring_.arena() + kReceived;
  const std::byte* const message = area + sizeof(abi::ReceivedCall);
  Received received;
  received.head = *reinterpret_cast<const abi::ReceivedCall*>(area);
  received.answer = completion.value;
  received.words = {reinterpret_cast<const wire::Word*>(message), completion.results_size / sizeof(wire::Word)};
  received.caps = {reinterpret_cast<const abi::ResultCap*>(message + completion.results_size), completion.caps_count};
  return received;
}

std::span<wire::Word> MessageServer::results_area() noexcept {
  return {reinterpret_cast<wire::Word*>(ring_.arena() + kResults), (kArea - kTransfersBytes) / sizeof(wire::Word)};
}

Transfers MessageServer::transfers() noexcept {
  return Transfers(reinterpret_cast<abi::TransferDescriptor*>(ring_.arena() + kResults + kArea - kTransfersBytes));
}

void MessageServer::return_call(std::uint64_t answer, std::uint8_t flags, std::size_t words,
                                std::uint32_t transfers) noexcept {
  abi::CapSqe entry{};
  entry.operation = static_cast<std::uint8_t>(abi::RingOperation::return_call);
  entry.flags = static_cast<std::uint8_t>(flags | abi::kSqeQuiet);
  entry.cap = answered_ = answer;
  entry.user_data = kReturnData;
  entry.params_offset = kResults;
  entry.params_size = static_cast<std::uint32_t>(words * sizeof(wire::Word));
  entry.transfers_offset = kResults + kArea - kTransfersBytes;
  entry.transfers_count = transfers;
  while (!ring_.submit(entry)) (void)ring_.enter(0, 0);
}

void MessageServer::answer(std::uint64_t answer, std::size_t words, std::uint32_t transfers) noexcept {
  return_call(answer, 0, words, transfers);
}

void MessageServer::refuse(std::uint64_t answer, schema::ExceptionType type, std::uint16_t detail,
                           std::string_view text) noexcept {
  wire::MessageBuilder message(results_area());
  auto root = message.init_root<schema::CapException>();
  root.set_type(type);
  root.set_detail(detail);
  if (!text.empty()) root.set_text(text);
  return_call(answer, abi::kSqeException, message.words().size(), 0);
}

}  // namespace capos::runtime
