// SPDX-License-Identifier: Apache-2.0
// The inequalities of a certificate in families, each looked at a chunk at a time. Private to the checker.
//
// A look judges chunk `at.chunk` of the inequality about thing `at.index`, and says whether that was its last chunk. What it has to
// remember until then stands in `at`. Each costs O(kChunk).
#pragma once

#include <algorithm>
#include <span>

#include "capos/sched/context.hpp"
#include "claimed_work.hpp"

namespace capos::sched::claims {

using Looked = ResultOf<bool, Refusal>;

enum class Of : std::uint8_t { frame, part, task, chain, call, interrupt, cpu };

struct Family {
  Of things;
  Looked (*look)(Progress& at) noexcept;
};

[[nodiscard]] inline auto refuse(Rejection reason, std::size_t index, Duration claimed = {}, Duration required = {}) noexcept {
  return fail(Refusal{reason, static_cast<std::uint16_t>(index), claimed, required});
}

// The entries of a list of `count` that a look goes through.
struct Chunk {
  Chunk(std::size_t chunk, std::size_t count) noexcept
      : begin(std::min(chunk * kChunk, count)), end(std::min(begin + kChunk, count)), last(end == count) {}
  std::size_t begin, end;
  bool last;
};

// Under EDF urgency is the time from the latest arrival to the deadline: its order never changes.
[[nodiscard]] inline bool as_urgent(const Certificate& c, const TaskClaim& a, const TaskClaim& b) noexcept {
  if (c.policy == Policy::fixed_priority) return a.priority >= b.priority;
  return a.deadline - a.jitter <= b.deadline - b.jitter;
}

// Durations in a certificate are at most this, so that two of them add without care.
inline constexpr Duration kLongest = kMaxPeriod * 1024;
[[nodiscard]] constexpr bool plausible(Duration d) noexcept { return d >= Duration{} && d <= kLongest; }

// check_islands.cpp, check_consequences.cpp, check_recoveries.cpp, check_triggers.cpp
Looked look_at_part(Progress& at) noexcept;
Looked look_at_owner(Progress& at) noexcept;
Looked look_at_chain_owner(Progress& at) noexcept;
Looked look_at_consequences(Progress& at) noexcept;
Looked look_at_recovery(Progress& at) noexcept;
Looked look_for_recoveries_in_chain(Progress& at) noexcept;
Looked look_at_callers_of_recovery(Progress& at) noexcept;
Looked look_at_hops(Progress& at) noexcept;
Looked look_at_trigger(Progress& at) noexcept;
// check_time.cpp
Looked look_at_utilisation(Progress& at) noexcept;
Looked look_at_blocking(Progress& at) noexcept;
Looked look_at_response(Progress& at) noexcept;
Looked look_at_demand(Progress& at) noexcept;

void begin(Progress& at, const Certificate& certificate, const MachineFacts& machine) noexcept;
// Looks until all families have been judged, or kLooks times.
[[nodiscard]] Looked step(Progress& at, std::span<const Family> families) noexcept;
// All at once.
[[nodiscard]] ResultOf<void, Refusal> judge(const Certificate& certificate, std::span<const Family> families) noexcept;

}  // namespace capos::sched::claims
