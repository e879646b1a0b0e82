// SPDX-License-Identifier: Apache-2.0
// Whether everything comes back: frames and pool bytes before and after some work.
#pragma once

#include "harness.hpp"

namespace conformance {

// What everything that exists takes: frames, those in the pools of kernel objects apart, and bytes of those
// pools.
struct Use {
  std::uint64_t free_pages = 0, pool_bytes = 0;
  bool operator==(const Use&) const noexcept = default;
};

inline Use use_now(Guest& guest) noexcept {
  const auto found = guest.frames->available();
  return found.has_value() ? Use{found->free_pages + found->pool_pages, found->pool_bytes} : Use{};
}

// The reaper works when CPU 0 has nothing better to do.
inline Use settled(Guest& guest) noexcept {
  Use last = use_now(guest);
  for (int same = 0; same < 3;) {
    guest.sleep(1 * kMillisecond);
    const Use now = use_now(guest);
    same = now == last ? same + 1 : 0;
    last = now;
  }
  return last;
}

template <typename Work>
void takes_nothing(Guest& guest, Work&& work) noexcept {
  const Use before = settled(guest);
  for (int round = 0; round < 3; ++round) work();
  const Use after = settled(guest);
  if (before != after) {
    guest.note("pages-before", before.free_pages);
    guest.note("pages-after", after.free_pages);
    guest.note("bytes-before", before.pool_bytes);
    guest.note("bytes-after", after.pool_bytes);
  }
  CHECK(before == after);
}

}  // namespace conformance
