// SPDX-License-Identifier: Apache-2.0
#include "timeline.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <tuple>

#include "capos/report/render.hpp"
#include "sentences.hpp"

namespace capos::report {
namespace {

constexpr std::uint64_t kRepeatWithin = 50'000'000;

class Builder {
 public:
  void add(TimelineItem item) {
    const auto key = std::make_tuple(item.what, item.who, item.text);
    item.until_ns = item.time_ns;
    const auto open = open_.find(key);
    if (open != open_.end() && item.time_ns - items_[open->second].until_ns <= kRepeatWithin) {
      TimelineItem& same = items_[open->second];
      ++same.count;
      same.until_ns = item.time_ns;
      return;
    }
    open_[key] = items_.size();
    items_.push_back(std::move(item));
  }
  [[nodiscard]] std::vector<TimelineItem> take() { return std::move(items_); }

 private:
  std::vector<TimelineItem> items_;
  std::map<std::tuple<std::string, std::string, std::string>, std::size_t> open_;
};

std::string boot_text(std::uint64_t milestone) {
  static constexpr const char* kTexts[] = {"kernel entered",
                                           "clock calibration begins",
                                           "clock calibration ends",
                                           "processors started",
                                           "init runs",
                                           "islands started",
                                           "other processors are being started"};
  return milestone < std::size(kTexts) ? kTexts[milestone] : fmt::format("milestone {}", milestone);
}

std::string island_text(std::uint64_t what) {
  switch (what) {
    case 1:
      return "activated";
    case 2:
      return "retired";
    case 3:
      return "refused by the kernel";
    case 4:
      return "changed";
    default:
      return fmt::format("event {}", what);
  }
}

std::string vector_name(std::uint64_t vector) {
  switch (vector) {
    case 0:
      return "division error";
    case 6:
      return "invalid instruction";
    case 13:
      return "general protection fault";
    case 14:
      return "page fault";
    default:
      return fmt::format("exception {}", vector);
  }
}

std::string exit_text(const Event& event) {
  const auto code = static_cast<std::int64_t>(event.values[1]);
  switch (event.values[0]) {
    case 0:
      return fmt::format("ended with code {}", code);
    case 1:
      return fmt::format("was ended by its fault ({})", vector_name(event.values[1]));
    case 2:
      return "was killed";
    default:
      return fmt::format("ended (reason {})", event.values[0]);
  }
}

std::string binding_text(const Event& event, const Names& names) {
  if (event.values[0] == kNobody) return "no thread runs on its context any more";
  const std::string program = names.of_source(static_cast<std::uint32_t>(event.values[0]));
  return event.values[1] == 0 ? "runs in " + program + " from now on" : fmt::format("runs in thread {} of {} from now on", event.values[1], program);
}

std::string island_name(const RunInputs& inputs, std::uint32_t index) {
  for (const IslandInput& island : inputs.islands) {
    if (island.index == index) return island.name;
  }
  return fmt::format("island {}", index);
}

// What an actuator decided that it does not decide a thousand times a second.
void add_decision(Builder& builder, const Event& event, const Names& names) {
  const auto decision = schema::ActuatorDecision::Value::from_words(event.values.data(), 6);
  const bool refused = decision.refusal != schema::ActuatorRefusal::none;
  if (!refused && !decision.limited) return;
  const std::string text = refused ? fmt::format("refused a command: {}", name_of(decision.refusal))
                                   : std::string("limited a command to its greatest effort");
  builder.add({event.time_ns, refused ? Severity::notice : Severity::information, "decision",
               names.of_source(event.source), text, 1, event.time_ns});
}

void add_design(Builder& builder, const Event& event, const Names& names) {
  const auto design = schema::ControllerDesign::Value::from_words(event.values.data(), 6);
  builder.add({event.time_ns, Severity::information, "design", names.of_source(event.source),
               fmt::format("gains computed: closed loop {:.4f}, estimator {:.4f} (stable below 1)",
                           design.regulator_radius, design.estimator_radius),
               1, event.time_ns});
}

void add_user_event(Builder& builder, const Event& event, const Names& names) {
  if (event.user_code() == kUserCodeDecision) add_decision(builder, event, names);
  if (event.user_code() == kUserCodeDesign) add_design(builder, event, names);
}

void add_event(Builder& builder, const Event& event, const Names& names, const RunInputs& inputs) {
  const auto add = [&](Severity severity, const char* what, std::string who, std::string text) {
    builder.add({event.time_ns, severity, what, std::move(who), std::move(text), 1, event.time_ns});
  };
  switch (event.kind) {
    case Kind::boot:
      return add(Severity::information, "boot", "kernel", boot_text(event.values[0]));
    case Kind::island:
      return add(event.values[0] == 3 ? Severity::bad : Severity::information, "island",
                 island_name(inputs, event.source), island_text(event.values[0]));
    case Kind::overrun:
      return add(Severity::bad, "overrun", names.of_source(event.source),
                 "spent its budget before its job ended");
    case Kind::consequence:
      return add(Severity::notice, "consequence", names.of_source(event.source),
                 std::string(consequence_name(event.values[0])));
    case Kind::binding:
      return add(Severity::notice, "binding", names.of_source(event.source), binding_text(event, names));
    case Kind::fault:
      return add(Severity::bad, "fault", names.of_source(event.source),
                 fmt::format("{} at {:#x}, address {:#x}", vector_name(event.values[0]), event.values[2],
                             event.values[3]));
    case Kind::exit:
      return add(event.values[0] == 1 ? Severity::bad : Severity::notice, "exit",
                 names.of_source(event.source), exit_text(event));
    case Kind::user:
      return add_user_event(builder, event, names);
    default:
      return;
  }
}

std::string miss_text(const Miss& miss) {
  std::string text = fmt::format("deadline missed: {}", describe(miss.cause));
  if (!miss.by_whom.empty()) text += " by " + miss.by_whom;
  return text;
}

void add_misses(Builder& builder, const IslandResult& island) {
  for (const TaskResult& task : island.tasks) {
    for (const Miss& miss : task.miss_details) {
      builder.add({miss.time_ns, Severity::bad, "miss", full_name(island.name, task.input.name),
                   miss_text(miss), 1, miss.time_ns});
    }
  }
}

Severity severity_of(DriveState to) {
  return to == DriveState::driving || to == DriveState::idle ? Severity::information : Severity::notice;
}

void add_pendulum(Builder& builder, const PendulumResult& pendulum, std::uint64_t start_ns) {
  for (const PushInput& push : pendulum.input.pushes) {
    const std::uint64_t at = start_ns + push.at_ns;
    builder.add({at, Severity::information, "push", "pole",
                 fmt::format("pushed with {:g} N for {}", push.force, format_ns(push.duration_ns)), 1, at});
  }
  for (const DriveChange& change : pendulum.drive_changes) {
    const std::uint64_t at = start_ns + change.time_ns;
    builder.add({at, severity_of(change.to), "drive", "actuator",
                 fmt::format("{} -> {}", describe(change.from), describe(change.to)), 1, at});
  }
  if (pendulum.fell_at_ns) {
    const std::uint64_t at = start_ns + *pendulum.fell_at_ns;
    builder.add({at, Severity::bad, "pendulum", "pole",
                 fmt::format("fell (more than {:g} rad)", kFallenAngle), 1, at});
  }
}

void add_xruns(Builder& builder, const MediaResult& media) {
  for (const XrunItem& xrun : media.xruns) {
    builder.add({xrun.time_ns, Severity::bad, "xrun", xrun.node, xrun_reason(xrun), 1, xrun.time_ns});
  }
}

void add_losses(Builder& builder, const Result& result) {
  if (result.dropped_events == 0) return;
  builder.add({result.end_ns, Severity::bad, "telemetry", "channel",
               fmt::format("{} events were lost", result.dropped_events), 1, result.end_ns});
}

// Keeps what matters most, in time order.
void cut(Result& result) {
  if (result.timeline.size() <= kMaxTimeline) return;
  for (const Severity least : {Severity::information, Severity::notice, Severity::bad}) {
    for (auto item = result.timeline.end(); item != result.timeline.begin();) {
      --item;
      if (result.timeline.size() <= kMaxTimeline) return;
      if (item->severity != least) continue;
      item = result.timeline.erase(item);
      ++result.timeline_left_out;
    }
  }
}

}  // namespace

void make_timeline(const std::vector<Event>& events, const Names& names, Result& result) {
  Builder builder;
  for (const Event& event : events) add_event(builder, event, names, result.inputs);
  for (const IslandResult& island : result.islands) add_misses(builder, island);
  if (result.pendulum) add_pendulum(builder, *result.pendulum, result.start_ns);
  if (result.media) add_xruns(builder, *result.media);
  add_losses(builder, result);
  result.timeline = builder.take();
  std::stable_sort(result.timeline.begin(), result.timeline.end(),
                   [](const TimelineItem& a, const TimelineItem& b) { return a.time_ns < b.time_ns; });
  cut(result);
}

}  // namespace capos::report
