// SPDX-License-Identifier: Apache-2.0
// What a scheduling context is promised, and may not have more of, as plain data: no code of kernel/ or sched/.
//
// Time, by the rule of sporadic servers: B. Sprunt, L. Sha, J. Lehoczky, "Aperiodic task scheduling for hard-real-time
// systems" (1989), as corrected by M. Stanovich et al., "Defects of the POSIX sporadic server and how to correct them"
// (RTAS 2010); docs/decisions/0004. The budget is a list of pieces, each usable from some time on. What is consumed is taken
// from the first piece and comes back one period after that piece became usable. When the context becomes ready, or a job of
// it is released, what is usable then is one piece from that time on. So of what becomes usable in any window of a period
// there is at most a budget. Consumption that a late timer lets pass is taken from the pieces to come.
// The list here is not bounded. The kernel's is, and may give a piece later than this one, never earlier: what the model
// forbids is wrong; where bounds may delay (`is_sure`), it demands nothing.
//
// Jobs: release k is at exactly first + k * period, once, in order; which are skipped follows from the task's policies.
#pragma once

#include <cstdint>
#include <deque>
#include <string>

namespace capos::ktest {

struct ContextRules {
  std::uint64_t budget = 0, period = 0, deadline = 0;  // ns
  std::uint8_t priority = 0;
  std::uint16_t cpu = 0;
  bool runs_late = false;   // a miss keeps the releases that have passed
  bool may_abandon = false;  // a consequence may end a job: which releases are skipped then, the model does not say
  bool stops_on_miss = false, stops_on_overrun = false;
};

// What waitNextRelease says of a job.
struct ToldJob {
  std::uint64_t index = 0, release = 0, actual = 0, previous = 0, deadline = 0, skipped = 0;
};

class ContextModel {
 public:
  ContextModel(const ContextRules& rules, std::uint64_t now) : rules_(rules), pieces_{{now, rules.budget}} {}

  [[nodiscard]] const ContextRules& rules() const { return rules_; }
  [[nodiscard]] std::uint64_t consumed() const { return consumed_; }

  // --- Time. It has run for so long, up to `now`.
  void runs(std::uint64_t length, std::uint64_t now);
  // It has become ready after it was blocked. One whose job was abandoned may have waited for a release instead, and is left
  // what it had.
  void becomes_ready(std::uint64_t at) {
    if (!rules_.may_abandon) gather(at);
  }
  [[nodiscard]] bool may_run(std::uint64_t now) const { return pieces_.front().time <= now; }
  // Until when a run from `now` on may last.
  [[nodiscard]] std::uint64_t run_ends(std::uint64_t now) const;
  // It has budget by every reading of the rule: the bounds of the kernel's list delay nothing.
  [[nodiscard]] bool is_sure(std::uint64_t now) const;
  // Others than the model may have made one piece of what was usable: nothing is demanded until all of it is back.
  void doubt() { unsure_ = true; }
  // It had none left in a job; or, where the kernel's list may be behind this one, may have had none.
  [[nodiscard]] bool was_spent() const { return spent_ || unsure_ || rules_.may_abandon; }

  // --- Jobs.
  // Its island starts; its task waits for that, or will come to wait.
  void arm(std::uint64_t first) { armed_ = true, first_ = first; }
  // Its task ends a job, if it has one, and waits; after loses_thread() the first release of its grid after that is the next.
  void waits(std::uint64_t now);
  // Nobody is bound to it any more.
  void loses_thread(std::uint64_t now);
  // One is made for it before its island starts: as if there had been no other.
  void gains_thread() { alone_ = alone_ && armed_; }
  // A job's release has come, for a task that waits.
  [[nodiscard]] bool is_released(std::uint64_t now) const { return armed_ && waits_ && release_of(next_) <= now; }
  // The task goes on with a job: what is wrong with what it was told, or nothing.
  [[nodiscard]] std::string begins(const ToldJob& told, std::uint64_t now);
  // A deadline has passed with a job released and not ended, now or once before.
  [[nodiscard]] bool is_late(std::uint64_t now) const {
    return late_ || (in_job_ && now > deadline_) || (armed_ && waits_ && now > release_of(next_) + rules_.deadline);
  }
  [[nodiscard]] bool armed() const { return armed_; }

 private:
  struct Piece {
    std::uint64_t time = 0, amount = 0;
  };
  void gather(std::uint64_t at);
  [[nodiscard]] std::uint64_t usable(std::uint64_t now) const;
  [[nodiscard]] std::uint64_t release_of(std::uint64_t index) const { return first_ + index * rules_.period; }

  ContextRules rules_;
  std::deque<Piece> pieces_;
  std::uint64_t consumed_ = 0;
  bool unsure_ = false, spent_ = false;
  bool armed_ = false, waits_ = false, in_job_ = false, late_ = false, alone_ = false;
  bool unsure_skips_ = false;  // a release may have been seen, that nobody began
  std::uint64_t first_ = 0, next_ = 0, expected_skips_ = 0, deadline_ = 0, last_start_ = 0, start_before_ = 0;
};

}  // namespace capos::ktest
