// SPDX-License-Identifier: Apache-2.0
// What all kinds of actions share, and the list of all.
#include "actions.hpp"

#include <cstring>

namespace capos::ktest {

using schema::KernelError;
using schema::TransportError;

bool short_of_memory(Error error) {
  return error.transport == TransportError::exception &&
         (error.detail == KernelError::out_of_memory || error.detail == KernelError::out_of_capabilities ||
          error.detail == KernelError::quota_exceeded);
}

std::uint64_t parking_place(Chapter& c, Who w) {
  const auto& pages = c.model.process(w.process).pages;
  if (pages.empty() || c.random.one_in(30)) return abi::kDynamicBase + c.random.below(1'000);
  return pages.begin()->first + 4 * c.random.below(3) + (c.random.one_in(30) ? 2 : 0);
}

std::uint64_t shared_place(Chapter& c, std::uint64_t size) {
  return c.random.one_in(30) ? size : 4 * c.random.below(3) + (c.random.one_in(30) ? 2 : 0);
}

std::uint32_t shared_word(Chapter& c, Id memory, std::uint64_t offset) {
  std::uint32_t word = 0;
  std::memcpy(&word, c.model.bytes_of(memory) + offset / 4 * 4, sizeof word);
  return word;
}

std::string named(std::uint64_t cap) { return std::to_string(cap & 0xffff'ffff) + "/" + std::to_string(cap >> 32); }

bool has_room(Chapter& c, Who w) { return c.model.process(w.process).caps.size() < kMostCaps; }

Words random_words(Chapter& c) {
  Words words;
  for (std::uint64_t& word : words) word = c.random.next();
  return words;
}

std::span<const Action> actions() {
  static const std::vector<Action> kAll = [] {
    std::vector<Action> all;
    for (const auto kind : {event_actions(), call_actions(), memory_actions(), process_actions(), thread_actions(),
                            capability_actions(), authority_actions(), device_actions(), buffer_actions(),
                            system_actions(), submission_actions(), ring_actions()}) {
      all.insert(all.end(), kind.begin(), kind.end());
    }
    return all;
  }();
  return kAll;
}

}  // namespace capos::ktest
