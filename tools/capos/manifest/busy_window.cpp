// SPDX-License-Identifier: Apache-2.0
#include "busy_window.hpp"

#include <algorithm>
#include <limits>

namespace capos::cli {
namespace {

// The larger, the earlier; above all of these stand the kernel's own pieces.
using Urgency = std::int64_t;
constexpr Urgency kTop = std::numeric_limits<Urgency>::max();

struct Piece {
  std::int64_t arrival = 0;
  Urgency urgency = 0;
  std::int64_t length = 0;
  Who who = Who::other;
  std::string name;
};

std::int64_t period_of(const sched::TaskModel& task) { return task.period.floor().ns(); }

// What may have to be done from the start of a window on; see sched's analysis for why each is there.
class Pieces {
 public:
  Pieces(const admission::IslandModel& model, std::size_t index, std::int64_t length)
      : model_(model), view_(model.view), self_(view_.tasks[index]), length_(length) {}

  std::vector<Piece> fixed_priorities(std::int64_t own_jobs) {
    kernel(self_.blocking.ns());
    for (const sched::TaskModel& task : view_.tasks) {
      if (task.cpu != self_.cpu) continue;
      timers(task);
      if (&task == &self_) {
        for (std::int64_t k = 0; k < own_jobs; ++k) job(task, k, 2 * std::int64_t{task.priority.value()}, Who::own);
      } else if (task.priority >= self_.priority) {
        const Urgency urgency = 2 * std::int64_t{task.priority.value()} + 1;
        late(task, urgency);
        for (std::int64_t k = 0; arrival(task, k) < length_ && room(); ++k) job(task, k, urgency, Who::other);
      }
    }
    interrupts();
    return std::move(pieces_);
  }

  // Jobs due within the window; and of recoveries whatever arrives in it, as urgent as the last that is due.
  std::vector<Piece> edf() {
    std::int64_t blocking = 0;
    for (const sched::TaskModel& task : view_.tasks) {
      if (task.cpu != self_.cpu) continue;
      timers(task);
      const std::int64_t first = due(task, 0);
      if (first > length_) continue;
      blocking = std::max(blocking, task.blocking.ns());
      late(task, -2 * first);
      const bool recovers = task.recovers != sched::kNoServer;
      for (std::int64_t k = 0; (recovers ? arrival(task, k) < length_ : due(task, k) <= length_) && room(); ++k) {
        const bool own = &task == &self_;
        job(task, k, -2 * std::min(due(task, k), length_) + (own ? 0 : 1), own ? Who::own : Who::other);
      }
    }
    kernel(blocking);
    interrupts();
    return std::move(pieces_);
  }

  [[nodiscard]] std::int64_t jitter(const sched::TaskModel& task) const {
    return (task.release_jitter + view_.overheads.jitter).ns();
  }
  [[nodiscard]] std::int64_t arrival(const sched::TaskModel& task, std::int64_t k) const {
    return std::max<std::int64_t>(0, k * period_of(task) - (k == 0 ? 0 : jitter(task)));
  }
  [[nodiscard]] std::int64_t due(const sched::TaskModel& task, std::int64_t k) const {
    return k * period_of(task) - jitter(task) + task.deadline.ns();
  }

 private:
  [[nodiscard]] bool room() const { return pieces_.size() < kMostPieces; }
  void add(std::int64_t arrival, Urgency urgency, std::int64_t length, Who who, std::string name) {
    if (length > 0) pieces_.push_back({arrival, urgency, length, who, std::move(name)});
  }
  // With its island, if that is another.
  [[nodiscard]] std::string name_of(const sched::TaskModel& task) const {
    return (model_.is_own(task) ? "" : std::string(model_.parts[task.island].name) + ".") + std::string(task.name);
  }
  void job(const sched::TaskModel& task, std::int64_t k, Urgency urgency, Who who) {
    add(arrival(task, k), urgency, (task.budget + view_.overheads.context_switch).ns(), who, name_of(task));
  }
  void late(const sched::TaskModel& task, Urgency urgency) {
    add(0, urgency, (view_.overheads.jitter + view_.overheads.blocking).ns(), Who::late,
        name_of(task) + " past its budget");
  }
  void timers(const sched::TaskModel& task) {
    const std::int64_t each = sched::timer_events_per_period(task.on_overrun) * view_.overheads.release.ns();
    for (std::int64_t k = 0; arrival(task, k) < length_ && room(); ++k) {
      add(arrival(task, k), kTop - 3, each, Who::timer, "timer events");
    }
  }
  void interrupts() {
    for (const sched::InterruptSource& source : view_.interrupts) {
      if (source.cpu != self_.cpu) continue;
      for (std::int64_t at = 0; at < length_ && room(); at += source.min_interarrival.ns()) {
        add(at, kTop - 2, source.cost.ns(), Who::interrupt, std::string(source.name));
      }
    }
  }
  void kernel(std::int64_t blocking) {
    add(0, kTop, view_.overheads.blocking.ns(), Who::kernel, "kernel section");
    std::string_view server = "a server";
    for (std::size_t c = 0; c < view_.calls.size(); ++c) {
      if (view_.calls[c].wcet.ns() == blocking) server = model_.servers[c];
    }
    add(0, kTop - 1, blocking, Who::server, std::string(server) + " for a less urgent task");
  }

  const admission::IslandModel& model_;
  const sched::IslandModel& view_;
  const sched::TaskModel& self_;
  std::int64_t length_;
  std::vector<Piece> pieces_;
};

// The most urgent first, earlier arrivals first among equals, preemptively; until `end` at the latest.
class Schedule {
 public:
  Schedule(std::vector<Piece> pieces, std::int64_t end) : pieces_(std::move(pieces)), end_(end) {
    std::stable_sort(pieces_.begin(), pieces_.end(),
                     [](const Piece& a, const Piece& b) { return a.arrival < b.arrival; });
  }
  // Until `own_jobs` of the task's own have ended; when that was.
  std::int64_t run(std::int64_t own_jobs) {
    while (own_jobs > 0 && now_ < end_) {
      for (; next_ < pieces_.size() && pieces_[next_].arrival <= now_; ++next_) push(next_);
      const std::int64_t until = std::min(end_, next_ < pieces_.size() ? pieces_[next_].arrival : end_);
      if (ready_.empty()) {
        emit(Who::idle, "idle", until);
        continue;
      }
      Piece& piece = pieces_[ready_.front()];
      const std::int64_t stop = std::min(now_ + piece.length, std::max(until, now_ + 1));
      piece.length -= stop - now_;
      emit(piece.who, piece.name, stop);
      if (piece.length > 0) continue;
      own_jobs -= piece.who == Who::own ? 1 : 0;
      std::pop_heap(ready_.begin(), ready_.end(), Later{pieces_});
      ready_.pop_back();
    }
    return now_;
  }
  std::vector<Segment> take() { return std::move(segments_); }

 private:
  struct Later {
    const std::vector<Piece>& pieces;
    bool operator()(std::size_t a, std::size_t b) const {
      return pieces[a].urgency != pieces[b].urgency ? pieces[a].urgency < pieces[b].urgency : a > b;
    }
  };
  void push(std::size_t piece) {
    ready_.push_back(piece);
    std::push_heap(ready_.begin(), ready_.end(), Later{pieces_});
  }
  void emit(Who who, const std::string& name, std::int64_t until) {
    if (!segments_.empty() && segments_.back().who == who && segments_.back().name == name) {
      segments_.back().to = until;
    } else {
      segments_.push_back({who, name, now_, until});
    }
    now_ = until;
  }

  std::vector<Piece> pieces_;
  std::vector<std::size_t> ready_;
  std::vector<Segment> segments_;
  std::int64_t end_;
  std::int64_t now_ = 0;
  std::size_t next_ = 0;
};

std::int64_t demand(const sched::IslandModel& view, CpuId cpu, std::int64_t window) {
  std::vector<sched::Contribution> parts(view.tasks.size() + view.interrupts.size() + 16);
  const std::size_t count = sched::explain_demand(view, cpu, Duration::ns(window), parts);
  std::int64_t sum = 0;
  for (std::size_t i = 0; i < count; ++i) sum += parts[i].total().ns();
  return sum;
}

// The job of an EDF task whose deadline leaves the least time.
std::int64_t tightest_job(const sched::IslandModel& view, const sched::TaskModel& task, const Pieces& pieces) {
  constexpr std::int64_t kMost = 2'000;
  const std::int64_t longest = std::min(view.busy[task.cpu.value()].ns(), std::int64_t{1} << 60);
  std::int64_t tightest = 0;
  std::int64_t least = std::numeric_limits<std::int64_t>::max();
  for (std::int64_t k = 0; k < kMost; ++k) {
    const std::int64_t due = pieces.due(task, k);
    if (k > 0 && due > longest) break;
    const std::int64_t slack = due - demand(view, task.cpu, due);
    if (slack < least) {
      least = slack;
      tightest = k;
    }
  }
  return tightest;
}

}  // namespace

BusyWindow busy_window_of(const admission::IslandModel& model, std::size_t index) {
  const sched::IslandModel& view = model.view;
  const sched::TaskModel& task = view.tasks[index];
  const Pieces measure(model, index, 0);
  BusyWindow window;
  window.task = std::string(view.name) + "." + std::string(task.name);
  window.edf = view.policy == sched::Policy::edf;
  window.deadline = task.deadline.ns();
  window.jitter = measure.jitter(task);
  window.bounded = task.response != Duration::max();
  if (window.edf) {
    window.worst_job = tightest_job(view, task, measure);
    window.due = measure.due(task, window.worst_job);
    Schedule schedule(Pieces(model, index, window.due).edf(), std::max<std::int64_t>(window.due, 1) * 4);
    window.finish = schedule.run(window.worst_job + 1);
    window.segments = schedule.take();
    window.response = window.finish + window.jitter - window.worst_job * period_of(task);
    return window;
  }
  window.worst_job = window.bounded ? task.worst_job : 0;
  window.due = measure.due(task, window.worst_job);
  window.response = window.bounded ? task.response.ns() : 0;
  const std::int64_t length =
      window.bounded ? window.response - window.jitter + window.worst_job * period_of(task) : task.deadline.ns() * 2;
  Schedule schedule(Pieces(model, index, length).fixed_priorities(window.worst_job + 1), length);
  window.finish = schedule.run(window.worst_job + 1);
  window.segments = schedule.take();
  return window;
}

}  // namespace capos::cli
