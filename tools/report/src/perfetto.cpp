// SPDX-License-Identifier: Apache-2.0
// Message and field numbers: perfetto/protos/perfetto/trace of the Perfetto documentation ("Trace packet reference").
// tests/report/perfetto.proto states those used here, and the stock compiler reads the result back by it.
#include "capos/report/perfetto.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include "names.hpp"
#include "protobuf.hpp"

namespace capos::report {
namespace {

namespace packet {
constexpr std::uint32_t kTimestamp = 8, kSequence = 10, kEvent = 11, kDescriptor = 60;
}
namespace descriptor {
constexpr std::uint32_t kUuid = 1, kName = 2, kParent = 5, kCounter = 8;
}
namespace event {
constexpr std::uint32_t kAnnotation = 4, kType = 9, kTrack = 11, kCategory = 22, kName = 23, kCounterValue = 30, kFlow = 47,
                        kEndOfFlow = 48;
}
namespace annotation {
constexpr std::uint32_t kUnsigned = 3, kText = 6, kName = 10;
}
enum class Type : std::uint64_t { begin = 1, end = 2, instant = 3, counter = 4 };

// Tracks are known by number; the kinds share no numbers.
constexpr std::uint64_t kMachine = 1;
constexpr std::uint64_t cpu_track(std::uint64_t cpu) { return 0x100 + cpu; }
constexpr std::uint64_t counter_track(std::uint64_t cpu, std::size_t cause) { return 0x1000 + cpu * 0x100 + cause; }
constexpr std::uint64_t task_track(std::uint32_t source) { return 0x1'0000'0000 + source; }
constexpr std::uint64_t program_track(std::uint32_t number) { return 0x2'0000'0000 + number; }

struct Packet {
  std::uint64_t time = 0;
  ProtobufMessage event;
};

class Timeline {
 public:
  void describe(std::uint64_t track, const std::string& name, std::uint64_t parent = 0, bool counts = false) {
    ProtobufMessage about;
    about.varint(descriptor::kUuid, track).text(descriptor::kName, name);
    if (parent != 0) about.varint(descriptor::kParent, parent);
    if (counts) about.message(descriptor::kCounter, {});
    ProtobufMessage packet;
    packet.varint(packet::kSequence, 1).message(packet::kDescriptor, about);
    trace_.message(1, packet);
  }
  ProtobufMessage& add(std::uint64_t time, Type type, std::uint64_t track, std::string_view category = {},
                       std::string_view name = {}) {
    ProtobufMessage event;
    event.varint(event::kType, static_cast<std::uint64_t>(type)).varint(event::kTrack, track);
    if (!category.empty()) event.text(event::kCategory, category);
    if (!name.empty()) event.text(event::kName, name);
    packets_.push_back({time, std::move(event)});
    return packets_.back().event;
  }
  // In time order; of equal times in the order they were added.
  [[nodiscard]] std::string finish() {
    std::ranges::stable_sort(packets_, {}, &Packet::time);
    for (const Packet& each : packets_) {
      ProtobufMessage packet;
      packet.varint(packet::kTimestamp, each.time).varint(packet::kSequence, 1).message(packet::kEvent, each.event);
      trace_.message(1, packet);
    }
    return trace_.bytes();
  }

 private:
  ProtobufMessage trace_;
  std::vector<Packet> packets_;
};

void annotate(ProtobufMessage& event, std::string_view name, std::uint64_t value) {
  event.message(event::kAnnotation, ProtobufMessage().text(annotation::kName, name).varint(annotation::kUnsigned, value));
}
void annotate(ProtobufMessage& event, std::string_view name, std::string_view value) {
  event.message(event::kAnnotation, ProtobufMessage().text(annotation::kName, name).text(annotation::kText, value));
}

using Jobs = std::map<std::uint32_t, std::vector<Job>>;  // by task, in the order of their releases

Jobs jobs_of(const std::vector<Event>& events) {
  Jobs jobs;
  for (const Event& event : events) {
    if (event.kind == Kind::job) jobs[event.source].push_back(Job::from_event(event));
  }
  for (auto& [source, of_task] : jobs) std::ranges::stable_sort(of_task, {}, &Job::release_ns);
  return jobs;
}

// What a job hands on and takes, by its task and index.
struct Flows {
  std::map<std::pair<std::uint32_t, std::uint32_t>, std::vector<std::uint64_t>> out, in;
};

std::optional<std::uint32_t> source_of(const IslandInput& island, const std::string& task) {
  const auto found = std::ranges::find(island.tasks, task, &TaskInput::name);
  return found == island.tasks.end() ? std::nullopt : std::optional(found->source);
}

// A reader takes the newest value there is when it starts: of the last job of the writer that had ended by then.
void connect(const std::vector<Job>& writers, const std::vector<Job>& readers, Flows& flows, std::uint64_t& next) {
  auto writer = writers.begin();
  const Job* newest = nullptr;
  for (const Job& reader : readers) {
    const Job* const before = newest;
    for (; writer != writers.end() && writer->finish_ns <= reader.start_ns; ++writer) {
      if (!writer->abandoned) newest = &*writer;
    }
    if (newest == nullptr || newest == before) continue;  // nothing new: no flow
    flows.out[{newest->source, newest->index}].push_back(++next);
    flows.in[{reader.source, reader.index}].push_back(next);
  }
}

Flows flows_of(const Jobs& jobs, const RunInputs& inputs) {
  Flows flows;
  std::uint64_t next = 0;
  for (const IslandInput& island : inputs.islands) {
    for (const ChainInput& chain : island.chains) {
      for (std::size_t i = 1; i < chain.path.size(); ++i) {
        const auto from = source_of(island, chain.path[i - 1]), to = source_of(island, chain.path[i]);
        if (!from || !to || !jobs.contains(*from) || !jobs.contains(*to)) continue;
        connect(jobs.at(*from), jobs.at(*to), flows, next);
      }
    }
  }
  return flows;
}

void add_job(Timeline& timeline, const Job& job, const Flows& flows, const Names& names) {
  const std::uint64_t track = task_track(job.source);
  timeline.add(job.release_ns, Type::instant, track, "release", "release");
  timeline.add(job.deadline_ns, Type::instant, track, "deadline", "deadline");
  const std::uint64_t start = std::min(job.start_ns, job.finish_ns);
  auto& slice = timeline.add(start, Type::begin, track, "job", fmt::format("{} {}", names.of_source(job.source), job.index));
  annotate(slice, "wake-up ns", job.wakeup_ns());
  annotate(slice, "response ns", job.response_ns());
  annotate(slice, "consumed ns", job.consumed_ns);
  annotate(slice, "preemptions", job.preemptions);
  if (job.by_whom != kNobody) annotate(slice, "delayed by", names.of_source(job.by_whom));
  if (job.cause != Cause::none) annotate(slice, "late because", report::describe(job.cause));
  const auto tell = [&](const auto& ends, std::uint32_t field) {
    const auto found = ends.find({job.source, job.index});
    if (found == ends.end()) return;
    for (const std::uint64_t flow : found->second) slice.fixed64(field, flow);
  };
  tell(flows.in, event::kEndOfFlow);
  tell(flows.out, event::kFlow);
  timeline.add(job.finish_ns, Type::end, track);
}

// What is neither a job nor a program's own event.
void add_instant(Timeline& timeline, const Event& event, const Names& names) {
  const auto& [a, b, c, d, e, f] = event.values;
  const auto at = [&](std::uint64_t track, std::string_view category, std::string_view name) -> ProtobufMessage& {
    return timeline.add(event.time_ns, Type::instant, track, category, name);
  };
  switch (event.kind) {
    case Kind::miss: {
      auto& instant = at(task_track(event.source), "miss", "deadline missed");
      annotate(instant, "why", report::describe(static_cast<Cause>(c)));
      if (d != kNobody) annotate(instant, "by whom", names.of_source(static_cast<std::uint32_t>(d)));
      return;
    }
    case Kind::overrun:
      return annotate(at(task_track(event.source), "overrun", "budget spent"), "consumed ns", b);
    case Kind::consequence:
      at(task_track(event.source), "consequence", consequence_name(a));
      return;
    case Kind::fault: {
      auto& instant = at(program_track(event.program()), "fault", "fault");
      annotate(instant, "vector", a);
      annotate(instant, "instruction", fmt::format("{:#x}", c));
      annotate(instant, "address", fmt::format("{:#x}", d));
      return;
    }
    case Kind::exit:
      return annotate(at(program_track(event.program()), "exit", "exit"), "code", b);
    case Kind::island:
      at(kMachine, "island", fmt::format("island {} {}", event.source, a == 1 ? "activated" : a == 2 ? "retired" : a == 4 ? "changed" : "refused"));
      return;
    case Kind::boot:
      at(kMachine, "boot", a < 7 ? schema::name_of(static_cast<schema::BootMilestone>(a)) : "milestone");
      return;
    case Kind::user: {
      auto& instant = at(program_track(event.program()), "user", fmt::format("event {}", event.user_code()));
      annotate(instant, "a", a);
      return;
    }
    default:
      return;
  }
}

void describe_tracks(Timeline& timeline, const Recording& recording, const RunInputs& inputs, const Names& names) {
  timeline.describe(kMachine, inputs.machine.kernel_version + ", " + inputs.title);
  for (std::uint32_t cpu = 0; cpu < recording.header.cpus.size(); ++cpu) {
    timeline.describe(cpu_track(cpu), fmt::format("CPU {}", cpu), kMachine);
  }
  for (const IslandInput& island : inputs.islands) {
    for (const TaskInput& task : island.tasks) {
      timeline.describe(task_track(task.source), names.of_source(task.source), cpu_track(task.cpu));
    }
  }
  for (const ServiceInput& service : inputs.services) {
    timeline.describe(program_track(service.number), service.name, kMachine);
  }
}

// Totals are all there is: a step from nothing to the count, over the time that was counted.
void add_counters(Timeline& timeline, const Recording& recording) {
  const auto& header = recording.header;
  for (std::size_t cpu = 0; cpu < header.cpus.size(); ++cpu) {
    for (std::size_t cause = 0; cause < abi::kInterruptCauses; ++cause) {
      const std::uint64_t count = header.cpus[cpu].interrupts[cause];
      if (count == 0) continue;
      const std::uint64_t track = counter_track(cpu, cause);
      const auto what = report::describe(static_cast<schema::InterruptCause>(cause));
      timeline.describe(track, fmt::format("interrupts, {}", what), cpu_track(cpu), true);
      timeline.add(0, Type::counter, track).varint(event::kCounterValue, 0);
      timeline.add(header.now_ns, Type::counter, track).varint(event::kCounterValue, count);
    }
  }
}

}  // namespace

std::string render_perfetto(const Recording& recording, const RunInputs& inputs) {
  const Names names(inputs);
  const Jobs jobs = jobs_of(recording.events);
  const Flows flows = flows_of(jobs, inputs);
  Timeline timeline;
  describe_tracks(timeline, recording, inputs, names);
  add_counters(timeline, recording);
  for (const auto& [source, of_task] : jobs) {
    for (const Job& job : of_task) add_job(timeline, job, flows, names);
  }
  for (const Event& event : recording.events) add_instant(timeline, event, names);
  return timeline.finish();
}

}  // namespace capos::report
