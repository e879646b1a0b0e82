// SPDX-License-Identifier: Apache-2.0
// What is admitted already, from the kernel's certificates into the model. The kernel has checked them.
#include "model_writer.hpp"

namespace capos::admission {
namespace {

using Certificate = schema::IslandCertificate::Reader;

Duration ns(std::uint64_t value) noexcept { return Duration::ns(static_cast<std::int64_t>(value)); }

std::uint32_t cpus_of(Certificate certificate) noexcept {
  std::uint32_t mask = 0;
  for (const std::uint16_t cpu : certificate.cpus()) mask |= cpu < kMaxCpus ? std::uint32_t{1} << cpu : 0;
  return mask;
}

ResultOf<void, UnitError> add_tasks(Certificate certificate, ModelWriter& writer) noexcept {
  for (const auto task : certificate.tasks()) {
    sched::TaskModel& out = *TRY(writer.task());
    out.name = task.name();
    out.cpu = CpuId(task.cpu());
    out.period = {task.period_numerator(), task.period_denominator()};
    out.budget = ns(task.budget_ns());
    out.deadline = ns(task.deadline_ns());
    out.jitter = ns(task.jitter_ns());
    out.stated = Priority(task.priority());
    out.recovers = task.recovers();
    out.on_miss = static_cast<sched::Consequence>(task.on_miss());
    out.on_overrun = static_cast<sched::Consequence>(task.on_overrun());
    out.repeated = {.misses = task.repeated_misses(),
                    .of = task.repeated_of(),
                    .then = static_cast<sched::Repeated>(task.repeated_then()),
                    .recover = task.repeated_recover()};
    if (task.fallback() != sched::kNoTask) {
      out.fallback = static_cast<std::uint16_t>(writer.member().tasks.first + task.fallback());
    }
  }
  return {};
}

ResultOf<void, UnitError> add_chains(Certificate certificate, ModelWriter& writer) noexcept {
  for (const auto chain : certificate.chains()) {
    const auto path = chain.tasks();
    const auto hops = TRY(writer.hops(path.size()));
    for (std::uint32_t i = 0; i < path.size(); ++i) {
      hops[i] = static_cast<std::uint16_t>(writer.member().tasks.first + path[i]);
    }
    sched::ChainModel& out = *TRY(writer.chain());
    out.name = chain.name();
    out.bound = ns(chain.bound_ns());
    out.hops = chain.triggered() ? sched::HopKind::triggered : sched::HopKind::sampled;
    out.tasks = hops;
  }
  return {};
}

ResultOf<void, UnitError> add(Certificate certificate, ModelWriter& writer) noexcept {
  Member& member = *TRY(writer.begin(certificate.island_name(), cpus_of(certificate)));
  member.best_effort_slack = certificate.best_effort_slack();
  TRY_VOID(add_tasks(certificate, writer));
  TRY_VOID(add_chains(certificate, writer));
  for (const auto call : certificate.calls()) {
    *TRY(writer.call("a server")) = {static_cast<std::uint16_t>(member.tasks.first + call.task()), call.server(),
                                     ns(call.wcet_ns())};
  }
  for (const auto source : certificate.interrupts()) {
    *TRY(writer.interrupt()) = {source.name(), CpuId(source.cpu()), ns(source.min_interarrival_ns()), ns(source.cost_ns())};
  }
  return {};
}

// Bit i: standing island i shares CPUs with `cpus`, directly or through others.
std::uint32_t sharing(std::span<const Certificate> standing, std::string_view except, std::uint32_t cpus) noexcept {
  std::uint32_t found = 0;
  for (bool grew = true; grew;) {
    grew = false;
    for (std::size_t i = 0; i < standing.size() && i < 32; ++i) {
      const bool known = (found >> i & 1u) != 0 || standing[i].island_name() == except;
      if (known || (cpus_of(standing[i]) & cpus) == 0) continue;
      found |= std::uint32_t{1} << i;
      cpus |= cpus_of(standing[i]);
      grew = true;
    }
  }
  return found;
}

}  // namespace

std::optional<std::uint16_t> add_standing(std::span<const Certificate> standing, std::string_view except, std::uint32_t cpus,
                                          ModelWriter& writer) noexcept {
  const std::uint32_t found = sharing(standing, except, cpus);
  std::uint16_t next = 0;
  for (std::size_t i = 0; i < standing.size() && i < 32; ++i) {
    if ((found >> i & 1u) == 0) continue;
    if (!add(standing[i], writer).has_value()) return std::nullopt;
    for (const auto call : standing[i].calls()) {
      if (call.server() >= 0xff00) return std::nullopt;
      if (call.server() >= next) next = static_cast<std::uint16_t>(call.server() + 1);
    }
  }
  return next;
}

}  // namespace capos::admission
