// SPDX-License-Identifier: Apache-2.0
// An island of more tasks than one message has capabilities for: its contexts come in several answers, and its jobs in time.
#include "island_harness.hpp"
#include "roles.hpp"

namespace conformance {
namespace {

constexpr std::uint32_t kTasks = 100, kEach = 50;
constexpr std::uint64_t kPeriod = 10 * kMillisecond;

std::span<const Task> many_tasks() noexcept {
  static constinit std::array<Task, kTasks> tasks{};
  for (std::uint32_t i = 0; i < kTasks; ++i) {
    tasks[i] = {.period_us = 10'000, .budget_ns = 40 * kMicrosecond, .priority = static_cast<std::uint8_t>(10 + i)};
  }
  tasks[kTasks - 1].budget_ns = 200 * kMicrosecond;  // the first that runs pays for the release of all
  return tasks;
}

using Contexts = std::array<OwnedCapability<schema::SchedulingContext>, kTasks>;

// Those from `first` on; how many there were, ~0 if the call failed.
std::uint32_t fetch(Island& island, std::uint16_t first, Contexts& into) noexcept {
  auto answer = island.island()->contexts([&](auto params) { params.set_first(first); });
  if (!answer.has_value()) return ~0u;
  const auto list = answer->reader().contexts();
  for (std::uint32_t i = 0; i < list.size() && first + i < kTasks; ++i) {
    into[first + i] = OwnedCapability<schema::SchedulingContext>(answer->cap(list[i]));
  }
  return list.size();
}

void contexts_in_turn(Guest& guest) noexcept {
  Contexts contexts;
  Island island(guest, {.tasks = many_tasks(), .cpu = 0, .slack = true});
  CHECK(island.admitted());
  CHECK(fetch(island, 0, contexts) == 64 && fetch(island, 64, contexts) == 36);
  CHECK(fetch(island, 99, contexts) == 1);
  CHECK(fetch(island, 100, contexts) == 0 && fetch(island, 65'535, contexts) == 0);
  for (std::uint32_t i = 0; i < kTasks; ++i) {
    const auto own = contexts[i]->parameters();
    CHECK(own.has_value() && own->priority == 10 + i);
  }
  CHECK(island.island()->retire().has_value());
  CHECK(fetch(island, 60, contexts) == 40);
  contexts = {};
}

// Valid until it is called again.
Request crowd_of(const Shared& out, const Contexts& contexts, std::uint32_t first) noexcept {
  static runtime::Text<16> names[kEach];
  static Grant grants[kEach + 1];
  for (std::uint32_t i = 0; i < kEach; ++i) {
    names[i].clear();
    grants[i] = {names[i].add("task.").add(i).view(), contexts[first + i].cap()};
  }
  grants[kEach] = {"out", out.cap()};
  return {.role = Role::crowd, .argument = kEach, .grants = grants, .pages = 2'200};
}

void hundred_tasks(Guest& guest) noexcept {
  constexpr std::uint64_t kJobs = 4;
  Contexts contexts;
  Shared out(guest);
  Island island(guest, {.tasks = many_tasks(), .cpu = 0, .slack = true});
  CHECK(island.admitted());
  CHECK(fetch(island, 0, contexts) == 64 && fetch(island, 64, contexts) == 36);
  Child one(guest, crowd_of(out, contexts, 0));
  Child other(guest, crowd_of(out, contexts, kEach));
  CHECK(out.reaches(0, kTasks, 2'000 * kMillisecond));
  guest.sleep(kMillisecond);  // the last ones come to their wait
  const std::uint64_t start = island.activate();
  CHECK(start != 0);
  guest.sleep(start + kJobs * kPeriod - kMillisecond - guest.now());
  const auto status = island.status();
  contexts = {};
  if (kernel_checks_itself(guest)) return;  // slower than what was admitted
  CHECK(status.jobs == kTasks * kJobs && out.word(1) == kTasks * kJobs);
  CHECK(status.overruns == 0 && status.misses == 0);
}

// A task goes on in time while a certificate of the largest size is checked, on its CPU. The least of what that claims is wrong, and
// looked at last: what it promises this task.
void checked_beside(Guest& guest) noexcept {
  Shared out(guest);
  const Grant grants[] = {{"out", out.cap()}};
  const Task beat[] = {{.name = "beat", .period_us = 500, .budget_ns = 50 * kMicrosecond, .deadline_ns = 150 * kMicrosecond}};
  Island island(guest, {.tasks = beat, .cpu = 0, .slack = true, .name = "first"});
  CHECK(island.admitted());
  Child child(guest, {.role = Role::periodic, .argument = 60, .grants = grants, .context = island.context(0)});
  CHECK(child.becomes_ready());
  CHECK(island.activate() != 0 && out.reaches(0, 1));
  static constinit std::array<Task, 128> tasks{};
  for (Task& task : tasks) task = {.period_us = 1'000'000, .budget_ns = 20 * kMicrosecond, .priority = 10};
  const OtherOf beside[] = {{"first", 100 * kMicrosecond}};
  const std::uint64_t before = island.status().jobs;
  for (int i = 0; i < 4; ++i) {
    const Island large(guest, {.tasks = tasks, .cpu = 0, .slack = true, .name = "large", .others = beside});
    CHECK(!large.admitted() && contains(large.refusal(), "first.beat"));
  }
  CHECK(island.status().jobs >= before + 4);
  CHECK(out.reaches(0, 60));
  if (kernel_checks_itself(guest)) return;  // slower than what was admitted
  const auto status = island.status();
  CHECK(status.misses == 0 && status.overruns == 0);
}

// The certificate's own limit, and that of a group.
void too_many_tasks(Guest& guest) noexcept {
  static constinit std::array<Task, 129> tasks{};
  for (Task& task : tasks) task = {.period_us = 1'000'000, .budget_ns = kMicrosecond};
  const Island island(guest, {.tasks = tasks, .cpu = 0, .slack = true});
  CHECK(!island.admitted() && contains(island.refusal(), "too many tasks"));
}

constexpr Case kCases[] = {
    {"islands: contexts come in several answers", contexts_in_turn},
    {"islands: a hundred tasks, no miss", hundred_tasks},
    {"islands: in time while the largest is checked", checked_beside},
    {"islands: no more tasks than a certificate has room for", too_many_tasks},
};

}  // namespace

std::span<const Case> large_island_cases() noexcept { return kCases; }

}  // namespace conformance
