// SPDX-License-Identifier: Apache-2.0
#include "perfetto_switches.hpp"

#include <fmt/format.h>

#include <map>
#include <set>

namespace capos::report::perfetto {
namespace {

constexpr std::uint64_t kFirstFlow = std::uint64_t{1} << 32;  // those of chains are below

class Switches {
 public:
  Switches(Timeline& timeline, const Names& names) : timeline_(timeline), names_(names) {}

  void take(const Event& event) {
    switch (event.kind) {
      case Kind::dispatch: return dispatch(event);
      case Kind::interrupt:
        timeline_.add(event.time_ns, Type::instant, interrupts_of(event.cpu), "interrupt",
                      report::describe(static_cast<schema::InterruptCause>(event.source)));
        return;
      case Kind::release:
        return annotate(timeline_.add(event.time_ns, Type::instant, interrupts_of(event.cpu), "release", names_.of_source(event.source)),
                        "job", event.values[1]);
      case Kind::lend: return lend(event);
      case Kind::give_back: return give_back(event);
      default: return;
    }
  }
  // Who runs still runs.
  void finish(std::uint64_t now_ns) {
    for (const std::uint64_t cpu : busy_) timeline_.add(now_ns, Type::end, cpu_track(cpu));
    for (const auto& [track, open] : open_) {
      for (std::size_t i = 0; i < open; ++i) timeline_.add(now_ns, Type::end, track);
    }
  }

 private:
  void dispatch(const Event& event) {
    const std::uint64_t track = cpu_track(event.cpu);
    if (busy_.erase(event.cpu) != 0) timeline_.add(event.time_ns, Type::end, track);
    if (event.source == kNobody) return;
    auto& slice = timeline_.add(event.time_ns, Type::begin, track, "dispatch", names_.of_program(event.program()));
    annotate(slice, "thread", event.values[1]);
    annotate(slice, "on", event.values[0] == kNobody ? "best effort" : names_.of_source(static_cast<std::uint32_t>(event.values[0])));
    busy_.insert(event.cpu);
  }

  void lend(const Event& event) {
    const std::uint64_t flow = next_flow_++;
    const std::uint32_t server = static_cast<std::uint32_t>(event.values[0]) & 0xffff;
    const std::string who = names_.of_program(event.program());
    auto& call = timeline_.add(event.time_ns, Type::instant, caller_of(event), "donation", "calls " + names_.of_program(server));
    annotate(call, "time of", event.values[1] == kNobody ? "best effort" : names_.of_source(static_cast<std::uint32_t>(event.values[1])));
    call.fixed64(event::kFlow, flow);
    const std::uint64_t track = server_of(event);
    timeline_.add(event.time_ns, Type::begin, track, "donation", "for " + who).fixed64(event::kEndOfFlow, flow);
    ++open_[track];
  }

  // Of a call that was lent before the recording began there is no slice to end.
  void give_back(const Event& event) {
    const std::uint64_t track = server_of(event);
    std::size_t& open = open_[track];
    if (open == 0) return;
    --open;
    const std::uint64_t flow = next_flow_++;
    timeline_.add(event.time_ns, Type::instant, track, "donation", "gives back").fixed64(event::kFlow, flow);
    timeline_.add(event.time_ns, Type::end, track);
    timeline_.add(event.time_ns, Type::instant, caller_of(event), "donation", "has its time again").fixed64(event::kEndOfFlow, flow);
  }

  std::uint64_t caller_of(const Event& event) { return thread(event.program(), event.values[2]); }
  std::uint64_t server_of(const Event& event) {
    return thread(static_cast<std::uint32_t>(event.values[0]) & 0xffff, event.values[3]);
  }
  // Tracks are described when there is something on them.
  std::uint64_t thread(std::uint32_t program, std::uint64_t number) {
    const std::uint64_t track = thread_track(program, number);
    if (described_.insert(track).second) {
      timeline_.describe(track, fmt::format("{}, thread {}", names_.of_program(program), number), kMachine);
    }
    return track;
  }
  std::uint64_t interrupts_of(std::uint16_t cpu) {
    const std::uint64_t track = interrupt_track(cpu);
    if (described_.insert(track).second) timeline_.describe(track, "interrupts and releases", cpu_track(cpu));
    return track;
  }

  Timeline& timeline_;
  const Names& names_;
  std::set<std::uint64_t> busy_;       // CPUs with a slice that has not ended
  std::map<std::uint64_t, std::size_t> open_;  // by track: slices that have not ended
  std::set<std::uint64_t> described_;
  std::uint64_t next_flow_ = kFirstFlow;
};

}  // namespace

void add_switches(Timeline& timeline, const Recording& recording, const Names& names) {
  std::vector<const Event*> events;
  for (const Event& event : recording.events) events.push_back(&event);
  std::ranges::stable_sort(events, {}, [](const Event* event) { return event->time_ns; });
  Switches switches(timeline, names);
  for (const Event* event : events) switches.take(*event);
  switches.finish(recording.header.now_ns);
}

}  // namespace capos::report::perfetto
