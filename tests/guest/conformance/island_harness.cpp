// SPDX-License-Identifier: Apache-2.0
#include "island_harness.hpp"

#include "capos/runtime/mapping.hpp"
#include "capos/schema/bootpack.hpp"
#include "capos/wire/frame.hpp"

namespace conformance {
namespace {

// FNV-1a over the four values: the stamp of an overhead set, computed here on its own.
std::uint64_t stamp(const MachineOverheads& o) noexcept {
  std::uint64_t hash = 0xcbf29ce484222325;
  for (std::uint64_t value : {o.release, o.context_switch, o.blocking, o.jitter}) {
    for (int byte = 0; byte < 8; ++byte, value >>= 8) hash = (hash ^ (value & 0xff)) * 0x100000001b3;
  }
  return hash;
}

void write_tasks(schema::IslandCertificate::Builder certificate, const Claim& claim) noexcept {
  const auto list = certificate.init_tasks(static_cast<std::uint32_t>(claim.tasks.size()));
  for (std::uint32_t i = 0; i < claim.tasks.size(); ++i) {
    const Task& task = claim.tasks[i];
    const auto out = list[i];
    const std::uint64_t deadline = task.deadline_ns != 0 ? task.deadline_ns : task.period_us * kMicrosecond;
    out.set_name(task.name);
    out.set_period_numerator(task.denominator != 0 ? task.numerator
                                                   : static_cast<std::uint32_t>(task.period_us));
    out.set_period_denominator(task.denominator != 0 ? task.denominator : 1'000'000);
    out.set_budget_ns(task.budget_ns);
    out.set_deadline_ns(deadline);
    out.set_blocking_ns(task.blocking_ns);
    out.set_jitter_ns(task.jitter_ns);
    out.set_priority(task.priority);
    out.set_cpu(task.cpu != 0xffff ? task.cpu : claim.cpu);
    out.set_response_ns(task.response_ns != 0 ? task.response_ns : deadline);
    out.set_on_miss(task.on_miss);
    out.set_on_overrun(task.on_overrun);
    out.set_repeated_misses(task.misses);
    out.set_repeated_of(task.of);
    out.set_repeated_then(task.then);
    out.set_repeated_recover(task.recover);
    out.set_fallback(task.fallback);
    out.set_recovers(task.recovers);
  }
}

void write_chain(schema::IslandCertificate::Builder certificate, const Claim& claim) noexcept {
  if (claim.chain_bound_ns == 0) return;
  const auto chain = certificate.init_chains(1)[0];
  chain.set_name("chain");
  chain.set_bound_ns(claim.chain_bound_ns);
  chain.set_latency_ns(claim.chain_latency_ns);
  chain.set_triggered(claim.triggered);
  const auto path = chain.init_tasks(static_cast<std::uint32_t>(claim.tasks.size()));
  for (std::uint32_t i = 0; i < claim.tasks.size(); ++i) path.set(i, static_cast<std::uint16_t>(i));
}

void write_certificate(Guest& guest, schema::IslandCertificate::Builder certificate,
                       const Claim& claim) noexcept {
  const MachineOverheads machine = machine_overheads(guest);
  certificate.set_format_version(claim.format);
  certificate.set_island_name(claim.name);
  const bool two = claim.second_cpu != 0xffff;
  const auto cpus = certificate.init_cpus(two ? 2 : 1);
  cpus.set(0, claim.cpu);
  if (two) cpus.set(1, claim.second_cpu);
  certificate.set_policy(claim.policy);
  if (claim.busy_ns != 0) {
    const auto busy = certificate.init_busy_ns(two ? 2 : 1);
    for (std::uint32_t i = 0; i < (two ? 2u : 1u); ++i) busy.set(i, claim.busy_ns);
  }
  const auto overheads = certificate.init_overheads();
  overheads.set_release_ns(machine.release + claim.release_overhead_ns);
  overheads.set_switch_ns(machine.context_switch);
  overheads.set_blocking_ns(machine.blocking);
  overheads.set_jitter_ns(machine.jitter);
  overheads.set_version(stamp(machine) + claim.version_change);
  write_tasks(certificate, claim);
  write_chain(certificate, claim);
  const auto calls = certificate.init_calls(static_cast<std::uint32_t>(claim.calls.size()));
  for (std::uint32_t i = 0; i < claim.calls.size(); ++i) {
    calls[i].set_task(claim.calls[i].task);
    calls[i].set_server(claim.calls[i].server);
    calls[i].set_wcet_ns(claim.calls[i].wcet_ns);
  }
  certificate.set_best_effort_slack(claim.slack);
  const auto others = certificate.init_others(static_cast<std::uint32_t>(claim.others.size()));
  for (std::uint32_t i = 0; i < claim.others.size(); ++i) {
    others[i].set_name(claim.others[i].name);
    others[i].init_response_ns(1).set(0, claim.others[i].response_ns);
    others[i].init_blocking_ns(1).set(0, claim.others[i].blocking_ns);
  }
}

MachineOverheads read_overheads(Guest& guest) noexcept {
  auto answer = guest.runtime.need<schema::BootPackage>("bootPackage")->read_manifest([](auto) {});
  if (!answer.has_value()) return {};
  const std::uint64_t offset = answer->reader().offset(), size = answer->reader().size();
  const auto memory = answer->capability<schema::MemoryObject>(answer->reader().pack());
  const auto mapped = runtime::map_object(guest.runtime, memory.borrow(), runtime::Access::read);
  if (!mapped.has_value()) return {};
  const auto frame =
      wire::read_frame({reinterpret_cast<const wire::Word*>(mapped->data() + offset), size / 8});
  if (!frame.has_value()) return {};
  wire::MessageReader message(*frame, {.traversal_words = 1u << 28, .depth = 64});
  const auto machine = message.root<schema::BootPack>().machine();
  const auto stated = machine.overheads();
  const MachineOverheads result{stated.release_ns(), stated.switch_ns(), stated.blocking_ns(),
                                stated.jitter_ns() + (guest.cpus > 1 ? machine.quantum_ns() : 0)};
  (void)guest.memory->unmap(reinterpret_cast<std::uint64_t>(mapped->data()), mapped->size());
  return result;
}

}  // namespace

MachineOverheads machine_overheads(Guest& guest) noexcept {
  static constinit MachineOverheads known{};
  if (known.release == 0) known = read_overheads(guest);
  return known;
}

Claim honest(Guest& guest, std::span<const Task> tasks) noexcept {
  const bool second = guest.cpus > 1;
  return {.tasks = tasks, .cpu = static_cast<std::uint16_t>(second ? 1 : 0), .slack = !second};
}

Island::Island(Guest& guest, const Claim& claim) noexcept : guest_(guest), cpu_(claim.cpu) {
  (void)machine_overheads(guest);  // reads the pack: not while a message is being built
  auto answer =
      guest.islands->admit([&](auto params) { write_certificate(guest, params.init_certificate(), claim); });
  if (!answer.has_value()) {
    refusal_.add("call: ").add(answer.error().text());
    return;
  }
  const auto result = answer->reader();
  if (result.which() == schema::AdmitResult::Which::refused) {
    refusal_.add(result.refused());
    return;
  }
  if (result.which() == schema::AdmitResult::Which::occupied) {
    refusal_.add("occupied");
    occupant_.add(result.occupied().by());
    return;
  }
  const auto contexts = result.admitted().contexts();
  for (std::uint32_t i = 0; i < contexts.size(); ++i) {
    OwnedCapability<schema::SchedulingContext> context(answer->cap(contexts[i]));
    if (i < kMostTasks) contexts_[i] = std::move(context);
  }
  island_ = OwnedCapability<schema::RealtimeIsland>(answer->cap(result.admitted().island()));
}

Island::~Island() {
  if (island_) (void)island_->retire();
}

Island::Changed Island::change(const Claim& claim) noexcept {
  Changed made;
  auto answer = island_->mode_change([&](auto params) { write_certificate(guest_, params.init_certificate(), claim); });
  if (!answer.has_value()) {
    made.error = answer.error();
    made.refusal.add(answer.error().text());
    return made;
  }
  const auto result = answer->reader();
  made.accepted = result.which() == schema::ChangeResult::Which::accepted;
  if (made.accepted) made.within_ns = result.accepted().within_ns();
  if (!made.accepted) made.refusal.add(result.refused());
  return made;
}

std::uint64_t Island::activate() noexcept {
  const std::uint64_t start = guest_.now() + 500 * kMicrosecond;
  return island_->activate(start).has_value() ? start : 0;
}

schema::RealtimeIsland::Status::Results::Value Island::status() noexcept {
  const auto found = island_->status();
  return found.has_value() ? *found : schema::RealtimeIsland::Status::Results::Value{};
}

bool contains(std::string_view text, std::string_view part) noexcept {
  for (std::size_t at = 0; at + part.size() <= text.size(); ++at) {
    if (std::string_view(text.data() + at, part.size()) == part) return true;
  }
  return false;
}

}  // namespace conformance
