// SPDX-License-Identifier: Apache-2.0
#include "capos/robot/actuator_guard.hpp"

#include <algorithm>
#include <cmath>

namespace capos::robot {

CommandAnswer ActuatorGuard::command(double effort, Time valid_until, Time now) noexcept {
  const Refusal refusal = judge(effort, valid_until, now);
  if (refusal != Refusal::none) {
    ++refused_;
    const DriveOutput standing = output(now);
    return {standing.effort, standing.state, refusal, false};
  }
  const double applied = limit(effort, now);
  drive_ = {applied, valid_until.ns(), drive_.number + 1, drive_.stopped};
  last_change_ = now;
  return {applied, DriveState::driving, Refusal::none, applied != effort};
}

Refusal ActuatorGuard::judge(double effort, Time valid_until, Time now) const noexcept {
  if (drive_.stopped != 0) return Refusal::stopped;
  if (!std::isfinite(effort)) return Refusal::not_finite;
  if (valid_until <= now) return Refusal::stale;
  // compared as unsigned: a validity centuries ahead would overflow a Duration
  if (valid_until.ns() - now.ns() > static_cast<std::uint64_t>(limits_.command_expiry.ns()))
    return Refusal::too_long;
  return Refusal::none;
}

double ActuatorGuard::limit(double effort, Time now) const noexcept {
  const double within = std::clamp(effort, -limits_.max_effort, limits_.max_effort);
  if (limits_.max_slew == 0.0) return within;
  // From what the drive gives now, at the slew limit since the last command; the first starts from rest.
  const double from = output(now).effort;
  const Duration since = drive_.number == 0 ? Duration{} : now - last_change_;
  const double reach = limits_.max_slew * static_cast<double>(std::max(since, Duration::us(1)).ns()) * 1e-9;
  return std::clamp(within, from - reach, from + reach);
}

}  // namespace capos::robot
