// SPDX-License-Identifier: Apache-2.0
#include "islands/island.hpp"

#include "core/consequences.hpp"
#include "core/spin_lock.hpp"
#include "core/text.hpp"
#include "ipc/call_context.hpp"
#include "islands/lease.hpp"
#include "resources/charged.hpp"

namespace capos::kernel {
namespace {

using schema::KernelError;

constexpr std::uint64_t kActivated = 1, kRetired = 2, kRefused = 3;

// Whoever goes from a context to its island holds it, and so does the island that cuts these links as it goes.
constinit SpinLock g_links(LockRank::islands);

constinit sched::Overheads g_overheads{};
constinit CertificateStorage g_storage{};  // used by one admission at a time: on the boot CPU only

sched::ContextParameters parameters_of(const sched::TaskClaim& claim, const sched::Certificate& certificate, bool triggered,
                                       std::uint32_t island) noexcept {
  return {.budget = claim.budget,
          .period = claim.period,
          .deadline = claim.deadline,
          .priority = claim.priority,
          .cpu = claim.cpu,
          .island = IslandId(island + 1),
          .on_miss = claim.on_miss,
          .on_overrun = claim.on_overrun,
          .edf = certificate.policy == sched::Policy::edf,
          .triggered = triggered,
          .jitter = triggered ? claim.jitter + certificate.overheads.jitter : Duration{}};
}

sched::MissRules rules_of(const sched::TaskClaim& claim) noexcept {
  return {.on_miss = claim.on_miss, .on_overrun = claim.on_overrun, .repeated = claim.repeated};
}

// One line: which inequality of which task does not hold.
Line explain(const sched::Certificate& certificate, const sched::Refusal& refusal) noexcept {
  Line line;
  line.text(certificate.island).text(": ").text(sched::describe(refusal.reason));
  if (refusal.index < certificate.tasks.size()) line.text(" (").text(certificate.tasks[refusal.index].name).text(")");
  if (refusal.claimed != Duration{} || refusal.required != Duration{}) {
    line.text(": claimed ").decimal(static_cast<std::uint64_t>(refusal.claimed.ns()));
    line.text(" ns, required ").decimal(static_cast<std::uint64_t>(refusal.required.ns())).text(" ns");
  }
  return line;
}

// What the tasks are promised, in millionths of a CPU, each rounded up.
std::uint64_t bandwidth_of(const sched::Certificate& certificate) noexcept {
  std::uint64_t sum = 0;
  for (const sched::TaskClaim& claim : certificate.tasks) {
    const auto period = static_cast<std::uint64_t>(claim.period.floor().ns());
    sum += (static_cast<std::uint64_t>(claim.budget.ns()) * 1'000'000 + period - 1) / period;
  }
  return sum;
}

void arm_here(void* subject) noexcept {
  auto& context = *static_cast<SchedulingContext*>(subject);
  Cpu& cpu = Cpu::current();
  if (!context.stopped.load(std::memory_order_relaxed)) {
    const Time now = hal::now();
    cpu.scheduler.arm_jobs(context, context.first_release, now);
    if (context.primary) (void)cpu.scheduler.suspend_jobs(context, now);  // it stands by
  }
  context.release();
}

void remove_here(void* subject) noexcept {
  auto& context = *static_cast<SchedulingContext*>(subject);
  stop_context(Cpu::current(), context, schema::ThreadFault::context_stopped, hal::now());
  context.release();
}

void mail_to(SchedulingContext& context, Mail& mail, Mail::Handler handler) noexcept {
  context.acquire();
  if (!post(context.cpu(), mail, handler, &context)) context.release();
}

class IslandAuthorityService final : public SingletonObject<IslandAuthorityService, schema::IslandAuthority> {
 public:
  Outcome admit(CallContext& call, schema::IslandAuthority::Admit::Params::Reader params,
                schema::IslandAuthority::Admit::Results::Builder results) noexcept {
    if (call.cpu.id != CpuId(0)) return Outcome::failed(KernelError::bad_cpu);
    const auto message = params.certificate();
    const auto certificate = read_certificate(message, g_storage);
    if (!certificate.has_value()) return refuse(call, message.island_index(), results, describe(certificate.error()));
    const sched::MachineFacts facts{
        .cpus = running_cpus(), .leased_cpus = leased_cpus(), .overheads = g_overheads};
    const auto checked = sched::check_certificate(*certificate, facts);
    if (!checked.has_value()) {
      const Line reason = explain(*certificate, checked.error());
      return refuse(call, message.island_index(), results, reason.view());
    }
    // CPU 0 keeps the house: it is leased only with best effort below.
    if ((certificate->cpus & 1u) != 0 && !message.best_effort_slack()) {
      return refuse(call, message.island_index(), results, "CPU 0 can be leased only with best-effort slack");
    }
    return make_island(call, *certificate, message.island_index(), message.best_effort_slack(), results);
  }

 private:
  static Outcome refuse(CallContext& call, std::uint32_t island, schema::AdmitResult::Builder results,
                        std::string_view reason) noexcept {
    results.set_refused(reason);
    call.cpu.trace.emit(call.now, schema::EventKind::island, island, kRefused);
    return Outcome::done();
  }

  static Outcome make_island(CallContext& call, const sched::Certificate& certificate, std::uint32_t index, bool slack,
                             schema::AdmitResult::Builder results) noexcept {
    if (certificate.tasks.size() + 1 > abi::kMaxTransfers) return Outcome::overloaded(KernelError::out_of_capabilities);
    auto island = Island::create(call.ledger(), certificate, index, slack, call.now);
    if (!island.has_value()) return Outcome::overloaded(island.error());
    Island& made = **island;
    const auto admitted = results.init_admitted();
    const auto own = call.give(Ref<Object>::adopt(island->leak()));
    if (!own.has_value()) return Outcome::overloaded(own.error());
    admitted.set_island(*own);
    const auto contexts = admitted.init_contexts(made.size());
    for (unsigned task = 0; task < made.size(); ++task) {
      const auto given = call.give(Ref<Object>::share(made.context(task)));
      if (!given.has_value()) return Outcome::overloaded(given.error());
      contexts.set(task, *given);
    }
    return Outcome::done();
  }
};

constinit IslandAuthorityService g_authority;

}  // namespace

Object& island_authority_service() noexcept { return g_authority; }
void set_machine_overheads(const sched::Overheads& overheads) noexcept { g_overheads = overheads; }

ResultOf<Ref<Island>, KernelError> Island::create(Ledger& payer, const sched::Certificate& certificate, std::uint32_t index, bool slack,
                                                  Time now) noexcept {
  const std::uint64_t bandwidth = bandwidth_of(certificate);
  Ref<Island> island = TRY(new_object<Island>(payer, index, certificate.cpus));
  if (!payer.charge(Resource::cpu_ppm, bandwidth)) return fail(KernelError::quota_exceeded);
  island->bandwidth_ = bandwidth;
  std::array<std::uint16_t, kMaxCertificateTasks> storage;
  const std::span<std::uint16_t> predecessors(storage.data(), certificate.tasks.size());
  sched::find_predecessors(certificate, predecessors);
  for (const sched::TaskClaim& claim : certificate.tasks) {
    const bool triggered = predecessors[island->count_] != sched::kNoTask;
    Ref<SchedulingContext> context = TRY(new_object<SchedulingContext>(payer));
    context->source = index << 16 | island->count_;
    island->contexts_[island->count_++] = context;
    if (!context->configure(parameters_of(claim, certificate, triggered, index), now).has_value()) return fail(KernelError::bad_certificate);
    context->policy.configure(rules_of(claim));
    context->island = island.get();
  }
  island->pair_fallbacks(certificate);
  island->link_triggers(predecessors);
  lease_cpus(certificate.cpus, slack);
  island->leased_ = true;
  return island;
}

// References both ways; stop_context(), which comes to each of them in the end, drops them.
void Island::pair_fallbacks(const sched::Certificate& certificate) noexcept {
  for (unsigned task = 0; task < count_; ++task) {
    const std::uint16_t fallback = certificate.tasks[task].fallback;
    if (fallback == sched::kNoTask) continue;
    contexts_[task]->fallback = contexts_[fallback];
    contexts_[fallback]->primary = contexts_[task];
  }
}

// A reference of each task to those behind it, dropped as those of fallbacks are. At most kMaxSuccessors: that was checked.
void Island::link_triggers(std::span<const std::uint16_t> predecessors) noexcept {
  for (unsigned task = 0; task < count_; ++task) {
    if (predecessors[task] == sched::kNoTask) continue;
    for (Ref<SchedulingContext>& place : contexts_[predecessors[task]]->successors) {
      if (place) continue;
      place = contexts_[task];
      break;
    }
  }
}

bool Island::end() noexcept {
  if (state_.exchange(State::retired) == State::retired) return false;
  for (unsigned task = 0; task < count_; ++task) {
    contexts_[task]->stopped.store(true, std::memory_order_relaxed);
    mail_to(*contexts_[task], contexts_[task]->remove_mail, remove_here);
  }
  if (leased_) release_cpus(cpus_);
  payer()->give_back(Resource::cpu_ppm, bandwidth_);
  return true;
}

void Island::destroy() noexcept {
  (void)end();
  g_links.acquire();
  for (unsigned task = 0; task < count_; ++task) contexts_[task]->island = nullptr;
  g_links.release();
  delete_object(this);
}

void end_island(SchedulingContext& context, Time now) noexcept {
  g_links.acquire();
  Island* const island = context.island;
  const bool lives = island != nullptr && island->acquire_if_alive();
  g_links.release();
  if (!lives) return;
  if (island->end()) Cpu::current().trace.emit(now, schema::EventKind::island, island->index_, kRetired);
  island->release();
}

Outcome Island::activate(CallContext& call, const Interface::Activate::Params::Value& params,
                         Interface::Activate::Results::Value&) noexcept {
  const Time start = Time::from_ns(params.start_ns);
  // Compared as times: a difference of more than 2^63 ns would look like one into the past.
  if (state_.load() != State::admitted || start < call.now || start > call.now + Duration::s(3600)) {
    return Outcome::failed(KernelError::bad_state);
  }
  for (unsigned task = 0; task < count_; ++task) {
    const Thread* const thread = contexts_[task]->thread;
    if (thread == nullptr || thread->has_ended() || !thread->has_waited) return Outcome::failed(KernelError::bad_state);
  }
  State admitted = State::admitted;
  if (!state_.compare_exchange_strong(admitted, State::active)) return Outcome::failed(KernelError::bad_state);
  for (unsigned task = 0; task < count_; ++task) {
    contexts_[task]->first_release = start;
    mail_to(*contexts_[task], contexts_[task]->arm_mail, arm_here);
  }
  call.cpu.trace.emit(call.now, schema::EventKind::island, index_, kActivated, start.ns());
  call.reschedule = true;
  return Outcome::done();
}

Outcome Island::retire(CallContext& call, const Interface::Retire::Params::Value&,
                       Interface::Retire::Results::Value&) noexcept {
  if (!end()) return Outcome::failed(KernelError::bad_state);
  call.cpu.trace.emit(call.now, schema::EventKind::island, index_, kRetired);
  call.reschedule = true;
  return Outcome::done();
}

Outcome Island::status(CallContext&, const Interface::Status::Params::Value&,
                       Interface::Status::Results::Value& results) noexcept {
  results.active = state_.load() == State::active;
  for (unsigned task = 0; task < count_; ++task) {
    results.jobs += contexts_[task]->jobs_done;
    results.misses += contexts_[task]->misses;
    results.overruns += contexts_[task]->overruns;
  }
  return Outcome::done();
}

}  // namespace capos::kernel
