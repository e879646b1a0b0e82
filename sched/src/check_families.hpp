// SPDX-License-Identifier: Apache-2.0
// The inequalities of a certificate in families, each judged a term at a time. Private to the checker.
//
// A family is about all things of a kind, or all pairs of two kinds. A look judges the pair (at.index, at.inner); sums over the second of
// a pair stand in Progress's base, which is clear when the first is a new one. Each look costs O(1).
#pragma once

#include "capos/sched/check.hpp"
#include "capos/sched/context.hpp"

namespace capos::sched::claims {

// True: no more of this first thing.
using Looked = ResultOf<bool, Refusal>;

// What a thing, or the second of a pair, is one of. until: a look after another, until one says that it was the last.
enum class Of : std::uint8_t { one, part, task, chain, hop, call, call_and_task, interrupt, cpu, until };

struct Family {
  Of things, inner;
  Looked (*look)(Progress& at) noexcept;
};

[[nodiscard]] inline auto refuse(Rejection reason, std::size_t index, Duration claimed = {}, Duration required = {}) noexcept {
  return fail(Refusal{reason, static_cast<std::uint16_t>(index), claimed, required});
}
[[nodiscard]] inline Looked need(bool holds, Rejection reason, std::size_t index, Duration claimed = {}, Duration required = {}) noexcept {
  if (!holds) return refuse(reason, index, claimed, required);
  return false;
}

// Durations in a certificate are at most this, so that two of them add without care.
inline constexpr Duration kLongest = kMaxPeriod * 1024;
[[nodiscard]] constexpr bool plausible(Duration d) noexcept { return d >= Duration{} && d <= kLongest; }

// check_time.cpp
Looked look_at_utilisation(Progress& at) noexcept;
Looked look_at_blocking(Progress& at) noexcept;
Looked look_at_response(Progress& at) noexcept;
Looked look_at_demand(Progress& at) noexcept;

}  // namespace capos::sched::claims
