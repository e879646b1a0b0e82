// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "bisect.hpp"
#include "demand.hpp"

namespace capos::sched {
namespace {

constexpr std::int64_t in_us(Duration d) noexcept { return d.ns() / 1'000; }
constexpr std::int64_t in_us_up(Duration d) noexcept { return (d.ns() + 999) / 1'000; }

class Suggester {
 public:
  Suggester(IslandModel& model, std::span<Change> out) noexcept : model_(model), out_(out) {}
  [[nodiscard]] std::size_t size() const noexcept { return size_; }
  [[nodiscard]] bool full() const noexcept { return size_ == out_.size(); }

  void budget(std::size_t i) noexcept {
    TaskModel& task = model_.tasks[i];
    const Duration original = task.budget;
    Duration least = kMinBudget;
    for (const ServerCall& call : model_.calls) {
      if (call.task == i) least = std::max(least, call.wcet);
    }
    search(ChangeKind::budget, i, in_us_up(least), in_us(original) + 1, [&](std::int64_t us) {
      task.budget = Duration::us(us);
      return fits();
    });
    task.budget = original;
  }

  void longer_period(std::size_t i) noexcept {
    // Far enough may be too far for a chain, so nearer ends are tried first. 100 times slower and still too
    // much: not a change that anybody wants to hear of.
    const std::int64_t now = in_us(model_.tasks[i].period.floor());
    for (const std::int64_t factor : {2, 10, 100}) {
      if (period(ChangeKind::longer_period, i, std::min(now * factor, in_us(kMaxPeriod)))) return;
    }
  }

  void shorter_period(std::size_t i) noexcept {
    const std::int64_t now = in_us(model_.tasks[i].period.floor());
    for (const std::int64_t divisor : {2, 4, 8}) {
      if (period(ChangeKind::shorter_period, i, now / divisor)) return;
    }
  }

  void deadline(std::size_t i) noexcept {
    TaskModel& task = model_.tasks[i];
    const Duration original = task.deadline;
    const bool is_long = original > task.period.floor();
    search(ChangeKind::deadline, i, in_us(is_long ? original * 8 : task.period.floor()), in_us(original), [&](std::int64_t us) {
      task.deadline = Duration::us(us);
      return fits();
    });
    task.deadline = original;
  }

  void wcet(std::size_t i) noexcept {
    ServerCall& call = model_.calls[i];
    const Duration original = call.wcet;
    search(ChangeKind::wcet, i, 0, in_us(original) + 1, [&](std::int64_t us) {
      call.wcet = Duration::us(us);
      return fits();
    });
    call.wcet = original;
  }

  void bound(std::size_t i) noexcept {
    const Duration latency = model_.chains[i].latency;
    if (latency < analysis::kUnbounded) add(ChangeKind::bound, i, in_us_up(latency));
  }

 private:
  [[nodiscard]] bool fits() noexcept { return analyse(model_).admitted(); }

  bool period(ChangeKind kind, std::size_t i, std::int64_t far_us) noexcept {
    TaskModel& task = model_.tasks[i];
    const TaskModel original = task;
    const bool found = search(kind, i, far_us, in_us(original.period.floor()), [&](std::int64_t us) {
      task.period = {static_cast<std::uint32_t>(us), 1'000'000};
      const Duration longest = task.period.floor();
      task.deadline = task.implicit_deadline ? longest : std::min(original.deadline, longest);
      return fits();
    });
    task.period = original.period;
    task.deadline = original.deadline;
    return found;
  }

  // From `far`, which must fit, towards `now`, which does not.
  template <typename Fits>
  bool search(ChangeKind kind, std::size_t index, std::int64_t far, std::int64_t now,
              Fits&& fits_at) noexcept {
    if (far == now || !fits_at(far)) return false;
    add(kind, index, bisect(far, now, fits_at));
    return true;
  }

  void add(ChangeKind kind, std::size_t index, std::int64_t us) noexcept {
    if (size_ < out_.size()) out_[size_++] = {kind, static_cast<std::uint16_t>(index), Duration::us(us)};
  }

  IslandModel& model_;
  std::span<Change> out_;
  std::size_t size_ = 0;
};

void suggest_for_task(IslandModel& model, std::size_t late, Suggester& suggester) noexcept {
  const TaskModel task = model.tasks[late];
  const ServerCall* const blocking = analysis::worst_blocking(model, task);
  suggester.budget(late);
  if (task.implicit_deadline) {
    suggester.longer_period(late);
  } else {
    suggester.deadline(late);
  }
  (void)analyse(model);  // the searches move priorities; the tests below need those that stand
  for (std::size_t j = 0; j < model.tasks.size(); ++j) {
    const TaskModel& other = model.tasks[j];
    if (j == late || other.cpu != task.cpu || other.priority < task.priority) continue;
    suggester.budget(j);
    suggester.longer_period(j);
    (void)analyse(model);
  }
  if (blocking != nullptr) suggester.wcet(static_cast<std::size_t>(blocking - model.calls.data()));
}

void suggest_for_cpu(const IslandModel& model, CpuId cpu, Suggester& suggester) noexcept {
  for (std::size_t j = 0; j < model.tasks.size(); ++j) {
    if (model.tasks[j].cpu != cpu) continue;
    suggester.budget(j);
    suggester.longer_period(j);
  }
}

// Only what is due in the window matters there; a change may be too small for another window, so each is tried.
void suggest_for_demand(const IslandModel& model, CpuId cpu, Duration window, Suggester& suggester) noexcept {
  for (std::size_t j = 0; j < model.tasks.size() && !suggester.full(); ++j) {
    const TaskModel& task = model.tasks[j];
    if (task.cpu != cpu || analysis::jobs_due(window, analysis::full_jitter(model, task), task) == 0) continue;
    suggester.budget(j);
    if (task.implicit_deadline) {
      suggester.longer_period(j);
    } else {
      suggester.deadline(j);
    }
  }
}

void suggest_for_chain(const ChainModel& chain, std::size_t index, Suggester& suggester) noexcept {
  suggester.bound(index);
  for (const std::uint16_t j : chain.tasks) {
    if (chain.hops == HopKind::sampled) suggester.shorter_period(j);
    suggester.budget(j);
  }
}

}  // namespace

std::size_t suggest(IslandModel& model, const Analysis& analysis, std::span<Change> out) noexcept {
  Suggester suggester(model, out);
  switch (analysis.verdict) {
    case Verdict::task_late:
      suggest_for_task(model, analysis.index, suggester);
      break;
    case Verdict::overloaded:
      suggest_for_cpu(model, CpuId(analysis.index), suggester);
      break;
    case Verdict::demand_late:
      suggest_for_demand(model, CpuId(analysis.index), analysis.limit, suggester);
      break;
    case Verdict::chain_late:
      suggest_for_chain(model.chains[analysis.index], analysis.index, suggester);
      break;
    default:
      break;
  }
  (void)analyse(model);
  return suggester.size();
}

}  // namespace capos::sched
