// SPDX-License-Identifier: Apache-2.0
#include "office.hpp"

namespace capos::policy {

// The book to the kernel.
Office::Outcome Office::publish() noexcept {
  if (!placement_) return Outcome::refused;
  return placement_->set(book_.placement()).has_value() ? Outcome::done : Outcome::refused;
}

Office::Outcome Office::place(std::uint32_t cpus, std::uint32_t& now) noexcept {
  const runtime::Lock lock(mutex_, parking_);
  const std::uint32_t before = book_.wanted();
  Outcome outcome = book_.want(cpus);
  if (outcome == Outcome::done) outcome = publish();
  if (outcome == Outcome::refused) (void)book_.want(before);
  if (const auto placed = placement_->get(); placed.has_value()) now = placed->cpus;
  return outcome;
}

// Closed first, then looked at: who is started on it meanwhile is refused, or counted.
Office::Outcome Office::lease(std::uint16_t cpu, std::uint16_t desk) noexcept {
  const runtime::Lock lock(mutex_, parking_);
  if (book_.keeper(cpu) == desk) return Outcome::done;
  const Outcome kept = book_.keep(cpu, desk);
  if (kept != Outcome::done) return kept;
  Outcome outcome = publish();
  if (outcome == Outcome::done) {
    const auto found = placement_->cpu(cpu);
    if (!found.has_value()) {
      outcome = Outcome::refused;
    } else if (found->use != schema::CpuUse::housekeeping) {
      outcome = Outcome::taken;
    } else if (found->processes != 0) {
      outcome = Outcome::occupied;
    }
  }
  if (outcome == Outcome::done) return outcome;
  (void)book_.give_back(cpu, desk);
  (void)publish();
  return outcome;
}

Office::Outcome Office::give_back(std::uint16_t cpu, std::uint16_t desk) noexcept {
  const runtime::Lock lock(mutex_, parking_);
  const Outcome outcome = book_.give_back(cpu, desk);
  return outcome == Outcome::done ? publish() : outcome;
}

bool Office::find_island(std::uint16_t cpu, std::uint16_t& island) noexcept {
  if (!standing_) return false;
  for (std::uint64_t last = 0;;) {  // as many as stand: the kernel has room for so many
    auto answer = standing_->standing([&](auto params) { params.set_after(last); });
    if (!answer.has_value()) return false;
    const auto reader = answer->reader();
    last = reader.serial();
    if (last == 0) return false;
    for (const std::uint16_t leased : reader.certificate().cpus()) {
      if (leased != cpu) continue;
      island = static_cast<std::uint16_t>(reader.certificate().island_index());
      return true;
    }
  }
}

schema::Policy::Cpu::Results::Value Office::describe(std::uint16_t cpu) noexcept {
  const runtime::Lock lock(mutex_, parking_);
  schema::Policy::Cpu::Results::Value result{};
  const auto found = placement_->cpu(cpu);
  const auto placed = placement_->get();
  if (!found.has_value() || !placed.has_value()) {
    result.outcome = Outcome::refused;
    return result;
  }
  result.use = found->use;
  result.processes = found->processes;
  result.placed = (placed->cpus >> cpu & 1) != 0;
  result.kept = book_.keeper(cpu) != kNoDesk;
  if (result.kept) result.desk = book_.keeper(cpu);
  result.leased = find_island(cpu, result.island);
  return result;
}

}  // namespace capos::policy
