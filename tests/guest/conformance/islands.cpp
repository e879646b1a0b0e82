// SPDX-License-Identifier: Apache-2.0
// RealtimeIsland and SchedulingContext: the life of an island, and jobs at their exact releases.
#include "island_harness.hpp"

namespace conformance {
namespace {

constexpr Task kTask[] = {{.response_ns = 500 * kMicrosecond}};

Record record(const Shared& out, std::size_t number) noexcept {
  const auto word = [&](std::size_t i) { return out.word(8 + number * kRecordWords + i); };
  return {word(0), word(1), word(2), word(3), word(4), word(5), word(6), word(7)};
}

void life(Guest& guest) noexcept {
  Shared out(guest);
  const Grant grants[] = {{"out", out.cap()}};
  Island island(guest, honest(guest, kTask));
  CHECK(island.admitted());
  const std::uint64_t soon = guest.now() + kMillisecond;
  CHECK(refused(island.island()->activate(soon), ExceptionType::failed,
                KernelError::bad_state));  // no thread yet
  Child child(guest, {.role = Role::periodic, .argument = 5, .grants = grants, .context = island.context(0)});
  CHECK(child.becomes_ready());
  CHECK(!island.status().active && island.status().jobs == 0);
  CHECK(refused(island.island()->activate(1), ExceptionType::failed, KernelError::bad_state));
  CHECK(refused(island.island()->activate(guest.now() + 3'601'000 * kMillisecond), ExceptionType::failed,
                KernelError::bad_state));
  CHECK(refused(island.island()->activate(~std::uint64_t{0}), ExceptionType::failed, KernelError::bad_state));
  CHECK(island.activate() != 0);
  CHECK(refused(island.island()->activate(guest.now() + kMillisecond), ExceptionType::failed,
                KernelError::bad_state));
  CHECK(out.reaches(0, 5));
  CHECK(island.status().active);
  CHECK(island.island()->retire().has_value());
  CHECK(!island.status().active);
  CHECK(refused(island.island()->retire(), ExceptionType::failed, KernelError::bad_state));
  CHECK(refused(island.island()->activate(guest.now() + kMillisecond), ExceptionType::failed,
                KernelError::bad_state));
}

void activate_before_it_waits(Guest& guest) noexcept {
  Shared out(guest);
  const Grant grants[] = {{"out", out.cap()}};
  Task tasks[] = {kTask[0]};
  Island island(guest, honest(guest, tasks));
  Child child(guest, {.role = Role::compute, .grants = grants, .context = island.context(0)});
  CHECK(out.reaches(0, 1));
  CHECK(refused(island.island()->activate(guest.now() + kMillisecond), ExceptionType::failed,
                KernelError::bad_state));
}

void check_records(Guest& guest, const Shared& out, std::uint64_t start, std::size_t count,
                   std::uint64_t numerator, std::uint64_t denominator, std::uint64_t deadline) noexcept {
  for (std::size_t n = 0; n < count; ++n) {
    const Record r = record(out, n);
    CHECK(r.index == n && r.skipped == 0);
    CHECK(r.scheduled == start + n * numerator * 1'000'000'000 / denominator);
    CHECK(r.deadline == r.scheduled + deadline);
    CHECK(r.actual >= r.scheduled && r.actual < r.scheduled + 12 * kMicrosecond);
    CHECK(r.previous == (n == 0 ? 0 : record(out, n - 1).actual));
    CHECK(r.finished >= r.actual && r.finished <= r.deadline);
  }
}

void exact_releases(Guest& guest) noexcept {
  Shared out(guest);
  const Grant grants[] = {{"out", out.cap()}};
  Island island(guest, honest(guest, kTask));
  Child child(guest,
              {.role = Role::periodic, .argument = 30, .grants = grants, .context = island.context(0)});
  CHECK(child.becomes_ready());
  const std::uint64_t start = island.activate();
  CHECK(start != 0 && out.reaches(0, 30));
  check_records(guest, out, start, 30, 1, 1'000, kMillisecond);
  const auto status = island.status();
  CHECK(status.jobs >= 29 && status.misses == 0 && status.overruns == 0);
}

// 64 frames at 48 kHz: no whole number of nanoseconds.
void fractional_period(Guest& guest) noexcept {
  Shared out(guest);
  const Grant grants[] = {{"out", out.cap()}};
  const Task tasks[] = {{.deadline_ns = 1'300 * kMicrosecond,
                         .response_ns = 500 * kMicrosecond,
                         .numerator = 64,
                         .denominator = 48'000}};
  Island island(guest, honest(guest, tasks));
  CHECK(island.admitted());
  Child child(guest,
              {.role = Role::periodic, .argument = 40, .grants = grants, .context = island.context(0)});
  CHECK(child.becomes_ready());
  const std::uint64_t start = island.activate();
  CHECK(start != 0 && out.reaches(0, 40));
  check_records(guest, out, start, 40, 64, 48'000, 1'300 * kMicrosecond);
}

void two_tasks(Guest& guest) noexcept {
  Shared fast_out(guest), slow_out(guest);
  const Task tasks[] = {
      {.name = "fast", .priority = 20, .response_ns = 400 * kMicrosecond},
      {.name = "slow", .period_us = 3'000, .budget_ns = 500 * kMicrosecond, .priority = 10}};
  Island island(guest, honest(guest, tasks));
  CHECK(island.admitted());
  const Grant to_fast[] = {{"out", fast_out.cap()}}, to_slow[] = {{"out", slow_out.cap()}};
  Child fast(guest,
             {.role = Role::periodic, .argument = 30, .grants = to_fast, .context = island.context(0)});
  Child slow(guest,
             {.role = Role::periodic, .argument = 10, .grants = to_slow, .context = island.context(1)});
  CHECK(fast.becomes_ready() && slow.becomes_ready());
  const std::uint64_t start = island.activate();
  CHECK(start != 0 && fast_out.reaches(0, 30) && slow_out.reaches(0, 10));
  for (std::size_t n = 0; n < 30; ++n) CHECK(record(fast_out, n).scheduled == start + n * kMillisecond);
  for (std::size_t n = 0; n < 10; ++n) {
    CHECK(record(slow_out, n).scheduled == start + 3 * n * kMillisecond);
    CHECK(record(slow_out, n).actual >
          record(fast_out, 3 * n).actual);  // released together, the urgent one first
  }
  CHECK(island.status().misses == 0);
}

void one_thread_at_a_time(Guest& guest) noexcept {
  Island island(guest, honest(guest, kTask));
  Shared out(guest);
  const Grant grants[] = {{"out", out.cap()}};
  const Request request{
      .role = Role::periodic, .argument = 5, .grants = grants, .context = island.context(0)};
  {
    Child child(guest, request);
    CHECK(child.becomes_ready());
    CHECK(refused(try_spawn(guest, request), ExceptionType::overloaded, KernelError::busy));
  }
  Child next(guest, request);
  CHECK(next.becomes_ready());
}

// A process that cannot be made leaves its context free.
void failed_spawn_frees_the_context(Guest& guest) noexcept {
  Island island(guest, honest(guest, kTask));
  CHECK(refused(try_spawn(guest, {.role = Role::exit_with, .pages = 20, .context = island.context(0)}),
                ExceptionType::failed, KernelError::quota_exceeded));
  CHECK(
      refused(try_spawn(guest, {.role = Role::exit_with, .context = island.context(0), .program = "overlap"}),
              ExceptionType::failed, KernelError::bad_elf));
  Child child(guest, {.role = Role::exit_with, .argument = 6, .context = island.context(0)});
  CHECK(child.exits(6));
}

void parameters(Guest& guest) noexcept {
  const Task tasks[] = {{.deadline_ns = 700 * kMicrosecond, .priority = 123}};
  Island island(guest, honest(guest, tasks));
  const auto found = Capability<schema::SchedulingContext>(island.context(0))->parameters();
  CHECK(found.has_value());
  CHECK(found->period_numerator == 1'000 && found->period_denominator == 1'000'000);
  CHECK(found->budget_ns == 100 * kMicrosecond && found->deadline_ns == 700 * kMicrosecond);
  CHECK(found->priority == 123 && found->cpu == island.cpu() && found->island != 0);
  const auto consumed = Capability<schema::SchedulingContext>(island.context(0))->consumed();
  CHECK(island.cpu() == 0 ? consumed.has_value() && consumed->total_ns == 0
                          : transport(consumed, TransportError::wrong_cpu));
}

void wait_on_a_context_not_mine(Guest& guest) noexcept {
  Island island(guest, honest(guest, kTask));
  CHECK(transport(Capability<schema::SchedulingContext>(island.context(0))->wait_next_release(),
                  TransportError::not_bound));
}

void sleep_on_a_context(Guest& guest) noexcept {
  Island island(guest, honest(guest, kTask));
  Child child(guest, {.role = Role::periodic_sleep, .context = island.context(0)});
  CHECK(child.exits(100 + static_cast<int>(KernelError::bad_state)));
}

void wait_by_ring(Guest& guest) noexcept {
  Island island(guest, honest(guest, kTask));
  Child child(guest, {.role = Role::ring_abuse, .argument = 3, .context = island.context(0)});
  CHECK(child.exits(0));
}

// After its end an island's task must get no more time.
void stays_still(Guest& guest, Shared& out) noexcept {
  guest.sleep(2 * kMillisecond);
  const std::uint64_t last = out.word(0);
  guest.sleep(5 * kMillisecond);
  CHECK(out.word(0) == last);
}

void retire_stops(Guest& guest) noexcept {
  Shared out(guest);
  const Grant grants[] = {{"out", out.cap()}};
  Island island(guest, honest(guest, kTask));
  Child child(guest,
              {.role = Role::periodic, .argument = 40, .grants = grants, .context = island.context(0)});
  CHECK(child.becomes_ready() && island.activate() != 0 && out.reaches(0, 3));
  CHECK(island.island()->retire().has_value());
  stays_still(guest, out);
  CHECK(child.alive() && out.word(0) < 40);
  const Island next(guest, honest(guest, kTask));
  CHECK(next.admitted());
}

void retire_right_after_activate(Guest& guest) noexcept {
  Shared out(guest);
  const Grant grants[] = {{"out", out.cap()}};
  Island island(guest, honest(guest, kTask));
  Child child(guest,
              {.role = Role::periodic, .argument = 40, .grants = grants, .context = island.context(0)});
  CHECK(child.becomes_ready());
  CHECK(island.activate() != 0);
  CHECK(island.island()->retire().has_value());
  guest.sleep(4 * kMillisecond);
  CHECK(out.word(0) == 0);
}

void given_up_while_active(Guest& guest) noexcept {
  Shared out(guest);
  const Grant grants[] = {{"out", out.cap()}};
  Island island(guest, honest(guest, kTask));
  Child child(guest,
              {.role = Role::periodic, .argument = 40, .grants = grants, .context = island.context(0)});
  CHECK(child.becomes_ready() && island.activate() != 0 && out.reaches(0, 3));
  island.drop();
  stays_still(guest, out);
  CHECK(out.word(0) < 40);
  const Island next(guest, honest(guest, kTask));
  CHECK(next.admitted());
}

void spawn_on_a_retired_context(Guest& guest) noexcept {
  Island island(guest, honest(guest, kTask));
  CHECK(island.island()->retire().has_value());
  CHECK(refused(try_spawn(guest, {.role = Role::exit_with, .context = island.context(0)}),
                ExceptionType::failed, KernelError::bad_state));
}

// The task waits for a signal when its island ends; the signal comes later and finds nobody with time.
void signal_after_retirement(Guest& guest) noexcept {
  Shared out(guest);
  const Notice event = make_notification(guest);
  const Grant grants[] = {{"out", out.cap()}, {"event", event.cap()}};
  Island island(guest, honest(guest, kTask));
  Child child(guest, {.role = Role::wait_in_job, .grants = grants, .context = island.context(0)});
  CHECK(child.becomes_ready() && island.activate() != 0);
  guest.sleep(2 * kMillisecond);
  CHECK(island.island()->retire().has_value());
  CHECK(event.borrow()->signal(3).has_value());
  stays_still(guest, out);
  CHECK(out.word(0) == 0 && child.alive());
}

// A task that waits for a signal through several deadlines; each consequence of a miss but stopTask lets it
// go on.
void wait_over_deadlines(Guest& guest, std::uint16_t on_miss) noexcept {
  Shared out(guest);
  const Notice event = make_notification(guest);
  const Grant grants[] = {{"out", out.cap()}, {"event", event.cap()}};
  const Task tasks[] = {{.on_miss = on_miss}};
  Island island(guest, honest(guest, tasks));
  Child child(guest, {.role = Role::wait_in_job, .grants = grants, .context = island.context(0)});
  CHECK(child.becomes_ready() && island.activate() != 0);
  guest.sleep(5 * kMillisecond + 300 * kMicrosecond);
  CHECK(out.word(0) == 0);  // it waits still
  CHECK(island.status().misses >= 1);
  CHECK(event.borrow()->signal(3).has_value());
  CHECK(out.reaches(0, 5));
  CHECK(record(out, 0).status == 3);
  const Record second = record(out, 1);
  CHECK(on_miss == kRunLate ? second.index == 1 && second.skipped == 0 : second.index > 3);
  for (std::size_t n = 1; n < 5; ++n) CHECK(record(out, n).status == 0);
}
void wait_over_deadlines_late(Guest& guest) noexcept { wait_over_deadlines(guest, kRunLate); }
void wait_over_deadlines_skip(Guest& guest) noexcept { wait_over_deadlines(guest, kSkip); }
void wait_over_deadlines_hold(Guest& guest) noexcept { wait_over_deadlines(guest, kHold); }

void wait_over_deadlines_stop(Guest& guest) noexcept {
  Shared out(guest);
  const Notice event = make_notification(guest);
  const Grant grants[] = {{"out", out.cap()}, {"event", event.cap()}};
  const Task tasks[] = {{.on_miss = kStopTask}};
  Island island(guest, honest(guest, tasks));
  Child child(guest, {.role = Role::wait_in_job, .grants = grants, .context = island.context(0)});
  CHECK(child.becomes_ready() && island.activate() != 0);
  guest.sleep(4 * kMillisecond);
  CHECK(event.borrow()->signal(3).has_value());
  guest.sleep(4 * kMillisecond);
  CHECK(out.word(0) == 0 && island.status().misses == 1);
}

void killed_task(Guest& guest) noexcept {
  Shared out(guest);
  const Task tasks[] = {{.name = "a", .priority = 20, .response_ns = 400 * kMicrosecond},
                        {.name = "b", .priority = 10, .response_ns = 600 * kMicrosecond}};
  Island island(guest, honest(guest, tasks));
  CHECK(island.admitted());
  Shared other_out(guest);
  const Grant grants[] = {{"out", out.cap()}}, other_grants[] = {{"out", other_out.cap()}};
  Child doomed(guest,
               {.role = Role::periodic, .argument = 40, .grants = grants, .context = island.context(0)});
  Child other(guest,
              {.role = Role::periodic, .argument = 20, .grants = other_grants, .context = island.context(1)});
  CHECK(doomed.becomes_ready() && other.becomes_ready() && island.activate() != 0 && out.reaches(0, 2));
  CHECK(doomed.process()->kill().has_value());
  CHECK(doomed.ends(schema::ExitReason::killed, 0));
  CHECK(other_out.reaches(0, 20));
  CHECK(record(other_out, 19).index == 19);
}

void dead_task_is_not_activated(Guest& guest) noexcept {
  Shared out(guest);
  const Grant grants[] = {{"out", out.cap()}};
  Island island(guest, honest(guest, kTask));
  {
    Child child(guest, {.role = Role::periodic, .grants = grants, .context = island.context(0)});
    CHECK(child.becomes_ready());
  }
  CHECK(island.activate() == 0);
}

void best_effort_on_a_leased_cpu(Guest& guest) noexcept {
  Island island(guest, honest(guest, kTask));
  CHECK(island.admitted());
  const auto made = try_spawn(guest, {.role = Role::exit_with, .argument = 1, .cpu = island.cpu()});
  if (guest.cpus == 1) {
    CHECK(made.has_value());
    return;
  }
  CHECK(invalid(made, KernelError::bad_cpu));
  Child passive(guest, {.role = Role::exit_with, .argument = 2, .cpu = island.cpu(), .passive = true});
  CHECK(passive.exits(2));
  CHECK(island.island()->retire().has_value());
  Child free(guest, {.role = Role::exit_with, .argument = 3, .cpu = island.cpu()});
  CHECK(free.exits(3));
}

constexpr Case kCases[] = {
    {"island life", life},
    {"island activated before its threads wait", activate_before_it_waits},
    {"island jobs at exact releases", exact_releases},
    {"island period that is no whole nanosecond", fractional_period},
    {"island two tasks by priority", two_tasks},
    {"island contexts: one thread at a time", one_thread_at_a_time},
    {"island context free after a failed spawn", failed_spawn_frees_the_context},
    {"context parameters and consumed", parameters},
    {"context of another refuses to wait", wait_on_a_context_not_mine},
    {"context does not sleep", sleep_on_a_context},
    {"context does not wait by ring", wait_by_ring},
    {"island retire stops its jobs", retire_stops},
    {"island retired right after activation", retire_right_after_activate},
    {"island given up while active", given_up_while_active},
    {"island retired context starts nobody", spawn_on_a_retired_context},
    {"island signal after retirement", signal_after_retirement},
    {"island wait over deadlines, runLate", wait_over_deadlines_late},
    {"island wait over deadlines, skip", wait_over_deadlines_skip},
    {"island wait over deadlines, hold", wait_over_deadlines_hold},
    {"island wait over deadlines, stopTask", wait_over_deadlines_stop},
    {"island killed task leaves the others", killed_task},
    {"island with a dead task", dead_task_is_not_activated},
    {"island best effort on its CPU", best_effort_on_a_leased_cpu},
};

}  // namespace

std::span<const Case> island_cases() noexcept { return kCases; }

}  // namespace conformance
