// SPDX-License-Identifier: Apache-2.0
#include "ipc/message_call.hpp"

#include <algorithm>
#include <cstring>

#include "capos/schema/ringcalls.hpp"
#include "core/assert.hpp"
#include "objects/transfer.hpp"
#include "process/process.hpp"

namespace capos::kernel {

using schema::ExceptionType;
using schema::KernelError;
using schema::TransportError;

namespace {

constexpr std::size_t kMaxText = 1024;

std::uint64_t word_at(const std::byte* bytes) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, bytes, sizeof word);
  return word;
}

// Capabilities from one program to the other, as ResultCap records at `records`. All or none. At the receiver's fault
// the caller is told that the receiver is short.
Outcome carry(Thread& from, Thread& to, const std::byte* descriptors, std::uint32_t count, std::byte* records) noexcept {
  if (count == 0) return Outcome::done();
  abi::TransferDescriptor copies[abi::kMaxTransfers];  // copied once
  std::memcpy(copies, descriptors, count * sizeof copies[0]);
  abi::ResultCap received[abi::kMaxTransfers];
  const auto done = transfer(from.process, to.process, {copies, count}, {received, count});
  if (!done.has_value()) {
    return done.error().receivers_fault ? Outcome::overloaded(done.error().reason) : Outcome::invalid(done.error().reason);
  }
  std::memcpy(records, received, count * sizeof received[0]);
  return Outcome::done();
}

// A message that is a struct of data alone, as words; missing ones are zero. Otherwise: unimplemented if it is well
// formed and more than that, invalid_message if not.
Outcome words_of(const std::byte* message, std::uint32_t bytes, std::uint64_t (&words)[abi::kRegisterWords]) noexcept {
  for (auto& word : words) word = 0;
  if (bytes < 8) return Outcome::transport(TransportError::invalid_message);
  const std::uint64_t root = word_at(message);
  if (root == 0) return Outcome::done();
  const std::int32_t offset = static_cast<std::int32_t>(static_cast<std::uint32_t>(root)) >> 2;
  const auto data = static_cast<std::uint32_t>(root >> 32 & 0xffff), pointers = static_cast<std::uint32_t>(root >> 48);
  const std::uint32_t rest = bytes / 8 - 1;
  if ((root & 3) != 0 || offset < 0 || static_cast<std::uint32_t>(offset) > rest ||
      data + pointers > rest - static_cast<std::uint32_t>(offset)) {
    return Outcome::transport(TransportError::invalid_message);
  }
  if (pointers != 0 || data > abi::kRegisterWords) return Outcome::unimplemented();
  std::memcpy(words, message + 8 + static_cast<std::uint32_t>(offset) * 8, data * 8);
  return Outcome::done();
}

// The words as a message of one struct; trailing zeros are left out. Its size in bytes.
std::uint32_t message_of(const std::uint64_t (&words)[abi::kRegisterWords], std::uint64_t* message) noexcept {
  std::uint32_t count = abi::kRegisterWords;
  while (count > 0 && words[count - 1] == 0) --count;
  message[0] = std::uint64_t{count} << 32;
  for (std::uint32_t i = 0; i < count; ++i) message[1 + i] = words[i];
  // A struct without words has a pointer of its own form, which is not null (encoding spec, "zero-sized struct").
  if (count == 0) message[0] = 0xffff'fffc;
  return (1 + count) * 8;
}

}  // namespace

ExceptionText exception_of(const Outcome& outcome) noexcept {
  const std::uint32_t word = outcome.exception_word();
  const auto type = static_cast<ExceptionType>(word & 0xffff);
  const auto detail = static_cast<std::uint16_t>(word >> 16);
  return {type, detail, detail != 0 ? schema::name_of(static_cast<KernelError>(detail)) : schema::name_of(type)};
}

void write_exception(Operation& operation, const ExceptionText& exception, abi::CapCqe& completion) noexcept {
  constexpr std::uint32_t kWithoutText = 24;  // root, data, pointer
  const ArenaRange area = results_of(operation.sqe);
  completion.flags = static_cast<std::uint32_t>(exception.type) | std::uint32_t{exception.detail} << 16;
  completion.result = -static_cast<std::int32_t>(TransportError::exception);
  completion.results_size = 0;
  const std::size_t whole = std::min(exception.text.size(), kMaxText);
  const std::uint32_t capacity = area.valid() ? area.size : 0;
  const std::size_t room = capacity > kWithoutText ? capacity - kWithoutText - 1 : 0;  // with its NUL
  const std::size_t length = std::min(whole, room);
  if (length < exception.text.size()) completion.result = -static_cast<std::int32_t>(TransportError::truncated);
  if (capacity < kWithoutText + (length != 0 ? 8 : 0)) return;
  std::uint64_t words[(kWithoutText + kMaxText + 8) / 8];
  wire::MessageBuilder message(words);
  auto root = message.init_root<schema::CapException>();
  root.set_type(exception.type);
  root.set_detail(exception.detail);
  if (length != 0) root.set_text(exception.text.substr(0, length));
  const auto bytes = static_cast<std::uint32_t>(message.words().size() * 8);
  if (message.error() != wire::Error::none || bytes > capacity) return;
  std::memcpy(operation.ring.arena() + area.offset, words, bytes);
  completion.results_size = bytes;
}

// --- parameters

Outcome hand_over_request(Call& call, Thread& server, Time now) noexcept {
  Thread& caller = call.caller;
  auto* const message = call.kind == CallKind::message ? static_cast<Operation*>(&call) : nullptr;
  if (server.state == ThreadState::await_call) {  // to registers
    const abi::CapSqe& sqe = message->sqe;
    std::uint64_t words[abi::kRegisterWords];
    const Outcome outcome = words_of(message->ring.arena() + sqe.params_offset, sqe.params_size, words);
    if (outcome.kind() != Outcome::Kind::done) return outcome;
    if (sqe.transfers_count != 0) return Outcome::unimplemented();
    for (unsigned i = 0; i < abi::kRegisterWords; ++i) server.user.words()[i] = words[i];
    server.user.set_result(std::uint64_t{sqe.method} << 32, call.disclosed, sqe.interface_id);
    return Outcome::done();
  }
  RingState& ring = *server.ring_state;
  RingState::Landing landing;
  require(ring.find_landing(call.kind, call.one_way, landing), "a ring that listens has a place for a call");
  const ArenaRange area{landing.offset(), landing.size()};
  std::byte* const to = ring.arena() + area.offset;
  abi::ReceivedCall header{};
  header.caller = static_cast<std::uint32_t>(call.disclosed);
  std::uint32_t bytes = 0, caps = 0;
  if (message == nullptr) {
    std::uint64_t words[1 + abi::kRegisterWords];
    bytes = message_of(caller.user.words(), words);
    if (sizeof header + bytes > area.size) return Outcome::transport(TransportError::invalid_message);
    std::memcpy(to + sizeof header, words, bytes);
    header.interface_id = caller.user.interface_id();
    header.method = static_cast<std::uint16_t>(caller.user.operation() >> 16);
    header.registers = call.one_way ? abi::kReceivedSent : 1;
  } else {
    const abi::CapSqe& sqe = message->sqe;
    bytes = sqe.params_size;
    caps = sqe.transfers_count;
    if (sizeof header + bytes + caps * sizeof(abi::ResultCap) > area.size) {
      return Outcome::transport(TransportError::invalid_message);
    }
    const std::byte* const from = message->ring.arena();
    const Outcome outcome = carry(caller, server, from + sqe.transfers_offset, caps, to + sizeof header + bytes);
    if (outcome.kind() != Outcome::Kind::done) return outcome;
    std::memcpy(to + sizeof header, from + sqe.params_offset, bytes);
    header.interface_id = sqe.interface_id;
    header.method = sqe.method;
  }
  std::memcpy(to, &header, sizeof header);
  ring.call_received(landing, call, bytes, caps, now);
  return Outcome::done();
}

// --- results

abi::CapCqe results_from_registers(Operation& call, Thread& server) noexcept {
  abi::CapCqe completion{};
  const std::uint64_t exception = (server.user.operation() >> 16) & 0xffff;
  if (exception != 0) {
    write_exception(call,
                    {static_cast<ExceptionType>(exception - 1), static_cast<std::uint16_t>(server.user.interface_id()), {}},
                    completion);
    return completion;
  }
  std::uint64_t words[1 + abi::kRegisterWords];
  const std::uint32_t bytes = message_of(server.user.words(), words);
  const ArenaRange area = results_of(call.sqe);
  if (bytes > area.size) {
    completion.result = -static_cast<std::int32_t>(TransportError::result_too_large);
    return completion;
  }
  std::memcpy(call.ring.arena() + area.offset, words, bytes);
  completion.results_size = bytes;
  return completion;
}

namespace {

// The CapException that a server returns. Invalid: not one.
Outcome hand_over_exception(Operation& entry, Call& call, abi::CapCqe& completion) noexcept {
  const abi::CapSqe& sqe = entry.sqe;
  std::uint64_t words[(24 + kMaxText + 8) / 8 + 8];
  const std::uint32_t bytes = sqe.params_size;
  if (bytes > sizeof words || sqe.transfers_count != 0) return Outcome::transport(TransportError::invalid_message);
  std::memcpy(words, entry.ring.arena() + sqe.params_offset, bytes);
  wire::MessageReader message({words, bytes / 8});
  const auto root = message.root<schema::CapException>();
  const ExceptionText exception{root.type(), root.detail(), root.text()};
  if (message.error() != wire::Error::none) return Outcome::transport(TransportError::invalid_message);
  if (call.kind == CallKind::message) {
    write_exception(static_cast<Operation&>(call), exception, completion);
  } else {
    call.caller.user.set_result(static_cast<std::uint32_t>(-static_cast<std::int32_t>(TransportError::exception)),
                                static_cast<std::uint32_t>(exception.type) | std::uint32_t{exception.detail} << 16, 0);
  }
  return Outcome::done();
}

}  // namespace

Outcome hand_over_results(Operation& entry, Call& call, abi::CapCqe& completion) noexcept {
  if (entry.has(abi::kSqeException)) return hand_over_exception(entry, call, completion);
  const abi::CapSqe& sqe = entry.sqe;
  const std::byte* const from = entry.ring.arena();
  const auto too_large = [&]() noexcept {
    completion.result = -static_cast<std::int32_t>(TransportError::result_too_large);
    return Outcome::done();
  };
  if (call.kind == CallKind::registers) {
    std::uint64_t words[abi::kRegisterWords];
    const Outcome outcome = words_of(from + sqe.params_offset, sqe.params_size, words);
    if (outcome.kind() == Outcome::Kind::transport) return outcome;
    hal::UserState& user = call.caller.user;
    if (outcome.kind() != Outcome::Kind::done || sqe.transfers_count != 0) {
      user.set_result(static_cast<std::uint32_t>(-static_cast<std::int32_t>(TransportError::result_too_large)), 0, 0);
      return Outcome::done();
    }
    for (unsigned i = 0; i < abi::kRegisterWords; ++i) user.words()[i] = words[i];
    user.set_result(0, 0, 0);
    return Outcome::done();
  }
  auto& answered = static_cast<Operation&>(call);
  const ArenaRange area = results_of(answered.sqe);
  const std::uint32_t bytes = sqe.params_size, caps = sqe.transfers_count;
  if (bytes + caps * sizeof(abi::ResultCap) > area.size) return too_large();
  std::byte* const to = answered.ring.arena() + area.offset;
  const Outcome outcome = carry(entry.caller, call.caller, from + sqe.transfers_offset, caps, to + bytes);
  if (outcome.kind() == Outcome::Kind::exception && (outcome.exception_word() & 0xffff) ==
                                                        static_cast<std::uint32_t>(ExceptionType::overloaded)) {
    write_exception(answered, exception_of(outcome), completion);  // the caller is short: it is told
    return Outcome::done();
  }
  if (outcome.kind() != Outcome::Kind::done) return outcome;
  std::memcpy(to, from + sqe.params_offset, bytes);
  completion.results_size = bytes;
  completion.caps_count = caps;
  return Outcome::done();
}

void remember_answer(Operation& call) noexcept {
  const abi::CapCqe& completion = call.completion;
  const std::byte* records = call.ring.arena() + call.sqe.results_offset + completion.results_size;
  const std::uint32_t count = std::min(completion.caps_count, abi::kAnswerCaps);
  for (std::uint32_t i = 0; i < count; ++i) call.answer_caps[i] = word_at(records + i * sizeof(abi::ResultCap));
  call.answer_caps_count = static_cast<std::uint8_t>(count);
}

}  // namespace capos::kernel
