// SPDX-License-Identifier: Apache-2.0
// An admission certificate as plain structs, and the small checker that the kernel trusts instead of its
// author.
//
// The certificate claims a response bound for each task. A bound R that satisfies, once and as an inequality,
//   w >= own work + blocking + the work of everything as urgent that is released within w,   R = w + jitter
// is at least the true worst case (M. Joseph, P. Pandya 1986; N. Audsley et al. 1993), wherever R came from.
// So checking is one evaluation per task: O(n^2) in tasks, no iteration, no allocation, no trust in the
// analyser. Where R is beyond the period several jobs may be pending (J. Lehoczky 1990; K. Tindell et al. 1994): the
// inequality, for q + 1 jobs within R - jitter + q * period, need not hold at that very length when it holds at a
// lesser one. Then the checker finds the windows itself, from below, in at most kMaxDemandPoints steps, up to the job
// that is done before the next may arrive.
//
// An EDF island claims a busy window L for each CPU. Work(L) <= L is evaluated once; then demand(t) <= t must
// hold for every t up to L. The demand never falls as t grows, so one evaluation at t covers all of
// [demand(t), t]: the walk from L downwards (QPA: F. Zhang, A. Burns 2009) is its own witness, and the checker
// does it itself, in at most kMaxDemandPoints steps per CPU.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "capos/base/result.hpp"
#include "capos/base/strong.hpp"
#include "capos/base/time.hpp"
#include "capos/sched/job.hpp"
#include "capos/sched/miss_policy.hpp"

namespace capos::sched {

inline constexpr std::uint32_t kCertificateFormat = 1;
inline constexpr std::size_t kMaxClaimedTasks = 256;
inline constexpr std::uint16_t kNoTask = 0xffff;
inline constexpr std::uint16_t kNoServer = 0xffff;
// How many tasks may be released by one task's finish.
inline constexpr std::size_t kMaxSuccessors = 4;
// Evaluations for one CPU under EDF, or for one task with a response beyond its period; more are refused.
inline constexpr std::uint32_t kMaxDemandPoints = 20'000;

enum class Policy : std::uint8_t {
  fixed_priority = 0,
  edf = 1,  // the earliest absolute deadline first; servers run at the floor of their callers' deadlines
};

// What a kernel carries out beyond fixed priorities, deadlines within the period and sampled chains.
enum KernelFeature : std::uint32_t {
  kRunsEdf = 1u << 0,
  kRunsLongDeadlines = 1u << 1,   // beyond the period
  kRunsTriggeredHops = 1u << 2,  // releases by a predecessor's finish
  kRunsAll = 0b111,
};
// This kernel. The analyser knows them all; admission refuses what is not run.
inline constexpr std::uint32_t kKernelRuns = kRunsAll;

// What the kernel adds to the tasks' own work; measured, or stated by the machine's description.
struct Overheads {
  Duration release;           // one timer event: interrupt, queue, dispatch
  Duration context_switch;    // one preemption: to the other context and back
  Duration blocking;          // longest stretch with interrupts off
  Duration jitter;            // lateness of a timer, the simulation quantum included
  std::uint64_t version = 0;  // overheads_version() of the four above
  [[nodiscard]] bool operator==(const Overheads&) const noexcept = default;
};

// A number that changes when any overhead does (FNV-1a over the four values). O(1).
[[nodiscard]] std::uint64_t overheads_version(const Overheads& overheads) noexcept;

// Timer events that one task causes per period. Its release, and one for a deadline passed or a budget that
// came back; a task that goes on after its budget is spent waits for refills up to twice
// (RefillList::gather).
[[nodiscard]] constexpr std::int64_t timer_events_per_period(Consequence on_overrun) noexcept {
  const bool goes_on = on_overrun == Consequence::run_late || on_overrun == Consequence::skip;
  return goes_on ? 4 : 2;
}

// One kind of call: `task` calls `server`, which runs at its ceiling, at most `wcet` each time. The time is
// inside the caller's budget (donation); the ceiling is why it blocks others.
struct ServerCall {
  std::uint16_t task = 0;    // index into the tasks
  std::uint16_t server = 0;  // a number of the caller's choice, the same for every call to one server
  Duration wcet;
};

// A device interrupt on a task's CPU.
struct InterruptSource {
  std::string_view name;
  CpuId cpu;
  Duration min_interarrival;  // > 0
  Duration cost;
};

enum class HopKind : std::uint8_t {
  sampled = 0,    // each task reads the newest value at its own release
  // Each task is released by its predecessor's finish; same period. Triggered hops form trees: each task has one predecessor at most, none
  // is its own in a circle, none has more than kMaxSuccessors. What is triggered is due by its period's end, falls back to nothing and
  // stands in for nobody.
  triggered = 1,
};

// What follows from misses is within its ranges, and who falls back has a task to fall back to: another of its CPU, which
// has no such rule itself and stands in for one task only. No inequality depends on it: a fallback is counted as if it ran
// all the time, and a demoted task takes less from those that it was above than they were promised with it (what its
// calls may block them for is a part of its budget).
//
// A recovery is time in which a server finishes a call that its caller's budget did not last for. It is counted as a task: what it
// takes comes after an activation of its own, its budget at most once in a period (refill_list.hpp), so its interference is that of
// a periodic task. Its server is one that tasks of its CPU call. It is as urgent as each of them, and as each that calls a server which
// it calls, so that who waits for the server is delayed by no more than what is counted as its interference. It goes on after a
// spent budget; nothing else follows from it, it is in no chain, and stands in for nobody. One for each server.
//
// Under EDF it goes on where its caller was, before all that is due then: in a window of at least its deadline, since that holds the
// caller's job, or begins with its call, a recovery takes whatever is activated there, however near the end (decision 33).
struct TaskClaim {
  std::string_view name;
  CpuId cpu;
  Priority priority;
  Period period;
  Duration budget;
  Duration deadline;
  Duration jitter;    // of the release, the machine's own apart
  Duration blocking;  // by servers of less urgent tasks, kernel sections apart
  Duration response;  // claimed bound: scheduled release to finish
  Consequence on_miss = Consequence::run_late;
  Consequence on_overrun = Consequence::hold;
  Repetition repeated{};
  std::uint16_t fallback = kNoTask;  // index of the task that runs instead after Repeated::fall_back
  std::uint16_t island = 0;          // index into the certificate's islands
  std::uint16_t recovers = kNoServer;  // no task, but the recovery of that server
};

struct ChainClaim {
  std::string_view name;
  std::span<const std::uint16_t> tasks;
  HopKind hops = HopKind::sampled;
  Duration bound;    // wanted
  Duration latency;  // claimed
};

// One of the islands that a certificate speaks of. Each task is on a CPU that its island leases; fallbacks and chains stay within one
// island. Servers and what they block are the CPU's, whoever calls them.
struct IslandPart {
  std::string_view name;
  std::uint32_t cpus = 0;  // bit c: CPU c is leased to it
};

// Claims about whole CPUs: of one island, or of all that share CPUs, directly or through others.
struct Certificate {
  std::uint32_t format = kCertificateFormat;
  std::string_view island;  // whose certificate it is
  std::uint32_t cpus = 0;   // bit c: CPU c is leased to one of the islands
  std::span<const IslandPart> islands;  // empty: one, with all of `cpus`
  Policy policy = Policy::fixed_priority;
  Overheads overheads;
  std::span<const TaskClaim> tasks;
  std::span<const ChainClaim> chains;
  std::span<const ServerCall> calls;
  std::span<const InterruptSource> interrupts;
  std::array<Duration, kMaxCpus> busy{};  // EDF: the claimed busy window of each CPU that has tasks
};

// What the checker compares the certificate with: facts of the machine that it runs on.
struct MachineFacts {
  std::uint32_t cpus = 0;  // bit c: CPU c exists and may be leased
  Overheads overheads;
  std::uint32_t runs = kKernelRuns;  // KernelFeatures
};

enum class Rejection : std::uint8_t {
  format = 1,
  overheads,  // not those of this machine, or the stamp does not belong to them
  no_tasks,
  too_many_tasks,
  cpu_not_available,  // an island leases a CPU that does not exist, or none
  cpu_not_leased,     // a task is on a CPU that its island does not lease
  period,
  budget,
  deadline,
  negative,     // a duration that may not be
  utilisation,  // a CPU's budgets exceed it
  blocking,     // less than a call of a less urgent task can cost
  response,     // the claimed bound does not satisfy its inequality
  response_exceeds_deadline,
  call,  // a call names no task, is longer than its caller's budget, or its server spans CPUs
  interrupt,
  chain_path,
  chain_latency,  // less than the sum of its hops
  chain_exceeds_bound,
  overflow,  // a sum leaves 63 bits
  not_run,   // the kernel does not carry out what the island asks for: EDF, long deadlines, triggered hops
  busy_window,    // EDF: the claimed busy window does not hold its own work; index = CPU
  demand,         // EDF: within `claimed` more is due than fits; index = CPU
  demand_points,  // EDF: the walk takes more than kMaxDemandPoints steps; index = CPU
  consequence,    // of misses: see TaskClaim
  trigger,        // see HopKind; index = the task that is triggered, or triggers too many
  islands,        // a task, a fallback or a chain is not of the island that it should be: see IslandPart
  recovery,       // see TaskClaim
};

struct Refusal {
  Rejection reason;
  std::uint16_t index = 0;  // of the task, chain, call, interrupt or CPU
  Duration claimed;         // the side of the inequality that was claimed, where there is one
  Duration required;        // the side that was computed
};

[[nodiscard]] std::string_view describe(Rejection reason) noexcept;

// Of each task the one whose finish releases it, kNoTask if time does: the first that a triggered chain names. `out` is as
// long as the tasks; indices in chains must be theirs. O(hops).
void find_predecessors(const Certificate& certificate, std::span<std::uint16_t> out) noexcept;

// The longest time for which a CPU may have something to do for the certificate's tasks without a break, from any instant
// on: after it comes one at which none of them is ready, since budgets are enforced. The certificate has been accepted.
// Errors: busy_window if that is longer than `limit`, or takes more than kMaxDemandPoints steps to find. index = CPU.
// O(kMaxDemandPoints * tasks).
[[nodiscard]] ResultOf<Duration, Refusal> longest_busy(const Certificate& certificate, CpuId cpu, Duration limit) noexcept;

// Verifies every inequality by one evaluation. O(tasks^2 + calls * (calls + tasks) + hops), plus
// O(kMaxDemandPoints * tasks) for each task with a response beyond its period; EDF: the same for each CPU. No
// allocation.
[[nodiscard]] ResultOf<void, Refusal> check_certificate(const Certificate& certificate,
                                                        const MachineFacts& machine) noexcept;

}  // namespace capos::sched
