// SPDX-License-Identifier: Apache-2.0
// RealtimeIsland.modeChange, up to the point from which it cannot fail; mode_change.cpp goes on.
#include <algorithm>

#include "islands/admission_steps.hpp"

namespace capos::kernel {
namespace {

using schema::KernelError;

// How long a change may have to wait for a CPU's idle instant.
constexpr Duration kLongestWait = Duration::s(1);

bool has_triggers(const sched::Certificate& claims) noexcept {
  return std::any_of(claims.chains.begin(), claims.chains.end(),
                     [](const sched::ChainClaim& chain) { return chain.hops == sched::HopKind::triggered; });
}

// Why one certificate of an island cannot follow another; empty if it can.
std::string_view why_not_the_same(const DeskWork& work, const Island& island) noexcept {
  const sched::Certificate& claims = work.group.own();
  if (claims.island != island.name()) return "the certificate is of another island";
  if (claims.cpus != island.cpus()) return "a change keeps the island's CPUs";
  if (claims.tasks.size() != island.size()) return "a change keeps the island's tasks";
  if (claims.policy != work.policy_before) return "a change keeps the island's policy";
  return work.triggers_before || has_triggers(claims) ? "an island with triggered chains is not changed" : std::string_view{};
}

std::string_view why_not_this_task(const TaskBefore& before, const sched::TaskClaim& claim) noexcept {
  if (before.claim.name != claim.name || before.claim.cpu != claim.cpu) return "a change keeps the island's tasks on their CPUs";
  if (before.claim.fallback != claim.fallback) return "a change keeps who falls back to whom";
  if (before.claim.recovers != claim.recovers) return "a change keeps which servers recover";
  if ((before.calls || before.called) && before.claim.priority != claim.priority) return "a task that calls servers keeps its priority";
  return {};
}

bool changes(const TaskBefore& before, const sched::TaskClaim& claim) noexcept {
  const sched::TaskClaim& was = before.claim;
  return was.period != claim.period || was.budget != claim.budget || was.deadline != claim.deadline ||
         was.priority != claim.priority || was.on_miss != claim.on_miss || was.on_overrun != claim.on_overrun ||
         was.repeated != claim.repeated;
}

// Of the tasks, or calls, that a portion goes through.
constexpr unsigned kAtOnce = 16;

}  // namespace

Outcome Island::mode_change(CallContext& call, Interface::ModeChange::Params::Reader,
                            Interface::ModeChange::Results::Builder results) noexcept {
  if (call.cpu.id != CpuId(0)) return Outcome::failed(KernelError::bad_cpu);
  if (!stands()) return Outcome::failed(KernelError::bad_state);
  return Admission::change(call, *this, results);
}

Outcome Admission::change(CallContext& call, Island& island, schema::ChangeResult::Builder results) noexcept {
  const auto found = of(call);
  if (!found.has_value()) return Outcome::overloaded(found.error());
  if (*found == nullptr) return Outcome::unfinished();
  Admission& own = **found;
  DeskWork& work = desk_work();
  const auto refuse = [&](std::string_view reason) noexcept {
    results.set_refused(reason);
    return Outcome::done();
  };
  switch (own.stage_) {
    case Stage::begin:
      if (island.is_changing()) return Outcome::overloaded(KernelError::busy);
      own.generation_ = standing_generation();
      own.changed_ = Ref<Island>::share(island);
      own.wait_ = {};
      work.group.begin(island.kept().words(), &island, Group::Others::unclaimed);
      return own.go_on(Stage::standing_claims);
    // How long until every CPU has come to rest, under what stands.
    case Stage::standing_claims: return own.put_together(Stage::busy, refuse);
    case Stage::busy: return own.find_busy(island, refuse);
    case Stage::before: return own.note_before();
    case Stage::claims: return own.put_together(Stage::comparison, refuse);
    case Stage::comparison: return own.compare(island, refuse);
    case Stage::check: return own.check(refuse);
    case Stage::room: return own.take_room(*island.payer(), Stage::writing);
    case Stage::writing: return own.write(Stage::changes);
    case Stage::changes: return own.make_changes(island);
    default: return own.take_effect(call, island, results);
  }
}

// `next_`: 2 * CPU, and one more while its window is being searched.
template <typename Refuse>
Outcome Admission::find_busy(const Island& island, Refuse&& refuse) noexcept {
  DeskWork& work = desk_work();
  while ((next_ & 1u) == 0 && next_ < 2 * kMaxCpus && (island.cpus() >> (next_ / 2) & 1u) == 0) next_ += 2;
  if (next_ >= 2 * kMaxCpus) return go_on(Stage::before);
  if ((next_ & 1u) == 0) {
    work.search.begin(work.group.claims(), CpuId(static_cast<std::uint16_t>(next_ / 2)), kLongestWait);
    ++next_;
  }
  const auto found = work.search.step();
  if (!found.has_value()) return refuse("a CPU may be busy for longer than a second: no change could begin");
  if (!*found) return Outcome::unfinished();
  wait_ = std::max(wait_, work.search.found());
  ++next_;
  return Outcome::unfinished();
}

// The tasks, then who of them calls.
Outcome Admission::note_before() noexcept {
  DeskWork& work = desk_work();
  const sched::Certificate& own = work.group.own();
  const std::size_t all = own.tasks.size() + own.calls.size();
  for (unsigned n = 0; n < kAtOnce && next_ < all; ++n, ++next_) {
    if (next_ < own.tasks.size()) {
      work.before[next_] = {own.tasks[next_]};
    } else {
      work.before[own.calls[next_ - own.tasks.size()].task].called = true;
    }
  }
  if (next_ < all) return Outcome::unfinished();
  work.policy_before = own.policy;
  work.triggers_before = has_triggers(own);
  work.group.begin(work.message(), changed_.get(), Group::Others::as_claimed);
  return go_on(Stage::claims);
}

// Who of the tasks calls, then the tasks.
template <typename Refuse>
Outcome Admission::compare(const Island& island, Refuse&& refuse) noexcept {
  DeskWork& work = desk_work();
  const sched::Certificate& own = work.group.own();
  if (next_ == 0) {
    if (const auto why = why_not_the_same(work, island); !why.empty()) return refuse(why);
    wire::MessageReader kept(island.kept().words());
    if (kept.root<schema::IslandCertificate>().best_effort_slack() != work.group.slack()) {
      return refuse("a change keeps what may run below the island");
    }
  }
  const std::size_t all = own.calls.size() + own.tasks.size();
  for (unsigned n = 0; n < kAtOnce && next_ < all; ++n, ++next_) {
    if (next_ < own.calls.size()) {
      work.before[own.calls[next_].task].calls = true;
      continue;
    }
    const std::size_t task = next_ - own.calls.size();
    if (const auto why = why_not_this_task(work.before[task], own.tasks[task]); !why.empty()) return refuse(why);
  }
  if (next_ < all) return Outcome::unfinished();
  work.check.begin(work.group.claims(), machine_facts());
  return go_on(Stage::check);
}

Outcome Admission::make_changes(Island& island) noexcept {
  DeskWork& work = desk_work();
  const sched::Certificate& own = work.group.own();
  if (next_ == 0 && change_ == nullptr) {
    unsigned changed = 0;
    for (std::size_t i = 0; i < own.tasks.size(); ++i) changed += changes(work.before[i], own.tasks[i]) ? 1 : 0;
    if (changed == 0) return go_on(Stage::whole);
    const auto made = ModeChange::create(island, changed);
    if (!made.has_value()) return Outcome::overloaded(made.error());
    change_ = *made;
    return Outcome::unfinished();
  }
  for (unsigned n = 0; n < kAtOnce / 2 && next_ < own.tasks.size(); ++n, ++next_) {
    const sched::TaskClaim& claim = own.tasks[next_];
    if (!changes(work.before[next_], claim)) continue;
    change_->add({&island.context(next_), parameters_of(claim, own, false, island.index()), rules_of(claim)});
  }
  return next_ < own.tasks.size() ? Outcome::unfinished() : go_on(Stage::whole);
}

Outcome Admission::take_effect(CallContext& call, Island& island, schema::ChangeResult::Builder results) noexcept {
  const auto changed = island.change_to(desk_work().group.own(), std::move(kept_), change_);
  if (!changed.has_value()) return Outcome::overloaded(changed.error());
  change_ = nullptr;
  results.init_accepted().set_within_ns(static_cast<std::uint64_t>(wait_.ns()));
  call.reschedule = true;
  return Outcome::done();
}

ResultOf<void, KernelError> Island::change_to(const sched::Certificate& certificate, KeptCertificate kept, ModeChange* change) noexcept {
  const std::uint64_t bandwidth = bandwidth_of(certificate.tasks);
  const std::uint64_t more = bandwidth > bandwidth_ ? bandwidth - bandwidth_ : 0;
  if (!payer()->charge(Resource::cpu_ppm, more)) return fail(KernelError::quota_exceeded);
  if (bandwidth < bandwidth_) payer()->give_back(Resource::cpu_ppm, bandwidth_ - bandwidth);
  bandwidth_ = bandwidth;
  keep(std::move(kept));
  if (change == nullptr) return {};
  changing_.store(true, std::memory_order_release);
  change->propose();
  return {};
}

}  // namespace capos::kernel
