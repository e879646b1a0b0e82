// SPDX-License-Identifier: Apache-2.0
#include "capos/sched/sensitivity.hpp"

#include <algorithm>
#include <limits>

#include "bisect.hpp"

namespace capos::sched {
namespace {

constexpr std::int64_t kWhole = 1'000'000;
constexpr std::int64_t kMostScale = 1000 * kWhole;

class Searcher {
 public:
  explicit Searcher(IslandModel& model) noexcept : model_(model) {}
  [[nodiscard]] bool fits() noexcept { return analyse(model_).admitted(); }

  Duration budget(std::size_t i) noexcept {
    TaskModel& task = model_.tasks[i];
    const Duration original = task.budget;
    const std::int64_t far = std::min(task.deadline, task.period.floor()).ns() + 1;  // malformed: never fits
    const std::int64_t found = bisect(original.ns(), far, [&](std::int64_t ns) {
      task.budget = Duration::ns(ns);
      return fits();
    });
    task.budget = original;
    return Duration::ns(found);
  }

  Duration deadline(std::size_t i) noexcept {
    TaskModel& task = model_.tasks[i];
    const Duration original = task.deadline;
    if (task.recovers != kNoServer && model_.policy == Policy::edf) return original;  // its callers': not its own to change
    const std::int64_t found = bisect(original.ns(), task.budget.ns() - 1, [&](std::int64_t ns) {
      task.deadline = Duration::ns(ns);
      return fits();
    });
    task.deadline = original;
    return Duration::ns(found);
  }

  Duration period(std::size_t i) noexcept {
    TaskModel& task = model_.tasks[i];
    const TaskModel original = task;
    // Steps of 1 ns where the fraction has room for them.
    const std::int64_t step = original.period.ceil() < Duration::s(4) ? 1 : 1'000;
    const std::int64_t now = (original.period.ceil().ns() + step - 1) / step;
    const std::int64_t least = std::max(kMinPeriod, task.budget).ns() / step - 1;
    const std::int64_t found = bisect(now, least, [&](std::int64_t steps) {
      task.period = {static_cast<std::uint32_t>(steps), static_cast<std::uint32_t>(1'000'000'000 / step)};
      const Duration longest = task.period.floor();
      const bool was_within = original.deadline <= original.period.floor();
      task.deadline = original.implicit_deadline ? longest
                      : was_within               ? std::min(original.deadline, longest)
                                                 : original.deadline;
      return fits();
    });
    task.period = original.period;
    task.deadline = original.deadline;
    // A period that is no whole number of steps, and cannot shrink by one, stays what it is.
    return std::min(Duration::ns(found * step), original.period.ceil());
  }

 private:
  IslandModel& model_;
};

}  // namespace

void find_margins(IslandModel& model, std::span<TaskMargins> out) noexcept {
  Searcher searcher(model);
  for (std::size_t i = 0; i < model.tasks.size(); ++i) {
    out[i] = {searcher.budget(i), searcher.period(i), searcher.deadline(i)};
  }
  (void)analyse(model);
}

IslandMargins find_island_margins(IslandModel& model, std::span<Duration> scratch) noexcept {
  for (std::size_t i = 0; i < model.tasks.size(); ++i) scratch[i] = model.tasks[i].budget;
  Searcher searcher(model);
  const std::int64_t found = bisect(kWhole, kMostScale, [&](std::int64_t ppm) {
    for (std::size_t i = 0; i < model.tasks.size(); ++i) {
      const auto scaled = (static_cast<__int128>(scratch[i].ns()) * ppm + kWhole - 1) / kWhole;
      model.tasks[i].budget = Duration::ns(static_cast<std::int64_t>(
          std::min<__int128>(scaled, std::numeric_limits<std::int64_t>::max() / 2)));
    }
    return searcher.fits();
  });
  for (std::size_t i = 0; i < model.tasks.size(); ++i) model.tasks[i].budget = scratch[i];
  (void)analyse(model);
  return {static_cast<std::uint64_t>(found)};
}

}  // namespace capos::sched
