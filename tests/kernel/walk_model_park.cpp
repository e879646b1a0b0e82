// SPDX-License-Identifier: Apache-2.0
// What ends at a time, and who waits on a word.
#include <algorithm>
#include <cstring>
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
          if (std::ranges::none_of(list, [&](const Parker& each) { return each.operation == 0 && each.who == waiter.who; })) {
            break;  // an unpark is on its way
          }
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
  parked.until = timeout == ~std::uint64_t{0} ? 0 : now_ + timeout;
  parked_in(caller.process, memory).push_back({caller, 0, key});
  Finds finds;
  finds.blocked = true;
  return finds;
}

void Model::leave_parked(ModelThread& parked) {
  std::erase_if(parked_in(parked.who.process, parked.waits_at),
                [&](const Parker& each) { return each.operation == 0 && each.who == parked.who; });
}

bool Model::leave_parked(RingOp& op) {
  return std::erase_if(parked_in(op.by.process, op.memory), [&](const Parker& each) { return each.operation == op.data; }) != 0;
}

std::optional<std::uint32_t> Model::word_at(Number number, std::uint64_t address) {
  const auto& pages = process(number).pages;
  const auto region = pages.find(address / 4096 * 4096);
  if (region == pages.end()) return std::nullopt;
  const ModelRegion& found = region->second;
  if (found.object == 0) return 0;
  if (object(found.object).kind == Kind::registers) return std::nullopt;
  std::uint32_t word = 0;
  std::memcpy(&word, bytes_of(found.object) + found.page * 4096 + address % 4096 / 4 * 4, sizeof word);
  return word;
}

Finds Model::unpark(Who caller, Id memory, std::uint64_t key, std::uint32_t count) {
  auto& list = parked_in(caller.process, memory);
  std::vector<Parker> woken;
  for (const Parker& each : list) {
    if (woken.size() < count && each.key == key) woken.push_back(each);
  }
  for (const Parker& each : woken) std::erase(list, each);
  for (const Parker& each : woken) {
    const auto what = each.operation == 0 ? Letter::What::unpark : Letter::What::ring_unpark;
    post(process(caller.process).cpu, process(each.who.process).cpu, {.what = what, .to = each.who, .operation = each.operation});
  }
  return finds_words(woken.size());
}

}  // namespace capos::ktest
