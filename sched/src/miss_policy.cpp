// SPDX-License-Identifier: Apache-2.0
#include "capos/sched/miss_policy.hpp"

#include <bit>

namespace capos::sched {
namespace {

constexpr bool for_one_job(Remedy remedy) noexcept {
  switch (remedy) {
    case Remedy::run_late:
    case Remedy::skip:
    case Remedy::hold:
    case Remedy::stop_task:
    case Remedy::stop_island:
      return true;
    default:
      return false;
  }
}

}  // namespace

bool well_formed(const MissRules& rules) noexcept {
  if (!for_one_job(rules.on_miss) || !for_one_job(rules.on_overrun)) return false;
  if (rules.then > Repeated::stop_island) return false;
  if (rules.misses == 0) return rules.of == 0 && rules.then == Repeated::nothing && rules.recover == 0;
  if (rules.of > kLongestHistory || rules.misses > rules.of || rules.then == Repeated::nothing) return false;
  const bool has_way_back = rules.then == Repeated::demote || rules.then == Repeated::fall_back;
  return has_way_back || rules.recover == 0;
}

void MissPolicy::configure(const MissRules& rules) noexcept {
  rules_ = rules;
  enter(TaskMode::normal);
}

void MissPolicy::enter(TaskMode mode) noexcept {
  mode_ = mode;
  history_ = 0;
  in_time_ = 0;
  wrong_ = false;
}

unsigned MissPolicy::recent_misses() const noexcept {
  const std::uint64_t window = rules_.of == 0 ? 0 : ~std::uint64_t{0} >> (64 - rules_.of);
  return static_cast<unsigned>(std::popcount(history_ & window));
}

Remedy MissPolicy::went_wrong(Remedy remedy) noexcept {
  if (mode_ == TaskMode::stopped) return Remedy::none;
  wrong_ = true;
  if (remedy == Remedy::stop_task || remedy == Remedy::stop_island) enter(TaskMode::stopped);
  return remedy;
}

Remedy MissPolicy::ended(bool late) noexcept {
  if (mode_ == TaskMode::stopped) return Remedy::none;
  const bool wrong = wrong_ || late;
  wrong_ = false;
  history_ = history_ << 1 | (wrong ? 1u : 0u);
  in_time_ = wrong ? 0 : in_time_ + 1;
  if (wrong) return rules_.misses != 0 && recent_misses() >= rules_.misses ? repeated() : Remedy::none;
  return mode_ != TaskMode::normal && rules_.recover != 0 && in_time_ >= rules_.recover ? recovered() : Remedy::none;
}

Remedy MissPolicy::repeated() noexcept {
  const bool nothing_below = mode_ != TaskMode::normal;
  if (rules_.then == Repeated::stop_island) {
    enter(TaskMode::stopped);
    return Remedy::stop_island;
  }
  if (nothing_below || rules_.then == Repeated::stop_task) {
    enter(TaskMode::stopped);
    return Remedy::stop_task;
  }
  const bool demotes = rules_.then == Repeated::demote;
  enter(demotes ? TaskMode::demoted : TaskMode::fallen_back);
  return demotes ? Remedy::demote : Remedy::fall_back;
}

Remedy MissPolicy::recovered() noexcept {
  const bool was_demoted = mode_ == TaskMode::demoted;
  enter(TaskMode::normal);
  return was_demoted ? Remedy::promote : Remedy::return_back;
}

}  // namespace capos::sched
