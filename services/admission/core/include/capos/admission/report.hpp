// SPDX-License-Identifier: Apache-2.0
// What admission says about one island: the bound of each task and chain, or why it does not fit, or those that share CPUs with
// it do not.
//
// Names are views into the manifest message. About 25 KiB: keep it static or on the heap of a host program.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>

#include "capos/admission/limits.hpp"
#include "capos/base/time.hpp"

namespace capos::admission {

struct TaskResult {
  std::string_view name;
  std::uint16_t cpu = 0;
  std::uint8_t priority = 0;
  Period period;
  std::uint64_t period_ns = 0;  // rounded down
  std::uint64_t deadline_ns = 0;
  std::uint64_t budget_ns = 0;
  std::uint64_t response_ns =
      0;                      // bound from the scheduled release to the finish; meaningless unless bounded
  std::int64_t slack_ns = 0;  // deadline - response
  std::uint32_t utilisation_ppm = 0;  // budget / period, in millionths
  bool bounded = false;               // there is a bound
  bool fits = false;                  // response <= deadline
};

struct ChainResult {
  std::string_view name;
  std::uint64_t bound_ns = 0;
  std::uint64_t latency_ns = 0;
  bool fits = false;
};

enum class ContributorKind : std::uint8_t {
  own,             // the task's budget
  task,            // a task that comes before it
  server_call,     // a less urgent task's call that it may have to wait for
  kernel_section,  // the kernel with interrupts off
  timer_events,
  switches,
  late_budget_ends,  // tasks that come before it, until a late timer ends their budgets
  interrupt,
  jitter,        // of the release
  earlier_releases,  // subtracted: the worst job is released that many periods after the window's start
  hop_wait,      // of a chain: until the reader's next release
  hop_response,  // of a chain: a task's response
};

// A part of a busy window: count times cost.
struct Contributor {
  ContributorKind kind = ContributorKind::own;
  std::string_view name;    // task, or "service.export" for a call; empty for the kernel's
  std::string_view island;  // whose it is, if another's than the report's
  std::uint64_t count = 0;
  std::uint64_t each_ns = 0;
  [[nodiscard]] std::uint64_t total_ns() const noexcept { return count * each_ns; }  // without its sign
};

enum class FixKind : std::uint8_t {
  budget_at_most,
  period_at_least,
  period_at_most,
  deadline_at_least,
  call_wcet_at_most,
  chain_bound_at_least,
};

// A single change after which the refused task or chain fits.
struct Fix {
  FixKind kind = FixKind::budget_at_most;
  std::string_view name;
  std::string_view island;  // as above
  std::uint64_t ns = 0;
};

enum class RefusalKind : std::uint8_t {
  none,
  response,    // a task's bound exceeds its deadline
  unbounded,   // no bound was found for a task
  overloaded,  // the budgets of a CPU exceed it
  chain,       // a chain's latency exceeds its bound
  demand,      // EDF: more is due within a window than fits into it
  internal,    // analyser and checker disagree: a fault of admission itself, never of the manifest
};

inline constexpr std::size_t kMaxContributors = kMaxTasks + kMaxInterrupts + 16;
inline constexpr std::size_t kMaxFixes = 6;

struct Refusal {
  RefusalKind kind = RefusalKind::none;
  std::string_view name;            // task or chain; for `internal` what was found wrong
  std::string_view island;          // whose task or chain, if another's than the report's
  std::uint16_t cpu = 0;            // for `overloaded` and `demand`
  std::uint64_t response_ns = 0;    // or latency, or demand
  std::uint64_t limit_ns = 0;       // deadline, chain bound, or length of the window
  std::uint32_t load_permille = 0;  // for `overloaded`
  std::array<Contributor, kMaxContributors> contributors{};
  std::size_t contributor_count = 0;
  std::array<Fix, kMaxFixes> fixes{};
  std::size_t fix_count = 0;

  [[nodiscard]] std::span<const Contributor> busy_window() const noexcept {
    return {contributors.data(), contributor_count};
  }
  [[nodiscard]] std::span<const Fix> all_fixes() const noexcept { return {fixes.data(), fix_count}; }
};

struct IslandReport {
  std::string_view island;
  bool admitted = false;
  std::array<TaskResult, kMaxTasks> tasks{};  // in the manifest's order
  std::size_t task_count = 0;
  std::array<ChainResult, kMaxChains> chains{};
  std::size_t chain_count = 0;
  Refusal refusal;  // the first thing that does not fit; kind none when admitted

  [[nodiscard]] std::span<const TaskResult> all_tasks() const noexcept { return {tasks.data(), task_count}; }
  [[nodiscard]] std::span<const ChainResult> all_chains() const noexcept {
    return {chains.data(), chain_count};
  }
};

}  // namespace capos::admission
