// SPDX-License-Identifier: Apache-2.0
// Admission: response-time analysis of an island's tasks and chains, and what to tell when they do not fit.
//
// Fixed priorities or EDF, any deadlines, release jitter, immediate-ceiling blocking, kernel overheads:
// M. Joseph, P. Pandya (1986); N. Audsley, A. Burns, M. Richardson, K. Tindell, A. Wellings (1993);
// deadline-monotonic order: J. Leung, J. Whitehead (1982); triggered chains: K. Tindell, J. Clark (1994);
// sampled chains: A. Davare et al. (2007), N. Feiertag et al. (2008); deadlines beyond the period: J. Lehoczky
// (1990), K. Tindell, A. Burns, A. Wellings (1994); EDF: S. Baruah, A. Mok, L. Rosier (1990) with M. Spuri's jitter
// (1996), searched by QPA: F. Zhang, A. Burns (2009).
// The caller provides all memory. Integers only; every sum is checked; every iteration is bounded.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

#include "capos/base/strong.hpp"
#include "capos/base/time.hpp"
#include "capos/sched/certificate.hpp"
#include "capos/sched/context.hpp"

namespace capos::sched {

struct TaskModel {
  // What the manifest says.
  std::string_view name;
  CpuId cpu;
  Period period;
  Duration budget;
  Duration deadline;               // relative; beyond the period only with on_miss = run_late
  bool implicit_deadline = false;  // not stated: it is the period, rounded down, and follows it in suggest()
  Duration jitter{};               // of the release, the machine's own apart
  std::optional<Priority> stated;  // none: from the deadlines
  Consequence on_miss = Consequence::run_late;
  Consequence on_overrun = Consequence::hold;
  Repetition repeated{};
  std::uint16_t fallback = kNoTask;  // index of the task that stands in; counted as if it ran all the time
  std::uint16_t island = 0;          // index into the model's islands
  std::uint16_t recovers = kNoServer;  // no task, but the recovery of that server: its priority is the server's ceiling
  // What analyse() finds.
  Priority priority{};
  Duration release_jitter{};  // jitter, and what a triggered chain adds
  Duration blocking{};
  Duration response{};  // bound; Duration::max() if there is none. Under EDF the deadline, if all are met
  std::uint16_t worst_job = 0;  // which job of the busy window has that response: 0 unless deadline > period
};

struct ChainModel {
  std::string_view name;
  std::span<const std::uint16_t> tasks;  // indices into the tasks, in the order of the data
  Duration bound;
  HopKind hops = HopKind::sampled;
  // What analyse() finds.
  Duration latency{};
};

// One island, or several that share CPUs: what a CPU has to do counts, whoever wants it.
struct IslandModel {
  std::string_view name;
  std::uint32_t cpus = 0;  // bit c: CPU c is leased to one of the islands
  std::span<const IslandPart> islands;  // empty: one, with all of `cpus`
  Policy policy = Policy::fixed_priority;
  std::span<TaskModel> tasks;
  std::span<ChainModel> chains;
  std::span<ServerCall> calls;
  std::span<const InterruptSource> interrupts;
  Overheads overheads;
  // What analyse() finds for an EDF island: the longest busy window of each CPU.
  std::array<Duration, kMaxCpus> busy{};
};

enum class Verdict : std::uint8_t {
  admitted,
  malformed,   // `rejection` says how; index of the task, chain, call or interrupt
  overloaded,  // a CPU's budgets exceed it; index = CPU
  task_late,   // response > deadline; index = task
  chain_late,  // latency > bound; index = chain
  unresolved,  // no fixed point within kMaxIterations, or too many steps to check; index = task
  demand_late,  // EDF: within `limit` more is due than fits, `found`; index = CPU
};

struct Analysis {
  Verdict verdict = Verdict::admitted;
  std::uint16_t index = 0;
  std::optional<Rejection> rejection;
  Duration found{};                // response, latency or demand; Duration::max() if there is no bound
  Duration limit{};                // deadline, bound or length of the window
  std::int64_t load_permille = 0;  // of the overloaded CPU; overheads apart, unless they make it so under EDF
  [[nodiscard]] bool admitted() const noexcept { return verdict == Verdict::admitted; }
  // Negative if it does not fit.
  [[nodiscard]] Duration slack() const noexcept { return limit - found; }
};

// Steps of one fixed point; a response needs at most the number of releases within a deadline.
inline constexpr std::uint32_t kMaxIterations = 1'000'000;
// Jobs of one task in its busy window that are looked at; more are a task without a bound. With fewer than
// kMaxDemandPoints steps in all, which the checker can follow.
inline constexpr std::int64_t kMaxJobsInWindow = 1'000;
// Derived priorities go downwards from here, those stated by others left out.
inline constexpr std::uint8_t kHighestDerivedPriority = 200;

// Derives priorities, finds blocking, responses and latencies, fills them in and judges. The first failing
// task in order of priority is reported. Cost: O(tasks^2) per step of the fixed points.
[[nodiscard]] Analysis analyse(IslandModel& model) noexcept;

// --- why it does not fit
// ------------------------------------------------------------------------------------

enum class ContributionKind : std::uint8_t {
  own_budget,
  task,            // as urgent or more; index = task
  server_call,     // of a less urgent task; index = call
  kernel_section,  // interrupts off
  timer_events,    // of all tasks on the CPU
  switches,
  interrupt,         // index = interrupt source
  late_budget_ends,  // as urgent tasks that outrun their budget until a late timer ends it
  jitter,            // release jitter, the machine's included
  earlier_releases,  // periods between the window's start and the worst job's release; negative
  hop_wait,          // of a chain: up to a period of the reader; index = task
  hop_response,      // of a chain; index = task
};

struct Contribution {
  ContributionKind kind{};
  std::uint16_t index = 0;
  std::int64_t count = 0;
  Duration each{};
  [[nodiscard]] Duration total() const noexcept { return each * count; }
};

// What a task's response is made of: the contributions sum to it (for a task without a bound: to the last
// step taken). After analyse(). Returns how many were written; contributions of zero are left out.
[[nodiscard]] std::size_t explain_task(const IslandModel& model, std::uint16_t task,
                                       std::span<Contribution> out) noexcept;
// EDF: what is due within `window` on a CPU; the contributions sum to the demand. Same rules.
[[nodiscard]] std::size_t explain_demand(const IslandModel& model, CpuId cpu, Duration window,
                                         std::span<Contribution> out) noexcept;
// What a chain's latency is made of.
[[nodiscard]] std::size_t explain_chain(const IslandModel& model, std::uint16_t chain,
                                        std::span<Contribution> out) noexcept;

enum class ChangeKind : std::uint8_t {
  budget,          // of task `index`: at most `value`
  longer_period,   // of task `index`: at least `value`
  shorter_period,  // of task `index`: at most `value`
  deadline,        // of task `index`: at least `value`
  wcet,            // of call `index`: at most `value`
  bound,           // of chain `index`: at least `value`
};

struct Change {
  ChangeKind kind{};
  std::uint16_t index = 0;
  Duration value{};  // whole microseconds
};

// Single changes after which the whole island fits, each found by bisection over analyse() itself: it fits
// with `value` and does not with one microsecond less of a change. For a late task: its budget, deadline and
// (with an implicit deadline) period, then budgets and periods of the tasks that come before it, then the
// call that blocks it. For EDF demand: budget and deadline, or period, of each task with jobs due in the window. For
// a late chain: its bound, then the periods and budgets along it. For a full CPU:
// budgets and periods. The model is left as analyse() left it. Cost: at most 50 analyses per candidate.
[[nodiscard]] std::size_t suggest(IslandModel& model, const Analysis& analysis,
                                  std::span<Change> out) noexcept;

// --- the certificate
// ----------------------------------------------------------------------------------------

// The claims of an admitted model, in caller-supplied arrays as long as its tasks and chains. They refer to
// the model's names and paths. The overheads' version is stamped.
[[nodiscard]] Certificate certify(const IslandModel& model, std::span<TaskClaim> tasks,
                                  std::span<ChainClaim> chains) noexcept;

}  // namespace capos::sched
