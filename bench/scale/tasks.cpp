// SPDX-License-Identifier: Apache-2.0
// scale-bench-tasks: tasks "task.0" to "task.49" of the bench's island, a thread each. A job stamps its first and its last
// instruction, and nothing else.
#include "board.hpp"
#include "capos/runtime/mapping.hpp"
#include "capos/runtime/runtime.hpp"
#include "capos/runtime/stamped_release.hpp"
#include "capos/runtime/text.hpp"
#include "capos/runtime/thread.hpp"

namespace scale_bench {
namespace {

using namespace capos;

constinit Board* g_board = nullptr;
constinit std::uint64_t g_clock_start = 0;  // a tick is a nanosecond here

std::uint64_t stamp() noexcept {
  std::uint64_t low, high;
  asm volatile("rdtsc" : "=a"(low), "=d"(high)::"memory");
  return high << 32 | low;
}

void do_jobs(void* context) {
  Board& board = *g_board;
  __atomic_add_fetch(&board.threads, 1, __ATOMIC_RELAXED);
  for (;;) {
    const runtime::StampedRelease woken = runtime::wait_stamped_release(abi::CapId{reinterpret_cast<std::uint64_t>(context)});
    if (woken.status != 0) return;  // retired
    const std::uint64_t released = g_clock_start + woken.scheduled_ns;
    if (board.last_end + kQuiet < released) {
      const std::uint64_t place = __atomic_fetch_add(&board.wakeups, 1, __ATOMIC_RELAXED);
      if (place < kMostWakeups) board.wakeup[place] = static_cast<std::uint32_t>(woken.ticks - released);
    }
    __atomic_add_fetch(&board.jobs, 1, __ATOMIC_RELAXED);
    const std::uint64_t end = stamp();
    board.last_user = end - woken.ticks;
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
