// SPDX-License-Identifier: Apache-2.0
// scale-bench-tasks: tasks "task.0" to "task.49" of the bench's island, a thread each. A job stamps its first and its last
// instruction, and nothing else.
#include "board.hpp"
#include "capos/runtime/mapping.hpp"
#include "capos/runtime/runtime.hpp"
#include "capos/runtime/system_call.hpp"
#include "capos/runtime/text.hpp"
#include "capos/runtime/thread.hpp"

namespace scale_bench {
namespace {

using namespace capos;

constinit Board* g_board = nullptr;
constinit std::uint64_t g_clock_start = 0;  // a tick is a nanosecond here

struct Woken {
  std::int32_t status = 0;
  std::uint64_t stamp = 0;
  std::uint64_t scheduled_ns = 0;
};

// SchedulingContext.waitNextRelease by hand, as wakeup-probe makes it: one instruction from the return to the stamp.
Woken wait_next_release(abi::CapId context) noexcept {
  using Wait = schema::SchedulingContext::WaitNextRelease;
  std::uint64_t a = static_cast<std::uint64_t>(abi::SystemCall::call) | std::uint64_t{Wait::kOrdinal} << 16;
  std::uint64_t d = 0, status = 0, cap = context.raw, interface_id = Wait::kInterfaceId;
  register std::uint64_t scheduled asm("r8") = 0;
  asm volatile("syscall\n\tmovq %%rax, %%rcx\n\trdtsc"
               : "+a"(a), "+d"(d), "=&c"(status), "+D"(cap), "+S"(interface_id), "+r"(scheduled)
               :
               : "r9", "r10", "r11", "r12", "r13", "r14", "r15", "memory");
  return {static_cast<std::int32_t>(status), d << 32 | (a & 0xffff'ffff), scheduled};
}

std::uint64_t stamp() noexcept {
  std::uint64_t low, high;
  asm volatile("rdtsc" : "=a"(low), "=d"(high)::"memory");
  return high << 32 | low;
}

void do_jobs(void* context) {
  Board& board = *g_board;
  __atomic_add_fetch(&board.threads, 1, __ATOMIC_RELAXED);
  for (;;) {
    const Woken woken = wait_next_release(abi::CapId{reinterpret_cast<std::uint64_t>(context)});
    if (woken.status != 0) return;  // retired
    const std::uint64_t released = g_clock_start + woken.scheduled_ns;
    if (board.last_end + kQuiet < released) {
      const std::uint64_t place = __atomic_fetch_add(&board.wakeups, 1, __ATOMIC_RELAXED);
      if (place < kMostWakeups) board.wakeup[place] = static_cast<std::uint32_t>(woken.stamp - released);
    }
    __atomic_add_fetch(&board.jobs, 1, __ATOMIC_RELAXED);
    const std::uint64_t end = stamp();
    board.last_user = end - woken.stamp;
    board.last_end = end;
  }
}

}  // namespace
}  // namespace scale_bench

int program_main(capos::runtime::Runtime& runtime) {
  using namespace scale_bench;
  g_board = reinterpret_cast<Board*>(runtime::need_buffer(runtime, "board", runtime::Access::read_write).data());
  auto timer = runtime.need<schema::Timer>("timer");
  const auto clock = timer->describe();
  if (!clock.has_value() || clock->tsc_hz != 1'000'000'000) runtime::panic("scale-bench: a tick is not a nanosecond");
  g_clock_start = clock->start_tsc;
  for (std::uint32_t i = 0; i < kTasksOfAProcess; ++i) {
    runtime::Text<16> name;
    name.add("task.").add(i);
    const abi::CapId context = runtime.find_any(name.view());
    auto task = runtime::Thread::start(runtime, do_jobs, reinterpret_cast<void*>(context.raw), {.stack_pages = 1, .context = context});
    if (!task.has_value()) runtime::panic("scale-bench: no further thread");
  }
  constexpr std::uint64_t kYear = 31'536'000'000'000'000;
  while (timer->sleep_until(kYear).has_value()) {
  }
  return 1;
}
