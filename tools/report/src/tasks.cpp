// SPDX-License-Identifier: Apache-2.0
#include "tasks.hpp"

#include <algorithm>
#include <iterator>

namespace capos::report {
namespace {

constexpr std::uint64_t kStopTask = 3, kStopIsland = 4;  // Remedy

// Releases k >= 0 at start + k * period whose deadline lies at or before `end`.
std::uint64_t expected_jobs(const TaskInput& task, std::uint64_t start, std::uint64_t end) {
  if (task.period_numerator == 0 || end < start || end - start < task.deadline_ns) return 0;
  const unsigned __int128 room = end - start - task.deadline_ns;
  const unsigned __int128 per_period = static_cast<unsigned __int128>(task.period_numerator) * 1'000'000'000u;
  return static_cast<std::uint64_t>(room * task.period_denominator / per_period) + 1;
}

}  // namespace

TaskCollector::TaskCollector(const TaskInput& input, const Names& names) : names_(names) {
  result_.input = input;
}

void TaskCollector::on_job(const Event& event) {
  const Job job = Job::from_event(event);
  ++result_.jobs;
  indices_.insert(job.index);
  result_.preemptions += job.preemptions;
  result_.consumed_max_ns = std::max(result_.consumed_max_ns, job.consumed_ns);
  if (job.overran) overruns_.insert(job.index);
  if (job.abandoned) {
    ++result_.abandoned;
  } else {
    finished_.push_back(job);
    responses_.push_back(job.response_ns());
    result_.response_histogram.add(job.response_ns());
    if (job.start_ns <= job.finish_ns) {
      wakeups_.push_back(job.wakeup_ns());
      result_.wakeup_histogram.add(job.wakeup_ns());
    }
  }
  if (job.abandoned || job.finish_ns > job.deadline_ns || job.cause != Cause::none) note_miss(job);
}

void TaskCollector::note_miss(const Job& job) {
  Miss& miss = misses_[job.index];
  miss.index = job.index;
  miss.deadline_ns = job.deadline_ns;
  miss.finished = !job.abandoned;
  miss.time_ns = job.deadline_ns;
  miss.late_by_ns = miss.finished && job.finish_ns > job.deadline_ns ? job.finish_ns - job.deadline_ns : 0;
  if (job.cause != Cause::none) {
    miss.cause = job.cause;
  } else if (miss.cause == Cause::none && job.overran) {
    miss.cause = Cause::budget_spent;
  }
  if (job.by_whom != kNobody) miss.by_whom = names_.of_source(job.by_whom);
}

void TaskCollector::on_miss(const Event& event) {
  const auto index = static_cast<std::uint32_t>(event.values[1]);
  const auto [place, is_new] = misses_.try_emplace(index);
  if (!is_new) return;
  Miss& miss = place->second;
  miss.index = index;
  miss.time_ns = miss.deadline_ns = event.values[0];
  miss.cause = static_cast<Cause>(event.values[2] & 0xffff);
  miss.by_whom = names_.of_source(static_cast<std::uint32_t>(event.values[3]));
}

void TaskCollector::on_overrun(const Event& event) {
  overruns_.insert(static_cast<std::uint32_t>(event.values[0]));
  result_.consumed_max_ns = std::max(result_.consumed_max_ns, event.values[1]);
}

void TaskCollector::on_consequence(const Event& event) {
  if (event.values[0] == kStopTask || event.values[0] == kStopIsland) result_.stopped = true;
}

TaskResult TaskCollector::finish(std::uint64_t start_ns, std::uint64_t end_ns) const {
  TaskResult result = result_;
  result.response = summarise(responses_);
  result.wakeup = summarise(wakeups_);
  result.overruns = overruns_.size();
  result.misses = misses_.size();
  for (const auto& [index, miss] : misses_) {
    result.miss_details.push_back(miss);
    const auto cause = static_cast<std::size_t>(miss.cause);
    ++result.misses_by_cause[cause < result.misses_by_cause.size() ? cause : 0];
  }
  result.expected_jobs = expected_jobs(result.input, start_ns, end_ns);
  if (!indices_.empty()) result.missing_jobs = *indices_.rbegin() - *indices_.begin() + 1 - indices_.size();
  return result;
}

}  // namespace capos::report
