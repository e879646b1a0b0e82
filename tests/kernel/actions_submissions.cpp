// SPDX-License-Identifier: Apache-2.0
// Batches of the ring, and garbage.
#include <array>

#include "actions.hpp"

namespace capos::ktest {
namespace {

using schema::TransportError;

bool unknown_system_call(Chapter& c, Who w) {
  const auto answer = c.world.enter(c.thread(w), 100 + c.random.below(156), {}, 0, random_words(c));
  c.require(answer.has_value() && answer->error() == transport(TransportError::invalid_operation),
            "an unknown system call is not refused");
  return true;
}

bool null_call(Chapter& c, Who w) {
  const Words words = random_words(c);
  const auto answer = c.world.enter(c.thread(w), static_cast<std::uint64_t>(abi::SystemCall::null), {}, 0, words);
  c.require(answer.has_value() && answer->error().ok() && answer->words == words, "a null call does something");
  return true;
}

// Several entries for one entry into the kernel: each completes, in order.
bool ring_batch(Chapter& c, Who w) {
  kernel::Thread& thread = c.thread(w);
  if (c.model.ring_ops_open(w) != 0) return false;
  c.world.ring(thread).header.cq_head = c.world.ring(thread).header.cq_tail;
  const std::uint64_t count = 1 + c.random.below(abi::kSubmissionEntries);
  std::vector<std::pair<std::uint64_t, std::int32_t>> expected;
  for (std::uint64_t i = 0; i < count; ++i) {
    abi::CapSqe entry{};
    entry.user_data = World::kOwnData | c.random.next();
    std::int32_t result = 0;
    if (c.random.one_in(3)) {
      entry.operation = static_cast<std::uint8_t>(abi::RingOperation::release);
      entry.cap = c.random.next();
      result = -static_cast<std::int32_t>(TransportError::invalid_cap);
    } else if (c.random.one_in(4)) {
      entry.operation = 0xee;
      result = -static_cast<std::int32_t>(TransportError::invalid_operation);
    }
    c.world.submit(thread, entry);
    expected.emplace_back(entry.user_data, result);
  }
  c.tell(std::to_string(count) + " entries");
  c.require(c.world.enter_ring(thread) == count, "not every entry was completed");
  for (const auto& [user_data, result] : expected) {
    const auto completion = c.world.take_completion(thread);
    c.require(completion.has_value() && completion->user_data == user_data && completion->result == result,
              "a completion is missing, or another's");
  }
  return true;
}

// A message that lies outside the arena, or is none.
bool bad_message(Chapter& c, Who w) {
  const std::uint64_t cap = c.service(w.process, "objects");
  if (cap == 0 || c.model.find(w.process, cap) == nullptr) return false;
  kernel::Thread& thread = c.thread(w);
  abi::CapSqe entry{};
  entry.operation = static_cast<std::uint8_t>(abi::RingOperation::call);
  entry.cap = cap;
  entry.interface_id = schema::ObjectFactory::kInterfaceId;
  entry.method = 1;
  const auto number = static_cast<std::uint32_t>(c.random.next());
  switch (c.random.below(4)) {
    case 0: entry.params_offset = number | 1; break;
    case 1: entry.params_size = abi::kArenaBytes + 8 + (number & ~7u) % 4096; break;
    case 2: entry.transfers_count = abi::kMaxTransfers + 1 + number % 1000; break;
    default: entry.results_offset = abi::kArenaBytes, entry.results_capacity = 8; break;
  }
  const abi::CapCqe completion = c.world.complete(thread, entry);
  c.expect(transport(TransportError::invalid_message), error_of(completion.result, completion.flags));
  return true;
}

constexpr std::array kActions = {
    Action{"makes an unknown call", 1, false, unknown_system_call},
    Action{"makes a null call", 1, false, null_call},
    Action{"submits", 3, false, ring_batch},
    Action{"sends a bad message", 2, false, bad_message},
};

}  // namespace

std::span<const Action> submission_actions() { return kActions; }

}  // namespace capos::ktest
