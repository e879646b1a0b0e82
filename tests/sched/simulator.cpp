// SPDX-License-Identifier: Apache-2.0
#include "simulator.hpp"

#include <algorithm>
#include <limits>

namespace capos::sched::test {
namespace {

constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::max();
constexpr std::int64_t kInterruptsOff = kNever;

struct Arrival {
  std::int64_t at = 0;
  std::size_t task = 0;
  SimJob job;
};

struct Pending {
  std::size_t task = 0;
  SimJob job;
  std::int64_t executed = 0;
  bool started = false;
  std::int64_t entered = -1;  // the server, at this time
};

std::vector<Arrival> all_arrivals(const std::vector<SimTask>& tasks, std::int64_t horizon) {
  std::vector<Arrival> arrivals;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    const SimTask& task = tasks[i];
    for (std::int64_t k = 0;; ++k) {
      const std::int64_t release = task.offset + k * task.period_numerator / task.period_denominator;
      if (release >= horizon) break;
      const std::int64_t late =
          task.jitter.empty() ? 0 : task.jitter[static_cast<std::size_t>(k) % task.jitter.size()];
      arrivals.push_back({release + late, i, {release, kNever, kNever}});
    }
  }
  std::stable_sort(arrivals.begin(), arrivals.end(),
                   [](const Arrival& a, const Arrival& b) { return a.at < b.at; });
  return arrivals;
}

bool inside(const SimSection& section, const Pending& p) {
  return p.started && section.length > 0 && p.executed >= section.from &&
         p.executed < section.from + section.length;
}

// The larger, the more urgent.
std::int64_t urgency(const std::vector<SimTask>& tasks, SimPolicy policy, const Pending& p) {
  const SimTask& task = tasks[p.task];
  if (inside(task.kernel, p)) return kInterruptsOff;
  if (policy == SimPolicy::edf) {
    const std::int64_t due = p.job.release + task.deadline;
    return -(p.entered >= 0 && inside(task.server, p) ? std::min(due, p.entered + task.server.floor) : due);
  }
  return inside(task.server, p) ? std::max(task.server.priority, task.priority) : task.priority;
}

// Executed time at which the job's urgency changes next, or its end.
std::int64_t next_boundary(const SimTask& task, const Pending& p, std::int64_t total) {
  std::int64_t next = total;
  for (const SimSection* s : {&task.server, &task.kernel}) {
    if (s->length == 0) continue;
    for (const std::int64_t edge : {s->from, s->from + s->length}) {
      if (edge > p.executed) next = std::min(next, edge);
    }
  }
  return next;
}

class Simulation {
 public:
  Simulation(const std::vector<SimTask>& tasks, const SimCosts& costs, std::int64_t horizon)
      : tasks_(tasks), costs_(costs), arrivals_(all_arrivals(tasks, horizon)), done_(tasks.size()) {
    if (costs_.interrupt.gap != 0) next_interrupt_ = costs_.interrupt.offset;
  }

  std::vector<std::vector<SimJob>> run() {
    while (next_ < arrivals_.size() || !pending_.empty()) {
      admit_arrivals();
      if (interrupt_work_ > 0 && !interrupts_off()) {
        run_interrupt();
      } else if (pending_.empty()) {
        now_ = std::max(now_, std::min(arrivals_[next_].at, next_interrupt_));
      } else {
        run_job();
      }
    }
    return std::move(done_);
  }

 private:
  void admit_arrivals() {
    for (; next_ < arrivals_.size() && arrivals_[next_].at <= now_; ++next_) {
      pending_.push_back({arrivals_[next_].task, arrivals_[next_].job});
      interrupt_work_ += costs_.release;
    }
    for (; next_interrupt_ <= now_; next_interrupt_ += costs_.interrupt.gap) interrupt_work_ += costs_.interrupt.cost;
  }
  [[nodiscard]] std::int64_t next_arrival() const {
    return std::min(next_ < arrivals_.size() ? arrivals_[next_].at : kNever, next_interrupt_);
  }
  [[nodiscard]] bool interrupts_off() const {
    return std::any_of(pending_.begin(), pending_.end(),
                       [&](const Pending& p) { return urgency(tasks_, costs_.policy, p) == kInterruptsOff; });
  }
  void run_interrupt() {
    now_ += interrupt_work_;
    interrupt_work_ = 0;
  }
  // First in first out among equals: pending jobs stand in order of arrival.
  std::size_t most_urgent() const {
    std::size_t best = 0;
    for (std::size_t i = 1; i < pending_.size(); ++i) {
      if (urgency(tasks_, costs_.policy, pending_[i]) > urgency(tasks_, costs_.policy, pending_[best])) best = i;
    }
    return best;
  }
  void run_job() {
    const std::size_t index = most_urgent();
    Pending& p = pending_[index];
    const SimTask& task = tasks_[p.task];
    const std::int64_t total = task.execution + costs_.context_switch;
    if (!p.started) {
      p.started = true;
      p.job.start = now_;
    }
    if (p.entered < 0 && inside(task.server, p)) p.entered = now_;
    const std::int64_t step = std::min(next_boundary(task, p, total) - p.executed, next_arrival() - now_);
    p.executed += step;
    now_ += step;
    if (p.executed < total) return;
    p.job.finish = now_;
    done_[p.task].push_back(p.job);
    pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(index));
  }

  const std::vector<SimTask>& tasks_;
  SimCosts costs_;
  std::vector<Arrival> arrivals_;
  std::vector<std::vector<SimJob>> done_;
  std::vector<Pending> pending_;
  std::size_t next_ = 0;
  std::int64_t now_ = 0;
  std::int64_t next_interrupt_ = kNever;
  std::int64_t interrupt_work_ = 0;
};

}  // namespace

std::vector<std::vector<SimJob>> simulate(const std::vector<SimTask>& tasks, const SimCosts& costs,
                                          std::int64_t horizon) {
  return Simulation(tasks, costs, horizon).run();
}

std::int64_t worst_response(const std::vector<SimJob>& jobs) {
  std::int64_t worst = 0;
  for (const SimJob& job : jobs) worst = std::max(worst, job.finish - job.release);
  return worst;
}

}  // namespace capos::sched::test
