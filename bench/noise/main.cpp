// SPDX-License-Identifier: Apache-2.0
// noise-bench: takes init's place, starts the tasks, lets the window pass, and leaves what the CPUs counted.
#include "capos/runtime/mapping.hpp"
#include "islands.hpp"

namespace noise_bench {
namespace {

using runtime::Capability;

constexpr std::uint64_t kMillisecond = 1'000'000;

// Counters of a CPU's trace ring.
struct Ring {
  abi::CapId cap;
  const abi::TraceRingHeader* header = nullptr;
};

struct Bench {
  runtime::Runtime& runtime;
  Capability<schema::Timer> timer;
  Page& page;
  abi::CapId channel;
  std::array<Ring, kMostCpus> rings{};

  [[nodiscard]] std::uint64_t now() noexcept { return timer->now()->ns; }
  void sleep_until(std::uint64_t time) noexcept { (void)timer->sleep_until(time); }
};

void open_rings(Bench& bench) noexcept {
  for (std::uint16_t cpu = 0; cpu < kMostCpus; ++cpu, ++bench.page.cpus) {
    auto opened = bench.runtime.need<schema::TraceRings>("traceRings")->open([&](auto params) { params.set_cpu(cpu); });
    if (!opened.has_value()) return;
    const auto memory = opened->capability<schema::MemoryObject>(opened->reader().ring()).leak();
    const auto mapped = runtime::map_object(bench.runtime, memory, runtime::Access::read);
    if (!mapped.has_value()) give_up(bench.runtime, "noise-bench: a trace ring cannot be mapped");
    bench.rings[cpu] = {memory.cap(), reinterpret_cast<const abi::TraceRingHeader*>(mapped->data())};
  }
}

// Adds what each CPU has counted so far, `sign` times; not of one that counts for itself.
void count(Bench& bench, std::uint64_t sign) noexcept {
  for (std::uint64_t cpu = 0; cpu < bench.page.cpus; ++cpu) {
    if (bench.page.cpus > 1 && bench.page.cpu[cpu].use == Use::loop) continue;
    for (std::size_t cause = 0; cause < abi::kInterruptCauses; ++cause) {
      bench.page.cpu[cpu].interrupts[cause] += sign * __atomic_load_n(&bench.rings[cpu].header->interrupts[cause], __ATOMIC_RELAXED);
    }
  }
}

void activate(Bench& bench, Island& island, std::uint64_t when) noexcept {
  if (!island.island->activate(when).has_value()) give_up(bench.runtime, "noise-bench: activate");
}
std::uint64_t jobs_of(Bench& bench, Island& island) noexcept {
  const auto status = island.island->status();
  if (!status.has_value() || status->misses != 0 || status->overruns != 0) give_up(bench.runtime, "noise-bench: a task was late");
  return status->jobs;
}

// A budget that outlasts the window and what is before and after it.
Task computing(std::uint64_t window_ns) noexcept {
  const std::uint64_t budget = 2 * window_ns + 2'000 * kMillisecond;
  return {.name = "compute", .period_us = budget / 800, .budget_ns = budget, .priority = 10};
}
constexpr Task kPeriodic{.name = "periodic", .period_us = 1'000, .budget_ns = 20'000, .priority = 20};

// The loop on CPU 1 counts its own CPU's interrupts, from its first instruction to its last; the other CPUs' are read before it
// begins and after it has ended, for while it computes CPU 0 gets on slowly (QEMU runs them in turn).
void several_cpus(Bench& bench) noexcept {
  const std::uint64_t window = bench.page.request.window_ns;
  const Task compute[] = {computing(window)}, periodic[] = {kPeriodic};
  Island loop = admit(bench.runtime, "compute", 1, false, compute), task = admit(bench.runtime, "periodic", 2, false, periodic);
  const Grant grants[] = {{"page", bench.channel}, {"ring", bench.rings[1].cap}};
  start(bench.runtime, Part::compute, loop.contexts[0], grants);
  start(bench.runtime, Part::periodic, task.contexts[0]);
  bench.page.cpu[0].use = Use::clock;
  bench.page.cpu[1].use = Use::loop;
  bench.page.cpu[2].use = Use::periodic;
  for (std::uint64_t cpu = 3; cpu < bench.page.cpus; ++cpu) bench.page.cpu[cpu].use = Use::idle;
  const std::uint64_t begin = bench.now() + kMillisecond;
  activate(bench, task, begin);
  const std::uint64_t first = begin + 5 * kMillisecond + kMillisecond / 2;  // between two releases
  bench.sleep_until(first);
  const std::uint64_t jobs = jobs_of(bench, task);
  count(bench, ~std::uint64_t{0});
  activate(bench, loop, first + kMillisecond);
  bench.sleep_until(first + window / kMillisecond * kMillisecond + 3 * kMillisecond);
  count(bench, 1);
  bench.page.cpu[2].jobs = jobs_of(bench, task) - jobs;
  if (__atomic_load_n(&bench.page.loop_ns, __ATOMIC_ACQUIRE) < window) give_up(bench.runtime, "noise-bench: the loop is not over");
}

void one_cpu(Bench& bench) noexcept {
  auto made = bench.runtime.need<schema::ObjectFactory>("objects")->create_notification([](auto) {});
  if (!made.has_value()) give_up(bench.runtime, "noise-bench: createNotification");
  auto done = made->capability<schema::Notification>(made->reader().notification());
  const Task tasks[] = {computing(bench.page.request.window_ns), kPeriodic};
  Island island = admit(bench.runtime, "gaps", 0, true, tasks);
  const Grant grants[] = {{"page", bench.channel}, {"ring", bench.rings[0].cap}, {"done", done.cap()}};
  start(bench.runtime, Part::gaps, island.contexts[0], grants);
  start(bench.runtime, Part::periodic, island.contexts[1]);
  bench.page.cpu[0].use = Use::loop;
  bench.page.threshold_ns = 100;
  const std::uint64_t begin = bench.now() + kMillisecond;
  activate(bench, island, begin);
  count(bench, ~std::uint64_t{0});
  if (!done->wait().has_value()) give_up(bench.runtime, "noise-bench: wait");
  count(bench, 1);
  bench.page.cpu[0].jobs = jobs_of(bench, island);
}

int run(runtime::Runtime& runtime) noexcept {
  auto opened = runtime.need<schema::HostChannel>("hostChannel")->open([](auto) {});
  if (!opened.has_value()) give_up(runtime, "noise-bench: no memory is shared with the host");
  const auto channel = opened->capability<schema::MemoryObject>(opened->reader().memory()).leak();
  const auto mapped = runtime::map_object(runtime, channel, runtime::Access::read_write);
  if (!mapped.has_value()) give_up(runtime, "noise-bench: the shared memory cannot be mapped");
  Bench bench{runtime, runtime.need<schema::Timer>("timer"), *reinterpret_cast<Page*>(mapped->data()), channel.cap(), {}};
  open_rings(bench);
  if (bench.page.cpus == 1) {
    one_cpu(bench);
  } else {
    several_cpus(bench);
  }
  __atomic_store_n(&bench.page.magic, kMagic, __ATOMIC_RELEASE);
  return 0;
}

}  // namespace
}  // namespace noise_bench

int program_main(capos::runtime::Runtime& runtime) {
  const int code = noise_bench::run(runtime);
  (void)runtime.need<capos::schema::SystemControl>("control")->shutdown(static_cast<std::uint8_t>(code));
  return 1;
}
