// SPDX-License-Identifier: Apache-2.0
// Time that is lost as a message to a supervisor: budgets spent, deadlines missed, contexts stopped with their island.
// (seL4 pull request 216: a thread that is resumed without a scheduling context gets a typed fault.)
#include "capos/runtime/system_call.hpp"
#include "island_harness.hpp"
#include "supervisor.hpp"

namespace conformance {
namespace {

using runtime::Thread;
using schema::ExitReason;

struct Job {
  Guest* guest = nullptr;
  abi::CapId context{}, event{};
  std::uint64_t releases = 0;
  bool go_on = false;
};

bool take_release(Job& job) noexcept {
  const auto release = Capability<schema::SchedulingContext>(job.context)->wait_next_release();
  if (release.has_value()) ++job.releases;
  return release.has_value();
}

// Computes in its first job until it is let go, which happens when it has lost its context.
void compute_too_long(void* argument) {
  auto& job = *static_cast<Job*>(argument);
  if (!take_release(job)) runtime::exit_thread(90);
  while (!__atomic_load_n(&job.go_on, __ATOMIC_ACQUIRE)) __builtin_ia32_pause();
  const auto next = Capability<schema::SchedulingContext>(job.context)->wait_next_release();
  runtime::exit_thread(transport(next, TransportError::not_bound) ? 41 : 42);
}

void jobs_to_the_end(void* argument) {
  auto& job = *static_cast<Job*>(argument);
  while (true) {
    const auto release = Capability<schema::SchedulingContext>(job.context)->wait_next_release();
    if (!release.has_value()) runtime::exit_thread(transport(release, TransportError::not_bound) ? 43 : 44);
    ++job.releases;
  }
}

// Waits for an event in its first job; the island goes meanwhile.
void wait_in_job(void* argument) {
  auto& job = *static_cast<Job*>(argument);
  if (!take_release(job)) runtime::exit_thread(90);
  const auto bits = Capability<schema::Notification>(job.event)->wait();
  runtime::exit_thread(bits.has_value() ? bits->bits : 91);
}

Claim claim_of(Guest& guest, std::span<const Task> tasks) noexcept {
  Claim claim = honest(guest, tasks);
  claim.cpu = 0;
  claim.slack = true;
  return claim;
}

// The context is stopped by a consequence; the supervisor hears of it, though the thread has no time left to run in.
void stopped_by_consequence(Guest& guest, const Task& task, ThreadFault kind) noexcept {
  Supervisor supervisor(guest);
  CHECK(supervisor);
  Island island(guest, claim_of(guest, {&task, 1}));
  CHECK(island.admitted());
  Job job{.guest = &guest, .context = island.context(0)};
  auto worker = Thread::start(guest.runtime, compute_too_long, &job,
                              {.context = island.context(0), .supervisor = supervisor.client()});
  CHECK(worker.has_value());
  guest.sleep(300 * kMicrosecond);
  CHECK(island.activate() != 0);
  CHECK(supervisor.told(0));
  CHECK(supervisor.message().kind == kind);
  CHECK(supervisor.message().thread == worker->number() && supervisor.message().vector == 0);
  CHECK(job.releases == 1);
  __atomic_store_n(&job.go_on, true, __ATOMIC_RELEASE);
  supervisor.answer(FaultAction::resume);
  CHECK(worker->join().has_value());
  const auto end = worker->capability()->wait();
  CHECK(end.has_value() && end->reason == ExitReason::exited && end->code == 41);  // as best effort
}

void budget_spent(Guest& guest) noexcept {
  stopped_by_consequence(guest, {.name = "a", .priority = 20, .response_ns = 400 * kMicrosecond, .on_overrun = kStopTask},
                         ThreadFault::budget_spent);
}
void deadline_missed(Guest& guest) noexcept {
  stopped_by_consequence(guest,
                         {.name = "a",
                          .budget_ns = 100 * kMicrosecond,
                          .deadline_ns = 500 * kMicrosecond,
                          .priority = 20,
                          .response_ns = 400 * kMicrosecond,
                          .on_miss = kStopTask,
                          .on_overrun = kRunLate},
                         ThreadFault::deadline_missed);
}

void retired_while_it_waits_for_its_release(Guest& guest) noexcept {
  Supervisor supervisor(guest);
  CHECK(supervisor);
  const Task tasks[] = {{.name = "a", .priority = 20, .response_ns = 400 * kMicrosecond}};
  Island island(guest, claim_of(guest, tasks));
  CHECK(island.admitted());
  Job job{.guest = &guest, .context = island.context(0)};
  auto worker = Thread::start(guest.runtime, jobs_to_the_end, &job,
                              {.context = island.context(0), .supervisor = supervisor.client()});
  CHECK(worker.has_value());
  guest.sleep(300 * kMicrosecond);
  CHECK(island.activate() != 0);
  guest.sleep(5 * kMillisecond);
  CHECK(job.releases > 2);
  CHECK(island.island()->retire().has_value());
  CHECK(supervisor.told(0));
  CHECK(supervisor.message().kind == ThreadFault::context_stopped);
  supervisor.answer(FaultAction::resume);
  const auto end = worker->join();
  CHECK(end.has_value() && end->reason == ExitReason::exited && end->code == 43);
}

// The wait itself goes on; when it ends, the thread would run and has nothing to run on.
void woken_without_a_context(Guest& guest) noexcept {
  Supervisor supervisor(guest);
  CHECK(supervisor);
  const Notice event = make_notification(guest);
  const Task tasks[] = {{.name = "a", .priority = 20, .response_ns = 400 * kMicrosecond}};
  Island island(guest, claim_of(guest, tasks));
  CHECK(island.admitted());
  Job job{.guest = &guest, .context = island.context(0), .event = event.cap()};
  auto worker = Thread::start(guest.runtime, wait_in_job, &job,
                              {.context = island.context(0), .supervisor = supervisor.client()});
  CHECK(worker.has_value());
  guest.sleep(300 * kMicrosecond);
  CHECK(island.activate() != 0);
  guest.sleep(2 * kMillisecond);
  CHECK(job.releases == 1);
  CHECK(island.island()->retire().has_value());
  guest.sleep(500 * kMicrosecond);
  const auto waits = worker->capability()->describe();
  CHECK(waits.has_value() && waits->activity == schema::ThreadActivity::waits_for_event);
  CHECK(event.borrow()->signal(6).has_value());
  CHECK(supervisor.told(0));
  CHECK(supervisor.message().kind == ThreadFault::context_stopped);
  supervisor.answer(FaultAction::resume);
  const auto end = worker->join();
  CHECK(end.has_value() && end->reason == ExitReason::exited && end->code == 6);
}

void ended_for_lost_time(Guest& guest) noexcept {
  Supervisor supervisor(guest);
  CHECK(supervisor);
  const Task tasks[] = {{.name = "a", .priority = 20, .response_ns = 400 * kMicrosecond}};
  Island island(guest, claim_of(guest, tasks));
  CHECK(island.admitted());
  Job job{.guest = &guest, .context = island.context(0)};
  auto worker = Thread::start(guest.runtime, jobs_to_the_end, &job,
                              {.context = island.context(0), .supervisor = supervisor.client()});
  CHECK(worker.has_value());
  guest.sleep(300 * kMicrosecond);
  CHECK(island.island()->retire().has_value());
  CHECK(supervisor.told(0));
  supervisor.answer(FaultAction::end_thread);
  const auto end = worker->join();
  CHECK(end.has_value() && end->reason == ExitReason::fault);
  CHECK(end->code == 32 + static_cast<std::int64_t>(ThreadFault::context_stopped));
}

constexpr Case kCases[] = {
    {"supervisor of a spent budget", budget_spent},
    {"supervisor of a missed deadline", deadline_missed},
    {"supervisor of a task whose island is retired", retired_while_it_waits_for_its_release},
    {"supervisor of a thread woken without a context", woken_without_a_context},
    {"supervisor ends a thread without time", ended_for_lost_time},
};

}  // namespace

std::span<const Case> supervision_of_time_cases() noexcept { return kCases; }

}  // namespace conformance
