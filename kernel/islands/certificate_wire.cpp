// SPDX-License-Identifier: Apache-2.0
#include "certificate_wire.hpp"

namespace capos::kernel {
namespace {

constexpr std::uint64_t kMaxTimeNs = std::uint64_t{1} << 62;
constexpr std::uint64_t kMaxOverheadNs = 1'000'000'000;

ResultOf<Duration, CertificateError> duration(std::uint64_t ns) noexcept {
  if (ns > kMaxTimeNs) return fail(CertificateError::time_out_of_range);
  return Duration::ns(static_cast<std::int64_t>(ns));
}

ResultOf<sched::Consequence, CertificateError> consequence(std::uint16_t value) noexcept {
  if (value > static_cast<std::uint16_t>(sched::Consequence::stop_island)) {
    return fail(CertificateError::unknown_consequence);
  }
  return static_cast<sched::Consequence>(value);
}

ResultOf<sched::Overheads, CertificateError> read_overheads(schema::Overheads::Reader message) noexcept {
  sched::Overheads overheads;
  overheads.release = TRY(duration(message.release_ns()));
  overheads.context_switch = TRY(duration(message.switch_ns()));
  overheads.blocking = TRY(duration(message.blocking_ns()));
  overheads.jitter = TRY(duration(message.jitter_ns()));
  overheads.version = message.version();
  return overheads;
}

ResultOf<std::uint32_t, CertificateError> read_cpus(schema::IslandCertificate::Reader message) noexcept {
  const auto list = message.cpus();
  if (list.size() > kMaxCpus) return fail(CertificateError::cpu_out_of_range);
  std::uint32_t mask = 0;
  for (std::uint32_t i = 0; i < list.size(); ++i) {
    const std::uint16_t cpu = list[i];
    if (cpu >= kMaxCpus) return fail(CertificateError::cpu_out_of_range);
    mask |= std::uint32_t{1} << cpu;
  }
  return mask;
}

ResultOf<sched::Repetition, CertificateError> repetition(schema::TaskClaim::Reader message) noexcept {
  if (message.repeated_then() > static_cast<std::uint16_t>(sched::Repeated::stop_island)) {
    return fail(CertificateError::unknown_consequence);
  }
  return sched::Repetition{.misses = message.repeated_misses(),
                           .of = message.repeated_of(),
                           .then = static_cast<sched::Repeated>(message.repeated_then()),
                           .recover = message.repeated_recover()};
}

ResultOf<sched::TaskClaim, CertificateError> read_task(schema::TaskClaim::Reader message) noexcept {
  sched::TaskClaim task;
  task.name = message.name();
  const std::uint16_t cpu = message.cpu();
  if (cpu >= kMaxCpus) return fail(CertificateError::cpu_out_of_range);
  task.cpu = CpuId(cpu);
  task.priority = Priority(message.priority());
  task.period = {message.period_numerator(), message.period_denominator()};
  if (task.period.numerator == 0 || task.period.denominator == 0)
    return fail(CertificateError::period_malformed);
  task.budget = TRY(duration(message.budget_ns()));
  task.deadline = TRY(duration(message.deadline_ns()));
  task.jitter = TRY(duration(message.jitter_ns()));
  task.blocking = TRY(duration(message.blocking_ns()));
  task.response = TRY(duration(message.response_ns()));
  task.on_miss = TRY(consequence(message.on_miss()));
  task.on_overrun = TRY(consequence(message.on_overrun()));
  task.repeated = TRY(repetition(message));
  task.fallback = message.fallback();
  task.recovers = message.recovers();
  return task;
}

// The next `count` places of an array of the storage, or nothing if there are not so many.
template <typename T, std::size_t kSize>
std::span<T> take(std::array<T, kSize>& places, std::size_t& used, std::size_t count) noexcept {
  if (count > kSize - used) return {};
  used += count;
  return std::span(places).subspan(used - count, count);
}

ResultOf<std::span<const sched::TaskClaim>, CertificateError> read_tasks(
    schema::IslandCertificate::Reader message, CertificateStorage& storage) noexcept {
  const auto list = message.tasks();
  if (list.size() > kMaxCertificateTasks) return fail(CertificateError::too_many_tasks);
  const auto tasks = take(storage.tasks, storage.used.tasks, list.size());
  if (tasks.size() != list.size()) return fail(CertificateError::too_many_tasks);
  for (std::uint32_t i = 0; i < list.size(); ++i) {
    tasks[i] = TRY(read_task(list[i]));
    if (tasks[i].fallback != sched::kNoTask && tasks[i].fallback >= list.size()) return fail(CertificateError::foreign_task);
  }
  return std::span<const sched::TaskClaim>(tasks);
}

ResultOf<sched::ChainClaim, CertificateError> read_chain(schema::ChainClaim::Reader message, std::size_t tasks,
                                                         CertificateStorage& storage) noexcept {
  sched::ChainClaim chain;
  const auto path = message.tasks();
  const auto hops = take(storage.hops, storage.used.hops, path.size());
  if (hops.size() != path.size()) return fail(CertificateError::too_many_hops);
  for (std::uint32_t i = 0; i < path.size(); ++i) {
    hops[i] = path[i];
    if (hops[i] >= tasks) return fail(CertificateError::foreign_task);
  }
  chain.name = message.name();
  chain.tasks = hops;
  chain.hops = message.triggered() ? sched::HopKind::triggered : sched::HopKind::sampled;
  chain.bound = TRY(duration(message.bound_ns()));
  chain.latency = TRY(duration(message.latency_ns()));
  return chain;
}

ResultOf<std::span<const sched::ChainClaim>, CertificateError> read_chains(
    schema::IslandCertificate::Reader message, std::size_t tasks, CertificateStorage& storage) noexcept {
  const auto list = message.chains();
  const auto chains = take(storage.chains, storage.used.chains, list.size());
  if (chains.size() != list.size()) return fail(CertificateError::too_many_chains);
  for (std::uint32_t i = 0; i < list.size(); ++i) chains[i] = TRY(read_chain(list[i], tasks, storage));
  return std::span<const sched::ChainClaim>(chains);
}

ResultOf<std::span<const sched::ServerCall>, CertificateError> read_calls(
    schema::IslandCertificate::Reader message, std::size_t tasks, CertificateStorage& storage) noexcept {
  const auto list = message.calls();
  const auto calls = take(storage.calls, storage.used.calls, list.size());
  if (calls.size() != list.size()) return fail(CertificateError::too_many_calls);
  for (std::uint32_t i = 0; i < list.size(); ++i) {
    const auto call = list[i];
    if (call.task() >= tasks) return fail(CertificateError::foreign_task);
    calls[i] = {call.task(), call.server(), TRY(duration(call.wcet_ns()))};
  }
  return std::span<const sched::ServerCall>(calls);
}

ResultOf<std::span<const sched::InterruptSource>, CertificateError> read_interrupts(
    schema::IslandCertificate::Reader message, CertificateStorage& storage) noexcept {
  const auto list = message.interrupts();
  const auto sources = take(storage.interrupts, storage.used.interrupts, list.size());
  if (sources.size() != list.size()) return fail(CertificateError::too_many_interrupts);
  for (std::uint32_t i = 0; i < list.size(); ++i) {
    const auto source = list[i];
    const std::uint16_t cpu = source.cpu();
    if (cpu >= kMaxCpus) return fail(CertificateError::cpu_out_of_range);
    sources[i] = {source.name(), CpuId(cpu), TRY(duration(source.min_interarrival_ns())), TRY(duration(source.cost_ns()))};
  }
  return std::span<const sched::InterruptSource>(sources);
}

ResultOf<sched::Policy, CertificateError> read_policy(schema::IslandCertificate::Reader message) noexcept {
  const std::uint16_t policy = message.policy();
  if (policy > static_cast<std::uint16_t>(sched::Policy::edf)) return fail(CertificateError::unknown_policy);
  return static_cast<sched::Policy>(policy);
}

Duration overhead(std::uint64_t ns) noexcept {
  return Duration::ns(static_cast<std::int64_t>(ns < kMaxOverheadNs ? ns : kMaxOverheadNs));
}

}  // namespace

std::string_view describe(CertificateError error) noexcept {
  switch (error) {
    case CertificateError::too_many_tasks:
      return "too many tasks";
    case CertificateError::too_many_chains:
      return "too many chains";
    case CertificateError::too_many_hops:
      return "chains with too many tasks";
    case CertificateError::too_many_calls:
      return "too many calls";
    case CertificateError::cpu_out_of_range:
      return "CPU out of range";
    case CertificateError::time_out_of_range:
      return "a time out of range";
    case CertificateError::period_malformed:
      return "a period of zero";
    case CertificateError::unknown_consequence:
      return "unknown consequence";
    case CertificateError::too_many_interrupts:
      return "too many interrupts";
    case CertificateError::unknown_policy:
      return "unknown scheduling policy";
    case CertificateError::foreign_task:
      return "a task that the certificate does not have";
  }
  return "unknown";
}

ResultOf<sched::Certificate, CertificateError> read_certificate(schema::IslandCertificate::Reader message,
                                                                CertificateStorage& storage) noexcept {
  sched::Certificate certificate;
  certificate.format = message.format_version();
  certificate.island = message.island_name();
  certificate.cpus = TRY(read_cpus(message));
  certificate.overheads = TRY(read_overheads(message.overheads()));
  certificate.tasks = TRY(read_tasks(message, storage));
  certificate.chains = TRY(read_chains(message, certificate.tasks.size(), storage));
  certificate.calls = TRY(read_calls(message, certificate.tasks.size(), storage));
  certificate.interrupts = TRY(read_interrupts(message, storage));
  certificate.policy = TRY(read_policy(message));
  return read_busy_windows(message, certificate.cpus, certificate);
}

ResultOf<sched::Certificate, CertificateError> read_busy_windows(schema::IslandCertificate::Reader message, std::uint32_t cpus,
                                                                 sched::Certificate certificate) noexcept {
  const auto busy = message.busy_ns();
  std::uint32_t next = 0;
  for (std::uint16_t cpu = 0; cpu < kMaxCpus; ++cpu) {
    if ((cpus >> cpu & 1u) != 0 && next < busy.size()) certificate.busy[cpu] = TRY(duration(busy[next++]));
  }
  return certificate;
}

sched::Overheads overheads_of(schema::MachineParams::Reader machine, std::uint16_t cpus) noexcept {
  const auto stated = machine.overheads();
  const std::uint64_t quantum = cpus > 1 ? machine.quantum_ns() : 0;
  sched::Overheads overheads;
  overheads.release = overhead(stated.release_ns());
  overheads.context_switch = overhead(stated.switch_ns());
  overheads.blocking = overhead(stated.blocking_ns());
  overheads.jitter = overhead(stated.jitter_ns()) + overhead(quantum);
  overheads.version = sched::overheads_version(overheads);
  return overheads;
}

}  // namespace capos::kernel
