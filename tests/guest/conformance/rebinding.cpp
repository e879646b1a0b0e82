// SPDX-License-Identifier: Apache-2.0
// Which thread runs on a context, changed while its island runs: a crashed task is started again on its old grid, a controller is
// replaced by one that stands by and loses no job, and the other tasks notice nothing.
#include "island_harness.hpp"
#include "roles.hpp"

namespace conformance {
namespace {

constexpr std::uint64_t kPeriod = kMillisecond;
constexpr Task kTwo[] = {{.name = "controller", .budget_ns = 300 * kMicrosecond, .priority = 20, .response_ns = 900 * kMicrosecond},
                         {.name = "other", .budget_ns = 50 * kMicrosecond, .priority = 10, .response_ns = 900 * kMicrosecond}};

std::uint64_t record(const Shared& out, std::size_t n, std::size_t word) noexcept { return out.word(8 + n * kRecordWords + word); }
bool is_on_grid(const Shared& out, std::size_t n, std::uint64_t start) noexcept {
  return record(out, n, 1) == start + record(out, n, 0) * kPeriod && record(out, n, 2) >= record(out, n, 1);
}

runtime::Result<void> bind(abi::CapId context, abi::CapId thread) noexcept {
  const auto done = Capability<schema::SchedulingContext>(context)->bind([&](auto params, Transfers& transfers) {
    params.init_thread().set_capability(transfers.add(thread));
  });
  if (!done.has_value()) return std::unexpected(done.error());
  return {};
}
// Its thread may be in a job just now.
bool bind_between_jobs(Guest& guest, abi::CapId context, abi::CapId thread) noexcept {
  for (int tries = 0; tries < 200; ++tries) {
    const auto done = bind(context, thread);
    if (done.has_value()) return true;
    if (!refused(done, ExceptionType::overloaded, KernelError::busy)) return false;
    guest.sleep(50 * kMicrosecond);
  }
  return false;
}

void a_crashed_task_is_started_again(Guest& guest) noexcept {
  Shared first_out(guest), out(guest), other_out(guest);
  Island island(guest, honest(guest, kTwo));
  if (!island.admitted()) return guest.fail("refused", 0, island.refusal());
  const Grant first_grants[] = {{"out", first_out.cap()}}, grants[] = {{"out", out.cap()}}, other_grants[] = {{"out", other_out.cap()}};
  Child other(guest, {.role = Role::periodic, .argument = 40, .grants = other_grants, .context = island.context(1)});
  Child crashes(guest, {.role = Role::crash_in_job, .argument = 5, .grants = first_grants, .context = island.context(0)});
  CHECK(other.becomes_ready() && crashes.becomes_ready());
  const std::uint64_t start = island.activate();
  CHECK(start != 0);
  CHECK(crashes.faults(6, 0));
  CHECK(first_out.word(0) == 5);
  Child again(guest, {.role = Role::periodic, .argument = 10, .grants = grants, .context = island.context(0)});
  CHECK(again.becomes_ready());
  CHECK(out.reaches(0, 10) && other_out.reaches(0, 40));
  const std::uint64_t came_back = record(out, 0, 0);
  guest.note("came back with job", came_back);
  CHECK(came_back > 5);
  CHECK(record(out, 0, 5) == came_back - 6);  // releases 6 and on, that nobody ran
  // Of the first one's budget the start may have taken a part: then that is held, and goes on with the second's.
  const std::uint64_t held = record(out, 1, 0) - came_back - 1;
  CHECK(held <= 1);
  for (std::size_t n = 0; n < 10; ++n) {
    CHECK(is_on_grid(out, n, start));
    CHECK(n == 0 || record(out, n, 0) == came_back + held + n);
    CHECK(n == 0 || record(out, n, 5) == 0);
  }
  for (std::size_t n = 0; n < 40; ++n) {
    CHECK(record(other_out, n, 0) == n && record(other_out, n, 5) == 0 && is_on_grid(other_out, n, start));
    CHECK(kernel_checks_itself(guest) || record(other_out, n, 6) <= record(other_out, n, 4));
  }
}

void a_controller_is_replaced(Guest& guest) noexcept {
  Shared old_out(guest), new_out(guest), other_out(guest);
  Island island(guest, honest(guest, kTwo));
  if (!island.admitted()) return guest.fail("refused", 0, island.refusal());
  const Grant old_grants[] = {{"out", old_out.cap()}}, other_grants[] = {{"out", other_out.cap()}};
  const Grant new_grants[] = {{"out", new_out.cap()}, {"stands", island.context(0)}};
  Child other(guest, {.role = Role::periodic, .argument = 40, .grants = other_grants, .context = island.context(1)});
  Child before(guest, {.role = Role::periodic, .argument = 40, .grants = old_grants, .context = island.context(0)});
  Child after(guest, {.role = Role::stand_by, .argument = 40, .grants = new_grants, .cpu = island.cpu(), .passive = true});
  CHECK(other.becomes_ready() && before.becomes_ready() && after.becomes_ready());
  CHECK(refused(bind(island.context(1), before.process().cap()), ExceptionType::overloaded, KernelError::busy));
  const std::uint64_t start = island.activate();
  CHECK(start != 0 && old_out.reaches(0, 5));
  CHECK(bind_between_jobs(guest, island.context(0), after.process().cap()));
  const std::uint64_t done = old_out.word(0);
  CHECK(new_out.reaches(0, 5));
  CHECK(old_out.word(0) == done);
  CHECK(bind_between_jobs(guest, island.context(0), before.process().cap()));
  const std::uint64_t back = new_out.word(0);
  CHECK(old_out.reaches(0, done + 5) && other_out.reaches(0, done + back + 5));
  CHECK(new_out.word(0) == back);
  // One after the other, each release once.
  for (std::size_t n = 0; n < done; ++n) CHECK(record(old_out, n, 0) == n && is_on_grid(old_out, n, start));
  for (std::size_t n = 0; n < back; ++n) CHECK(record(new_out, n, 0) == done + n && is_on_grid(new_out, n, start) && record(new_out, n, 5) == 0);
  for (std::size_t n = done; n < done + 5; ++n) CHECK(record(old_out, n, 0) == back + n && record(old_out, n, 5) == 0);
  for (std::size_t n = 0; n < done + back + 5; ++n) CHECK(record(other_out, n, 0) == n && record(other_out, n, 5) == 0);
  if (!kernel_checks_itself(guest)) CHECK(island.status().misses == 0);
}

// Without a thread: the releases are nobody's, until one is bound, or started, again.
void taken_away_and_given_back(Guest& guest) noexcept {
  Shared out(guest);
  Island island(guest, honest(guest, std::span(kTwo).first(1)));
  if (!island.admitted()) return guest.fail("refused", 0, island.refusal());
  const Grant grants[] = {{"out", out.cap()}};
  Capability<schema::SchedulingContext> context(island.context(0));
  CHECK(refused(context->unbind(), ExceptionType::failed, KernelError::bad_state));
  Child task(guest, {.role = Role::periodic, .argument = 20, .grants = grants, .context = island.context(0)});
  CHECK(task.becomes_ready());
  CHECK(context->unbind().has_value());
  CHECK(refused(island.island()->activate(guest.now() + kMillisecond), ExceptionType::failed, KernelError::bad_state));
  CHECK(bind(island.context(0), task.process().cap()).has_value());
  const std::uint64_t start = island.activate();
  CHECK(start != 0 && out.reaches(0, 3));
  bool unbound = false;
  for (int tries = 0; tries < 200 && !unbound; ++tries) {
    const auto done = context->unbind();
    unbound = done.has_value();
    CHECK(unbound || refused(done, ExceptionType::overloaded, KernelError::busy));
    if (!unbound) guest.sleep(50 * kMicrosecond);
  }
  const std::uint64_t done = out.word(0);
  guest.sleep(4 * kMillisecond);
  CHECK(unbound && out.word(0) == done);
  CHECK(bind(island.context(0), task.process().cap()).has_value());
  CHECK(out.reaches(0, done + 3));
  CHECK(record(out, done, 5) >= 3 && record(out, done, 0) == done + record(out, done, 5) && is_on_grid(out, done, start));
  const auto notice = make_notification(guest);
  CHECK(invalid(bind(island.context(0), notice.cap()), KernelError::bad_capability));
  if (guest.cpus == 1) return;
  Child elsewhere(guest, {.role = Role::sleeper_loop, .grants = grants, .cpu = 0});
  CHECK(invalid(bind(island.context(0), elsewhere.process().cap()), KernelError::bad_cpu));
}

constexpr Case kCases[] = {
    {"rebinding: a crashed task is started again", a_crashed_task_is_started_again},
    {"rebinding: a controller is replaced", a_controller_is_replaced},
    {"rebinding: taken away and given back", taken_away_and_given_back},
};

}  // namespace

std::span<const Case> rebinding_cases() noexcept { return kCases; }

}  // namespace conformance
