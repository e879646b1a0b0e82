// SPDX-License-Identifier: Apache-2.0
#include "capos/runtime/server.hpp"
#include "capos/runtime/text.hpp"
#include "capos/schema/load.hpp"
#include "kinds.hpp"

namespace capos::load {
namespace {

struct EchoServer : runtime::Served {
  Outcome echo(runtime::CallInfo&, const schema::Echo::Echo_::Params::Value& params,
               schema::Echo::Echo_::Results::Value& results) noexcept {
    results.a = params.a;
    results.b = params.b;
    return Outcome::done();
  }
};

[[noreturn]] void fail_on(std::string_view what, const runtime::CallError& error) noexcept {
  runtime::Text<96> text;
  text.add(what).add(": ").add(error.text());
  runtime::panic(text.view());
}

void dawdle(std::uint64_t rounds) noexcept {
  for (std::uint64_t i = 0; i < rounds; ++i) asm volatile("");
}

}  // namespace

void call_echo(const runtime::Runtime& runtime, Random random) noexcept {
  auto echo = runtime.need<schema::Echo>("echo");
  for (;;) {
    const std::uint64_t a = random.next(), b = random.next();
    const auto answer = echo->echo(a, b);
    if (!answer.has_value()) fail_on("echo", answer.error());
    if (answer->a != a || answer->b != b) runtime::panic("echo: another answer than was asked for");
    dawdle(random.below(2'000));
  }
}

void serve_echo(const runtime::Runtime& runtime) noexcept {
  EchoServer server;
  fail_on("serve", runtime::serve<schema::Echo>(runtime.need<schema::Endpoint>("serve.echo"), server));
}

}  // namespace capos::load
