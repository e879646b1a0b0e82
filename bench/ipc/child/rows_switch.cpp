// SPDX-License-Identifier: Apache-2.0
// From one thread to the next without a call: by yielding to one of the same priority, and at the end of a budget.
#include <new>

#include "capos/runtime/system_call.hpp"
#include "capos/runtime/thread.hpp"
#include "rows.hpp"

namespace ipc_bench {
namespace {

constinit std::uint64_t g_turns = 0;
constinit std::uint64_t g_last_stamp = 0;  // of the spender
constinit bool g_over = false;

// Threads that wait for their release as the client does, and end after these rows, so that they are not there for others.
void begin_job(void* context) noexcept {
  runtime::Capability<schema::SchedulingContext> own(abi::CapId{reinterpret_cast<std::uint64_t>(context)});
  if (!own->wait_next_release().has_value()) runtime::panic("ipc-bench: a release");
}
void take_turns(void* context) noexcept {
  begin_job(context);
  while (!__atomic_load_n(&g_over, __ATOMIC_RELAXED)) {
    __atomic_store_n(&g_turns, g_turns + 1, __ATOMIC_RELAXED);
    runtime::yield();
  }
}

// Its only job never ends: each period it is held when its budget is spent.
void spend(void* context) noexcept {
  begin_job(context);
  while (!__atomic_load_n(&g_over, __ATOMIC_RELAXED)) {
    abi::bench_mark<abi::BenchMark::start>();
    __atomic_store_n(&g_last_stamp, stamp(), __ATOMIC_RELAXED);
  }
}

// What the rows start, and end when they are done.
constinit runtime::Thread* g_threads[2] = {};

runtime::Thread* start(Bench& bench, std::string_view name, runtime::Thread::Function function, std::byte* room) noexcept {
  const abi::CapId context = bench.runtime.find_any(name);
  auto thread = runtime::Thread::start(bench.runtime, function, reinterpret_cast<void*>(context.raw), {.context = context});
  if (!thread.has_value()) runtime::panic("ipc-bench: no further thread");
  return ::new (room) runtime::Thread(*std::move(thread));
}

// The spender's last stamp to the client's next: up to a turn of both loops is in it.
void budget_exhausted(Bench& bench) noexcept {
  bench.measure_from("budget_exhausted", []() noexcept {
    const std::uint64_t before = __atomic_load_n(&g_last_stamp, __ATOMIC_RELAXED);
    for (;;) {
      const std::uint64_t now = stamp();
      const std::uint64_t last = __atomic_load_n(&g_last_stamp, __ATOMIC_RELAXED);
      if (last != before && now > last) {
        abi::bench_mark<abi::BenchMark::stop>();
        return now - last;
      }
    }
  }, 100);
}

}  // namespace

void prepare_switch_rows(Bench& bench) noexcept {
  alignas(runtime::Thread) static constinit std::byte room[2][sizeof(runtime::Thread)] = {};
  g_threads[0] = start(bench, "peer", take_turns, room[0]);
  g_threads[1] = start(bench, "spender", spend, room[1]);
}

void switch_rows(Bench& bench) noexcept {
  runtime::yield();  // its first turn comes with its release
  bench.measure("yield_pair", []() noexcept {
    const std::uint64_t before = __atomic_load_n(&g_turns, __ATOMIC_RELAXED);
    runtime::yield();
    if (__atomic_load_n(&g_turns, __ATOMIC_RELAXED) != before + 1) runtime::panic("ipc-bench: the peer had no turn");
  });
  budget_exhausted(bench);
  __atomic_store_n(&g_over, true, __ATOMIC_RELAXED);
  for (runtime::Thread* const each : g_threads) {
    if (!each->join().has_value()) runtime::panic("ipc-bench: a thread does not end");
  }
}

}  // namespace ipc_bench
