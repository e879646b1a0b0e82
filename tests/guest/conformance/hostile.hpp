// SPDX-License-Identifier: Apache-2.0
// An island beside a neighbour: 40 jobs, each in time and within its bound, whatever that does.
#pragma once

#include "island_harness.hpp"

namespace conformance {

// One turn of what a neighbour does, again and again while the island runs.
using Turn = void (*)(Guest& guest, std::uint16_t island_cpu) noexcept;

void undisturbed_by(Guest& guest, Turn turn) noexcept;

template <Turn kTurn>
void island_beside(Guest& guest) noexcept {
  undisturbed_by(guest, kTurn);
}

}  // namespace conformance
