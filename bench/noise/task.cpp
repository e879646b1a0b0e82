// SPDX-License-Identifier: Apache-2.0
// noise-task: by its number, a job that computes over the window and lets the machine's other CPUs run, a task that only comes and goes, or
// the loop that looks for gaps.
#include "capos/runtime/mapping.hpp"
#include "capos/runtime/runtime.hpp"
#include "islands.hpp"

namespace noise_bench {
namespace {

using namespace capos;

std::uint64_t stamp() noexcept {
  std::uint64_t low, high;
  asm volatile("rdtsc" : "=a"(low), "=d"(high)::"memory");
  return high << 32 | low;
}

// What a CPU's counters say, at two instants.
class Causes {
 public:
  explicit Causes(const abi::TraceRingHeader& ring) noexcept : ring_(ring) { (void)since(); }
  // Those that were counted since the last call, as bits.
  [[nodiscard]] std::uint64_t since() noexcept {
    std::uint64_t bits = 0;
    for (std::size_t cause = 0; cause < abi::kInterruptCauses; ++cause) {
      const std::uint64_t now = __atomic_load_n(&ring_.interrupts[cause], __ATOMIC_RELAXED);
      if (now != before_[cause]) bits |= std::uint64_t{1} << cause;
      before_[cause] = now;
    }
    return bits;
  }

 private:
  const abi::TraceRingHeader& ring_;
  std::uint64_t before_[abi::kInterruptCauses] = {};
};

struct Memory {
  explicit Memory(runtime::Runtime& runtime) noexcept
      : shared(runtime::need_buffer(runtime, "page", runtime::Access::read_write)),
        ring(*reinterpret_cast<const abi::TraceRingHeader*>(runtime::need_buffer(runtime, "ring", runtime::Access::read).data())) {}
  [[nodiscard]] Page& page() const noexcept { return *reinterpret_cast<Page*>(shared.data()); }
  std::span<std::byte> shared;
  const abi::TraceRingHeader& ring;
};

// For the window: a thousand instructions, then a turn for the machine's other CPUs.
int compute(runtime::Runtime& runtime, runtime::Capability<schema::SchedulingContext> own) noexcept {
  const Memory memory(runtime);
  Page& page = memory.page();
  std::uint64_t* const counts = page.cpu[1].interrupts;
  if (!own->wait_next_release().has_value()) return 2;
  for (std::size_t cause = 0; cause < abi::kInterruptCauses; ++cause) counts[cause] = 0 - __atomic_load_n(&memory.ring.interrupts[cause], __ATOMIC_RELAXED);
  const std::uint64_t begin = stamp();
  std::uint64_t now = begin;
  for (; now - begin < page.request.window_ns; now = stamp()) {
    for (int i = 0; i < 500; ++i) asm volatile("");
    asm volatile("pause");
  }
  for (std::size_t cause = 0; cause < abi::kInterruptCauses; ++cause) {
    counts[cause] += __atomic_load_n(&memory.ring.interrupts[cause], __ATOMIC_RELAXED);
  }
  __atomic_store_n(&page.loop_ns, now - begin, __ATOMIC_RELEASE);
  (void)own->wait_next_release();
  return 0;
}

int come_and_go(runtime::Capability<schema::SchedulingContext> own) noexcept {
  while (own->wait_next_release().has_value()) {
  }
  return 0;  // retired
}

int look_for_gaps(runtime::Runtime& runtime, runtime::Capability<schema::SchedulingContext> own) noexcept {
  const Memory memory(runtime);
  Page& page = memory.page();
  auto* const gaps = reinterpret_cast<Gap*>(memory.shared.data() + kGapsOffset);
  const std::uint64_t room = (memory.shared.size() - kGapsOffset) / sizeof(Gap);
  Causes causes(memory.ring);
  if (!own->wait_next_release().has_value()) return 2;
  (void)causes.since();
  const std::uint64_t begin = stamp(), end = begin + page.request.window_ns;
  std::uint64_t before = begin, turns = 0;
  for (;; ++turns) {
    const std::uint64_t now = stamp();
    if (now - before > page.threshold_ns) [[unlikely]] {
      const std::uint64_t number = page.gaps++;
      page.gaps_ns += now - before;
      if (number < room) gaps[page.gaps_recorded++] = {before - begin, now - before, causes.since()};
      before = stamp();
      continue;
    }
    if (now >= end) break;
    before = now;
  }
  page.turns = turns;
  page.loop_ns = stamp() - begin;
  (void)runtime.need<schema::Notification>("done")->signal(1);
  (void)own->wait_next_release();
  return 0;
}

}  // namespace
}  // namespace noise_bench

int program_main(capos::runtime::Runtime& runtime) {
  using namespace noise_bench;
  const auto own = runtime.need<schema::SchedulingContext>("self.context");
  switch (static_cast<Part>(runtime.number())) {
    case Part::compute:
      return compute(runtime, own);
    case Part::periodic:
      return come_and_go(own);
    case Part::gaps:
      return look_for_gaps(runtime, own);
  }
  return 3;
}
