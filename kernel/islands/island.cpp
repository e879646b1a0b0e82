// SPDX-License-Identifier: Apache-2.0
#include "islands/island.hpp"

#include "core/consequences.hpp"
#include "core/spin_lock.hpp"
#include "ipc/call_context.hpp"
#include "islands/binding.hpp"
#include "islands/context_handout.hpp"
#include "islands/lease.hpp"
#include "islands/settling.hpp"
#include "resources/charged.hpp"

namespace capos::kernel {
namespace {

using schema::KernelError;

constexpr std::uint64_t kActivated = 1, kRetired = 2;
// Contexts that are dropped or stopped, and armed, in one go.
constexpr unsigned kAtOnce = 8, kArmedAtOnce = 4;
static_assert(sizeof(Island) <= 2048, "of 128 tasks: half a page");

// Whoever goes from a context to its island holds it, and so does the island that cuts these links as it goes.
constinit SpinLock g_links(LockRank::islands);

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

ResultOf<Ref<Island>, KernelError> Island::create(Ledger& payer, std::uint32_t index, std::uint32_t cpus) noexcept {
  return new_object<Island>(payer, index, cpus);
}

ResultOf<void, KernelError> Island::make_context(const sched::Certificate& certificate, std::span<const std::uint16_t> predecessors,
                                                 Time now) noexcept {
  const sched::TaskClaim& claim = certificate.tasks[count_];
  const bool triggered = predecessors[count_] != sched::kNoTask;
  Ref<SchedulingContext> context = TRY(new_object<SchedulingContext>(*payer()));
  if (!context->configure(parameters_of(claim, certificate, triggered, index_), now).has_value()) return fail(KernelError::bad_certificate);
  context->source = index_ << 16 | count_;
  context->policy.configure(rules_of(claim));
  context->island = this;
  context->recovery = claim.recovers != sched::kNoServer;
  bandwidth_ += bandwidth_of({&claim, 1});
  contexts_[count_++] = std::move(context);
  return {};
}

ResultOf<void, KernelError> Island::take_place(const sched::Certificate& certificate, std::span<const std::uint16_t> predecessors,
                                               KeptCertificate kept) noexcept {
  if (!payer()->charge(Resource::cpu_ppm, bandwidth_)) return fail(KernelError::quota_exceeded);
  keep(std::move(kept));
  pair_fallbacks(certificate);
  link_triggers(predecessors);
  serial_ = stand(*this);
  stands_ = true;
  return {};
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
  std::uint32_t begun = 0;
  for (unsigned task = 0; task < count_; ++task) {
    SchedulingContext& context = *contexts_[task];
    context.stopped.store(true, std::memory_order_relaxed);
    const std::uint32_t cpu = std::uint32_t{1} << context.cpu().value();
    if ((begun & cpu) != 0) continue;
    begun |= cpu;
    stopping_[context.cpu().value()] = static_cast<std::uint16_t>(task);
    acquire();
    (void)post(context.cpu(), context.stop_mail, stop_some, this);
  }
  return true;
}

template <typename Visit>
bool Island::visit_some(std::uint16_t& next, unsigned most, Visit&& visit) noexcept {
  Cpu& cpu = Cpu::current();
  for (; next < count_; ++next) {
    SchedulingContext& context = *contexts_[next];
    if (context.cpu() != cpu.id) continue;
    if (most-- == 0) return false;
    visit(cpu, context);
  }
  return true;
}

// The next of this CPU's; the rest by an interrupt, with the mail of the first of these. Once for each CPU, holding a reference.
void Island::stop_some(void* subject) noexcept {
  auto& island = *static_cast<Island*>(subject);
  Cpu& cpu = Cpu::current();
  std::uint16_t& next = island.stopping_[cpu.id.value()];
  note_removal(cpu);
  const bool all = island.visit_some(next, kAtOnce, [](Cpu& on, SchedulingContext& context) noexcept {
    stop_context(on, context, schema::ThreadFault::context_stopped, hal::now());
  });
  if (!all) return (void)post_later(cpu.id, island.contexts_[next]->stop_mail, stop_some, subject);
  island.release();
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

// The contexts, kAtOnce in a step, and then itself.
void Island::unmake() noexcept {
  for (unsigned n = 0; n < kAtOnce && count_ > 0; ++n) contexts_[--count_] = {};
  if (count_ == 0) return delete_object(this);
  (void)post_later(CpuId(0), leave_mail_, [](void* subject) noexcept { static_cast<Island*>(subject)->unmake(); }, this);
}

// One that stands ends first, and comes here again when nothing of its end is under way any more.
void Island::destroy() noexcept {
  if (serial_ == 0) return unmake();  // it never stood, so nobody has its contexts
  if (state_.load() != State::retired) {
    acquire();
    (void)end();
    return release();
  }
  g_links.acquire();
  for (unsigned task = 0; task < count_; ++task) contexts_[task]->island = nullptr;
  g_links.release();
  unmake();
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
  if (!have_waiting_threads(std::span(contexts_).first(count_))) return Outcome::failed(KernelError::bad_state);
  State admitted = State::admitted;
  if (!state_.compare_exchange_strong(admitted, State::active)) return Outcome::failed(KernelError::bad_state);
  for (unsigned task = 0; task < count_; ++task) contexts_[task]->first_release = start;
  for (std::uint16_t cpu = 0; cpu < kMaxCpus; ++cpu) {
    if ((cpus_ >> cpu & 1u) == 0) continue;
    acquire();
    (void)post(CpuId(cpu), arming_[cpu].mail, arm_some, this);
  }
  call.cpu.trace.emit(call.now, schema::EventKind::island, index_, kActivated, start.ns());
  call.reschedule = true;
  return Outcome::done();
}

// The next of this CPU's; the rest by an interrupt. Once for each CPU, holding a reference.
void Island::arm_some(void* subject) noexcept {
  auto& island = *static_cast<Island*>(subject);
  Cpu& cpu = Cpu::current();
  Arming& arming = island.arming_[cpu.id.value()];
  const bool all = island.visit_some(arming.next, kArmedAtOnce, [](Cpu& on, SchedulingContext& context) noexcept {
    if (context.recovery) return;
    arm_when_settled(on, context, hal::now());
  });
  if (!all) return (void)post_later(cpu.id, arming.mail, arm_some, subject);
  island.release();
}

Outcome Island::retire(CallContext& call, const Interface::Retire::Params::Value&,
                       Interface::Retire::Results::Value&) noexcept {
  if (!end()) return Outcome::failed(KernelError::bad_state);
  call.cpu.trace.emit(call.now, schema::EventKind::island, index_, kRetired);
  call.reschedule = true;
  return Outcome::done();
}

// What the parameters say counts in the first portion.
Outcome Island::contexts(CallContext& call, Interface::Contexts::Params::Reader params,
                         Interface::Contexts::Results::Builder results) noexcept {
  CallProgress& progress = call.progress;
  if (!progress.begun) {
    auto made = ContextHandout::create(call);
    if (!made.has_value()) return Outcome::overloaded(made.error());
    progress.object = *std::move(made);
    progress.done = params.first();
    progress.begun = true;
  }
  auto& handout = static_cast<ContextHandout&>(*progress.object);
  const auto first = static_cast<unsigned>(progress.done);
  const unsigned count = std::min<unsigned>(first < count_ ? count_ - first : 0, abi::kMaxTransfers);
  const auto all = handout.add_some(call, count, [&](unsigned n) noexcept -> SchedulingContext& { return *contexts_[first + n]; });
  if (!all.has_value()) return Outcome::overloaded(all.error());
  if (!*all || !handout.make_usable()) return Outcome::unfinished();
  return handout.hand_over(call, results.init_contexts(count));
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
