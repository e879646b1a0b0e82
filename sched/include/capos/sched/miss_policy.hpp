// SPDX-License-Identifier: Apache-2.0
// What a missed deadline or a spent budget entails, job after job: a consequence for each, and another when n of the
// last m jobs went wrong.
//
// The rule "n in m" is that of (m, k)-firm deadlines: M. Hamdaoui, P. Ramanathan, "A dynamic priority assignment
// technique for streams with (m, k)-firm deadlines", IEEE ToC 44 (1995); G. Bernat, A. Burns, A. Llamosi (2001).
//
//   normal --n in m, demote--> demoted --recover jobs in a row in time--> normal
//   normal --n in m, fall back--> fallen back --recover jobs of the fallback in a row in time--> normal
//   any --stop the task--> stopped          any --stop the island--> stopped, and the island with it
//
// A demoted task that meets the rule again, and a fallback that does, are stopped: there is nothing below them.
// Nothing here knows a thread or a queue: the owner tells of each job once and carries out what comes back.
// Invariants: a job counts once; the history starts anew with each change of state. Bounds: every operation O(1).
#pragma once

#include <cstdint>

#include "capos/sched/job.hpp"

namespace capos::sched {

// What is done about a job; the same numbers as telemetry.capnp's Remedy. The first five are those of Consequence.
enum class Remedy : std::uint8_t {
  run_late = 0,     // it goes on; later jobs start as soon as they can
  skip = 1,         // it goes on; releases that have passed are skipped
  hold = 2,         // it is ended now; what it drives keeps its last value
  stop_task = 3,
  stop_island = 4,
  demote = 5,       // its task runs below all of its island's others from now on
  promote = 6,      // its task runs at its own priority again
  fall_back = 7,    // the declared task runs instead of it, from that one's next release
  return_back = 8,  // it runs again instead of its fallback, from its next release
  none = 255,
};

enum class TaskMode : std::uint8_t { normal, demoted, fallen_back, stopped };

// manifest.capnp's RepeatedConsequence, the same numbers.
enum class Repeated : std::uint8_t { nothing = 0, demote = 1, fall_back = 2, stop_task = 3, stop_island = 4 };

inline constexpr unsigned kLongestHistory = 64;

// When n of the last m jobs went wrong.
struct Repetition {
  std::uint8_t misses = 0;            // n, 1 to `of`; 0: no such rule, and all else is 0 too
  std::uint8_t of = 0;                // m, 1 to kLongestHistory
  Repeated then = Repeated::nothing;  // something
  std::uint16_t recover = 0;          // jobs in a row in time that end a demotion or a fallback; 0: never
  constexpr bool operator==(const Repetition&) const noexcept = default;
};

struct MissRules {
  Consequence on_miss = Consequence::run_late;
  Consequence on_overrun = Consequence::hold;
  Repetition repeated{};
};

// True if the rules are within the ranges that stand beside them.
[[nodiscard]] bool well_formed(const Repetition& rule) noexcept;
[[nodiscard]] bool well_formed(const MissRules& rules) noexcept;

class MissPolicy {
 public:
  // Starts in normal mode without a history. The rules must be well formed.
  void configure(const MissRules& rules) noexcept;

  // Other rules, and no history; the mode stays, and so does the job in progress.
  void change(const MissRules& rules) noexcept;

  [[nodiscard]] TaskMode mode() const noexcept { return mode_; }
  // Of the last m jobs that ended, how many went wrong.
  [[nodiscard]] unsigned recent_misses() const noexcept { return wrong_in_history_; }

  // The job in progress has spent its budget, or its deadline has passed: at once, before it ends. What to do now; the
  // second of the two events in one job gives its own remedy and is not counted again.
  // What overrun() answers if the budget of the job in progress is spent: nothing more than that it is to be held.
  [[nodiscard]] bool holds_overrun() const noexcept {
    return mode_ != TaskMode::stopped && rules_.on_overrun == Consequence::hold;
  }
  [[nodiscard]] Remedy overrun() noexcept { return went_wrong(rules_.on_overrun); }
  [[nodiscard]] Remedy missed() noexcept { return went_wrong(rules_.on_miss); }
  // The job has ended, in whatever way; in fallen_back mode a job of the fallback. `late`: after its deadline, with
  // nothing said before. Returns what repetition entails, or recovery; none otherwise. `may_recover`: else a recovery that is due waits
  // for the next job in time that may.
  [[nodiscard]] Remedy ended(bool late = false, bool may_recover = true) noexcept {
    return repeats() ? judge(late, may_recover) : Remedy::none;
  }
  // Whether repetition can entail anything.
  [[nodiscard]] bool repeats() const noexcept { return rules_.repeated.misses != 0; }

 private:
  [[nodiscard]] Remedy went_wrong(Consequence consequence) noexcept;
  [[nodiscard]] Remedy judge(bool late, bool may_recover) noexcept;
  [[nodiscard]] Remedy repeated() noexcept;
  [[nodiscard]] Remedy recovered() noexcept;
  void enter(TaskMode mode) noexcept;

  MissRules rules_{};
  std::uint64_t history_ = 0;  // bit k: the job k before the last one went wrong
  std::uint32_t wrong_in_history_ = 0;  // of its last rules_.repeated.of bits
  std::uint32_t in_time_ = 0;  // jobs in a row
  bool wrong_ = false;         // the job in progress
  TaskMode mode_ = TaskMode::normal;
};

}  // namespace capos::sched
