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
  std::uint64_t number = 0;
};

struct Pending {
  std::size_t task = 0;
  SimJob job;
  std::uint64_t number = 0;
  std::int64_t executed = 0;
  bool started = false;
  std::int64_t entered = -1;  // the server, at this time
  // A recovery at work.
  std::int64_t total = 0;  // of this piece of its budget; 0: a job
  std::int64_t rest = 0;   // of its server's work, beyond that
  std::int64_t due = 0;
  int priority = 0;
  std::uint32_t held = 0;
};

// Of a recovery's budget.
struct Piece {
  std::int64_t from = 0;
  std::int64_t amount = 0;
};

std::vector<Arrival> all_arrivals(const std::vector<SimTask>& tasks, std::int64_t horizon) {
  std::vector<Arrival> arrivals;
  for (std::size_t i = 0; i < tasks.size(); ++i) {
    const SimTask& task = tasks[i];
    if (task.recovers >= 0) continue;
    for (std::int64_t k = 0;; ++k) {
      const std::int64_t release = task.offset + k * task.period_numerator / task.period_denominator;
      if (release >= horizon) break;
      const std::int64_t late =
          task.jitter.empty() ? 0 : task.jitter[static_cast<std::size_t>(k) % task.jitter.size()];
      arrivals.push_back({release + late, i, {release, kNever, kNever}, static_cast<std::uint64_t>(k)});
    }
  }
  std::stable_sort(arrivals.begin(), arrivals.end(),
                   [](const Arrival& a, const Arrival& b) { return a.at < b.at; });
  return arrivals;
}

bool inside(const SimSection& section, const Pending& p) {
  return p.total == 0 && p.started && section.length > 0 && p.executed >= section.from &&
         p.executed < section.from + section.length;
}

std::int64_t due_inside(const SimTask& task, const Pending& p) {
  const std::int64_t due = p.job.release + task.deadline;
  return p.entered >= 0 ? std::min(due, p.entered + task.server.floor) : due;
}

// The larger, the more urgent.
std::int64_t urgency(const std::vector<SimTask>& tasks, SimPolicy policy, const Pending& p) {
  const SimTask& task = tasks[p.task];
  if (p.total != 0) return policy == SimPolicy::edf ? -p.due : p.priority;
  if (inside(task.kernel, p)) return kInterruptsOff;
  if (policy == SimPolicy::edf) return -(inside(task.server, p) ? due_inside(task, p) : p.job.release + task.deadline);
  return inside(task.server, p) ? std::max(task.server.priority, task.priority) : task.priority;
}

// Executed time at which the job's urgency changes next, or its end.
std::int64_t next_boundary(const SimTask& task, const Pending& p, std::int64_t total) {
  std::int64_t next = total;
  for (const SimSection* s : {&task.server, &task.kernel}) {
    if (s->length == 0 || p.total != 0) continue;
    for (const std::int64_t edge : {s->from, s->from + s->length}) {
      if (edge > p.executed) next = std::min(next, edge);
    }
  }
  return next;
}

class Simulation {
 public:
  Simulation(const std::vector<SimTask>& tasks, const SimCosts& costs, std::int64_t horizon)
      : tasks_(tasks), costs_(costs), arrivals_(all_arrivals(tasks, horizon)), done_(tasks.size()), budgets_(tasks.size()) {
    if (costs_.interrupt.gap != 0) next_interrupt_ = costs_.interrupt.offset;
    for (std::size_t i = 0; i < tasks.size(); ++i) budgets_[i] = {{0, tasks[i].execution}};
  }

  std::vector<std::vector<SimJob>> run() {
    while (next_ < arrivals_.size() || !pending_.empty()) {
      admit_arrivals();
      if (interrupt_work_ > 0 && !interrupts_off()) {
        run_interrupt();
      } else if (pending_.empty()) {
        now_ = std::max(now_, next_arrival());
      } else {
        run_most_urgent();
      }
    }
    return std::move(done_);
  }
  [[nodiscard]] const SimOutcome& outcome() const { return outcome_; }

 private:
  void admit_arrivals() {
    for (; next_ < arrivals_.size() && arrivals_[next_].at <= now_; ++next_) {
      pending_.push_back({.task = arrivals_[next_].task, .job = arrivals_[next_].job, .number = arrivals_[next_].number});
      interrupt_work_ += costs_.release;
    }
    for (; next_interrupt_ <= now_; next_interrupt_ += costs_.interrupt.gap) interrupt_work_ += costs_.interrupt.cost;
    for (std::size_t i = 0; i < spent_.size();) {
      if (budgets_[spent_[i].task].front().from > now_) {
        ++i;
        continue;
      }
      Pending back = spent_[i];
      spent_.erase(spent_.begin() + static_cast<std::ptrdiff_t>(i));
      back.due = budgets_[back.task].front().from + tasks_[back.task].deadline;
      take_piece(back);
      pending_.push_back(back);
    }
  }
  [[nodiscard]] std::int64_t next_arrival() const {
    std::int64_t next = std::min(next_ < arrivals_.size() ? arrivals_[next_].at : kNever, next_interrupt_);
    for (const Pending& p : spent_) next = std::min(next, budgets_[p.task].front().from);
    return next;
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
  void run_most_urgent() {
    const std::size_t index = most_urgent();
    Pending& p = pending_[index];
    const SimTask& task = tasks_[p.task];
    const std::int64_t total = p.total != 0 ? p.total : task.execution + costs_.context_switch;
    if (!p.started) {
      p.started = true;
      p.job.start = now_;
    }
    if (p.entered < 0 && inside(task.server, p)) {
      if ((busy_ & task.server.held) != 0) {
        ++outcome_.found_busy;
        return erase(index);
      }
      p.entered = now_;
      busy_ |= task.server.held;
    }
    const std::int64_t step = std::min(next_boundary(task, p, total) - p.executed, next_arrival() - now_);
    const bool was_inside = inside(task.server, p);
    p.executed += step;
    now_ += step;
    const bool leaves = was_inside && !inside(task.server, p);
    if (leaves && p.executed >= total && takes_over(p, due_inside(task, p))) return;
    if (leaves) busy_ &= ~task.server.held;
    if (p.executed < total) return;
    if (p.total != 0) return end_piece(index);
    p.job.finish = now_;
    done_[p.task].push_back(p.job);
    erase(index);
  }
  void erase(std::size_t index) { pending_.erase(pending_.begin() + static_cast<std::ptrdiff_t>(index)); }

  // The job's budget is spent in the call: its server's recovery, where the job was, if it has what it needs for that.
  bool takes_over(Pending& p, std::int64_t due) {
    const SimTask& task = tasks_[p.task];
    if (task.overruns.empty() || !task.overruns[p.number % task.overruns.size()]) return false;
    const auto found = std::find_if(tasks_.begin(), tasks_.end(), [&](const SimTask& t) { return t.recovers == task.server.server; });
    if (found == tasks_.end()) return false;
    const auto recovery = static_cast<std::size_t>(found - tasks_.begin());
    std::vector<Piece>& budget = budgets_[recovery];
    std::int64_t usable = 0;
    for (const Piece& piece : budget) usable += piece.from <= now_ ? piece.amount : 0;
    const std::int64_t work = found->work[outcome_.recoveries % found->work.size()];
    if (usable == 0 && !costs_.spends_recoveries) return false;
    p.job.finish = now_;
    done_[p.task].push_back(p.job);
    ++outcome_.recoveries;
    Pending over{.task = recovery, .job = {now_, kNever, kNever}, .rest = costs_.spends_recoveries ? work : std::min(work, usable),
                 .due = std::min(due, now_ + found->deadline), .priority = std::max(found->priority, task.server.priority),
                 .held = task.server.held};
    if (usable != 0) {  // what is usable is so from now on, in one piece
      std::erase_if(budget, [&](const Piece& piece) { return piece.from <= now_; });
      budget.insert(budget.begin(), {now_, usable});
      take_piece(over);
      p = over;
    } else {
      wait(over);
      erase(static_cast<std::size_t>(&p - pending_.data()));
    }
    return true;
  }
  // From its budget; it is back a period after it was usable.
  void take_piece(Pending& p) {
    std::vector<Piece>& budget = budgets_[p.task];
    Piece& head = budget.front();
    const SimTask& recovery = tasks_[p.task];
    const std::int64_t taken = std::min(p.rest, head.amount);
    const std::int64_t back = head.from + recovery.period_numerator / recovery.period_denominator;
    p.executed = 0;
    p.total = taken + (taken == recovery.execution ? costs_.context_switch : 0);
    p.rest -= taken;
    head.amount -= taken;
    if (head.amount == 0) budget.erase(budget.begin());
    budget.push_back({back, taken});
  }
  void wait(const Pending& p) {
    ++outcome_.waited;
    spent_.push_back(p);
  }
  void end_piece(std::size_t index) {
    Pending& p = pending_[index];
    if (p.rest == 0) {
      busy_ &= ~p.held;
      return erase(index);
    }
    if (budgets_[p.task].front().from <= now_) return take_piece(p);
    wait(p);
    erase(index);
  }

  const std::vector<SimTask>& tasks_;
  SimCosts costs_;
  std::vector<Arrival> arrivals_;
  std::vector<std::vector<SimJob>> done_;
  std::vector<std::vector<Piece>> budgets_;  // of recoveries, the earliest first
  std::vector<Pending> pending_;
  std::vector<Pending> spent_;
  SimOutcome outcome_;
  std::uint32_t busy_ = 0;  // servers that somebody is in
  std::size_t next_ = 0;
  std::int64_t now_ = 0;
  std::int64_t next_interrupt_ = kNever;
  std::int64_t interrupt_work_ = 0;
};

}  // namespace

std::vector<std::vector<SimJob>> simulate(const std::vector<SimTask>& tasks, const SimCosts& costs, std::int64_t horizon,
                                          SimOutcome* outcome) {
  Simulation simulation(tasks, costs, horizon);
  auto done = simulation.run();
  if (outcome != nullptr) *outcome = simulation.outcome();
  return done;
}

std::int64_t worst_response(const std::vector<SimJob>& jobs) {
  std::int64_t worst = 0;
  for (const SimJob& job : jobs) worst = std::max(worst, job.finish - job.release);
  return worst;
}

}  // namespace capos::sched::test
