// SPDX-License-Identifier: Apache-2.0
// What threads do on a random walk, one table for each kind. A new call is a function and a line in the table of its kind.
//
// An action asks the model first, then makes the call and compares. What the capability itself refuses (dead, or of a
// narrower interface) is judged here, for every call alike.
#pragma once

#include "walk.hpp"

namespace capos::ktest {

[[nodiscard]] std::span<const Action> event_actions();       // the clock, notifications, event timers
[[nodiscard]] std::span<const Action> call_actions();        // endpoints
[[nodiscard]] std::span<const Action> memory_actions();      // memory and address maps
[[nodiscard]] std::span<const Action> process_actions();     // processes and their ends
[[nodiscard]] std::span<const Action> thread_actions();      // threads, parking, supervisors
[[nodiscard]] std::span<const Action> capability_actions();  // what is done with capabilities themselves
[[nodiscard]] std::span<const Action> authority_actions();   // sessions, leases, narrowing, ledgers
[[nodiscard]] std::span<const Action> device_actions();      // interrupts, ports, registers, PCI functions, DMA buffers
[[nodiscard]] std::span<const Action> buffer_actions();      // shared buffers
[[nodiscard]] std::span<const Action> system_actions();      // console, trace, entropy, shares, what is known of the machine
[[nodiscard]] std::span<const Action> submission_actions();  // batches of the ring, and garbage
[[nodiscard]] std::span<const Action> ring_actions();        // rings whose entries wait; the second only enters

// A device of those that were handed out interrupts, or tries to. False: there is none.
bool device_acts(Chapter& c);

inline constexpr std::size_t kMostCaps = 60;
inline constexpr std::uint64_t kWalkPage = 4096;

// The caller's quota or the machine's memory is short: allowed at any time, and then nothing has happened.
[[nodiscard]] bool short_of_memory(Error error);
// Where a thread parks: a few words only, so that they meet. The second: an offset in a memory object of that size.
[[nodiscard]] std::uint64_t parking_place(Chapter& c, Who w);
[[nodiscard]] std::uint64_t shared_place(Chapter& c, std::uint64_t size);
[[nodiscard]] std::uint32_t shared_word(Chapter& c, Id memory, std::uint64_t offset);
[[nodiscard]] std::string named(std::uint64_t cap);
[[nodiscard]] bool has_room(Chapter& c, Who w);
[[nodiscard]] Words random_words(Chapter& c);
[[nodiscard]] inline ModelObject& object_of(Chapter& c, Who w, std::uint64_t cap) {
  return c.model.object(c.model.process(w.process).caps.at(cap).id);
}

[[nodiscard]] inline Id lease_of(Chapter& c, Who w, std::uint64_t cap) {
  const auto& caps = c.model.process(w.process).caps;
  const auto found = caps.find(cap);
  return found == caps.end() ? 0 : found->second.lease;
}

// An action may go on with a second call: the first has not made way for another thread. Else time would pass that the
// model knows nothing of.
[[nodiscard]] inline bool still_runs(Chapter& c, Who w) { return c.world.is_current(c.thread(w)); }

// What the thread finds: nothing, if what it did has ended it.
[[nodiscard]] inline Finds seen_by(Chapter& c, Who w, Finds finds) {
  finds.blocked = finds.blocked || !c.model.thread(w).alive() || c.model.process(w.process).ending;
  return finds;
}

// A call by registers on a kernel object; `judge()` does to the model what the call does, and says what it finds.
template <typename Method, typename Judge>
void call_object(Chapter& c, Who w, std::uint64_t cap, const typename Method::Params::Value& params, Judge&& judge) {
  const Error refused = c.model.refusal(w.process, cap, Method::kInterfaceId);
  const Id lease = lease_of(c, w, cap);
  const Finds finds = seen_by(c, w, refused.ok() ? judge() : finds_error(refused));
  if (finds.blocked) c.model.waits_under(w, lease);
  Words words{};
  params.to_words(words.data());
  const auto answer = c.world.call(c.thread(w), abi::CapId{cap}, Method::kInterfaceId, Method::kOrdinal, words);
  if (!answer.has_value() && !finds.blocked && c.is_between_portions(w)) return c.model.goes_on(w, finds);
  c.expect(finds, answer);
}

// A call by message; nothing if it was refused, as it had to be, or memory is short. `expected`: the object's own error.
template <typename Method, typename Build>
std::optional<Message<Method>> ask(Chapter& c, Who w, std::uint64_t cap, Error expected, Build&& build) {
  const Error refused = c.model.refusal(w.process, cap, Method::kInterfaceId);
  auto made = c.world.message<Method>(c.thread(w), abi::CapId{cap}, std::forward<Build>(build));
  if (refused.ok() && short_of_memory(made.error())) return std::nullopt;
  c.expect(refused.ok() ? expected : refused, made.error());
  return made.ok() ? std::optional(std::move(made)) : std::nullopt;
}

}  // namespace capos::ktest
