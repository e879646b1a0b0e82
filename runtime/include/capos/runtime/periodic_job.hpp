// SPDX-License-Identifier: Apache-2.0
// A periodic task's loop: wait for the release, do the job, wait again.
//
//   PeriodicJob job(runtime);
//   while (const auto release = job.wait_next_release()) { ...one job... }
#pragma once

#include "capos/base/time.hpp"
#include "capos/runtime/runtime.hpp"

namespace capos::runtime {

struct Release {
  std::uint64_t index = 0;    // counts releases from 0, skipped ones included
  Time scheduled;             // when the job was due
  Time actual;                // when it began
  Time previous;              // when the one before began; zero for the first
  Time deadline;
  std::uint64_t skipped = 0;  // releases passed over just before this one
};

class PeriodicJob {
 public:
  // The program must have been bound to a scheduling context; it ends otherwise.
  explicit PeriodicJob(const Runtime& runtime) noexcept
      : context_(runtime.need<schema::SchedulingContext>("self.context")) {}

  // Ends the job in progress; returns at the next release. Nothing once the island has been retired.
  // Cost: one system call; blocks. No allocation.
  [[nodiscard]] Result<Release> wait_next_release() noexcept {
    const auto value = TRY(context_->wait_next_release());
    return Release{.index = value.index,
                   .scheduled = Time::from_ns(value.scheduled_ns),
                   .actual = Time::from_ns(value.actual_ns),
                   .previous = Time::from_ns(value.previous_ns),
                   .deadline = Time::from_ns(value.deadline_ns),
                   .skipped = value.skipped};
  }
  [[nodiscard]] Capability<schema::SchedulingContext>& context() noexcept { return context_; }

 private:
  Capability<schema::SchedulingContext> context_;
};

}  // namespace capos::runtime
