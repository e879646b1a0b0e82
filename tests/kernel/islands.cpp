// SPDX-License-Identifier: Apache-2.0
#include "islands.hpp"

#include "capos/sched/certificate.hpp"

namespace capos::ktest {
namespace {

void write_task(schema::TaskClaim::Builder out, const Task& task, std::uint16_t cpu) {
  const std::uint64_t deadline = task.deadline_ns != 0 ? task.deadline_ns : std::uint64_t{task.period_us} * 1'000;
  out.set_name(task.name);
  out.set_period_numerator(task.period_us);
  out.set_period_denominator(1'000'000);
  out.set_budget_ns(task.budget_ns);
  out.set_deadline_ns(deadline);
  out.set_blocking_ns(task.blocking_ns);
  out.set_priority(task.priority);
  out.set_cpu(cpu);
  out.set_response_ns(task.response_ns != 0 ? task.response_ns : deadline);
  out.set_on_miss(task.on_miss);
  out.set_on_overrun(task.on_overrun);
  set_repeated(out, task.repeated);
  out.set_fallback(task.fallback);
}

void write_overheads(schema::Overheads::Builder out) {
  const PackOverheads stated;
  const auto ns = [](std::uint64_t value) { return Duration::ns(static_cast<std::int64_t>(value)); };
  const sched::Overheads same{.release = ns(stated.release),
                              .context_switch = ns(stated.context_switch),
                              .blocking = ns(stated.blocking),
                              .jitter = ns(stated.jitter)};
  out.set_release_ns(stated.release);
  out.set_switch_ns(stated.context_switch);
  out.set_blocking_ns(stated.blocking);
  out.set_jitter_ns(stated.jitter);
  out.set_version(sched::overheads_version(same));
}

void write_others(Certificate certificate, const Claim& claim) {
  const auto others = certificate.init_others(static_cast<std::uint32_t>(claim.others.size()));
  for (std::uint32_t i = 0; i < claim.others.size(); ++i) {
    const OtherClaim& other = claim.others[i];
    const auto count = static_cast<std::uint32_t>(other.responses_ns.size());
    others[i].set_name(other.name);
    const auto responses = others[i].init_response_ns(count), blocking = others[i].init_blocking_ns(count);
    for (std::uint32_t t = 0; t < count; ++t) {
      responses.set(t, other.responses_ns[t]);
      blocking.set(t, t < other.blocking_ns.size() ? other.blocking_ns[t] : 0);
    }
  }
}

void write_chain(Certificate certificate, const Claim& claim) {
  if (claim.chain_bound_ns == 0) return;
  const auto chain = certificate.init_chains(1)[0];
  chain.set_name("chain");
  chain.set_bound_ns(claim.chain_bound_ns);
  chain.set_latency_ns(claim.chain_latency_ns);
  const auto path = chain.init_tasks(static_cast<std::uint32_t>(claim.tasks.size()));
  for (std::uint32_t i = 0; i < claim.tasks.size(); ++i) path.set(i, static_cast<std::uint16_t>(i));
}

}  // namespace

void write(Certificate certificate, const Claim& claim) {
  certificate.set_format_version(sched::kCertificateFormat);
  certificate.set_island_name(claim.name);
  certificate.init_cpus(1).set(0, claim.cpu);
  write_overheads(certificate.init_overheads());
  const auto tasks = certificate.init_tasks(static_cast<std::uint32_t>(claim.tasks.size()));
  for (std::uint32_t i = 0; i < claim.tasks.size(); ++i) write_task(tasks[i], claim.tasks[i], claim.cpu);
  const auto calls = certificate.init_calls(static_cast<std::uint32_t>(claim.calls.size()));
  for (std::uint32_t i = 0; i < claim.calls.size(); ++i) {
    calls[i].set_task(claim.calls[i].task);
    calls[i].set_server(claim.calls[i].server);
    calls[i].set_wcet_ns(claim.calls[i].wcet_ns);
  }
  certificate.set_best_effort_slack(claim.slack);
  write_others(certificate, claim);
  write_chain(certificate, claim);
}

void set_repeated(schema::TaskClaim::Builder task, const sched::Repetition& rule) {
  task.set_repeated_misses(rule.misses);
  task.set_repeated_of(rule.of);
  task.set_repeated_then(static_cast<std::uint16_t>(rule.then));
  task.set_repeated_recover(rule.recover);
}

OthersTakeMail::OthersTakeMail(World& world) : world_(world) {
  world.machine().at_each_relax([&world] {
    for (std::uint16_t id = 1; id < world.machine().cpus(); ++id) {
      if (world.machine().mail_pending(CpuId(id))) (void)world.machine().deliver_mail(CpuId(id));
    }
  });
}

Admitted admit(World& world, const Claim& claim, const Forge& forge) {
  // CPU 0 waits for what the CPUs that are to be leased do.
  world.go_to(world.init());
  std::optional<OthersTakeMail> others(world);
  const auto answer = world.message<schema::IslandAuthority::Admit>(world.init(), world.service("islands"), [&](auto params) {
    const auto certificate = params.init_certificate();
    write(certificate, claim);
    if (forge) forge(certificate);
  });
  others.reset();
  if (!answer.ok()) return {.refusal = "call: " + answer.error().text(), .error = answer.error()};
  Admitted made;
  answer.read([&](auto results) {
    if (results.which() == schema::AdmitResult::Which::refused) {
      made.refusal = results.refused();
      return;
    }
    if (results.which() == schema::AdmitResult::Which::occupied) {
      made.occupant = results.occupied().by();
      made.refusal = "occupied: CPU " + std::to_string(results.occupied().cpu());
      return;
    }
    made.island = answer.cap([](auto r) { return r.admitted().island(); });
    const auto contexts = results.admitted().contexts();
    for (std::uint32_t i = 0; i < contexts.size(); ++i) {
      made.contexts.push_back(answer.cap([i](auto r) { return r.admitted().contexts()[i]; }));
    }
  });
  return made;
}

Changed change(World& world, abi::CapId island, const Claim& claim, const Forge& forge) {
  const auto answer = world.message<schema::RealtimeIsland::ModeChange>(world.init(), island, [&](auto params) {
    const auto certificate = params.init_certificate();
    write(certificate, claim);
    if (forge) forge(certificate);
  });
  if (!answer.ok()) return {.refusal = "call: " + answer.error().text(), .error = answer.error()};
  Changed made;
  answer.read([&](auto results) {
    if (results.which() == schema::ChangeResult::Which::refused) {
      made.refusal = results.refused();
    } else {
      made.within_ns = results.accepted().within_ns();
    }
  });
  return made;
}

Admitted admit_honest(World& world, const Claim& claim) {
  Admitted made = admit(world, claim);
  if (!made.refusal.empty()) throw std::logic_error("refused: " + made.refusal);
  return made;
}

}  // namespace capos::ktest
