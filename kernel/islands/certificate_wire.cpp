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

ResultOf<std::string_view, CertificateError> name(std::string_view text) noexcept {
  if (text.size() > kMaxClaimName) return fail(CertificateError::name_too_long);
  return text;
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
  task.name = TRY(name(message.name()));
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

// The places for a list, into `places`.
template <typename List, typename T, std::size_t kSize>
ResultOf<void, CertificateError> take_for(List list, std::array<T, kSize>& from, std::size_t& used, std::span<T>& places,
                                          CertificateError too_many) noexcept {
  places = take(from, used, list.size());
  if (places.size() != list.size()) return fail(too_many);
  return {};
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
    case CertificateError::name_too_long:
      return "a name is too long";
  }
  return "unknown";
}

ResultOf<void, CertificateError> CertificateReading::begin(schema::IslandCertificate::Reader message,
                                                           CertificateStorage& storage) noexcept {
  certificate_.format = message.format_version();
  certificate_.island = TRY(name(message.island_name()));
  certificate_.cpus = TRY(read_cpus(message));
  certificate_.overheads = TRY(read_overheads(message.overheads()));
  certificate_.policy = TRY(read_policy(message));
  if (message.tasks().size() > kMaxCertificateTasks) return fail(CertificateError::too_many_tasks);
  auto& used = storage.used;
  TRY_VOID(take_for(message.tasks(), storage.tasks, used.tasks, tasks_, CertificateError::too_many_tasks));
  TRY_VOID(take_for(message.chains(), storage.chains, used.chains, chains_, CertificateError::too_many_chains));
  TRY_VOID(take_for(message.calls(), storage.calls, used.calls, calls_, CertificateError::too_many_calls));
  TRY_VOID(take_for(message.interrupts(), storage.interrupts, used.interrupts, interrupts_, CertificateError::too_many_interrupts));
  certificate_.tasks = tasks_;
  certificate_.chains = chains_;
  certificate_.calls = calls_;
  certificate_.interrupts = interrupts_;
  certificate_ = TRY(read_busy_windows(message, certificate_.cpus, certificate_));
  return {};
}

template <typename Read>
ResultOf<void, CertificateError> CertificateReading::read_some(std::size_t count, Read&& read) noexcept {
  for (std::uint32_t n = 0; n < kPortion && next_ < count; ++n, ++next_) TRY_VOID(read(next_));
  if (next_ < count) return {};
  part_ = static_cast<Part>(static_cast<unsigned>(part_) + 1);
  next_ = 0;
  return {};
}

// The next hops of the chain that is next.
ResultOf<void, CertificateError> CertificateReading::read_hops(schema::IslandCertificate::Reader message,
                                                               CertificateStorage& storage) noexcept {
  if (next_ == chains_.size()) return read_some(next_, [](std::uint32_t) { return ResultOf<void, CertificateError>{}; });
  const auto list = message.chains();
  const auto in = list[next_];
  const auto path = in.tasks();
  sched::ChainClaim& chain = chains_[next_];
  if (hop_ == 0) {
    chain = {};
    TRY_VOID(take_for(path, storage.hops, storage.used.hops, hops_, CertificateError::too_many_hops));
    chain.name = TRY(name(in.name()));
    chain.tasks = hops_;
    chain.hops = in.triggered() ? sched::HopKind::triggered : sched::HopKind::sampled;
    chain.bound = TRY(duration(in.bound_ns()));
    chain.latency = TRY(duration(in.latency_ns()));
  }
  for (std::uint32_t n = 0; n < 4 * kPortion && hop_ < hops_.size(); ++n, ++hop_) {
    hops_[hop_] = path[hop_];
    if (hops_[hop_] >= tasks_.size()) return fail(CertificateError::foreign_task);
  }
  if (hop_ < hops_.size()) return {};
  hop_ = 0;
  ++next_;
  return {};
}

ResultOf<bool, CertificateError> CertificateReading::step(schema::IslandCertificate::Reader message,
                                                          CertificateStorage& storage) noexcept {
  using Read = ResultOf<void, CertificateError>;
  switch (part_) {
    case Part::frame:
      TRY_VOID(begin(message, storage));
      part_ = Part::tasks;
      return false;
    case Part::tasks: {
      const auto list = message.tasks();
      TRY_VOID(read_some(tasks_.size(), [&](std::uint32_t i) -> Read {
        tasks_[i] = TRY(read_task(list[i]));
        if (tasks_[i].fallback != sched::kNoTask && tasks_[i].fallback >= tasks_.size()) return fail(CertificateError::foreign_task);
        return {};
      }));
      return false;
    }
    case Part::chains:
      TRY_VOID(read_hops(message, storage));
      return false;
    case Part::calls: {
      const auto list = message.calls();
      TRY_VOID(read_some(calls_.size(), [&](std::uint32_t i) -> Read {
        const auto call = list[i];
        if (call.task() >= tasks_.size()) return fail(CertificateError::foreign_task);
        calls_[i] = {call.task(), call.server(), TRY(duration(call.wcet_ns()))};
        return {};
      }));
      return false;
    }
    case Part::interrupts: {
      const auto list = message.interrupts();
      TRY_VOID(read_some(interrupts_.size(), [&](std::uint32_t i) -> Read {
        const auto source = list[i];
        const std::uint16_t cpu = source.cpu();
        if (cpu >= kMaxCpus) return fail(CertificateError::cpu_out_of_range);
        interrupts_[i] = {TRY(name(source.name())), CpuId(cpu), TRY(duration(source.min_interarrival_ns())), TRY(duration(source.cost_ns()))};
        return {};
      }));
      return part_ == Part::whole;
    }
    case Part::whole: break;
  }
  return true;
}

ResultOf<sched::Certificate, CertificateError> read_certificate(schema::IslandCertificate::Reader message,
                                                                CertificateStorage& storage) noexcept {
  CertificateReading reading;
  while (!TRY(reading.step(message, storage))) {
  }
  return reading.certificate();
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
