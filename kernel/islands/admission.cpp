// SPDX-License-Identifier: Apache-2.0
#include "islands/admission_steps.hpp"

#include <algorithm>
#include <utility>

#include "capos/hal/relax.hpp"

#include "islands/lease.hpp"
#include "process/moving.hpp"
#include "resources/charged.hpp"

namespace capos::kernel {

using schema::KernelError;

namespace {

constexpr std::uint64_t kRefused = 3;

Outcome refused(CallContext& call, schema::AdmitResult::Builder results, std::string_view reason) noexcept {
  results.set_refused(reason);
  call.cpu.trace.emit(call.now, schema::EventKind::island, desk_work().group.index(), kRefused);
  return Outcome::done();
}

Outcome in_the_way(CallContext& call, schema::AdmitResult::Builder results, const Occupant& occupant) noexcept {
  const auto occupied = results.init_occupied();
  occupied.set_cpu(occupant.cpu.value());
  occupied.set_by(occupant.name.data());
  call.cpu.trace.emit(call.now, schema::EventKind::island, desk_work().group.index(), kRefused);
  return Outcome::done();
}

}  // namespace

void Admission::destroy() noexcept {
  begin_again();
  leave_desk(ticket_);
  delete_object(this);
}

void Admission::begin_again() noexcept {
  if (change_ != nullptr) std::exchange(change_, nullptr)->discard();
  handout_ = {};
  island_ = {};
  kept_ = {};
  const std::uint32_t vacating = std::exchange(vacating_, 0);
  if (has_desk(ticket_)) end_vacating(vacating);  // else whoever came to it has
  refusal_.reset();
  stage_ = Stage::begin;
}

ResultOf<Admission*, KernelError> Admission::of(CallContext& call) noexcept {
  if (!call.progress.begun) {
    const Ticket ticket = take_desk(call.message, call.now);
    if (ticket == Ticket::none) return fail(KernelError::busy);
    end_vacating(~std::uint32_t{0});  // of who has lost the desk
    auto made = new_object<Admission>(call.ledger(), ticket);
    if (!made.has_value()) {
      leave_desk(ticket);
      return fail(made.error());
    }
    call.progress.object = *std::move(made);
    call.progress.begun = call.progress.has_parameters = true;
    return nullptr;  // the message has been copied twice: enough for one portion
  }
  auto& admission = static_cast<Admission&>(*call.progress.object);
  if (admission.stage_ == Stage::given) return &admission;  // all is done
  if (!holds_desk(admission.ticket_, call.now)) {
    call.progress.drop(call.process());
    return nullptr;
  }
  if (admission.generation_ != standing_generation()) admission.begin_again();
  return &admission;
}

Outcome Admission::admit(CallContext& call, schema::AdmitResult::Builder results) noexcept {
  const auto found = of(call);
  if (!found.has_value()) return Outcome::overloaded(found.error());
  if (*found == nullptr) return Outcome::unfinished();
  Admission& own = **found;
  const auto refuse = [&](std::string_view reason) noexcept { return refused(call, results, reason); };
  switch (own.stage_) {
    case Stage::begin:
      own.generation_ = standing_generation();
      desk_work().group.begin(desk_work().message(), nullptr, Group::Others::as_claimed);
      return own.go_on(Stage::claims);
    case Stage::claims: return own.put_together(Stage::check, refuse);
    case Stage::check: return own.check(refuse);
    case Stage::room:
      // CPU 0 keeps the house: it is leased only with best effort below.
      if ((desk_work().group.own().cpus & 1u) != 0 && !desk_work().group.slack()) {
        return refuse("CPU 0 can be leased only with best-effort slack");
      }
      return own.take_room(call.ledger(), Stage::writing);
    case Stage::writing: return own.write(Stage::contexts);
    case Stage::contexts: return own.make_contexts(call);
    case Stage::handout: return own.hand_out(call);
    case Stage::vacating: return own.vacate();
    case Stage::given: return own.give(call, results);
    default: return own.stand(call, results);
  }
}

Outcome Admission::take_room(Ledger& payer, Stage next) noexcept {
  DeskWork& work = desk_work();
  const auto taken = kept_.take(payer, words_of(work.group.own()));
  if (!taken.has_value()) return Outcome::overloaded(taken.error());
  if (!*taken) return Outcome::unfinished();
  work.writing.begin(kept_.room());
  return go_on(next);
}

Outcome Admission::write(Stage next) noexcept {
  DeskWork& work = desk_work();
  if (!work.writing.step(work.group.own(), work.group.index(), work.group.slack())) return Outcome::unfinished();
  if (!work.writing.ok()) return Outcome::failed(KernelError::bad_certificate);
  kept_.keep(work.writing.words());
  return go_on(next);
}

Outcome Admission::make_contexts(CallContext& call) noexcept {
  DeskWork& work = desk_work();
  const sched::Certificate& own = work.group.own();
  const std::span<std::uint16_t> predecessors(work.predecessors.data(), own.tasks.size());
  if (!island_) {
    auto island = Island::create(call.ledger(), work.group.index(), own.cpus);
    if (!island.has_value()) return Outcome::overloaded(island.error());
    island_ = *std::move(island);
    sched::find_predecessors(own, predecessors);
    return Outcome::unfinished();
  }
  for (unsigned n = 0; n < kContexts && island_->size() < own.tasks.size(); ++n) {
    const auto made = island_->make_context(own, predecessors, call.now);
    if (!made.has_value()) return Outcome::overloaded(made.error());
  }
  return island_->size() < own.tasks.size() ? Outcome::unfinished() : go_on(Stage::handout);
}

// Those for which the answer has a place, beside the island.
Outcome Admission::hand_out(CallContext& call) noexcept {
  if (!handout_) {
    auto made = ContextHandout::create(call);
    if (!made.has_value()) return Outcome::overloaded(made.error());
    handout_ = *std::move(made);
  }
  const unsigned first = std::min<unsigned>(island_->size(), abi::kMaxTransfers - 1);
  const auto all = handout_->add_some(call, first, [&](unsigned task) noexcept -> SchedulingContext& { return island_->context(task); });
  if (!all.has_value()) return Outcome::overloaded(all.error());
  return *all ? go_on(Stage::vacating) : Outcome::unfinished();
}

// They are asked once, and are waited for; who is there then, or has come since, is in the way. What has moved stays where it is, whatever
// comes of the admission.
Outcome Admission::vacate() noexcept {
  const std::uint32_t anew = desk_work().group.slack() ? 0 : desk_work().group.own().cpus & ~leased_cpus();
  if (anew != 0 && vacating_ == 0) {
    vacating_ = anew;
    ask_to_vacate(anew);
  }
  if (have_vacated(anew)) return go_on(Stage::whole);
  hal::cpu_relax();
  return Outcome::unfinished();
}

Outcome Admission::stand(CallContext& call, schema::AdmitResult::Builder results) noexcept {
  DeskWork& work = desk_work();
  const sched::Certificate& own = work.group.own();
  if (standing_count() == kMaxStanding) return Outcome::overloaded(KernelError::out_of_memory);
  const auto leased = lease_cpus(own.cpus, work.group.slack());
  if (!leased.has_value()) return in_the_way(call, results, leased.error());
  const auto stands = island_->take_place(own, {work.predecessors.data(), own.tasks.size()}, std::move(kept_));
  if (stands.has_value()) return go_on(Stage::given);
  release_unused_cpus(own.cpus);
  return Outcome::overloaded(stands.error());
}

// What is given up to here is taken back with the call.
Outcome Admission::give(CallContext& call, schema::AdmitResult::Builder results) noexcept {
  if (!handout_->make_usable()) return Outcome::unfinished();
  const auto admitted = results.init_admitted();
  const unsigned first = std::min<unsigned>(island_->size(), abi::kMaxTransfers - 1);
  const auto given = call.give(Ref<Object>::adopt(island_.leak()));
  if (!given.has_value()) return Outcome::overloaded(given.error());
  admitted.set_island(*given);
  return handout_->hand_over(call, admitted.init_contexts(first));
}

}  // namespace capos::kernel
