// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "demand.hpp"

namespace capos::sched {
namespace analysis {
namespace {

// A response this many times over its deadline is not worth a finer figure.
constexpr std::int64_t kHopeless = 64;

Duration demand(const IslandModel& model, const TaskModel& task, Duration window, std::int64_t jobs) noexcept {
  Duration sum = task.blocking;
  for_each_demand(model, task, window, jobs,
                  [&](ContributionKind, std::uint16_t, std::int64_t count, Duration each) {
                    sum = plus(sum, times(count, each));
                  });
  return sum;
}

// The least window of at least `start` that holds its own demand, from below; kUnbounded beyond `limit`; nothing if
// that takes more than `steps`, from which what it took is subtracted.
std::optional<Duration> least_window(const IslandModel& model, const TaskModel& task, std::int64_t jobs, Duration start,
                                     Duration limit, std::uint32_t& steps) noexcept {
  Duration window = start;
  for (; steps > 0; --steps) {
    const Duration next = demand(model, task, window, jobs);
    if (next <= window) return window;
    window = next;
    if (window > limit) return kUnbounded;
  }
  return std::nullopt;
}

// The worst of the jobs in the busy window; the first alone where a second pending one is a miss anyway.
// False if a fixed point was not reached.
bool find_response(const IslandModel& model, TaskModel& task) noexcept {
  const Duration period = task.period.floor();
  const Duration jitter = full_jitter(model, task);
  const Duration hopeless = times(kHopeless, task.deadline);
  const bool only_first = task.deadline <= period;
  std::uint32_t steps = only_first ? kMaxIterations : kMaxDemandPoints / 2;
  Duration worst{};
  Duration start = task.budget;
  task.response = Duration::max();
  for (std::int64_t job = 0; job < kMaxJobsInWindow; ++job) {
    const Duration before = period * job;
    const auto window = least_window(model, task, job + 1, start, plus(before, hopeless), steps);
    if (!window || *window >= kUnbounded) return window.has_value();
    if (*window + jitter - before > worst) {
      worst = *window + jitter - before;
      task.worst_job = static_cast<std::uint16_t>(job);
    }
    start = *window;
    if (!only_first && *window > before + period - jitter) continue;
    task.response = worst;
    return true;
  }
  return false;
}

// Hands each triggered task its predecessor's response as jitter. True if one grew.
bool pass_jitter_on(IslandModel& model) noexcept {
  bool grew = false;
  for (const ChainModel& chain : model.chains) {
    if (chain.hops != HopKind::triggered) continue;
    for (std::size_t k = 1; k < chain.tasks.size(); ++k) {
      const Duration before = model.tasks[chain.tasks[k - 1]].response;
      TaskModel& task = model.tasks[chain.tasks[k]];
      if (before >= kUnbounded || before <= task.release_jitter) continue;
      task.release_jitter = before;
      grew = true;
    }
  }
  return grew;
}

Analysis late(const IslandModel& model, std::size_t index, Verdict verdict) noexcept {
  const TaskModel& task = model.tasks[index];
  Analysis result;
  result.verdict = verdict;
  result.index = static_cast<std::uint16_t>(index);
  result.found = task.response;
  result.limit = task.deadline;
  return result;
}

// All responses, the jitter of triggered tasks followed until it stands still or someone is late. Jitter only
// grows and a late task ends it, so the rounds are bounded; kMaxRounds only guards against slow creeping.
std::optional<std::size_t> unresolved_task(IslandModel& model) noexcept {
  constexpr int kMaxRounds = 1000;
  for (int round = 0; round < kMaxRounds; ++round) {
    bool hopeless = false;
    for (std::size_t i = 0; i < model.tasks.size(); ++i) {
      if (!find_response(model, model.tasks[i])) return i;
      hopeless |= model.tasks[i].response > model.tasks[i].deadline;
    }
    if (hopeless || !pass_jitter_on(model)) return std::nullopt;
  }
  return 0;
}

std::optional<std::size_t> most_urgent_late(const IslandModel& model) noexcept {
  std::optional<std::size_t> worst;
  for (std::size_t i = 0; i < model.tasks.size(); ++i) {
    if (model.tasks[i].response <= model.tasks[i].deadline) continue;
    if (!worst || model.tasks[i].priority > model.tasks[*worst].priority) worst = i;
  }
  return worst;
}

std::optional<Analysis> overloaded_cpu(const IslandModel& model) noexcept {
  constexpr std::int64_t kWhole = std::int64_t{1} << 20;
  for (std::uint16_t cpu = 0; cpu < kMaxCpus; ++cpu) {
    std::int64_t used = 0;
    for (const TaskModel& t : model.tasks) {
      if (t.cpu == CpuId(cpu)) used += t.budget.ns() * kWhole / t.period.floor().ns();
    }
    if (used <= kWhole) continue;
    Analysis result;
    result.verdict = Verdict::overloaded;
    result.index = cpu;
    result.load_permille = (used * 1'000 + kWhole - 1) / kWhole;
    return result;
  }
  return std::nullopt;
}

}  // namespace

const ServerCall* worst_blocking(const IslandModel& model, const TaskModel& task) noexcept {
  const ServerCall* worst = nullptr;
  for (const ServerCall& call : model.calls) {
    const TaskModel& caller = model.tasks[call.task];
    if (caller.cpu != task.cpu || as_urgent(model, caller, task)) continue;
    const bool shared = std::any_of(model.calls.begin(), model.calls.end(), [&](const ServerCall& other) {
      return other.server == call.server && as_urgent(model, model.tasks[other.task], task);
    });
    if (shared && (worst == nullptr || call.wcet > worst->wcet)) worst = &call;
  }
  return worst;
}

namespace {

void find_blocking(IslandModel& model) noexcept {
  for (TaskModel& task : model.tasks) {
    const ServerCall* const call = worst_blocking(model, task);
    task.blocking = call == nullptr ? Duration{} : call->wcet;
  }
}

Analysis judge_chains(const IslandModel& model) noexcept {
  for (std::size_t i = 0; i < model.chains.size(); ++i) {
    const ChainModel& chain = model.chains[i];
    if (chain.latency <= chain.bound) continue;
    return {Verdict::chain_late, static_cast<std::uint16_t>(i), std::nullopt, chain.latency, chain.bound, 0};
  }
  return {};
}

Analysis analyse_with_priorities(IslandModel& model) noexcept {
  find_blocking(model);
  const auto unresolved = unresolved_task(model);
  for (ChainModel& chain : model.chains) chain.latency = chain_latency(model, chain);
  if (unresolved) return late(model, *unresolved, Verdict::unresolved);
  if (const auto overloaded = overloaded_cpu(model)) return *overloaded;
  if (const auto task = most_urgent_late(model)) return late(model, *task, Verdict::task_late);
  return judge_chains(model);
}

// Each response is the deadline, which triggered successors inherit as jitter; what the demand says of that is
// judged afterwards. At most one round per task of the longest chain.
Analysis analyse_edf(IslandModel& model) noexcept {
  for (TaskModel& task : model.tasks) task.response = task.deadline;  // at most one round per hop
  while (pass_jitter_on(model)) {
  }
  raise_recoveries(model);
  for (TaskModel& task : model.tasks) task.response = task.deadline;
  find_blocking(model);
  for (ChainModel& chain : model.chains) chain.latency = chain_latency(model, chain);
  if (const auto overloaded = overloaded_cpu(model)) return *overloaded;
  const Analysis judged = judge_demand(model);
  if (!judged.admitted()) {
    for (TaskModel& task : model.tasks) task.response = Duration::max();
    return judged;
  }
  return judge_chains(model);
}

}  // namespace
}  // namespace analysis

Analysis analyse(IslandModel& model) noexcept {
  if (const auto malformed = analysis::find_malformed(model)) return *malformed;
  if (!analysis::derive_priorities(model.tasks)) {
    return {Verdict::malformed, 0, Rejection::too_many_tasks, {}, {}, 0};
  }
  for (TaskModel& task : model.tasks) {
    task.release_jitter = task.jitter;
    task.worst_job = 0;
  }
  if (model.policy == Policy::edf) return analysis::analyse_edf(model);
  analysis::raise_recoveries(model);
  return analysis::analyse_with_priorities(model);
}

}  // namespace capos::sched
