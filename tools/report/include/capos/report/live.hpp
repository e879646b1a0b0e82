// SPDX-License-Identifier: Apache-2.0
// A running system as its channel and its memory show it now: tasks, CPUs, the trace rings behind it all, and programs' rings.
//
// The guest writes while this reads and may be hostile: events of an unknown source are counted and left out. Cost: O(events)
// of each look, O(tasks) memory.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "capos/report/channel.hpp"
#include "capos/report/event.hpp"
#include "capos/report/rings.hpp"

namespace capos::report {

// What the manifest says of a task.
struct LiveTaskFacts {
  std::uint32_t source = 0;
  std::string island, name;
  std::uint64_t period_ns = 0, budget_ns = 0, deadline_ns = 0;
};

struct LiveTask {
  LiveTaskFacts facts;
  std::uint64_t jobs = 0, misses = 0, overruns = 0;   // since the islands' start
  std::uint64_t response_max_ns = 0, wakeup_max_ns = 0;
  // Since the look before, or the islands' start.
  std::uint64_t new_jobs = 0, new_response_max_ns = 0, new_wakeup_max_ns = 0, new_consumed_ns = 0;
};

struct LiveCpu {
  std::uint64_t idle_ns = 0, interrupts = 0, context_switches = 0;  // since the look before
  std::uint64_t lost_events = 0;                                    // of its trace ring, since boot
};

struct LiveRing {
  RingSeen seen;
  std::string program;
  std::uint32_t new_submitted = 0, new_completed = 0;  // since the look before
};

struct LiveBuffer {
  BufferSeen seen;
  std::uint64_t new_pushed = 0, new_popped = 0;  // since the look before
};

struct LiveView {
  RunState state = RunState::booting;
  std::uint64_t since_start_ns = 0;  // guest time since the islands' start
  std::uint64_t window_ns = 0;       // guest time since the look before
  std::vector<LiveTask> tasks;
  std::vector<LiveCpu> cpus;
  std::string rings_hidden;         // why programs' rings are not seen; empty: they are
  std::vector<LiveRing> rings;
  std::vector<LiveBuffer> buffers;
  std::uint64_t written = 0, capacity = 0, dropped = 0;  // events of the channel
  std::uint64_t other_events = 0;                        // of no task of the manifest
};

class LiveMeter {
 public:
  // `programs`: their names, by number.
  explicit LiveMeter(std::vector<LiveTaskFacts> tasks, std::vector<std::string> programs = {});
  // `events`: those that came since the look before.
  void look(const ChannelSnapshot& snapshot, std::span<const Event> events);
  // What the machine's memory shows at the same time, or why it does not.
  void look_at_rings(const RingsSeen& rings);
  void hide_rings(std::string why);
  [[nodiscard]] const LiveView& view() const { return view_; }

 private:
  void count(const Event& event);
  void count_cpus(const ChannelSnapshot& snapshot);
  [[nodiscard]] std::string program_name(std::uint32_t number) const;
  LiveView view_;
  std::vector<std::string> programs_;
  ChannelSnapshot before_;
};

// Tables for people; shares are of the window. Ends with a newline.
[[nodiscard]] std::string render_live_text(const LiveView& view);
// An object: state, times, tasks, cpus, rings, buffers, channel. Ends with a newline.
[[nodiscard]] std::string render_live_json(const LiveView& view);

}  // namespace capos::report
