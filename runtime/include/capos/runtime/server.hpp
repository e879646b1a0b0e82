// SPDX-License-Identifier: Apache-2.0
// A server's loop on an endpoint: receive a call, answer it, on the callers' time.
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
    CallInfo info{registers.cap};
    std::uint64_t out[abi::kRegisterWords] = {};
    const ServerOutcome outcome = Interface::dispatch_registers(
        impl, info, registers.interface_id, static_cast<std::uint16_t>(registers.operation >> 32), registers.words, out);
    for (unsigned i = 0; i < abi::kRegisterWords; ++i) registers.words[i] = out[i];
    const std::uint64_t exception = outcome.failed ? static_cast<std::uint64_t>(outcome.type) + 1 : 0;
    registers.operation = static_cast<std::uint64_t>(abi::SystemCall::reply_receive) | exception << 16;
    registers.interface_id = outcome.detail;
  }
}

}  // namespace capos::runtime
