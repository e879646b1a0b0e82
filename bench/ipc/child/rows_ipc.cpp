// SPDX-License-Identifier: Apache-2.0
#include <new>

#include "capos/runtime/system_call.hpp"
#include "capos/runtime/thread.hpp"
#include "capos/schema/load.hpp"
#include "rows.hpp"

namespace ipc_bench {
namespace {

constexpr std::uint64_t kServed = schema::Echo::kInterfaceId;

void call_reply_0w(Bench& bench) noexcept {
  const abi::CapId service = bench.runtime.find_any("service");
  bench.measure("call_reply_0w", [service]() noexcept {
    if (runtime::call_words(service, kServed, 0).status != 0) runtime::panic("ipc-bench: call");
  });
}

// All of the answer's words are looked at, as a program that wants them does.
void call_reply_8w(Bench& bench) noexcept {
  const abi::CapId service = bench.runtime.find_any("service");
  bench.measure("call_reply_8w", [service]() noexcept {
    const auto reply = runtime::call_words(service, kServed, 0, 11, 12, 13, 14, 15, 16, 17, 18);
    const std::uint64_t sum = reply.a + reply.b + reply.c + reply.d + reply.e + reply.f + reply.g + reply.h;
    if (reply.status != 0 || sum != 11 + 12 + 13 + 14 + 15 + 16 + 17 + 18) runtime::panic("ipc-bench: call");
  });
}

// The same to a thread of this program.
void call_reply_same_space(Bench& bench) noexcept {
  const abi::CapId service = bench.runtime.find_any("local.service");
  bench.measure("call_reply_same_space", [service]() noexcept {
    if (runtime::call_words(service, kServed, 0).status != 0) runtime::panic("ipc-bench: call");
  });
}

void serve_here(void* endpoint) noexcept { serve_as_it_comes(*static_cast<const abi::CapId*>(endpoint)); }

}  // namespace

void serve_as_it_comes(abi::CapId endpoint) noexcept {
  runtime::Registers registers;
  do {
    registers.operation = static_cast<std::uint64_t>(abi::SystemCall::reply_receive);
    registers.cap = endpoint.raw;
    runtime::enter_kernel(registers);
  } while (registers.status() == 0);
}

void prepare_ipc_rows(Bench& bench) noexcept {
  static abi::CapId endpoint = bench.runtime.find_any("local.serve");
  alignas(runtime::Thread) static unsigned char keep[sizeof(runtime::Thread)];  // for ever, as the thread
  auto thread = runtime::Thread::start(bench.runtime, serve_here, &endpoint);
  if (!thread.has_value()) runtime::panic("ipc-bench: the local server's thread");
  new (keep) runtime::Thread(*std::move(thread));
}

void ipc_rows(Bench& bench) noexcept {
  call_reply_0w(bench);
  call_reply_8w(bench);
  call_reply_same_space(bench);
}

}  // namespace ipc_bench
