// SPDX-License-Identifier: Apache-2.0
// One scheduler with 10 to 10 000 contexts, called as the kernel calls it: on a job's release, at its end, and when what runs
// has to wait. No interrupt comes between two stamps: nothing else is ready, so no timer is armed.
#include <new>

#include "capos/runtime/text.hpp"
#include "capos/sched/cpu_scheduler.hpp"
#include "scale.hpp"

namespace scale_bench {
namespace {

using sched::Context;
using sched::CpuScheduler;

constexpr std::uint64_t kMost = 10'000;
constexpr std::int64_t kJob = 400;  // ns that a job takes

// Periods between 100 ms and 1 s, so that jobs seldom meet.
std::uint32_t period_us(std::uint64_t i) noexcept { return static_cast<std::uint32_t>(100'000 + i * 7919 % 900'000); }

void configure(Bench& bench, Context& context, std::uint64_t i) noexcept {
  const auto done = context.configure({.budget = Duration::ms(10),
                                       .period = {period_us(i), 1'000'000},
                                       .deadline = Duration::us(period_us(i)),
                                       .priority = Priority(static_cast<std::uint8_t>(1 + i * 37 % 200)),
                                       .cpu = CpuId(0),
                                       .island = IslandId(1)},
                                      Time{});
  if (!done.has_value()) give_up(bench.runtime, "scale-bench: parameters");
}

// `count` contexts and their scheduler, in memory that is used again.
class Crowd {
 public:
  Crowd(Bench& bench, const Room& room, std::uint64_t count) noexcept : cpu(*::new (room.bytes.data()) CpuScheduler()) {
    cpu.start(CpuId(0), Time{});
    std::byte* place = room.bytes.data() + (sizeof(CpuScheduler) + 63) / 64 * 64;
    for (std::uint64_t i = 0; i < count; ++i, place += kStride) {
      configure(bench, *::new (place) Context(), i);
      if (i == 0) first_ = place;
    }
  }
  static constexpr std::uint64_t kStride = (sizeof(Context) + 63) / 64 * 64;
  static constexpr std::uint64_t bytes(std::uint64_t count) noexcept { return (sizeof(CpuScheduler) + 63) / 64 * 64 + count * kStride; }
  [[nodiscard]] Context& context(std::uint64_t i) const noexcept { return *std::launder(reinterpret_cast<Context*>(first_ + i * kStride)); }

  CpuScheduler& cpu;

 private:
  std::byte* first_ = nullptr;
};

runtime::Text<30> name_of(std::string_view what, std::uint64_t count) noexcept {
  runtime::Text<30> name;
  name.add(what).add(count);
  return name;
}

// All are ready: what runs begins to wait for something, and the next is chosen.
void dispatch_row(Bench& bench, const Room& room, std::uint64_t count) noexcept {
  Crowd crowd(bench, room, count);
  Time now{};
  for (std::uint64_t i = 0; i < count; ++i) (void)crowd.cpu.make_ready(crowd.context(i), now);
  (void)crowd.cpu.pick(now);
  bench.measure_from(name_of("dispatch_", count).view(), [&]() noexcept {
    Context& before = *crowd.cpu.current_context();
    now += Duration::ns(kJob);
    const std::uint64_t start = stamp();
    crowd.cpu.block(before, now);
    (void)crowd.cpu.pick(now);
    (void)crowd.cpu.next_event_as_picked(now);
    const std::uint64_t end = stamp();
    (void)crowd.cpu.make_ready(before, now);
    return end - start - bench.empty_pair();
  });
}

// All wait for their next release. One is released at a time, runs, and waits again.
class Jobs {
 public:
  Jobs(Bench& bench, const Room& room, std::uint64_t count) noexcept : bench_(bench), crowd_(bench, room, count) {
    for (std::uint64_t i = 0; i < count; ++i) {
      (void)crowd_.cpu.wait_next_release(crowd_.context(i), now_);
      crowd_.cpu.arm_jobs(crowd_.context(i), Time::from_ns(1'000 * (1 + i * 9973 % period_us(i))), now_);
    }
  }
  // Ticks of one release, and of that job's end.
  struct Ticks {
    std::uint64_t release, finish;
  };
  [[nodiscard]] Ticks next() noexcept {
    CpuScheduler& cpu = crowd_.cpu;
    while (Context* const also = cpu.current_context()) {  // it was released with the one before
      now_ += Duration::ns(kJob);
      (void)cpu.wait_next_release(*also, now_);
      (void)cpu.pick(now_);
    }
    now_ = cpu.next_event(now_);
    bool released = false;
    const std::uint64_t start = stamp();
    if (cpu.release_over(now_, released) == nullptr) {
      cpu.release_due(now_);
      (void)cpu.pick(now_);
    }
    (void)cpu.next_event_as_picked(now_);
    const std::uint64_t middle = stamp();
    Context* const job = cpu.current_context();
    if (job == nullptr) give_up(bench_.runtime, "scale-bench: nothing was released");
    now_ += Duration::ns(kJob);
    const std::uint64_t again = stamp();
    (void)cpu.wait_next_release(*job, now_);
    (void)cpu.pick(now_);
    (void)cpu.next_event_as_picked(now_);
    const std::uint64_t end = stamp();
    return {middle - start - bench_.empty_pair(), end - again - bench_.empty_pair()};
  }

 private:
  Bench& bench_;
  Crowd crowd_;
  Time now_{};
};

}  // namespace

void scheduler_rows(Bench& bench) noexcept {
  const Room room = make_room(bench.runtime, (Crowd::bytes(kMost) + 4095) / 4096);
  for (std::uint64_t count = 10; count <= kMost; count *= 10) dispatch_row(bench, room, count);
  for (std::uint64_t count = 10; count <= kMost; count *= 10) {
    Jobs jobs(bench, room, count);
    bench.measure_from(name_of("release_", count).view(), [&]() noexcept { return jobs.next().release; });
    bench.measure_from(name_of("finish_", count).view(), [&]() noexcept { return jobs.next().finish; });
  }
}

}  // namespace scale_bench
