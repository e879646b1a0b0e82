// SPDX-License-Identifier: Apache-2.0
// What interrupts a CPU: nothing one that computes on a lease, one timer interrupt a job one with a periodic task, nothing one that
// has nothing to do. From the counters in the CPUs' trace rings, at instants between events.
#include "capos/abi/trace.hpp"
#include "capos/runtime/mapping.hpp"
#include "capos/schema/telemetry.hpp"
#include "island_harness.hpp"
#include "roles.hpp"

namespace conformance {
namespace {

constexpr std::size_t kRelease = static_cast<std::size_t>(schema::InterruptCause::timer_release);
constexpr std::size_t kQuantum = static_cast<std::size_t>(schema::InterruptCause::timer_quantum);
constexpr std::size_t kEarly = static_cast<std::size_t>(schema::InterruptCause::timer_early);

// A CPU's counters, mapped while this lives.
class Interrupts {
 public:
  Interrupts(Guest& guest, std::uint16_t cpu) noexcept : guest_(guest) {
    auto ring = guest.trace_rings->open([&](auto params) { params.set_cpu(cpu); });
    if (!ring.has_value()) return;
    const auto memory = ring->capability<schema::MemoryObject>(ring->reader().ring());
    const auto mapped = runtime::map_object(guest.runtime, memory.borrow(), runtime::Access::read);
    if (!mapped.has_value()) return;
    header_ = reinterpret_cast<const abi::TraceRingHeader*>(mapped->data());
    size_ = mapped->size();
  }
  ~Interrupts() {
    if (header_ != nullptr) (void)guest_.memory->unmap(reinterpret_cast<std::uint64_t>(header_), size_);
  }
  Interrupts(const Interrupts&) = delete;
  Interrupts& operator=(const Interrupts&) = delete;
  [[nodiscard]] explicit operator bool() const noexcept { return header_ != nullptr; }
  [[nodiscard]] std::uint64_t of(std::size_t cause) const noexcept {
    return __atomic_load_n(&header_->interrupts[cause], __ATOMIC_RELAXED);
  }
  [[nodiscard]] std::uint64_t all() const noexcept {
    std::uint64_t sum = 0;
    for (std::size_t cause = 0; cause < abi::kInterruptCauses; ++cause) sum += of(cause);
    return sum;
  }

 private:
  Guest& guest_;
  const abi::TraceRingHeader* header_ = nullptr;
  std::uint64_t size_ = 0;
};

void sleep_until(Guest& guest, std::uint64_t time) noexcept {
  const std::uint64_t now = guest.now();
  if (now < time) guest.sleep(time - now);
}

// Its budget outlasts the case, as in bench/isolated.
void computing_task(Guest& guest) noexcept {
  if (guest.cpus < 2) return;
  Shared out(guest);
  const Task tasks[] = {{.period_us = 10'000'000, .budget_ns = 9'000 * kMillisecond}};
  Island island(guest, honest(guest, tasks));
  CHECK(island.admitted());
  const Grant grants[] = {{"out", out.cap()}};
  Child child(guest, {.role = Role::hog, .grants = grants, .context = island.context(0)});
  CHECK(child.becomes_ready());
  const Interrupts interrupts(guest, island.cpu());
  CHECK(interrupts);
  const std::uint64_t start = island.activate();
  CHECK(start != 0);
  sleep_until(guest, start + kMillisecond);
  const std::uint64_t before = interrupts.all();
  guest.sleep(40 * kMillisecond);
  CHECK(interrupts.all() == before);
  CHECK(out.word(1) == start);  // it has been released, and does not end its job
}

void periodic_task(Guest& guest) noexcept {
  if (guest.cpus < 2) return;
  constexpr std::uint64_t kJobs = 40;
  Shared out(guest);
  const Task tasks[] = {{}};
  Island island(guest, honest(guest, tasks));
  CHECK(island.admitted());
  const Grant grants[] = {{"out", out.cap()}};
  Child child(guest, {.role = Role::periodic, .argument = 60, .grants = grants, .context = island.context(0)});
  CHECK(child.becomes_ready());
  const Interrupts interrupts(guest, island.cpu());
  CHECK(interrupts);
  const std::uint64_t start = island.activate();
  CHECK(start != 0);
  sleep_until(guest, start + 5'500 * kMicrosecond);  // between two releases
  const std::uint64_t jobs = island.status().jobs, all = interrupts.all(), releases = interrupts.of(kRelease);
  sleep_until(guest, start + 5'500 * kMicrosecond + kJobs * kMillisecond);
  CHECK(island.status().jobs - jobs == kJobs);
  CHECK(interrupts.of(kRelease) - releases == kJobs && interrupts.all() - all == kJobs);
}

// The one that asks sleeps meanwhile, which is one interrupt of its own CPU. With several CPUs its turns are cut for the
// simulation's sake while it computes, or the timer comes that was to cut one.
void idle_cpus(Guest& guest) noexcept {
  for (std::uint16_t cpu = 0; cpu < guest.cpus; ++cpu) {
    const Interrupts interrupts(guest, cpu);
    CHECK(interrupts);
    const bool is_cut = guest.cpus > 1 && cpu == 0;
    const auto count = [&] { return interrupts.all() - (is_cut ? interrupts.of(kQuantum) + interrupts.of(kEarly) : 0); };
    guest.sleep(5 * kMillisecond);  // what the case before left behind is gone
    const std::uint64_t before = count();
    guest.sleep(20 * kMillisecond);
    CHECK(count() - before == (cpu == 0 ? 1 : 0));
  }
}

constexpr Case kCases[] = {
    {"isolation: a computing task takes no interrupt", computing_task},
    {"isolation: a periodic task takes one interrupt a job", periodic_task},
    {"isolation: an idle CPU takes no interrupt", idle_cpus},
};

}  // namespace

std::span<const Case> isolation_cases() noexcept { return kCases; }

}  // namespace conformance
