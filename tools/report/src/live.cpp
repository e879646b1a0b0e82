// SPDX-License-Identifier: Apache-2.0
#include "capos/report/live.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <nlohmann/json.hpp>
#include <numeric>
#include <utility>

#include "capos/report/comparison.hpp"
#include "capos/report/render.hpp"
#include "format.hpp"

namespace capos::report {
namespace {

std::uint64_t sum(const std::array<std::uint64_t, abi::kInterruptCauses>& counts) {
  return std::accumulate(counts.begin(), counts.end(), std::uint64_t{0});
}

// A counter that went back (the guest may write anything) is no progress.
std::uint64_t gained(std::uint64_t now, std::uint64_t before) { return now > before ? now - before : 0; }

const char* name_of(RunState state) {
  switch (state) {
    case RunState::booting: return "booting";
    case RunState::running: return "running";
    case RunState::finished: return "finished";
  }
  return "unknown";
}

std::string share(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? "-" : format_percent(static_cast<double>(part), static_cast<double>(whole));
}

ComparedTable task_table(const LiveView& view) {
  ComparedTable table{"tasks", {{"island", true}, {"task", true}, {"period"}, {"budget"}, {"deadline"}, {"jobs"}, {"misses"}, {"overruns"},
                                {"uses"}, {"response"}, {"max"}, {"wake-up"}, {"max"}}, {}};
  for (const auto& task : view.tasks) {
    const auto& facts = task.facts;
    const auto seen = [&](std::uint64_t ns, std::uint64_t jobs) { return jobs == 0 ? "-" : format_ns(ns); };
    table.rows.push_back({facts.island, facts.name, format_ns(facts.period_ns), format_ns(facts.budget_ns), format_ns(facts.deadline_ns),
                          group_digits(task.jobs), group_digits(task.misses), group_digits(task.overruns), share(task.new_consumed_ns, view.window_ns),
                          seen(task.new_response_max_ns, task.new_jobs), seen(task.response_max_ns, task.jobs),
                          seen(task.new_wakeup_max_ns, task.new_jobs), seen(task.wakeup_max_ns, task.jobs)});
  }
  return table;
}

ComparedTable cpu_table(const LiveView& view) {
  ComparedTable table{"CPUs and their trace rings", {{"cpu"}, {"busy"}, {"interrupts"}, {"switches"}, {"lost events"}}, {}};
  for (std::size_t i = 0; i < view.cpus.size(); ++i) {
    const auto& cpu = view.cpus[i];
    table.rows.push_back({fmt::format("{}", i), share(gained(view.window_ns, cpu.idle_ns), view.window_ns), group_digits(cpu.interrupts),
                          group_digits(cpu.context_switches), group_digits(cpu.lost_events)});
  }
  return table;
}

const char* name_of_side(std::uint32_t state) {
  constexpr std::array kNames = {"absent", "attached", "closed", "dead", "revoked"};  // RingPeerState
  return state < kNames.size() ? kNames[state] : "unknown";
}

// Elements in a ring, as its indices say: a hostile side may have written any.
std::uint64_t inside(std::uint64_t put, std::uint64_t taken, std::uint64_t room) { return std::min(gained(put, taken), room); }
std::uint32_t inside_32(std::uint32_t put, std::uint32_t taken, std::uint32_t room) { return std::min(put - taken, room); }

ComparedTable ring_table(const LiveView& view) {
  ComparedTable table{"rings of threads", {{"program", true}, {"thread"}, {"entries"}, {"submitted"}, {"new"}, {"waiting"}, {"completed"}, {"new"},
                                           {"unread"}, {"polls", true}}, {}};
  for (const auto& ring : view.rings) {
    const auto& seen = ring.seen;
    table.rows.push_back({ring.program, fmt::format("{}", seen.thread), fmt::format("{}", seen.entries), group_digits(seen.submitted),
                          group_digits(ring.new_submitted), fmt::format("{}", inside_32(seen.submitted, seen.taken, seen.entries)),
                          group_digits(seen.completed), group_digits(ring.new_completed),
                          fmt::format("{}", inside_32(seen.completed, seen.reaped, 2 * seen.entries)), seen.asks_for_wakeups ? "parked" : ""});
  }
  return table;
}

ComparedTable buffer_table(const LiveView& view) {
  ComparedTable table{"shared buffers", {{"at", true}, {"capacity"}, {"bytes each"}, {"pushed"}, {"new"}, {"inside"}, {"dropped"}, {"popped"}, {"new"},
                                         {"producer", true}, {"consumer", true}}, {}};
  for (const auto& buffer : view.buffers) {
    const auto& seen = buffer.seen;
    table.rows.push_back({fmt::format("{:#x}", seen.place), fmt::format("{}", seen.capacity), fmt::format("{}", seen.element_bytes),
                          group_digits(seen.pushed), group_digits(buffer.new_pushed), fmt::format("{}", inside(seen.pushed, seen.popped, seen.capacity)),
                          group_digits(gained(seen.offered, seen.pushed)), group_digits(seen.popped), group_digits(buffer.new_popped),
                          name_of_side(seen.producer), name_of_side(seen.consumer)});
  }
  return table;
}

std::string rings_text(const LiveView& view) {
  if (!view.rings_hidden.empty()) return fmt::format("rings of programs: {}\n", view.rings_hidden);
  return render_table_text(ring_table(view)) + (view.buffers.empty() ? "" : render_table_text(buffer_table(view)));
}

}  // namespace

LiveMeter::LiveMeter(std::vector<LiveTaskFacts> tasks, std::vector<std::string> programs) : programs_(std::move(programs)) {
  for (auto& facts : tasks) view_.tasks.push_back({.facts = std::move(facts)});
}

void LiveMeter::look(const ChannelSnapshot& snapshot, std::span<const Event> events) {
  const std::uint64_t from = std::max(before_.now_ns, snapshot.islands_start_ns);
  view_.state = snapshot.state;
  view_.since_start_ns = snapshot.islands_start_ns == 0 ? 0 : gained(snapshot.now_ns, snapshot.islands_start_ns);
  view_.window_ns = gained(snapshot.now_ns, before_.cpus.empty() ? 0 : from);
  view_.written = snapshot.written;
  view_.capacity = snapshot.capacity;
  view_.dropped = snapshot.dropped;
  for (auto& task : view_.tasks) task.new_jobs = task.new_response_max_ns = task.new_wakeup_max_ns = task.new_consumed_ns = 0;
  for (const auto& event : events) count(event);
  count_cpus(snapshot);
  before_ = snapshot;
}

void LiveMeter::count(const Event& event) {
  const auto task = std::ranges::find_if(view_.tasks, [&](const LiveTask& each) { return each.facts.source == event.source; });
  if (task == view_.tasks.end()) {
    ++view_.other_events;
    return;
  }
  if (event.kind == Kind::miss) ++task->misses;
  if (event.kind == Kind::overrun) ++task->overruns;
  if (event.kind != Kind::job) return;
  const Job job = Job::from_event(event);
  ++task->jobs;
  ++task->new_jobs;
  task->new_consumed_ns += job.consumed_ns;
  task->new_response_max_ns = std::max(task->new_response_max_ns, job.response_ns());
  task->new_wakeup_max_ns = std::max(task->new_wakeup_max_ns, job.wakeup_ns());
  task->response_max_ns = std::max(task->response_max_ns, job.response_ns());
  task->wakeup_max_ns = std::max(task->wakeup_max_ns, job.wakeup_ns());
}

void LiveMeter::count_cpus(const ChannelSnapshot& snapshot) {
  view_.cpus.clear();
  for (std::size_t i = 0; i < snapshot.cpus.size(); ++i) {
    const auto& now = snapshot.cpus[i];
    const CpuCounters then = i < before_.cpus.size() ? before_.cpus[i] : CpuCounters{};
    view_.cpus.push_back({gained(now.idle_ns, then.idle_ns), gained(sum(now.interrupts), sum(then.interrupts)),
                          gained(now.context_switches, then.context_switches), now.lost_events});
  }
}

std::string LiveMeter::program_name(std::uint32_t number) const {
  constexpr std::uint32_t kInit = 0xffff;
  if (number == kInit) return "init";
  return number < programs_.size() ? programs_[number] : fmt::format("program {}", number);
}

// A ring is the one of the look before if place, process and thread are; its indices wrap.
void LiveMeter::look_at_rings(const RingsSeen& rings) {
  const auto rings_before = std::exchange(view_.rings, {});
  const auto buffers_before = std::exchange(view_.buffers, {});
  view_.rings_hidden.clear();
  for (const RingSeen& seen : rings.threads) {
    const auto before = std::ranges::find_if(rings_before, [&](const LiveRing& each) {
      return each.seen.place == seen.place && each.seen.process == seen.process && each.seen.thread == seen.thread && each.seen.entries == seen.entries;
    });
    const bool known = before != rings_before.end();
    view_.rings.push_back({seen, program_name(seen.process), known ? seen.submitted - before->seen.submitted : 0,
                           known ? seen.completed - before->seen.completed : 0});
  }
  for (const BufferSeen& seen : rings.buffers) {
    const auto before = std::ranges::find_if(buffers_before, [&](const LiveBuffer& each) { return each.seen.place == seen.place; });
    const bool known = before != buffers_before.end();
    view_.buffers.push_back({seen, known ? gained(seen.pushed, before->seen.pushed) : 0, known ? gained(seen.popped, before->seen.popped) : 0});
  }
}

void LiveMeter::hide_rings(std::string why) {
  view_.rings.clear();
  view_.buffers.clear();
  view_.rings_hidden = std::move(why);
}

std::string render_live_text(const LiveView& view) {
  std::string text = fmt::format("{}, {} since the islands' start, of which the last {} are shown where no max is\n", name_of(view.state),
                                 format_ns(view.since_start_ns), format_ns(view.window_ns));
  text += render_table_text(task_table(view)) + render_table_text(cpu_table(view)) + rings_text(view);
  return text + fmt::format("channel: {} of {} events written, {} dropped\n", group_digits(view.written), group_digits(view.capacity), group_digits(view.dropped));
}

std::string render_live_json(const LiveView& view) {
  using Json = nlohmann::ordered_json;
  Json tasks = Json::array(), cpus = Json::array(), rings = Json::array(), buffers = Json::array();
  for (const auto& task : view.tasks) {
    const auto& facts = task.facts;
    tasks.push_back({{"island", facts.island}, {"name", facts.name}, {"period_ns", facts.period_ns}, {"budget_ns", facts.budget_ns},
                     {"deadline_ns", facts.deadline_ns}, {"jobs", task.jobs}, {"misses", task.misses}, {"overruns", task.overruns},
                     {"response_max_ns", task.response_max_ns}, {"wakeup_max_ns", task.wakeup_max_ns}, {"new_jobs", task.new_jobs},
                     {"new_consumed_ns", task.new_consumed_ns}, {"new_response_max_ns", task.new_response_max_ns},
                     {"new_wakeup_max_ns", task.new_wakeup_max_ns}});
  }
  for (const auto& cpu : view.cpus) {
    cpus.push_back({{"idle_ns", cpu.idle_ns}, {"interrupts", cpu.interrupts}, {"context_switches", cpu.context_switches}, {"lost_events", cpu.lost_events}});
  }
  for (const auto& ring : view.rings) {
    const auto& seen = ring.seen;
    rings.push_back({{"program", ring.program}, {"thread", seen.thread}, {"entries", seen.entries}, {"submitted", seen.submitted}, {"taken", seen.taken},
                     {"completed", seen.completed}, {"reaped", seen.reaped}, {"new_submitted", ring.new_submitted},
                     {"new_completed", ring.new_completed}, {"asks_for_wakeups", seen.asks_for_wakeups}});
  }
  for (const auto& buffer : view.buffers) {
    const auto& seen = buffer.seen;
    buffers.push_back({{"place", seen.place}, {"capacity", seen.capacity}, {"element_bytes", seen.element_bytes}, {"offered", seen.offered},
                       {"pushed", seen.pushed}, {"popped", seen.popped}, {"new_pushed", buffer.new_pushed}, {"new_popped", buffer.new_popped},
                       {"producer", name_of_side(seen.producer)}, {"consumer", name_of_side(seen.consumer)}});
  }
  const Json json{{"state", name_of(view.state)}, {"since_start_ns", view.since_start_ns}, {"window_ns", view.window_ns}, {"tasks", std::move(tasks)},
                  {"cpus", std::move(cpus)}, {"rings", std::move(rings)}, {"buffers", std::move(buffers)}, {"rings_hidden", view.rings_hidden},
                  {"channel", {{"written", view.written}, {"capacity", view.capacity}, {"dropped", view.dropped}, {"other_events", view.other_events}}}};
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace capos::report
