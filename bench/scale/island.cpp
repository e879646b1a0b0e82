// SPDX-License-Identifier: Apache-2.0
// An island of a hundred tasks, and what its jobs take from who computes below them.
#include <array>

#include "board.hpp"
#include "capos/runtime/text.hpp"
#include "overheads.hpp"
#include "scale.hpp"

namespace scale_bench {
namespace {

using runtime::Capability;
using runtime::OwnedCapability;

// The first release is that of all: what the kernel does for them is charged to the first that runs.
constexpr std::uint64_t kBudget = 5'000, kFirstBudget = 100'000, kMillisecond = 1'000'000;
constexpr std::uint64_t kResponse = 1'490'000;  // below every period: one job of each other task at most
constexpr std::uint16_t kStopTask = 3;  // of manifest.capnp

// 358 to 667 Hz: no two keep their distance.
constexpr std::uint32_t period_us(std::uint32_t task) noexcept { return 1'500 + 13 * task; }

void write_certificate(const ipc_bench::Overheads& machine, schema::IslandCertificate::Builder certificate) noexcept {
  certificate.set_format_version(1);
  certificate.set_island_name("scale-bench");
  certificate.init_cpus(1).set(0, std::uint16_t{0});
  machine.write(certificate.init_overheads());
  const auto list = certificate.init_tasks(kTasks);
  for (std::uint32_t i = 0; i < kTasks; ++i) {
    list[i].set_name("task");
    list[i].set_period_numerator(period_us(i));
    list[i].set_period_denominator(1'000'000);
    list[i].set_budget_ns(i == 0 ? kFirstBudget : kBudget);
    list[i].set_deadline_ns(1'000 * period_us(i));
    list[i].set_response_ns(kResponse);
    list[i].set_priority(static_cast<std::uint8_t>(200 - i));
    list[i].set_on_overrun(kStopTask);
  }
  certificate.set_best_effort_slack(true);
}

struct Island {
  OwnedCapability<schema::RealtimeIsland> island;
  std::array<abi::CapId, kTasks> contexts{};
};

void admit(Bench& bench, Island& made) noexcept {
  const auto machine = ipc_bench::read_overheads(bench.runtime);
  if (!machine) give_up(bench.runtime, "scale-bench: no boot pack");
  auto answer = bench.runtime.need<schema::IslandAuthority>("islands")->admit(
      [&](auto params) { write_certificate(*machine, params.init_certificate()); });
  if (!answer.has_value()) give_up(bench.runtime, "scale-bench: admit");
  const auto result = answer->reader();
  if (result.which() == schema::AdmitResult::Which::refused) {
    runtime::print(result.refused());
    give_up(bench.runtime, "scale-bench: the island is refused");
  }
  const auto first = result.admitted().contexts();
  std::uint32_t known = 0;
  for (; known < first.size(); ++known) made.contexts[known] = answer->cap(first[known]);
  made.island = answer->capability<schema::RealtimeIsland>(result.admitted().island());
  while (known < kTasks) {
    auto more = made.island->contexts([&](auto params) { params.set_first(static_cast<std::uint16_t>(known)); });
    if (!more.has_value() || more->reader().contexts().size() == 0) give_up(bench.runtime, "scale-bench: contexts");
    const auto list = more->reader().contexts();
    for (std::uint32_t i = 0; i < list.size() && known < kTasks; ++i) made.contexts[known++] = more->cap(list[i]);
  }
}

void spawn_tasks(Bench& bench, std::span<const abi::CapId> contexts, abi::CapId board) noexcept {
  auto process = bench.runtime.need<schema::ProcessSpawner>("spawner")->spawn([&](auto params, runtime::Transfers& transfers) {
    params.set_name("scale-bench-tasks");
    params.set_program("scale-bench-tasks");
    params.set_memory_pages(2'200);
    const auto grants = params.init_grants(static_cast<std::uint32_t>(contexts.size()) + 3);
    std::uint32_t at = 0;
    const auto grant = [&](std::string_view name, abi::CapId cap) {
      grants[at].set_name(name);
      grants[at++].init_capability().set_capability(transfers.add(cap));
    };
    grant("timer", bench.runtime.find_any("timer"));
    grant("console", bench.runtime.find_any("console"));
    grant("board", board);
    for (std::uint32_t i = 0; i < contexts.size(); ++i) {
      runtime::Text<16> name;
      name.add("task.").add(i);
      grant(name.view(), contexts[i]);
    }
  });
  if (!process.has_value()) give_up(bench.runtime, "scale-bench: spawn");
  (void)process->template capability<schema::ProcessHandle>(process->reader().process()).leak();
}

void await_threads(Bench& bench, const Board& board) noexcept {
  auto timer = bench.runtime.need<schema::Timer>("timer");
  const auto sleep = [&](std::uint64_t ns) { (void)timer->sleep_until(timer->now()->ns + ns); };
  for (int turn = 0; __atomic_load_n(&board.threads, __ATOMIC_RELAXED) < kTasks; ++turn) {
    if (turn == 5'000) give_up(bench.runtime, "scale-bench: its tasks do not start");
    sleep(kMillisecond);
  }
  sleep(5 * kMillisecond);  // the last one comes to its wait, and what each has spent until then is back
}

// Computes until one job, and no more, has run in the middle; what that took, less the task's own part.
class Below {
 public:
  Below(const Board& board, std::uint64_t empty_pair) noexcept : board_(board), empty_pair_(empty_pair) {}
  [[nodiscard]] std::uint64_t sample() noexcept {
    for (;;) {
      const std::uint64_t jobs = __atomic_load_n(&board_.jobs, __ATOMIC_RELAXED);
      const std::uint64_t start = stamp(), end = stamp();
      if (__atomic_load_n(&board_.jobs, __ATOMIC_RELAXED) != jobs + 1 || end - start == empty_pair_) continue;
      const std::uint64_t user = __atomic_load_n(&board_.last_user, __ATOMIC_RELAXED);
      return end - start - empty_pair_ - user;
    }
  }

 private:
  const Board& board_;
  const std::uint64_t empty_pair_;
};

}  // namespace

void island_rows(Bench& bench) noexcept {
  Island made;
  admit(bench, made);
  const Room room = make_room(bench.runtime, kBoardPages);
  Board& board = *reinterpret_cast<Board*>(room.bytes.data());
  for (std::uint32_t first = 0; first < kTasks; first += kTasksOfAProcess) {
    spawn_tasks(bench, std::span(made.contexts).subspan(first, kTasksOfAProcess), room.cap);
  }
  await_threads(bench, board);
  const auto now = bench.runtime.need<schema::Timer>("timer")->now();
  if (!now.has_value() || !made.island->activate(now->ns + kMillisecond).has_value()) give_up(bench.runtime, "scale-bench: activate");
  Below below(board, bench.empty_pair());
  bench.measure_from("job_100_tasks", [&]() noexcept { return below.sample(); }, kMostWakeups);
  const std::uint64_t wanted = std::min<std::uint64_t>(bench.samples(), kMostWakeups) + 8;  // measure_from's first ones are not used
  while (__atomic_load_n(&board.wakeups, __ATOMIC_RELAXED) < wanted) (void)below.sample();
  const auto status = made.island->status();
  if (!status.has_value() || status->misses != 0 || status->overruns != 0) {
    runtime::Text<120> text;
    text.add("scale-bench: of ").add(status.has_value() ? status->jobs : 0).add(" jobs ").add(status.has_value() ? status->misses : 0);
    give_up(bench.runtime, text.add(" were late, ").add(status.has_value() ? status->overruns : 0).add(" ran long").view());
  }
  if (!made.island->retire().has_value()) give_up(bench.runtime, "scale-bench: retire");
  std::uint64_t next = 0;
  bench.measure_from("release_100_tasks", [&]() noexcept { return std::uint64_t{board.wakeup[next++]}; }, kMostWakeups - 8);
}

}  // namespace scale_bench
