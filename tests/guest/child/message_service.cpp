// SPDX-License-Identifier: Apache-2.0
// A server by serve_messages: three kernel interfaces, played by a program.
#include "capos/runtime/server.hpp"
#include "capos/schema/load.hpp"
#include "child.hpp"

namespace conformance {
namespace {

using runtime::CallInfo;
using runtime::ServerOutcome;

// Takes text: sums its letters, refuses what is too long.
struct PlayedConsole : runtime::Served {
  explicit PlayedConsole(std::uint64_t* page) noexcept : out(page) {}
  ServerOutcome write(CallInfo& call, schema::Console::Write::Params::Reader params,
                      schema::Console::Write::Results::Builder) noexcept {
    if (params.text().size() > 100) {
      return ServerOutcome::exception(schema::ExceptionType::invalid_argument,
                                      static_cast<std::uint16_t>(schema::KernelError::bad_range));
    }
    std::uint64_t sum = 0;
    for (const char letter : params.text()) sum += static_cast<unsigned char>(letter);
    publish(out[1], call.caller);
    publish(out[0], sum);
    return ServerOutcome::done();
  }
  std::uint64_t* out;
};

// Gives a capability: "shared" for every CPU below 2.
struct PlayedRings : runtime::Served {
  explicit PlayedRings(abi::CapId given) noexcept : shared(given) {}
  ServerOutcome open(CallInfo& call, schema::TraceRings::Open::Params::Reader params,
                     schema::TraceRings::Open::Results::Builder results) noexcept {
    if (params.cpu() == 2) {  // a capability that there is not: the answer cannot travel
      results.set_ring(call.transfers->add(abi::CapId{0x7777}));
      return ServerOutcome::done();
    }
    if (params.cpu() > 2) return ServerOutcome::exception(schema::ExceptionType::failed, 99);
    results.set_ring(call.transfers->add(shared));
    return ServerOutcome::done();
  }
  abi::CapId shared;
};

// Words alone, by whichever way they come.
struct PlayedEcho : runtime::Served {
  ServerOutcome echo(CallInfo&, const schema::Echo::Echo_::Params::Value& params,
                     schema::Echo::Echo_::Results::Value& results) noexcept {
    results.a = params.a + 1;
    results.b = params.b + 2;
    return ServerOutcome::done();
  }
};

}  // namespace

int serve_messages(const Child& child) noexcept {
  const auto endpoint = child.runtime.need<schema::Endpoint>("serve");
  const auto shared = child.runtime.find_any("out");
  switch (child.argument()) {
    case 0: {
      PlayedConsole console(child.out());
      return 80 + static_cast<int>(runtime::serve_messages<schema::Console>(endpoint, console).transport);
    }
    case 1: {
      PlayedRings rings(shared);
      return 80 + static_cast<int>(runtime::serve_messages<schema::TraceRings>(endpoint, rings).transport);
    }
    default: {
      PlayedEcho echo;
      return 80 + static_cast<int>(runtime::serve_messages<schema::Echo>(endpoint, echo).transport);
    }
  }
}

}  // namespace conformance
