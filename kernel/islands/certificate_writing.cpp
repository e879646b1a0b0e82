// SPDX-License-Identifier: Apache-2.0
#include "islands/certificate_writing.hpp"

namespace capos::kernel {
namespace {

std::uint64_t ns(Duration duration) noexcept { return static_cast<std::uint64_t>(duration.ns()); }

void write_task(schema::TaskClaim::Builder out, const sched::TaskClaim& task) noexcept {
  out.set_name(task.name);
  out.set_period_numerator(task.period.numerator);
  out.set_period_denominator(task.period.denominator);
  out.set_budget_ns(ns(task.budget));
  out.set_deadline_ns(ns(task.deadline));
  out.set_jitter_ns(ns(task.jitter));
  out.set_blocking_ns(ns(task.blocking));
  out.set_priority(task.priority.value());
  out.set_cpu(task.cpu.value());
  out.set_response_ns(ns(task.response));
  out.set_on_miss(static_cast<std::uint16_t>(task.on_miss));
  out.set_on_overrun(static_cast<std::uint16_t>(task.on_overrun));
  out.set_repeated_misses(task.repeated.misses);
  out.set_repeated_of(task.repeated.of);
  out.set_repeated_then(static_cast<std::uint16_t>(task.repeated.then));
  out.set_repeated_recover(task.repeated.recover);
  out.set_fallback(task.fallback);
  out.set_recovers(task.recovers);
}

void write_chain(schema::ChainClaim::Builder out, const sched::ChainClaim& chain) noexcept {
  out.set_name(chain.name);
  out.set_bound_ns(ns(chain.bound));
  out.set_latency_ns(ns(chain.latency));
  out.set_triggered(chain.hops == sched::HopKind::triggered);
  const auto path = out.init_tasks(static_cast<std::uint32_t>(chain.tasks.size()));
  for (std::uint32_t i = 0; i < chain.tasks.size(); ++i) path.set(i, chain.tasks[i]);
}

}  // namespace

void CertificateWriting::write_frame(const sched::Certificate& c, std::uint32_t index, bool slack) noexcept {
  const auto out = message_->init_root<schema::IslandCertificate>();
  out.set_format_version(c.format);
  out.set_island_name(c.island);
  out.set_island_index(static_cast<decltype(schema::IslandCertificate::Reader{}.island_index())>(index));
  out.set_best_effort_slack(slack);
  out.set_policy(static_cast<std::uint16_t>(c.policy));
  const auto overheads = out.init_overheads();
  overheads.set_release_ns(ns(c.overheads.release));
  overheads.set_switch_ns(ns(c.overheads.context_switch));
  overheads.set_blocking_ns(ns(c.overheads.blocking));
  overheads.set_jitter_ns(ns(c.overheads.jitter));
  overheads.set_version(c.overheads.version);
  std::uint32_t count = 0;
  for (std::uint16_t cpu = 0; cpu < kMaxCpus; ++cpu) count += c.cpus >> cpu & 1u;
  const auto cpus = out.init_cpus(count);
  const auto busy = out.init_busy_ns(c.policy == sched::Policy::edf ? count : 0);
  std::uint32_t next = 0;
  for (std::uint16_t cpu = 0; cpu < kMaxCpus; ++cpu) {
    if ((c.cpus >> cpu & 1u) == 0) continue;
    cpus.set(next, cpu);
    if (c.policy == sched::Policy::edf) busy.set(next, ns(c.busy[cpu]));
    ++next;
  }
  (void)out.init_tasks(static_cast<std::uint32_t>(c.tasks.size()));
  (void)out.init_chains(static_cast<std::uint32_t>(c.chains.size()));
  (void)out.init_calls(static_cast<std::uint32_t>(c.calls.size()));
  (void)out.init_interrupts(static_cast<std::uint32_t>(c.interrupts.size()));
}

template <typename Write>
void CertificateWriting::write_some(std::size_t count, Write&& write) noexcept {
  for (std::uint32_t n = 0; n < CertificateReading::kPortion && next_ < count; ++n) write(next_++);
  if (next_ < count) return;
  part_ = static_cast<Part>(static_cast<unsigned>(part_) + 1);
  next_ = 0;
}

bool CertificateWriting::step(const sched::Certificate& c, std::uint32_t index, bool slack) noexcept {
  const auto out = [&] { return message_->root<schema::IslandCertificate>(); };
  switch (part_) {
    case Part::frame:
      next_ = 0;
      write_frame(c, index, slack);
      part_ = Part::tasks;
      break;
    case Part::tasks: {
      const auto list = out().tasks();
      write_some(c.tasks.size(), [&](std::uint32_t i) { write_task(list[i], c.tasks[i]); });
      break;
    }
    case Part::chains: {
      const auto list = out().chains();
      write_some(c.chains.size(), [&](std::uint32_t i) { write_chain(list[i], c.chains[i]); });
      break;
    }
    case Part::calls: {
      const auto list = out().calls();
      write_some(c.calls.size(), [&](std::uint32_t i) {
        list[i].set_task(c.calls[i].task);
        list[i].set_server(c.calls[i].server);
        list[i].set_wcet_ns(ns(c.calls[i].wcet));
      });
      break;
    }
    case Part::interrupts: {
      const auto list = out().interrupts();
      write_some(c.interrupts.size(), [&](std::uint32_t i) {
        const sched::InterruptSource& source = c.interrupts[i];
        list[i].set_name(source.name);
        list[i].set_cpu(source.cpu.value());
        list[i].set_min_interarrival_ns(ns(source.min_interarrival));
        list[i].set_cost_ns(ns(source.cost));
      });
      break;
    }
    case Part::whole: break;
  }
  return part_ == Part::whole || !ok();
}

}  // namespace capos::kernel
