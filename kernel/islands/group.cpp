// SPDX-License-Identifier: Apache-2.0
#include "islands/group.hpp"

#include <algorithm>
#include <cstddef>
#include <new>
#include <utility>

#include "islands/island.hpp"
#include "islands/lease.hpp"
#include "islands/standing.hpp"

namespace capos::kernel {
namespace {

constinit sched::Overheads g_overheads{};
// Made when it is first needed, since its defaults are not all zero and would stand in the image.
alignas(Group) constinit std::byte g_group[sizeof(Group)]{};
constinit bool g_made = false;

constexpr std::uint64_t kLongestClaimNs = std::uint64_t{1} << 62;

Duration claimed(std::uint64_t ns) noexcept {
  return Duration::ns(static_cast<std::int64_t>(std::min(ns, kLongestClaimNs)));
}

}  // namespace

bool Group::refuse(std::string_view reason, std::string_view of) noexcept {
  why_ = {};
  why_.text(own_.island).text(": ").text(reason).text(of);
  return false;
}

bool Group::read_own(schema::IslandCertificate::Reader message, const Island* itself) noexcept {
  own_.island = message.island_name();
  const auto read = read_certificate(message, storage_);
  if (!read.has_value()) return refuse(describe(read.error()));
  own_ = *read;
  slack_ = message.best_effort_slack();
  if (own_.island.empty()) return refuse("an island needs a name");
  for (const Island* island = first_standing(); island != nullptr; island = next_standing(*island)) {
    if (island != itself && island->name() == own_.island) return refuse("an island of this name stands already");
  }
  cpus_ = own_.cpus;
  parts_[0] = {own_.island, own_.cpus};
  return true;
}

// All that share a CPU with one of those found so far, until nobody else does.
bool Group::gather(const Island* itself) noexcept {
  others_count_ = 0;
  const auto found = [&](const Island* island) {
    return std::find(others_.begin(), others_.begin() + others_count_, island) != others_.begin() + others_count_;
  };
  for (bool grew = true; grew;) {
    grew = false;
    for (const Island* island = first_standing(); island != nullptr; island = next_standing(*island)) {
      if (island == itself || (island->cpus() & cpus_) == 0 || found(island)) continue;
      if (others_count_ + 1 == kMaxGroup) return refuse("too many islands share CPUs");
      others_[others_count_++] = island;
      cpus_ |= island->cpus();
      grew = true;
    }
  }
  return true;
}

bool Group::is_changing() const noexcept {
  return std::any_of(others_.begin(), others_.begin() + others_count_, [](const Island* island) { return island->is_changing(); });
}

// From indices into one certificate to those into the group: of all that was read behind these places.
void Group::rebase(std::size_t part, std::size_t tasks, std::size_t hops, std::size_t calls) noexcept {
  const auto base = static_cast<std::uint16_t>(tasks);
  for (std::size_t i = tasks; i < storage_.used.tasks; ++i) {
    storage_.tasks[i].island = static_cast<std::uint16_t>(part);
    if (storage_.tasks[i].fallback != sched::kNoTask) storage_.tasks[i].fallback += base;
  }
  for (std::size_t i = hops; i < storage_.used.hops; ++i) storage_.hops[i] += base;
  for (std::size_t i = calls; i < storage_.used.calls; ++i) storage_.calls[i].task += base;
}

bool Group::claim(std::span<sched::TaskClaim> tasks, std::string_view island, schema::IslandCertificate::Reader own) noexcept {
  for (const auto other : own.others()) {
    if (other.name() != island) continue;
    const auto responses = other.response_ns(), blocking = other.blocking_ns();
    if (responses.size() != tasks.size() || blocking.size() != tasks.size()) {
      return refuse("it does not claim a bound for each task of ", island);
    }
    for (std::uint32_t i = 0; i < tasks.size(); ++i) {
      tasks[i].response = claimed(responses[i]);
      tasks[i].blocking = claimed(blocking[i]);
    }
    return true;
  }
  return refuse("it says nothing of an island that stands on its CPUs: ", island);
}

bool Group::add(std::size_t part, schema::IslandCertificate::Reader own, Others others) noexcept {
  const Island& island = *others_[part - 1];
  const auto before = storage_.used;
  wire::MessageReader message(island.kept().words());
  const auto kept = message.root<schema::IslandCertificate>();
  const auto read = read_certificate(kept, storage_);
  if (!read.has_value()) return refuse("together with what stands: ", describe(read.error()));
  if (read->policy != own_.policy) return refuse("it shares CPUs, and is scheduled by another policy than ", island.name());
  if (kept.best_effort_slack() != slack_) return refuse("it shares CPUs, and lets best effort run otherwise than ", island.name());
  rebase(part, before.tasks, before.hops, before.calls);
  for (std::size_t i = before.chains; i < storage_.used.chains; ++i) storage_.chains[i].latency = storage_.chains[i].bound;
  const std::span tasks(storage_.tasks.data() + before.tasks, storage_.used.tasks - before.tasks);
  return others == Others::unclaimed || claim(tasks, island.name(), own);
}

void Group::block_by_longest_call() noexcept {
  Duration longest{};
  for (std::size_t i = 0; i < storage_.used.calls; ++i) longest = std::max(longest, storage_.calls[i].wcet);
  for (std::size_t i = 0; i < storage_.used.tasks; ++i) storage_.tasks[i].blocking = longest;
}

const sched::Certificate* Group::assemble(std::span<const wire::Word> own, const Island* itself, Others others) noexcept {
  storage_.clear();
  own_ = {};
  wire::MessageReader message(own);
  const auto certificate = message.root<schema::IslandCertificate>();
  if (own.empty() || !read_own(certificate, itself) || !gather(itself)) {
    if (own.empty()) (void)refuse("the certificate is too large");
    return nullptr;
  }
  for (std::size_t i = 0; i < others_count_; ++i) {
    parts_[1 + i] = {others_[i]->name(), others_[i]->cpus()};
    if (!add(1 + i, certificate, others)) return nullptr;
  }
  if (others == Others::as_claimed && certificate.others().size() != others_count_) {
    (void)refuse("it speaks of islands that do not share its CPUs");
    return nullptr;
  }
  if (others == Others::unclaimed) block_by_longest_call();
  all_ = own_;
  all_.cpus = cpus_;
  all_.islands = {parts_.data(), 1 + others_count_};
  all_.tasks = {storage_.tasks.data(), storage_.used.tasks};
  all_.chains = {storage_.chains.data(), storage_.used.chains};
  all_.calls = {storage_.calls.data(), storage_.used.calls};
  all_.interrupts = {storage_.interrupts.data(), storage_.used.interrupts};
  const auto with_windows = read_busy_windows(certificate, cpus_, all_);
  if (!with_windows.has_value()) {
    (void)refuse(describe(with_windows.error()));
    return nullptr;
  }
  all_ = *with_windows;
  return &all_;
}

Group& group_at_hand() noexcept {
  if (!std::exchange(g_made, true)) return *::new (g_group) Group();
  return *std::launder(reinterpret_cast<Group*>(g_group));
}
void set_machine_overheads(const sched::Overheads& overheads) noexcept { g_overheads = overheads; }

ResultOf<void, sched::Refusal> check(const sched::Certificate& claims) noexcept {
  return sched::check_certificate(claims, {.cpus = running_cpus(), .overheads = g_overheads});
}

Line explain(const sched::Certificate& claims, const sched::Refusal& refusal) noexcept {
  Line line;
  line.text(claims.island).text(": ").text(sched::describe(refusal.reason));
  if (refusal.index < claims.tasks.size()) {
    const sched::TaskClaim& task = claims.tasks[refusal.index];
    line.text(" (");
    if (task.island != 0 && task.island < claims.islands.size()) line.text(claims.islands[task.island].name).text(".");
    line.text(task.name).text(")");
  }
  if (refusal.claimed != Duration{} || refusal.required != Duration{}) {
    line.text(": claimed ").decimal(static_cast<std::uint64_t>(refusal.claimed.ns()));
    line.text(" ns, required ").decimal(static_cast<std::uint64_t>(refusal.required.ns())).text(" ns");
  }
  return line;
}

}  // namespace capos::kernel
