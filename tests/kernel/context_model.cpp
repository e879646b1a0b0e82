// SPDX-License-Identifier: Apache-2.0
#include "context_model.hpp"

#include <algorithm>

namespace capos::ktest {
namespace {

// Where the bounds of the kernel's list begin to matter: pieces that are too small to stand alone, and too many of them.
constexpr std::uint64_t kSmall = 5'000;
constexpr std::size_t kMany = 6;

}  // namespace

void ContextModel::runs(std::uint64_t length, std::uint64_t now) {
  consumed_ += length;
  while (length != 0) {
    Piece& from = pieces_.front();
    const std::uint64_t taken = std::min(length, from.amount), back = from.time + rules_.period;
    from.amount -= taken;
    length -= taken;
    if (from.amount == 0) pieces_.pop_front();
    if (!pieces_.empty() && pieces_.back().time == back) {
      pieces_.back().amount += taken;
    } else {
      pieces_.push_back({back, taken});
    }
  }
  unsure_ = unsure_ || usable(now) <= kSmall || pieces_.size() > kMany;
  spent_ = spent_ || (!may_run(now) && in_job_);
}

void ContextModel::gather(std::uint64_t at) {
  // The kernel's may be later by a period at most; here both are one piece.
  if (pieces_.back().time + rules_.period <= at) unsure_ = false;
  std::uint64_t sum = 0;
  while (!pieces_.empty() && pieces_.front().time <= at) {
    sum += pieces_.front().amount;
    pieces_.pop_front();
  }
  if (sum != 0) pieces_.push_front({at, sum});
}

std::uint64_t ContextModel::usable(std::uint64_t now) const {
  std::uint64_t sum = 0;
  for (const Piece& piece : pieces_) sum += piece.time <= now ? piece.amount : 0;
  return sum;
}

std::uint64_t ContextModel::run_ends(std::uint64_t now) const {
  std::uint64_t end = now;
  for (const Piece& piece : pieces_) {
    if (piece.time > end) break;
    end += piece.amount;
  }
  return end;
}

bool ContextModel::is_sure(std::uint64_t now) const {
  if (rules_.may_abandon) return false;  // a release that the program hears nothing of makes one piece too
  return !unsure_ && usable(now) > kSmall;
}

void ContextModel::waits(std::uint64_t now) {
  if (in_job_ && now > deadline_) late_ = true;
  in_job_ = false;
  waits_ = true;
  if (alone_ && armed_) {
    const std::uint64_t coming = now < first_ ? 0 : (now - first_) / rules_.period + 1;
    if (coming > next_) expected_skips_ += coming - next_;
    next_ = std::max(next_, coming);
    alone_ = false;
    return;
  }
  alone_ = false;
  expected_skips_ = 0;
  if (!armed_ || rules_.runs_late || release_of(next_) > now) return;
  const std::uint64_t coming = (now - first_) / rules_.period + 1;
  expected_skips_ = coming - next_;
  next_ = coming;
}

// A job that is cut off leaves no record: its start is not told, nor is it skipped.
void ContextModel::loses_thread(std::uint64_t now) {
  if (alone_) return;
  unsure_skips_ = is_released(now);
  if (in_job_) last_start_ = start_before_;
  if (!waits_) expected_skips_ = 0;
  in_job_ = waits_ = false;
  alone_ = true;
}

std::string ContextModel::begins(const ToldJob& told, std::uint64_t now) {
  const std::string name = "job " + std::to_string(told.index);
  if (!armed_) return name + " begins before its island";
  if (told.index < next_) return name + " begins again, or was skipped";
  if (!rules_.may_abandon && told.index != next_) return name + " begins instead of job " + std::to_string(next_);
  if (told.release != release_of(told.index)) return name + " is told another release";
  if (now < told.release) return name + " begins before its release";
  if (told.deadline != told.release + rules_.deadline) return name + " is told another deadline";
  if (told.actual != now) return name + " is told another time than it begins at";
  if (!rules_.may_abandon && !unsure_skips_ && told.skipped != expected_skips_) return name + " is told of other releases that were skipped";
  if (!rules_.may_abandon && told.previous != last_start_) return name + " is told another start of the job before it";
  // Its release was where the budget became one piece, whenever the scheduler saw it.
  gather(told.release);
  waits_ = unsure_skips_ = false;
  in_job_ = true;
  start_before_ = last_start_;
  spent_ = false;
  deadline_ = told.deadline;
  last_start_ = now;
  next_ = told.index + 1;
  return {};
}

}  // namespace capos::ktest
