// SPDX-License-Identifier: Apache-2.0
// What ends at a time, and who waits on a word.
#include <algorithm>
#include <utility>

#include "walk_model.hpp"

namespace capos::ktest {

using schema::TransportError;

// --- the CPU's timer ----------------------------------------------------------------------------------------------

void Model::timer(std::uint16_t cpu) {
  // Event timers first to last: two may set bits of one notification, and who waits there finds those of the first.
  for (;;) {
    Id due = 0;
    for (const auto& [id, one] : objects_) {
      if (one.kind != Kind::timer || one.next == 0 || one.next > now_ || one.home != cpu) continue;
      if (due == 0 || one.next < object(due).next) due = id;
    }
    if (due == 0) break;
    fire(cpu, due);
  }
  for (auto& [number, one] : processes_) {
    if (one.cpu != cpu) continue;
    for (auto& [serial, waiter] : one.threads) {
      if (waiter.until == 0 || waiter.until > now_) continue;
      switch (waiter.waits) {
        case Waits::asleep: wakes(waiter.who, finds_words(now_)); break;
        case Waits::for_server:
        case Waits::for_reply:
          withdraw(waiter);
          wakes(waiter.who, finds_error(transport(TransportError::timeout)));
          break;
        case Waits::parked: {
          const auto& list = waiter.waits_at == 0 ? one.parked : object(waiter.waits_at).parked;
          waiter.until = 0;
          if (std::ranges::find(list, waiter.who) == list.end()) break;  // an unpark is on its way
          leave_parked(waiter);
          wakes(waiter.who, finds_error(transport(TransportError::timeout)));
          break;
        }
        default: break;
      }
    }
  }
  end_doomed();
}

// It has come to its instant.
void Model::fire(std::uint16_t cpu, Id id) {
  ModelObject& timer = object(id);
  ++timer.fired;
  if (timer.period == 0) {
    timer.next = 0;
  } else {
    const std::uint64_t passed = (now_ - timer.next) / timer.period;
    timer.skipped += passed;
    timer.next += (passed + 1) * timer.period;
  }
  set_bits(cpu, timer.of, timer.bits);
}

Finds Model::start_timer(Who caller, Id id, std::uint64_t first, std::uint64_t period) {
  ModelObject& timer = object(id);
  timer.next = first;
  timer.period = period;
  if (first <= now_) fire(process(caller.process).cpu, id);
  return finds_words();
}

// --- parking ------------------------------------------------------------------------------------------------------

Finds Model::park(Who caller, Id memory, std::uint64_t key, std::uint64_t timeout) {
  ModelThread& parked = thread(caller);
  parked.waits = Waits::parked;
  parked.waited = true;
  parked.waits_at = memory;
  parked.park_key = key;
  parked.until = timeout == ~std::uint64_t{0} ? 0 : now_ + timeout;
  (memory == 0 ? process(caller.process).parked : object(memory).parked).push_back(caller);
  Finds finds;
  finds.blocked = true;
  return finds;
}

void Model::leave_parked(ModelThread& parked) {
  std::erase(parked.waits_at == 0 ? process(parked.who.process).parked : object(parked.waits_at).parked, parked.who);
}

Finds Model::unpark(Who caller, Id memory, std::uint64_t key, std::uint32_t count) {
  auto& list = memory == 0 ? process(caller.process).parked : object(memory).parked;
  std::vector<Who> woken;
  for (const Who& who : list) {
    if (woken.size() < count && thread(who).park_key == key) woken.push_back(who);
  }
  for (const Who& who : woken) std::erase(list, who);
  for (const Who& who : woken) {
    post(process(caller.process).cpu, process(who.process).cpu, {.what = Letter::What::unpark, .to = who});
  }
  return finds_words(woken.size());
}

}  // namespace capos::ktest
