// SPDX-License-Identifier: Apache-2.0
// The checked claims as an IslandCertificate message.
#include <bit>

#include "capos/admission/admit.hpp"

namespace capos::admission {
namespace {

constexpr std::uint64_t to_ns(Duration duration) noexcept {
  return static_cast<std::uint64_t>(duration.ns());
}

// std::popcount wants a library function that a program on capOS does not have.
std::uint32_t count_cpus(std::uint32_t mask) noexcept {
  std::uint32_t count = 0;
  for (; mask != 0; mask &= mask - 1) ++count;
  return count;
}

void write_cpus(std::uint32_t mask, schema::IslandCertificate::Builder out) noexcept {
  auto cpus = out.init_cpus(count_cpus(mask));
  for (std::uint32_t i = 0; mask != 0; ++i, mask &= mask - 1) {
    cpus.set(i, static_cast<std::uint16_t>(std::countr_zero(mask)));
  }
}

void write_overheads(const sched::Overheads& overheads, schema::Overheads::Builder out) noexcept {
  out.set_release_ns(to_ns(overheads.release));
  out.set_switch_ns(to_ns(overheads.context_switch));
  out.set_blocking_ns(to_ns(overheads.blocking));
  out.set_jitter_ns(to_ns(overheads.jitter));
  out.set_version(overheads.version);
}

// Indices of the model become the island's own.
void write_task(const sched::TaskClaim& task, std::size_t first, schema::TaskClaim::Builder out) noexcept {
  out.set_name(task.name);
  out.set_period_numerator(task.period.numerator);
  out.set_period_denominator(task.period.denominator);
  out.set_budget_ns(to_ns(task.budget));
  out.set_deadline_ns(to_ns(task.deadline));
  out.set_jitter_ns(to_ns(task.jitter));
  out.set_blocking_ns(to_ns(task.blocking));
  out.set_priority(task.priority.value());
  out.set_cpu(task.cpu.value());
  out.set_response_ns(to_ns(task.response));
  out.set_on_miss(static_cast<std::uint16_t>(task.on_miss));
  out.set_on_overrun(static_cast<std::uint16_t>(task.on_overrun));
  out.set_repeated_misses(task.repeated.misses);
  out.set_repeated_of(task.repeated.of);
  out.set_repeated_then(static_cast<std::uint16_t>(task.repeated.then));
  out.set_repeated_recover(task.repeated.recover);
  out.set_fallback(task.fallback == sched::kNoTask ? sched::kNoTask : static_cast<std::uint16_t>(task.fallback - first));
  out.set_recovers(task.recovers);
}

void write_chain(const sched::ChainClaim& chain, std::size_t first, schema::ChainClaim::Builder out) noexcept {
  out.set_name(chain.name);
  auto tasks = out.init_tasks(static_cast<std::uint32_t>(chain.tasks.size()));
  for (std::uint32_t i = 0; i < chain.tasks.size(); ++i) tasks.set(i, static_cast<std::uint16_t>(chain.tasks[i] - first));
  out.set_bound_ns(to_ns(chain.bound));
  out.set_latency_ns(to_ns(chain.latency));
  out.set_triggered(chain.hops == sched::HopKind::triggered);
}

void write_call(const sched::ServerCall& call, std::size_t first, schema::CallClaim::Builder out) noexcept {
  out.set_task(static_cast<std::uint16_t>(call.task - first));
  out.set_server(call.server);
  out.set_wcet_ns(to_ns(call.wcet));
}

void write_interrupt(const sched::InterruptSource& source, schema::InterruptClaim::Builder out) noexcept {
  out.set_name(source.name);
  out.set_cpu(source.cpu.value());
  out.set_min_interarrival_ns(to_ns(source.min_interarrival));
  out.set_cost_ns(to_ns(source.cost));
}

void write_policy(const sched::Certificate& certificate, std::uint32_t cpus, schema::IslandCertificate::Builder out) noexcept {
  out.set_policy(static_cast<std::uint16_t>(certificate.policy));
  if (certificate.policy != sched::Policy::edf) return;
  auto busy = out.init_busy_ns(count_cpus(cpus));
  for (std::uint32_t i = 0; cpus != 0; ++i, cpus &= cpus - 1) {
    busy.set(i, to_ns(certificate.busy[static_cast<std::size_t>(std::countr_zero(cpus))]));
  }
}

void write_other(const sched::Certificate& certificate, const Member& member, std::string_view name,
                 schema::OtherIsland::Builder out) noexcept {
  const auto count = static_cast<std::uint32_t>(member.tasks.count);
  out.set_name(name);
  auto responses = out.init_response_ns(count);
  auto blocking = out.init_blocking_ns(count);
  for (std::uint32_t i = 0; i < count; ++i) {
    const sched::TaskClaim& task = certificate.tasks[member.tasks.first + i];
    responses.set(i, to_ns(task.response));
    blocking.set(i, to_ns(task.blocking));
  }
}

// Of the islands before it, bit i for island i: those that share CPUs with it, directly or through others of them.
std::uint32_t standing_with(const IslandModel& model, std::uint32_t& cpus) noexcept {
  std::uint32_t found = 0;
  cpus = model.parts[model.own].cpus;
  for (bool grew = true; grew;) {
    grew = false;
    for (std::size_t i = 0; i < model.own; ++i) {
      if ((found >> i & 1u) != 0 || (model.parts[i].cpus & cpus) == 0) continue;
      found |= std::uint32_t{1} << i;
      cpus |= model.parts[i].cpus;
      grew = true;
    }
  }
  return found;
}

}  // namespace

bool IslandAdmission::build_certificate(wire::MessageBuilder& message) const noexcept {
  const Member& self = model_.self();
  const auto count = [](const Range& range) { return static_cast<std::uint32_t>(range.count); };
  auto out = message.init_root<schema::IslandCertificate>();
  out.set_format_version(certificate_.format);
  out.set_island_name(certificate_.island);
  out.set_island_index(self.index);
  out.set_best_effort_slack(self.best_effort_slack);
  write_cpus(model_.parts[model_.own].cpus, out);
  write_overheads(certificate_.overheads, out.init_overheads());
  auto tasks = out.init_tasks(count(self.tasks));
  for (std::uint32_t i = 0; i < tasks.size(); ++i) {
    write_task(certificate_.tasks[self.tasks.first + i], self.tasks.first, tasks[i]);
  }
  auto chains = out.init_chains(count(self.chains));
  for (std::uint32_t i = 0; i < chains.size(); ++i) {
    write_chain(certificate_.chains[self.chains.first + i], self.tasks.first, chains[i]);
  }
  auto calls = out.init_calls(count(self.calls));
  for (std::uint32_t i = 0; i < calls.size(); ++i) {
    write_call(certificate_.calls[self.calls.first + i], self.tasks.first, calls[i]);
  }
  auto interrupts = out.init_interrupts(count(self.interrupts));
  for (std::uint32_t i = 0; i < interrupts.size(); ++i) {
    write_interrupt(certificate_.interrupts[self.interrupts.first + i], interrupts[i]);
  }
  std::uint32_t cpus = 0;
  const std::uint32_t standing = standing_with(model_, cpus);
  auto others = out.init_others(count_cpus(standing));
  std::uint32_t next = 0;
  for (std::size_t i = 0; i < model_.own; ++i) {
    if ((standing >> i & 1u) != 0) write_other(certificate_, model_.members[i], model_.parts[i].name, others[next++]);
  }
  write_policy(certificate_, cpus, out);
  return message.error() == wire::Error::none;
}

}  // namespace capos::admission
