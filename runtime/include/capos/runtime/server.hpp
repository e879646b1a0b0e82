// SPDX-License-Identifier: Apache-2.0
// A server's loop on an endpoint: receive a call, answer it, on the callers' time. serve() takes calls by registers,
// serve_messages() takes both kinds, messages with capabilities included, through the thread's ring.
//
//   struct Echo { using Outcome = ServerOutcome; static Outcome unimplemented(); static Outcome wrong_path();
//                 Outcome echo(CallInfo&, const schema::Echo::Echo::Params::Value&, schema::Echo::Echo::Results::Value&); };
//   serve<schema::Echo>(runtime.need<schema::Endpoint>("serve.echo"), echo);      // does not return while it lives
#pragma once

#include "capos/runtime/runtime.hpp"

namespace capos::runtime {

// What a served method came to.
struct ServerOutcome {
  bool failed = false;
  schema::ExceptionType type = schema::ExceptionType::failed;
  std::uint16_t detail = 0;

  [[nodiscard]] static constexpr ServerOutcome done() noexcept { return {}; }
  [[nodiscard]] static constexpr ServerOutcome exception(schema::ExceptionType type, std::uint16_t detail = 0) noexcept {
    return {true, type, detail};
  }
};

// Base of a served object.
struct Served {
  using Outcome = ServerOutcome;
  [[nodiscard]] static constexpr Outcome unimplemented() noexcept {
    return ServerOutcome::exception(schema::ExceptionType::unimplemented);
  }
  [[nodiscard]] static constexpr Outcome wrong_path() noexcept {
    return ServerOutcome::exception(schema::ExceptionType::invalid_argument);
  }
};

struct CallInfo {
  std::uint64_t caller = 0;  // number of the calling program; not an authority
  // Of serve_messages: the capabilities that came with the call, by the index that its message says; they are the
  // server's now, to keep or to release. And those that go with the results.
  std::span<const abi::ResultCap> caps{};
  Transfers* transfers = nullptr;
  bool one_way = false;      // it was sent: what is answered goes nowhere, and this runs on the server's own time
};

// Serves until the endpoint is gone; returns why.
template <typename Interface, typename Impl>
CallError serve(Capability<schema::Endpoint> endpoint, Impl& impl) noexcept {
  Registers registers;
  registers.operation = static_cast<std::uint64_t>(abi::SystemCall::reply_receive);
  for (;;) {
    registers.cap = endpoint.cap().raw;
    enter_kernel(registers);
    if (registers.status() != 0) return call_error(registers.status(), registers.cap);
    CallInfo info{.caller = registers.cap, .one_way = (registers.operation & abi::kReceivedOneWay) != 0};
    std::uint64_t out[abi::kRegisterWords] = {};
    const ServerOutcome outcome = Interface::dispatch_registers(
        impl, info, registers.interface_id, static_cast<std::uint16_t>(registers.operation >> 32), registers.words, out);
    for (unsigned i = 0; i < abi::kRegisterWords; ++i) registers.words[i] = out[i];
    const std::uint64_t exception = outcome.failed ? static_cast<std::uint64_t>(outcome.type) + 1 : 0;
    registers.operation = static_cast<std::uint64_t>(abi::SystemCall::reply_receive) | exception << 16;
    registers.interface_id = outcome.detail;
  }
}

// The thread's ring as the place where calls arrive and answers leave. It takes the arena's second half; message calls
// of the thread keep to the first from then on.
class MessageServer {
 public:
  MessageServer(CallRing& ring, abi::CapId endpoint) noexcept;

  struct Received {
    abi::ReceivedCall head;
    std::uint64_t answer = 0;
    std::span<const wire::Word> words;
    std::span<const abi::ResultCap> caps;
  };
  // Waits for the next call; the one before must have been answered, or will not be. The error ends the service.
  [[nodiscard]] Result<Received> next() noexcept;
  // Where the results are built, and what travels with them.
  [[nodiscard]] std::span<wire::Word> results_area() noexcept;
  [[nodiscard]] Transfers transfers() noexcept;
  // The answer leaves with the next wait. A call whose caller has gone is over anyway; one whose answer the kernel refuses,
  // for a capability that cannot travel, ends as `failed`.
  void answer(std::uint64_t answer, std::size_t words, std::uint32_t transfers) noexcept;
  void refuse(std::uint64_t answer, schema::ExceptionType type, std::uint16_t detail, std::string_view text = {}) noexcept;

 private:
  static constexpr std::uint32_t kArea = abi::kArenaBytes / 4 / 16 * 16;
  static constexpr std::uint32_t kReceived = 2 * kArea, kResults = 3 * kArea;
  static constexpr std::uint32_t kTransfersBytes = abi::kMaxTransfers * static_cast<std::uint32_t>(sizeof(abi::TransferDescriptor));
  static constexpr std::uint64_t kReceiveData = CallRing::kOwnData - 1, kReturnData = CallRing::kOwnData - 2;

  void return_call(std::uint64_t answer, std::uint8_t flags, std::size_t words, std::uint32_t transfers) noexcept;
  void listen() noexcept;
  CallRing& ring_;
  abi::CapId endpoint_;
  bool listening_ = false;
  std::uint64_t answered_ = 0;
};

// Serves until the endpoint is gone; returns why. Impl as for serve(); its message methods find capabilities in CallInfo.
template <typename Interface, typename Impl>
CallError serve_messages(Capability<schema::Endpoint> endpoint, Impl& impl) noexcept {
  MessageServer server(call_ring(), endpoint.cap());
  for (;;) {
    const auto received = server.next();
    if (!received.has_value()) return received.error();
    Transfers transfers = server.transfers();
    CallInfo info{received->head.caller, received->caps, &transfers, received->head.registers == abi::kReceivedSent};
    wire::MessageReader params(received->words);
    wire::MessageBuilder results(server.results_area());
    const ServerOutcome outcome =
        Interface::dispatch_message(impl, info, received->head.interface_id, received->head.method,
                                    params.root_pointer().get_struct(), results);
    if (outcome.failed) {
      server.refuse(received->answer, outcome.type, outcome.detail);
    } else if (params.error() != wire::Error::none || results.error() != wire::Error::none) {
      server.refuse(received->answer, params.error() != wire::Error::none ? schema::ExceptionType::invalid_argument
                                                                          : schema::ExceptionType::overloaded, 0);
    } else {
      server.answer(received->answer, results.words().size(), transfers.count());
    }
  }
}

}  // namespace capos::runtime
