// SPDX-License-Identifier: Apache-2.0
#include "capos/sched/fair_queue.hpp"

namespace capos::sched {
namespace {

constexpr std::uint64_t units(Duration service) noexcept {
  return static_cast<std::uint64_t>(service.ns()) << kVirtualBits;
}

}  // namespace

// weight * (V - virtual service), in units of service. What an entity has had of its request counts.
std::int64_t FairQueue::weighted_lag(const FairEntity& entity) const noexcept {
  const auto behind = static_cast<std::int64_t>(now_ - entity.eligible_);
  return behind * static_cast<std::int64_t>(entity.weight_) - static_cast<std::int64_t>(units(entity.used_)) -
         static_cast<std::int64_t>(entity.rest_);
}

// V += units / weight, forwards or back. What a division leaves is kept, so that nothing drifts.
void FairQueue::advance(std::int64_t weighted_units, std::uint64_t by_weight) noexcept {
  if (by_weight == 0) return;
  const auto weight = static_cast<std::int64_t>(by_weight);
  const std::int64_t sum = weighted_units + static_cast<std::int64_t>(rest_);
  std::int64_t whole = sum / weight;
  if (sum % weight < 0) --whole;
  now_ += static_cast<std::uint64_t>(whole);
  rest_ = static_cast<std::uint64_t>(sum - whole * weight);
}

void FairQueue::begin_request(FairEntity& entity) noexcept {
  entity.deadline_ = entity.eligible_ + units(entity.request_) / entity.weight_;
}

// One entity alone has had all that there was: its lag is nothing, whatever roundings had gathered.
void FairQueue::settle_if_alone() noexcept {
  if (tree_.size() != 1) return;
  const FairEntity& only = static_cast<FairEntity&>(*tree_.first_eligible());
  const std::uint64_t had = units(only.used_) + only.rest_;
  now_ = only.eligible_ + had / weight_;
  rest_ = had % weight_;
}

// What it owes is what the others have had too little of: V goes on by debt / (their weight), and it stands by its debt
// behind that. With nobody there nothing is owed to anybody.
void FairQueue::add(FairEntity& entity) noexcept {
  if (weight_ == 0) return add_alone(entity);
  advance(-entity.debt_, weight_);
  const auto weight = static_cast<std::int64_t>(entity.weight_);
  const std::int64_t debt = -entity.debt_;
  weight_ += entity.weight_;
  entity.eligible_ = now_ + static_cast<std::uint64_t>((debt + weight - 1) / weight);
  entity.rest_ = 0;
  entity.used_ = {};
  entity.debt_ = 0;
  begin_request(entity);
  tree_.insert(entity);
}

// The usual case of a CPU that has little to do: no arithmetic but that of the deadline.
void FairQueue::add_alone(FairEntity& entity) noexcept {
  weight_ = entity.weight_;
  entity.eligible_ = now_;
  entity.rest_ = 0;
  entity.used_ = {};
  entity.debt_ = 0;
  begin_request(entity);
  tree_.insert(entity);
}

void FairQueue::remove(FairEntity& entity) noexcept {
  if (tree_.size() == 1) {
    tree_.remove(entity);
    weight_ = 0;
    rest_ = 0;
    return;  // it owes nothing
  }
  const std::int64_t lag = weighted_lag(entity);
  tree_.remove(entity);
  weight_ -= entity.weight_;
  rest_ = std::min(rest_, weight_ - 1);
  advance(lag, weight_);
  entity.debt_ = std::min<std::int64_t>(lag, 0);
  settle_if_alone();
}

void FairQueue::charge(FairEntity& entity, Duration consumed) noexcept {
  entity.total_ += consumed;
  if (tree_.size() == 1) return;  // what it has is what there is: its lag stays nothing, and virtual time stands
  advance(static_cast<std::int64_t>(units(consumed)), weight_);
  entity.used_ += consumed;
  if (entity.used_ < entity.request_) return;
  tree_.remove(entity);
  // Whole requests in one step: what is left over is of the request that begins.
  const std::int64_t requests = entity.used_ / entity.request_;
  const std::uint64_t had = units(entity.request_ * requests) + entity.rest_;
  entity.eligible_ += had / entity.weight_;
  entity.rest_ = had % entity.weight_;
  entity.used_ -= entity.request_ * requests;
  begin_request(entity);
  tree_.insert(entity);
}

FairEntity* FairQueue::pick() noexcept {
  FairNode* const node = tree_.earliest_eligible(now_);
  // Rounding may put V a unit before all of them.
  return static_cast<FairEntity*>(node != nullptr ? node : tree_.first_eligible());
}

void FairQueue::yield(FairEntity& entity) noexcept {
  tree_.remove(entity);
  // Service that it did not take is no service: only its deadline moves one request on, and never more than two
  // ahead of V, or who yields in a loop would not be seen again for as long.
  const Virtual request = units(entity.request_) / entity.weight_;
  if (virtually_before(entity.deadline_, now_ + request * 2)) {
    entity.deadline_ = virtually_before(now_ + request, entity.deadline_) ? now_ + request * 2 : entity.deadline_ + request;
  }
  tree_.insert(entity);
}

void FairQueue::set_weight(FairEntity& entity, std::uint32_t weight) noexcept {
  const bool queued = entity.queued();
  if (queued) remove(entity);
  entity.weight_ = std::clamp<std::uint32_t>(weight, 1, kMaxWeight);
  if (queued) add(entity);
}

void FairQueue::set_request(FairEntity& entity, Duration request) noexcept {
  const bool queued = entity.queued();
  if (queued) remove(entity);
  entity.request_ = std::clamp(request, kMinRequest, kMaxRequest);
  if (queued) add(entity);
}

Duration FairQueue::lag(const FairEntity& entity) const noexcept {
  const std::int64_t lag = entity.queued() ? weighted_lag(entity) : entity.debt_;
  return Duration::ns(lag / (std::int64_t{1} << kVirtualBits));
}

FairEntity* FairQueue::most_overdue(FairEntity* running) noexcept {
  if (running == nullptr || !running->queued()) return pick();
  tree_.remove(*running);
  FairEntity* const found = static_cast<FairEntity*>(tree_.earliest_eligible(now_));
  tree_.insert(*running);
  return found;
}

const char* FairQueue::check_invariants() const noexcept {
  if (!tree_.well_formed()) return "the tree of eligible times is broken";
  if (tree_.empty()) return weight_ == 0 ? nullptr : "an empty queue has weight";
  if (weight_ == 0 || rest_ >= weight_) return "the rest of virtual time is not below the weight";
  return nullptr;
}

}  // namespace capos::sched
