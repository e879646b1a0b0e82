// SPDX-License-Identifier: Apache-2.0
#include "capos/report/perfetto.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <vector>

#include "names.hpp"
#include "sentences.hpp"
#include "perfetto_switches.hpp"
#include "perfetto_timeline.hpp"

namespace capos::report {

using namespace perfetto;

namespace {

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
    case Kind::binding: {
      auto& instant = at(task_track(event.source), "binding", a == kNobody ? "no thread" : "another thread");
      if (a != kNobody) annotate(instant, "program", names.of_source(static_cast<std::uint32_t>(a)));
      return;
    }
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

void add_xrun(Timeline& timeline, const XrunItem& xrun, const RunInputs& inputs) {
  const auto node = std::ranges::find(inputs.services, xrun.node, &ServiceInput::name);
  const std::uint64_t track = node == inputs.services.end() ? kMachine : program_track(node->number);
  auto& instant = timeline.add(xrun.time_ns, Type::instant, track, "xrun", "xrun");
  annotate(instant, "block", xrun.cycle);
  annotate(instant, "why", xrun_reason(xrun));
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

std::string render_perfetto(const Recording& recording, const RunInputs& inputs, std::span<const XrunItem> xruns) {
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
  add_switches(timeline, recording, names);
  for (const XrunItem& xrun : xruns) add_xrun(timeline, xrun, inputs);
  return timeline.finish();
}

}  // namespace capos::report
