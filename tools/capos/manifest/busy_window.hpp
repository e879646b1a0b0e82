// SPDX-License-Identifier: Apache-2.0
// The worst case of one task drawn out: who runs when in its busy window, as text, as JSON and as a picture.
//
// The pieces are those that the analysis counts, at the arrivals that stand closest; they are scheduled here by
// themselves, so that the finish that comes out is a check of the bound as well.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "capos/admission/model.hpp"

namespace capos::cli {

enum class Who : std::uint8_t { kernel, interrupt, timer, server, other, late, own, idle };

// Times in ns from the window's start, which is the latest arrival of the task's first job in it.
struct Segment {
  Who who = Who::idle;
  std::string name;
  std::int64_t from = 0;
  std::int64_t to = 0;
};

struct BusyWindow {
  std::string task;  // "island.task"
  bool edf = false;
  bool bounded = false;
  std::int64_t response = 0;  // fixed priorities: the bound, from the scheduled release of the worst job
  std::int64_t deadline = 0;
  std::int64_t jitter = 0;    // how long before the window's start the first job was due to be released
  std::int64_t worst_job = 0; // its place in the window
  std::int64_t due = 0;       // when the worst job is due
  std::int64_t finish = 0;    // when it ends
  std::vector<Segment> segments;
};

// For the task at `index` of an island that analyse() has seen. EDF: the window that ends with that of the task's
// deadlines which has the least slack. At most kMostPieces jobs, timer events and interrupts are drawn.
[[nodiscard]] BusyWindow busy_window_of(const admission::IslandModel& model, std::size_t index);

inline constexpr std::size_t kMostPieces = 20'000;

[[nodiscard]] std::string render_text(const BusyWindow& window);
[[nodiscard]] std::string render_svg(const BusyWindow& window);
[[nodiscard]] nlohmann::ordered_json to_json(const BusyWindow& window);

}  // namespace capos::cli
