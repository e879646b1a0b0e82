// SPDX-License-Identifier: Apache-2.0
// What a run showed: per task, CPU, chain and pendulum, and the verdict with its reasons.
//
// Plain data made by analyse() (analyse.hpp); the renderers (render.hpp) read it and compute nothing that is
// judged. Times in ns since the guest's clock started unless said otherwise.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "capos/report/channel.hpp"
#include "capos/report/event.hpp"
#include "capos/report/inputs.hpp"
#include "capos/schema/media.hpp"

namespace capos::report {

// Exact order statistics of raw samples: p is the smallest sample that at least p of all do not exceed.
struct Summary {
  std::uint64_t samples = 0;
  std::uint64_t min = 0, p50 = 0, p99 = 0, p999 = 0, max = 0;
};
[[nodiscard]] Summary summarise(std::vector<std::uint64_t> samples);

// Counts on a logarithmic scale: kPerDecade bins for each factor of 10, from 100 ns to 100 ms. What lies
// outside is counted, never dropped.
struct Histogram {
  static constexpr unsigned kDecades = 6, kPerDecade = 20;
  static constexpr std::uint64_t kLowest = 100;
  std::array<std::uint64_t, kDecades * kPerDecade> bins{};
  std::uint64_t below = 0, above = 0;
  void add(std::uint64_t value, std::uint64_t count = 1) noexcept;
  // Lower edge of a bin; the upper edge of the last for kDecades * kPerDecade.
  [[nodiscard]] static double edge(unsigned bin) noexcept;
};

struct Miss {
  std::uint64_t index = 0;
  std::uint64_t time_ns = 0, deadline_ns = 0;
  std::uint64_t late_by_ns = 0;  // 0 when it never finished
  bool finished = false;
  Cause cause = Cause::none;
  std::string by_whom;  // task or service; empty: nobody
};

struct TaskResult {
  TaskInput input;
  std::uint64_t jobs = 0;           // ended, abandoned ones included
  std::uint64_t expected_jobs = 0;  // releases whose deadline lies in the run
  std::uint64_t missing_jobs = 0;   // releases between the first and last seen that left no record
  std::uint64_t misses = 0, overruns = 0, abandoned = 0, preemptions = 0;
  std::uint64_t consumed_max_ns = 0;
  Summary response, wakeup;  // of jobs that the program finished
  Histogram response_histogram, wakeup_histogram;
  std::vector<Miss> miss_details;                  // all, in time order
  std::array<std::uint64_t, 8> misses_by_cause{};  // by Cause
  bool stopped = false;                            // by a consequence, a fault or an exit of its program
};

struct ChainResult {
  ChainInput input;
  std::optional<Summary>
      latency;  // age of the data from the first release to the last finish; absent: not seen
};

struct IslandResult {
  std::string name;
  std::uint32_t index = 0;
  std::uint64_t start_ns = 0, end_ns = 0;
  std::vector<TaskResult> tasks;
  std::vector<ChainResult> chains;
};

struct IsolatedCpu {
  std::uint16_t cpu = 0;
  std::string island;
  std::array<std::uint64_t, abi::kInterruptCauses> interrupts{};  // while the islands were active
  std::uint64_t total = 0;
  std::uint64_t jobs = 0;  // of the tasks on it
  std::uint64_t idle_ns = 0, context_switches = 0;
};

struct PlantPoint {
  std::uint64_t time_ns = 0;  // after the islands' start
  double position = 0, velocity = 0, angle = 0, angular_velocity = 0, effort = 0;
  DriveState state = DriveState::idle;
};
struct DriveChange {
  std::uint64_t time_ns = 0;  // after the islands' start
  DriveState from = DriveState::idle, to = DriveState::idle;
};

inline constexpr double kFallenAngle = 0.5;    // rad: cannot come back with the force there is
inline constexpr double kSettledAngle = 0.02;  // rad, held for the last second

struct PendulumResult {
  PendulumInput input;
  std::vector<PlantPoint> points;
  std::vector<DriveChange> drive_changes;
  double max_abs_angle = 0, max_abs_position = 0, max_abs_effort = 0;
  double final_angle = 0;
  bool fell = false, settled = false;
  std::optional<std::uint64_t> fell_at_ns;  // after the islands' start
};

// A block that did not come in time, or did not fit: at which node, and why.
struct XrunItem {
  std::uint64_t time_ns = 0;  // since the guest's clock started
  std::uint64_t cycle = 0;    // the block's number
  schema::XrunKind kind = schema::XrunKind::underrun;
  schema::XrunCause cause = schema::XrunCause::unknown;
  std::string node;     // the service that met it
  std::string culprit;  // the service whose job is to blame; empty: not known
  std::string by_whom;  // cause `preempted`: who had the CPU instead
  std::uint64_t dropped = 0;
};

struct MediaResult {
  std::vector<std::string> path;  // services, from the source to the driver
  std::vector<XrunItem> xruns;    // all, in time order
  std::uint64_t blocks = 0;       // played, as recorded
  std::uint64_t missing = 0;      // gaps between them, and what the driver's jobs say must be there besides
  std::uint64_t silent = 0;       // blocks in whose place silence was played
  Summary latency;                // from the source's release to the driver's taking, of blocks that were no silence
  std::string chain;              // its admitted bound; empty: none
  std::uint64_t chain_admitted_ns = 0, chain_bound_ns = 0;
  // Against the offline render, bit by bit.
  std::uint64_t different = 0;                // blocks
  std::uint64_t first_different = 0, last_different = 0;  // numbers; meaningful if there is one
  std::string not_compared;                   // why there is nothing to compare; empty: all was
  std::vector<float> samples;                 // what was played, left and right in turn; gaps are silence
  [[nodiscard]] bool equal() const noexcept { return blocks != 0 && missing == 0 && different == 0 && not_compared.empty(); }
};

// How an injected fault was contained.
struct FaultResult {
  FaultInput input;
  bool observed = false;
  std::uint64_t onset_ns = 0;  // after the islands' start
  std::string onset_text;
  bool budget_enforced = false;     // no job of the faulty task used more than its budget
  bool others_unharmed = false;     // no other task missed or overran
  bool safe_state_reached = false;  // the drive was released, and stayed so
  std::uint64_t safe_after_ns = 0;  // from the onset
  std::uint64_t safe_limit_ns = 0;  // declared: expiry + hold, and one plant period to see it
  bool held_first = false;          // the drive held its last command before it was released
};

enum class Severity : std::uint8_t { information, notice, bad };
struct TimelineItem {
  std::uint64_t time_ns = 0;  // since the guest's clock started
  Severity severity = Severity::information;
  std::string what;  // "miss", "fault", "drive", "push", "boot", ...
  std::string who;
  std::string text;         // one line
  std::uint64_t count = 1;  // how often in close succession, the last at until_ns
  std::uint64_t until_ns = 0;
};

struct Boot {
  // Instants by BootMilestone of telemetry.capnp; absent: not seen.
  std::array<std::optional<std::uint64_t>, 7> time_ns{}, tsc{};
  // Kernel entry to init's first instruction without the waits for calibration and other CPUs, in TSC ticks.
  [[nodiscard]] std::optional<std::uint64_t> work_ticks() const noexcept;
};

struct Result {
  RunInputs inputs;
  ChannelSnapshot header;
  std::vector<IslandResult> islands;
  std::vector<IsolatedCpu> isolated_cpus;
  std::optional<PendulumResult> pendulum;
  std::optional<MediaResult> media;
  std::optional<FaultResult> fault;
  Boot boot;
  std::vector<std::string> features;     // what the kernel uses, from the channel
  std::vector<std::string> mitigations;  // those the features give, and the inputs'
  std::vector<TimelineItem> timeline;    // in time order, at most kMaxTimeline
  std::uint64_t timeline_left_out = 0;
  std::uint64_t events = 0, dropped_events = 0;
  std::uint64_t start_ns = 0, end_ns = 0;  // islands' start; last drain
  bool passed = false;
  std::vector<std::string> reasons;     // why not; empty when passed
  std::vector<std::string> statements;  // what was judged and held, one line each
};
inline constexpr std::size_t kMaxTimeline = 400;

}  // namespace capos::report
