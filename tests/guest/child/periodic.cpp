// SPDX-License-Identifier: Apache-2.0
// Periodic tasks that keep records of their own, and those that misbehave.
#include "child.hpp"

namespace conformance {
namespace {

constexpr std::size_t kFirst = 8;
constexpr std::uint64_t kGap = 8'000;  // ns between two looks at the clock: then it was off the CPU

void write(std::uint64_t* out, std::uint64_t number, const Record& record) noexcept {
  auto* const place = out + kFirst + number * kRecordWords;
  const std::uint64_t words[kRecordWords] = {record.index,    record.scheduled, record.actual,
                                             record.previous, record.deadline,  record.skipped,
                                             record.finished, record.status};
  for (std::size_t i = 0; i < kRecordWords; ++i) place[i] = words[i];
  publish(out[0], number + 1);
}

// What the job does. Returns a word for the record.
std::uint64_t do_job(const Child& child, runtime::Capability<schema::SchedulingContext>& context, std::uint64_t index,
                     std::uint64_t scheduled, std::uint64_t period) noexcept {
  if (child.role() == Role::worker) {
    for (;;) {
      const auto used = context->consumed();
      if (!used.has_value()) return 91;
      if (used->job_ns >= std::uint64_t{child.argument()} * 1'000) return 0;
    }
  }
  if (child.role() == Role::crash_in_job && index == child.argument()) commit(Fault::invalid_opcode);
  if (child.role() == Role::overrun_once && index == child.argument()) {
    child.compute_until(scheduled + 2 * period + period / 2);
  }
  if (child.role() == Role::wait_in_job && index == 0) {
    const auto bits = child.runtime.need<schema::Notification>("event")->wait();
    return bits.has_value() ? bits->bits : 90;
  }
  return 0;
}

}  // namespace

int run_periodic(const Child& child) noexcept {
  const bool stands_by = child.role() == Role::stand_by;
  auto context = child.runtime.need<schema::SchedulingContext>(stands_by ? "stands" : "self.context");
  std::uint64_t* const out = child.out();
  const auto own = context->parameters();
  if (!own.has_value()) return 95;
  const std::uint64_t period = std::uint64_t{own->period_numerator} * 1'000'000'000 / own->period_denominator;
  const std::uint64_t jobs = stands_by || child.role() == Role::periodic ? child.argument() : 40;
  using Release = schema::SchedulingContext::WaitNextRelease::Results::Value;
  const auto first = [&]() noexcept -> runtime::Result<Release> {
    const auto job = context->stand_by();
    if (!job.has_value()) return std::unexpected(job.error());
    return Release{.index = job->index, .scheduled_ns = job->scheduled_ns, .actual_ns = job->actual_ns, .previous_ns = job->previous_ns,
                   .deadline_ns = job->deadline_ns, .skipped = job->skipped};
  };
  for (std::uint64_t number = 0;; ++number) {
    const auto release = stands_by && number == 0 ? first() : context->wait_next_release();
    if (!release.has_value()) return 96;
    const std::uint64_t status = do_job(child, context, release->index, release->scheduled_ns, period);
    if (number >= jobs) continue;
    write(out, number,
          {release->index, release->scheduled_ns, release->actual_ns, release->previous_ns,
           release->deadline_ns, release->skipped, child.now(), status});
  }
}

int run_hog(const Child& child) noexcept {
  auto context = child.runtime.need<schema::SchedulingContext>("self.context");
  auto timer = child.runtime.need<schema::Timer>("timer");
  std::uint64_t* const out = child.out();
  const auto release = context->wait_next_release();
  if (!release.has_value()) return 97;
  publish(out[1], release->scheduled_ns);
  std::uint64_t begin = child.now(), last = begin;
  for (std::uint64_t count = 0;;) {
    __builtin_ia32_pause();
    const auto time = timer->now();
    if (!time.has_value()) return 98;
    if (time->ns - last > kGap && count < kMaxIntervals) {
      out[kFirst + 2 * count] = begin;
      out[kFirst + 2 * count + 1] = last;
      publish(out[0], ++count);
      begin = time->ns;
    }
    last = time->ns;
  }
}

}  // namespace conformance
