// SPDX-License-Identifier: Apache-2.0
#include "islands/island.hpp"

#include "core/consequences.hpp"
#include "core/spin_lock.hpp"
#include "ipc/call_context.hpp"
#include "islands/lease.hpp"
#include "islands/settling.hpp"
#include "resources/charged.hpp"

namespace capos::kernel {
namespace {

using schema::KernelError;

constexpr std::uint64_t kActivated = 1, kRetired = 2;

// Whoever goes from a context to its island holds it, and so does the island that cuts these links as it goes.
constinit SpinLock g_links(LockRank::islands);

void remove_here(void* subject) noexcept {
  auto& context = *static_cast<SchedulingContext*>(subject);
  Cpu& cpu = Cpu::current();
  note_removal(cpu);
  stop_context(cpu, context, schema::ThreadFault::context_stopped, hal::now());
  context.release();
}

void arm_here(void* subject) noexcept {
  arm_when_settled(Cpu::current(), *static_cast<SchedulingContext*>(subject), hal::now());
}

void mail_to(SchedulingContext& context, Mail& mail, Mail::Handler handler) noexcept {
  context.acquire();
  if (!post(context.cpu(), mail, handler, &context)) context.release();
}

}  // namespace

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

std::uint64_t bandwidth_of(std::span<const sched::TaskClaim> tasks) noexcept {
  std::uint64_t sum = 0;
  for (const sched::TaskClaim& claim : tasks) {
    const auto period = static_cast<std::uint64_t>(claim.period.floor().ns());
    sum += (static_cast<std::uint64_t>(claim.budget.ns()) * 1'000'000 + period - 1) / period;
  }
  return sum;
}

ResultOf<Ref<Island>, KernelError> Island::create(Ledger& payer, const sched::Certificate& certificate,
                                                  std::span<const wire::Word> words, std::uint32_t index, Time now) noexcept {
  const std::uint64_t bandwidth = bandwidth_of(certificate.tasks);
  Ref<Island> island = TRY(new_object<Island>(payer, index, certificate.cpus));
  island->keep(TRY(KeptCertificate::keep(payer, words)));
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
    context->recovery = claim.recovers != sched::kNoServer;
  }
  if (!payer.charge(Resource::cpu_ppm, bandwidth)) return fail(KernelError::quota_exceeded);
  island->bandwidth_ = bandwidth;
  island->pair_fallbacks(certificate);
  island->link_triggers(predecessors);
  island->serial_ = stand(*island);
  island->stands_ = true;
  return island;
}

void Island::keep(KeptCertificate kept) noexcept {
  kept_ = std::move(kept);
  wire::MessageReader message(kept_.words());
  name_ = message.root<schema::IslandCertificate>().island_name();
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

bool Island::stop() noexcept {
  if (state_.exchange(State::retired) == State::retired) return false;
  for (unsigned task = 0; task < count_; ++task) {
    contexts_[task]->stopped.store(true, std::memory_order_relaxed);
    mail_to(*contexts_[task], contexts_[task]->remove_mail, remove_here);
  }
  return true;
}

bool Island::end() noexcept {
  if (!stop()) return false;
  const auto leaves = [](void* subject) noexcept {
    auto& island = *static_cast<Island*>(subject);
    island.leave();
    island.release();
  };
  acquire();
  if (!post(CpuId(0), leave_mail_, leaves, this)) release();
  return true;
}

void Island::leave() noexcept {
  if (!std::exchange(stands_, false)) return;
  leave_standing(*this);
  payer()->give_back(Resource::cpu_ppm, bandwidth_);
}

void Island::destroy() noexcept {
  (void)stop();
  g_links.acquire();
  for (unsigned task = 0; task < count_; ++task) contexts_[task]->island = nullptr;
  g_links.release();
  const auto goes = [](void* subject) noexcept {
    auto& island = *static_cast<Island*>(subject);
    island.leave();
    delete_object(&island);
  };
  if (!stands_) return delete_object(this);
  (void)post(CpuId(0), leave_mail_, goes, this);
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
    if (contexts_[task]->recovery) continue;
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

Outcome Island::contexts(CallContext& call, Interface::Contexts::Params::Reader params,
                         Interface::Contexts::Results::Builder results) noexcept {
  const unsigned first = params.first();
  const unsigned left = first < count_ ? count_ - first : 0;
  return give_contexts(call, first, results.init_contexts(std::min<unsigned>(left, abi::kMaxTransfers)));
}

Outcome Island::status(CallContext&, const Interface::Status::Params::Value&,
                       Interface::Status::Results::Value& results) noexcept {
  results.active = state_.load() == State::active;
  results.changing = is_changing();
  for (unsigned task = 0; task < count_; ++task) {
    results.jobs += contexts_[task]->jobs_done;
    results.misses += contexts_[task]->misses;
    results.overruns += contexts_[task]->overruns;
  }
  return Outcome::done();
}

}  // namespace capos::kernel
