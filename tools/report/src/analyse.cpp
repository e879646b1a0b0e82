// SPDX-License-Identifier: Apache-2.0
#include "capos/report/analyse.hpp"

#include <algorithm>
#include <map>
#include <memory>

#include "chains.hpp"
#include "fault.hpp"
#include "media.hpp"
#include "names.hpp"
#include "pendulum.hpp"
#include "tasks.hpp"
#include "timeline.hpp"
#include "verdict.hpp"

namespace capos::report {
namespace {

using Collectors = std::map<std::uint32_t, TaskCollector>;

std::vector<Event> in_time_order(std::vector<Event> events) {
  std::stable_sort(events.begin(), events.end(),
                   [](const Event& a, const Event& b) { return a.time_ns < b.time_ns; });
  return events;
}

Collectors make_collectors(const RunInputs& inputs, const Names& names) {
  Collectors collectors;
  for (const IslandInput& island : inputs.islands) {
    for (const TaskInput& task : island.tasks) collectors.try_emplace(task.source, task, names);
  }
  return collectors;
}

void end_program(Collectors& collectors, const std::string& service) {
  for (auto& [source, collector] : collectors) {
    if (collector.input().service == service) collector.on_program_end();
  }
}

void collect(Collectors& collectors, const std::vector<Event>& events, const Names& names) {
  for (const Event& event : events) {
    if (event.kind == Kind::exit && event.from_program())
      end_program(collectors, names.of_program(event.program()));
    const auto found = collectors.find(event.source);
    if (found == collectors.end()) continue;
    TaskCollector& task = found->second;
    switch (event.kind) {
      case Kind::job:
        task.on_job(event);
        break;
      case Kind::miss:
        task.on_miss(event);
        break;
      case Kind::overrun:
        task.on_overrun(event);
        break;
      case Kind::consequence:
        task.on_consequence(event);
        break;
      default:
        break;
    }
  }
}

// When the island was active: from its activation to its retirement, or to the last drain.
void find_span(IslandResult& island, const std::vector<Event>& events, const Result& result) {
  island.start_ns = result.start_ns;
  island.end_ns = result.end_ns;
  for (const Event& event : events) {
    if (event.kind != Kind::island || event.source != island.index) continue;
    if (event.values[0] == 1) island.start_ns = std::max(event.values[1], result.start_ns);
    if (event.values[0] == 2) island.end_ns = event.time_ns;
  }
}

ChainResult follow_chain(const ChainInput& input, const IslandInput& island, const Collectors& collectors) {
  ChainResult chain{input, std::nullopt};
  std::vector<const std::vector<Job>*> jobs;
  for (const std::string& name : input.path) {
    for (const TaskInput& task : island.tasks) {
      if (task.name == name) jobs.push_back(&collectors.at(task.source).finished_jobs());
    }
  }
  if (jobs.size() == input.path.size()) chain.latency = chain_latency(jobs);
  return chain;
}

IslandResult finish_island(const IslandInput& input, const Collectors& collectors,
                           const std::vector<Event>& events, const Result& result) {
  IslandResult island;
  island.name = input.name;
  island.index = input.index;
  find_span(island, events, result);
  for (const TaskInput& task : input.tasks) {
    island.tasks.push_back(collectors.at(task.source).finish(island.start_ns, island.end_ns));
  }
  for (const ChainInput& chain : input.chains)
    island.chains.push_back(follow_chain(chain, input, collectors));
  return island;
}

IsolatedCpu describe_cpu(std::uint16_t number, const IslandInput& island, const Result& result) {
  IsolatedCpu cpu;
  cpu.cpu = number;
  cpu.island = island.name;
  if (number < result.header.cpus.size()) {
    const CpuCounters& counters = result.header.cpus[number];
    cpu.interrupts = counters.interrupts_island;
    cpu.idle_ns = counters.idle_ns;
    cpu.context_switches = counters.context_switches;
  }
  for (const std::uint64_t count : cpu.interrupts) cpu.total += count;
  for (const IslandResult& candidate : result.islands) {
    for (const TaskResult& task : candidate.tasks) {
      if (task.input.cpu == number) cpu.jobs += task.jobs;
    }
  }
  return cpu;
}

void note_boot(Boot& boot, const std::vector<Event>& events) {
  for (const Event& event : events) {
    if (event.kind != Kind::boot || event.values[0] >= boot.time_ns.size()) continue;
    boot.time_ns[event.values[0]] = event.time_ns;
    boot.tsc[event.values[0]] = event.values[1];
  }
}

void note_features(Result& result) {
  for (unsigned bit = 0; bit < 64; ++bit) {
    if ((result.header.features >> bit & 1) == 0) continue;
    result.features.emplace_back(feature_name(bit));
    if (const std::string_view gives = mitigation_of(bit); !gives.empty())
      result.mitigations.emplace_back(gives);
  }
  const std::vector<std::string>& stated = result.inputs.machine.mitigations;
  result.mitigations.insert(result.mitigations.end(), stated.begin(), stated.end());
}

}  // namespace

std::optional<std::uint64_t> Boot::work_ticks() const noexcept {
  const auto at = [&](schema::BootMilestone milestone) { return tsc[static_cast<std::size_t>(milestone)]; };
  const auto wait = [&](schema::BootMilestone from, schema::BootMilestone to) -> std::uint64_t {
    return at(from) && at(to) && *at(to) > *at(from) ? *at(to) - *at(from) : 0;
  };
  const auto entry = at(schema::BootMilestone::kernel_entry), init = at(schema::BootMilestone::init_started);
  if (!entry || !init || *init < *entry) return std::nullopt;
  const std::uint64_t waits = wait(schema::BootMilestone::calibration_start, schema::BootMilestone::calibration_end) +
                              wait(schema::BootMilestone::cpus_starting, schema::BootMilestone::cpus_started);
  return *init - *entry > waits ? *init - *entry - waits : 0;
}

Result analyse(const Recording& recording, const RunInputs& inputs) {
  Result result;
  result.inputs = inputs;
  result.header = recording.header;
  result.events = recording.events.size();
  result.dropped_events = recording.header.lost_in_all();
  result.start_ns = recording.header.islands_start_ns;
  result.end_ns = std::max(recording.header.now_ns, result.start_ns);
  note_features(result);

  const std::vector<Event> events = in_time_order(recording.events);
  const Names names(inputs);
  Collectors collectors = make_collectors(inputs, names);
  collect(collectors, events, names);
  note_boot(result.boot, events);
  for (const IslandInput& island : inputs.islands) {
    result.islands.push_back(finish_island(island, collectors, events, result));
  }
  for (const IslandInput& island : inputs.islands) {
    for (const std::uint16_t cpu : island.cpus)
      result.isolated_cpus.push_back(describe_cpu(cpu, island, result));
  }
  result.pendulum = follow_pendulum(events, inputs, result.start_ns);
  result.media = follow_media(recording, events, names, result);
  result.fault = judge_fault(events, result);
  make_timeline(events, names, result);
  judge(result);
  return result;
}

std::vector<std::uint64_t> user_values(const Recording& recording, std::uint32_t code) {
  std::vector<std::uint64_t> values;
  for (const Event& event : recording.events) {
    if (event.kind == Kind::user && event.user_code() == code) values.push_back(event.values[0]);
  }
  return values;
}

}  // namespace capos::report
