// SPDX-License-Identifier: Apache-2.0
// RealtimeIsland.modeChange up to the point from which it cannot fail; mode_change.cpp goes on.
#include <algorithm>

#include "ipc/call_context.hpp"
#include "islands/group.hpp"
#include "islands/island.hpp"
#include "islands/mode_change.hpp"

namespace capos::kernel {
namespace {

using schema::KernelError;

// How long a change may have to wait for a CPU's idle instant.
constexpr Duration kLongestWait = Duration::s(1);

bool calls(std::span<const sched::ServerCall> calls, std::size_t task) noexcept {
  return std::any_of(calls.begin(), calls.end(), [&](const sched::ServerCall& call) { return call.task == task; });
}

bool has_triggers(const sched::Certificate& claims) noexcept {
  return std::any_of(claims.chains.begin(), claims.chains.end(),
                     [](const sched::ChainClaim& chain) { return chain.hops == sched::HopKind::triggered; });
}

// The island's tasks as they stand, to be compared with what is to come.
struct Old {
  sched::TaskClaim claim;
  bool calls = false;
};
constinit std::array<Old, kMaxCertificateTasks> g_old{};
constinit sched::Policy g_old_policy{};
constinit bool g_old_triggers = false;

// Why one certificate of an island cannot follow another; empty if it can.
std::string_view why_not_the_same(const sched::Certificate& claims, std::uint32_t cpus, std::size_t tasks) noexcept {
  if (claims.cpus != cpus) return "a change keeps the island's CPUs";
  if (claims.tasks.size() != tasks) return "a change keeps the island's tasks";
  if (claims.policy != g_old_policy) return "a change keeps the island's policy";
  return g_old_triggers || has_triggers(claims) ? "an island with triggered chains is not changed" : std::string_view{};
}

std::string_view why_not_this_task(const Old& old, const sched::TaskClaim& claim, bool calls) noexcept {
  if (old.claim.name != claim.name || old.claim.cpu != claim.cpu) return "a change keeps the island's tasks on their CPUs";
  if (old.claim.fallback != claim.fallback) return "a change keeps who falls back to whom";
  if (old.claim.recovers != claim.recovers) return "a change keeps which servers recover";
  if ((calls || old.calls) && old.claim.priority != claim.priority) return "a task that calls servers keeps its priority";
  return {};
}

bool changes(const Old& old, const sched::TaskClaim& claim) noexcept {
  const sched::TaskClaim& was = old.claim;
  return was.period != claim.period || was.budget != claim.budget || was.deadline != claim.deadline ||
         was.priority != claim.priority || was.on_miss != claim.on_miss || was.on_overrun != claim.on_overrun ||
         was.repeated != claim.repeated;
}

void note_old(const sched::Certificate& own) noexcept {
  g_old_policy = own.policy;
  g_old_triggers = has_triggers(own);
  for (std::size_t i = 0; i < own.tasks.size(); ++i) g_old[i] = {own.tasks[i], calls(own.calls, i)};
}

}  // namespace

Outcome Island::mode_change(CallContext& call, Interface::ModeChange::Params::Reader params,
                            Interface::ModeChange::Results::Builder results) noexcept {
  if (call.cpu.id != CpuId(0)) return Outcome::failed(KernelError::bad_cpu);
  if (!stands_ || state_.load() == State::retired) return Outcome::failed(KernelError::bad_state);
  const auto refuse = [&](std::string_view reason) noexcept {
    results.set_refused(reason);
    return Outcome::done();
  };
  // How long until every CPU has come to rest, under what stands.
  Group& group = group_at_hand();
  const sched::Certificate* const old = group.assemble(kept_.words(), this, Group::Others::unclaimed);
  if (old == nullptr) return refuse(group.why());
  if (is_changing() || group.is_changing()) return Outcome::overloaded(KernelError::busy);
  Duration wait{};
  for (std::uint16_t cpu = 0; cpu < kMaxCpus; ++cpu) {
    if ((cpus_ >> cpu & 1u) == 0) continue;
    const auto busy = sched::longest_busy(*old, CpuId(cpu), kLongestWait);
    if (!busy.has_value()) return refuse("a CPU may be busy for longer than a second: no change could begin");
    wait = std::max(wait, *busy);
  }
  note_old(group.own());

  const auto words = copy_certificate(params.certificate());
  const sched::Certificate* const claims = group.assemble(words, this, Group::Others::as_claimed);
  if (claims == nullptr) return refuse(group.why());
  if (group.own().island != name_) return refuse("the certificate is of another island");
  if (const auto why = why_not_the_same(group.own(), cpus_, count_); !why.empty()) return refuse(why);
  for (std::size_t i = 0; i < count_; ++i) {
    const auto why = why_not_this_task(g_old[i], group.own().tasks[i], calls(group.own().calls, i));
    if (!why.empty()) return refuse(why);
  }
  wire::MessageReader kept(kept_.words());
  if (kept.root<schema::IslandCertificate>().best_effort_slack() != group.slack()) {
    return refuse("a change keeps what may run below the island");
  }
  const auto checked = check(*claims);
  if (!checked.has_value()) return refuse(explain(*claims, checked.error()).view());

  const Outcome begun = begin_change(group.own(), words);
  if (begun.kind() != Outcome::Kind::done) return begun;
  results.init_accepted().set_within_ns(static_cast<std::uint64_t>(wait.ns()));
  call.reschedule = true;
  return Outcome::done();
}

// Takes what it needs, and then changes what stands.
Outcome Island::begin_change(const sched::Certificate& claims, std::span<const wire::Word> words) noexcept {
  auto kept = KeptCertificate::keep(*payer(), words);
  if (!kept.has_value()) return Outcome::overloaded(kept.error());
  const std::uint64_t bandwidth = bandwidth_of(claims.tasks);
  const std::uint64_t more = bandwidth > bandwidth_ ? bandwidth - bandwidth_ : 0;
  if (!payer()->charge(Resource::cpu_ppm, more)) return Outcome::overloaded(KernelError::quota_exceeded);
  const auto changed = static_cast<unsigned>(std::count_if(
      claims.tasks.begin(), claims.tasks.end(),
      [&](const sched::TaskClaim& claim) { return changes(g_old[static_cast<std::size_t>(&claim - claims.tasks.data())], claim); }));
  ModeChange* change = nullptr;
  if (changed != 0) {
    const auto made = ModeChange::create(*this, changed);
    if (!made.has_value()) {
      payer()->give_back(Resource::cpu_ppm, more);
      return Outcome::overloaded(made.error());
    }
    change = *made;
  }
  if (bandwidth < bandwidth_) payer()->give_back(Resource::cpu_ppm, bandwidth_ - bandwidth);
  bandwidth_ = bandwidth;
  for (unsigned i = 0; change != nullptr && i < count_; ++i) {
    const sched::TaskClaim& claim = claims.tasks[i];
    if (changes(g_old[i], claim)) change->add({contexts_[i].get(), parameters_of(claim, claims, false, index_), rules_of(claim)});
  }
  keep(*std::move(kept));
  if (change == nullptr) return Outcome::done();
  changing_.store(true, std::memory_order_release);
  change->propose();
  return Outcome::done();
}

}  // namespace capos::kernel
