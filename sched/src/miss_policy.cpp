// SPDX-License-Identifier: Apache-2.0
#include "capos/sched/miss_policy.hpp"

namespace capos::sched {

bool well_formed(const Repetition& rule) noexcept {
  if (rule.misses == 0) return rule == Repetition{};
  if (rule.of > kLongestHistory || rule.misses > rule.of) return false;
  if (rule.then == Repeated::nothing || rule.then > Repeated::stop_island) return false;
  const bool has_way_back = rule.then == Repeated::demote || rule.then == Repeated::fall_back;
  return has_way_back || rule.recover == 0;
}

bool well_formed(const MissRules& rules) noexcept {
  return rules.on_miss <= Consequence::stop_island && rules.on_overrun <= Consequence::stop_island && well_formed(rules.repeated);
}

void MissPolicy::configure(const MissRules& rules) noexcept {
  rules_ = rules;
  enter(TaskMode::normal);
}

void MissPolicy::change(const MissRules& rules) noexcept {
  rules_ = rules;
  history_ = 0;
  wrong_in_history_ = 0;
  in_time_ = 0;
}

void MissPolicy::enter(TaskMode mode) noexcept {
  mode_ = mode;
  history_ = 0;
  wrong_in_history_ = 0;
  in_time_ = 0;
  wrong_ = false;
}

Remedy MissPolicy::went_wrong(Consequence consequence) noexcept {
  if (mode_ == TaskMode::stopped) return Remedy::none;
  wrong_ = true;
  if (consequence >= Consequence::stop_task) enter(TaskMode::stopped);
  return static_cast<Remedy>(consequence);
}

Remedy MissPolicy::judge(bool late, bool may_recover) noexcept {
  if (mode_ == TaskMode::stopped) return Remedy::none;
  const Repetition& rule = rules_.repeated;
  const bool wrong = wrong_ || late;
  wrong_ = false;
  const bool leaves = (history_ >> (rule.of - 1) & 1u) != 0;
  history_ = history_ << 1 | (wrong ? 1u : 0u);
  wrong_in_history_ += (wrong ? 1u : 0u) - (leaves ? 1u : 0u);
  in_time_ = wrong ? 0 : in_time_ + 1;
  if (wrong) return wrong_in_history_ >= rule.misses ? repeated() : Remedy::none;
  const bool due = mode_ != TaskMode::normal && rule.recover != 0 && in_time_ >= rule.recover;
  return due && may_recover ? recovered() : Remedy::none;
}

Remedy MissPolicy::repeated() noexcept {
  const bool nothing_below = mode_ != TaskMode::normal;
  const Repeated then = rules_.repeated.then;
  if (then == Repeated::stop_island) {
    enter(TaskMode::stopped);
    return Remedy::stop_island;
  }
  if (nothing_below || then == Repeated::stop_task) {
    enter(TaskMode::stopped);
    return Remedy::stop_task;
  }
  const bool demotes = then == Repeated::demote;
  enter(demotes ? TaskMode::demoted : TaskMode::fallen_back);
  return demotes ? Remedy::demote : Remedy::fall_back;
}

Remedy MissPolicy::recovered() noexcept {
  const bool was_demoted = mode_ == TaskMode::demoted;
  enter(TaskMode::normal);
  return was_demoted ? Remedy::promote : Remedy::return_back;
}

}  // namespace capos::sched
