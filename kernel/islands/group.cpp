// SPDX-License-Identifier: Apache-2.0
#include "islands/group.hpp"

#include <algorithm>

#include "islands/island.hpp"
#include "islands/kept_certificate.hpp"
#include "islands/lease.hpp"
#include "islands/standing.hpp"

namespace capos::kernel {
namespace {

constinit sched::Overheads g_overheads{};

constexpr std::uint64_t kLongestClaimNs = std::uint64_t{1} << 62;

Duration claimed(std::uint64_t ns) noexcept {
  return Duration::ns(static_cast<std::int64_t>(std::min(ns, kLongestClaimNs)));
}

}  // namespace

Group::Step Group::refuse(std::string_view reason, std::string_view of) noexcept {
  why_ = {};
  why_.text(own_.island).text(": ").text(reason).text(of);
  return Step::refused;
}

Group::Step Group::read_own(schema::IslandCertificate::Reader message) noexcept {
  const auto read = reading_.step(message, storage_);
  own_ = reading_.certificate();
  if (!read.has_value()) return refuse(describe(read.error()));
  if (!*read) return Step::unfinished;
  slack_ = message.best_effort_slack();
  index_ = message.island_index();
  if (own_.island.empty()) return refuse("an island needs a name");
  for (const Island* island = first_standing(); island != nullptr; island = next_standing(*island)) {
    if (island != itself_ && island->name() == own_.island) return refuse("an island of this name stands already");
  }
  cpus_ = own_.cpus;
  parts_[0] = {own_.island, own_.cpus};
  return gather();
}

// All that share a CPU with one of those found so far, until nobody else does.
Group::Step Group::gather() noexcept {
  others_count_ = 0;
  std::uint64_t found = 0;  // bit i: the i-th that stands
  static_assert(kMaxStanding <= 64);
  for (bool grew = true; grew;) {
    grew = false;
    std::uint64_t bit = 1;
    for (const Island* island = first_standing(); island != nullptr; island = next_standing(*island), bit <<= 1) {
      if (island == itself_ || (island->cpus() & cpus_) == 0 || (found & bit) != 0) continue;
      if (others_count_ + 1 == kMaxGroup) return refuse("too many islands share CPUs");
      others_[others_count_++] = island;
      cpus_ |= island->cpus();
      found |= bit;
      grew = true;
    }
  }
  stage_ = Stage::others;
  reading_ = {};
  before_ = storage_.used;
  return Step::unfinished;
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

Group::Step Group::claim(schema::IslandCertificate::Reader own) noexcept {
  const std::string_view island = others_[part_]->name();
  const std::span tasks(storage_.tasks.data() + before_.tasks, storage_.used.tasks - before_.tasks);
  const auto others = own.others();
  if (others.size() >= kMaxGroup) return refuse("it speaks of islands that do not share its CPUs");
  for (const auto other : others) {
    if (other.name() != island) continue;
    const auto responses = other.response_ns(), blocking = other.blocking_ns();
    if (responses.size() != tasks.size() || blocking.size() != tasks.size()) {
      return refuse("it does not claim a bound for each task of ", island);
    }
    for (std::uint32_t i = 0; i < tasks.size(); ++i) {
      tasks[i].response = claimed(responses[i]);
      tasks[i].blocking = claimed(blocking[i]);
    }
    return next_other(own);
  }
  return refuse("it says nothing of an island that stands on its CPUs: ", island);
}

Group::Step Group::next_other(schema::IslandCertificate::Reader own) noexcept {
  ++part_;
  stage_ = Stage::others;
  reading_ = {};
  before_ = storage_.used;
  return part_ == others_count_ ? join(own) : Step::unfinished;
}

Group::Step Group::read_other() noexcept {
  const Island& island = *others_[part_];
  wire::MessageReader message(island.kept().words());
  const auto kept = message.root<schema::IslandCertificate>();
  const auto read = reading_.step(kept, storage_);
  if (!read.has_value()) return refuse("together with what stands: ", describe(read.error()));
  if (!*read) return Step::unfinished;
  if (reading_.certificate().policy != own_.policy) {
    return refuse("it shares CPUs, and is scheduled by another policy than ", island.name());
  }
  if (kept.best_effort_slack() != slack_) return refuse("it shares CPUs, and lets best effort run otherwise than ", island.name());
  parts_[1 + part_] = {island.name(), island.cpus()};
  rebase(1 + part_, before_.tasks, before_.hops, before_.calls);
  for (std::size_t i = before_.chains; i < storage_.used.chains; ++i) storage_.chains[i].latency = storage_.chains[i].bound;
  stage_ = Stage::claims;
  return Step::unfinished;
}

void Group::block_by_longest_call() noexcept {
  Duration longest{};
  for (std::size_t i = 0; i < storage_.used.calls; ++i) longest = std::max(longest, storage_.calls[i].wcet);
  for (std::size_t i = 0; i < storage_.used.tasks; ++i) storage_.tasks[i].blocking = longest;
}

void Group::begin(std::span<const wire::Word> own, const Island* itself, Others others) noexcept {
  storage_.clear();
  words_ = own;
  itself_ = itself;
  mode_ = others;
  stage_ = Stage::own;
  reading_ = {};
  part_ = others_count_ = 0;
  own_ = all_ = {};
}

Group::Step Group::step() noexcept {
  wire::MessageReader message(words_);
  const auto own = mode_ == Others::as_claimed ? certificate_in(message) : message.root<schema::IslandCertificate>();
  Step done = Step::unfinished;
  switch (stage_) {
    case Stage::own: done = read_own(own); break;
    case Stage::others: done = others_count_ == 0 ? join(own) : read_other(); break;
    case Stage::claims: done = mode_ == Others::unclaimed ? next_other(own) : claim(own); break;
  }
  return message.error() == wire::Error::none ? done : Step::malformed;
}

Group::Step Group::join(schema::IslandCertificate::Reader own) noexcept {
  if (mode_ == Others::as_claimed && own.others().size() != others_count_) {
    return refuse("it speaks of islands that do not share its CPUs");
  }
  if (mode_ == Others::unclaimed) block_by_longest_call();
  all_ = own_;
  all_.cpus = cpus_;
  all_.islands = {parts_.data(), 1 + others_count_};
  all_.tasks = {storage_.tasks.data(), storage_.used.tasks};
  all_.chains = {storage_.chains.data(), storage_.used.chains};
  all_.calls = {storage_.calls.data(), storage_.used.calls};
  all_.interrupts = {storage_.interrupts.data(), storage_.used.interrupts};
  const auto with_windows = read_busy_windows(own, cpus_, all_);
  if (!with_windows.has_value()) return refuse(describe(with_windows.error()));
  all_ = *with_windows;
  return Step::whole;
}

void set_machine_overheads(const sched::Overheads& overheads) noexcept { g_overheads = overheads; }

sched::MachineFacts machine_facts() noexcept { return {.cpus = running_cpus(), .overheads = g_overheads}; }

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
