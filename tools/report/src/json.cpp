// SPDX-License-Identifier: Apache-2.0
#include <nlohmann/json.hpp>

#include "capos/report/render.hpp"
#include "json_media.hpp"

namespace capos::report {
namespace {

using Json = nlohmann::ordered_json;

Json to_json(const Summary& s) {
  return {{"samples", s.samples}, {"min", s.min},   {"p50", s.p50},
          {"p99", s.p99},         {"p999", s.p999}, {"max", s.max}};
}

// Only the bins that hold something: [lower edge in ns, count].
Json to_json(const Histogram& histogram) {
  Json bins = Json::array();
  for (unsigned i = 0; i < histogram.bins.size(); ++i) {
    if (histogram.bins[i] != 0)
      bins.push_back({static_cast<std::uint64_t>(Histogram::edge(i)), histogram.bins[i]});
  }
  return {{"below", histogram.below}, {"above", histogram.above}, {"bins", std::move(bins)}};
}

Json to_json(const Miss& miss) {
  return {{"index", miss.index},       {"deadline_ns", miss.deadline_ns}, {"late_by_ns", miss.late_by_ns},
          {"finished", miss.finished}, {"cause", name_of(miss.cause)},    {"by_whom", miss.by_whom}};
}

Json misses_of(const TaskResult& task) {
  constexpr std::size_t kMost = 100;
  Json list = Json::array();
  for (const Miss& miss : task.miss_details) {
    if (list.size() < kMost) list.push_back(to_json(miss));
  }
  return list;
}

Json causes_of(const TaskResult& task) {
  Json causes = Json::object();
  for (std::size_t i = 0; i < task.misses_by_cause.size(); ++i) {
    if (task.misses_by_cause[i] != 0)
      causes[std::string(name_of(static_cast<Cause>(i)))] = task.misses_by_cause[i];
  }
  return causes;
}

Json to_json(const TaskResult& task) {
  const TaskInput& input = task.input;
  return {{"name", input.name},
          {"service", input.service},
          {"cpu", input.cpu},
          {"priority", input.priority},
          {"period_ns", input.period_ns()},
          {"deadline_ns", input.deadline_ns},
          {"budget_ns", input.budget_ns},
          {"response_bound_ns", input.response_bound_ns},
          {"on_miss", input.on_miss},
          {"on_overrun", input.on_overrun},
          {"stands_in_for", input.stands_in_for},
          {"jobs", task.jobs},
          {"expected_jobs", task.expected_jobs},
          {"missing_jobs", task.missing_jobs},
          {"misses", task.misses},
          {"overruns", task.overruns},
          {"abandoned", task.abandoned},
          {"preemptions", task.preemptions},
          {"stopped", task.stopped},
          {"consumed_max_ns", task.consumed_max_ns},
          {"response_ns", to_json(task.response)},
          {"wakeup_ns", to_json(task.wakeup)},
          {"misses_by_cause", causes_of(task)},
          {"first_misses", misses_of(task)},
          {"response_histogram", to_json(task.response_histogram)},
          {"wakeup_histogram", to_json(task.wakeup_histogram)}};
}

Json to_json(const ChainResult& chain) {
  return {{"name", chain.input.name},
          {"path", chain.input.path},
          {"bound_ns", chain.input.bound_ns},
          {"max_ns", chain.latency ? Json(chain.latency->max) : Json()},
          {"admitted_ns", chain.input.admitted_ns},
          {"latency_ns", chain.latency ? to_json(*chain.latency) : Json()}};
}

Json to_json(const IslandResult& island) {
  Json tasks = Json::array(), chains = Json::array();
  for (const TaskResult& task : island.tasks) tasks.push_back(to_json(task));
  for (const ChainResult& chain : island.chains) chains.push_back(to_json(chain));
  return {{"name", island.name},
          {"start_ns", island.start_ns},
          {"end_ns", island.end_ns},
          {"tasks", std::move(tasks)},
          {"chains", std::move(chains)}};
}

template <typename Counts>
Json interrupts_to_json(const Counts& counts) {
  Json causes = Json::object();
  for (unsigned i = 0; i < counts.size(); ++i) {
    const std::string_view key = name_of(static_cast<schema::InterruptCause>(i));
    if (!key.empty()) {
      causes[std::string(key)] = counts[i];
    } else if (counts[i] != 0) {
      causes["cause" + std::to_string(i)] = counts[i];
    }
  }
  return causes;
}

Json to_json(const IsolatedCpu& cpu) {
  return {{"cpu", cpu.cpu},
          {"island", cpu.island},
          {"interrupts", interrupts_to_json(cpu.interrupts)},
          {"interrupts_total", cpu.total},
          {"jobs", cpu.jobs},
          {"idle_ns", cpu.idle_ns},
          {"context_switches", cpu.context_switches}};
}

Json all_cpus(const Result& result) {
  Json cpus = Json::array();
  for (std::size_t i = 0; i < result.header.cpus.size(); ++i) {
    const CpuCounters& cpu = result.header.cpus[i];
    cpus.push_back({{"cpu", i},
                    {"interrupts", interrupts_to_json(cpu.interrupts)},
                    {"idle_ns", cpu.idle_ns},
                    {"context_switches", cpu.context_switches},
                    {"lost_events", cpu.lost_events}});
  }
  return cpus;
}

Json to_json(const PendulumResult& pendulum) {
  Json changes = Json::array();
  for (const DriveChange& change : pendulum.drive_changes) {
    changes.push_back(
        {{"time_ns", change.time_ns}, {"from", name_of(change.from)}, {"to", name_of(change.to)}});
  }
  Json control = {{"samples", pendulum.points.size()},
                  {"max_abs_angle_rad", pendulum.max_abs_angle},
                  {"max_abs_position_m", pendulum.max_abs_position},
                  {"max_abs_effort_n", pendulum.max_abs_effort},
                  {"final_angle_rad", pendulum.final_angle},
                  {"settled", pendulum.settled},
                  {"fell", pendulum.fell}};
  control["fell_at_ns"] = pendulum.fell_at_ns ? Json(*pendulum.fell_at_ns) : Json();
  control["drive_changes"] = std::move(changes);
  return control;
}

Json to_json(const FaultResult& fault) {
  return {{"kind", fault.input.kind},
          {"observed", fault.observed},
          {"onset_ns", fault.onset_ns},
          {"onset", fault.onset_text},
          {"budget_enforced", fault.budget_enforced},
          {"others_unharmed", fault.others_unharmed},
          {"held_first", fault.held_first},
          {"safe_state_reached", fault.safe_state_reached},
          {"safe_after_ns", fault.safe_after_ns},
          {"safe_limit_ns", fault.safe_limit_ns}};
}

Json timeline_of(const Result& result) {
  static constexpr const char* kSeverities[] = {"information", "notice", "bad"};
  Json list = Json::array();
  for (const TimelineItem& item : result.timeline) {
    list.push_back({{"time_ns", item.time_ns},
                    {"severity", kSeverities[static_cast<unsigned>(item.severity) % 3]},
                    {"what", item.what},
                    {"who", item.who},
                    {"text", item.text},
                    {"count", item.count},
                    {"until_ns", item.until_ns}});
  }
  return list;
}

Json machine_of(const Result& result) {
  const MachineInfo& machine = result.inputs.machine;
  return {{"description", machine.description},       {"accel", machine.accel},
          {"quantum_ns", machine.quantum_ns},         {"cpus", machine.cpus},
          {"memory_bytes", machine.memory_bytes},     {"tsc_hz", result.header.tsc_hz},
          {"kernel_version", machine.kernel_version}, {"features", result.features},
          {"mitigations", result.mitigations}};
}

Json boot_of(const Boot& boot) {
  static constexpr const char* kNames[] = {"kernelEntry", "calibrationStart", "calibrationEnd",
                                           "cpusStarted", "initStarted",      "islandsStarted", "cpusStarting"};
  Json json = Json::object();
  for (std::size_t i = 0; i < boot.tsc.size(); ++i) {
    if (boot.tsc[i]) json[kNames[i]] = {{"time_ns", *boot.time_ns[i]}, {"tsc", *boot.tsc[i]}};
  }
  json["work_ticks"] = boot.work_ticks() ? Json(*boot.work_ticks()) : Json();
  return json;
}

Json host_of(const RunInputs& inputs) {
  return {{"accel_reason", inputs.machine.accel_reason},
          {"qemu_version", inputs.machine.qemu_version},
          {"host", inputs.machine.host},
          {"command_line", inputs.machine.command_line}};
}

template <typename Items>
Json list_of(const Items& items) {
  Json list = Json::array();
  for (const auto& item : items) list.push_back(to_json(item));
  return list;
}

}  // namespace

std::string render_json(const Result& result) {
  Json json;
  json["verdict"] = result.passed ? "pass" : "fail";
  json["reasons"] = result.reasons;
  json["statements"] = result.statements;
  json["title"] = result.inputs.title;
  json["manifest"] = result.inputs.manifest;
  json["load"] = result.inputs.load;
  json["asked_ns"] = result.inputs.duration_ns;
  json["ran_ns"] = result.end_ns - result.start_ns;
  json["machine"] = machine_of(result);
  json["boot"] = boot_of(result.boot);
  json["islands"] = list_of(result.islands);
  json["isolated_cpus"] = list_of(result.isolated_cpus);
  json["cpus"] = all_cpus(result);
  json["control"] = result.pendulum ? to_json(*result.pendulum) : Json();
  json["media"] = result.media ? media_to_json(*result.media, result.start_ns) : Json();
  json["fault"] = result.fault ? to_json(*result.fault) : Json();
  json["events"] = result.events;
  json["dropped_events"] = result.dropped_events;
  json["timeline"] = timeline_of(result);
  json["timeline_left_out"] = result.timeline_left_out;
  json["host"] = host_of(result.inputs);
  // Names come from files: bytes that are no UTF-8 must not end the report.
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

std::string render_bench_json(const std::vector<BenchLine>& lines) {
  Json list = Json::array();
  for (const BenchLine& line : lines) {
    const Summary& s = line.summary;
    list.push_back({{"name", line.name},
                    {"unit", line.unit},
                    {"min", s.min},
                    {"p50", s.p50},
                    {"p99", s.p99},
                    {"max", s.max},
                    {"samples", s.samples}});
  }
  return list.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace capos::report
