// SPDX-License-Identifier: Apache-2.0
// The rings of programs, found in the memory of a running machine: those that threads have (abi/ring.hpp) and those of shared buffers
// (runtime/shared-buffer).
//
// A page is taken for one if it begins like one and all that it says of itself is possible. The guest writes meanwhile and may be
// hostile: each word is loaded once, nothing is followed, and a program may claim to be another. A shared buffer that has been
// revoked is shown until its memory is used for something else. Cost: O(pages), two loads each.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace capos::report {

struct RingSeen {
  std::uint64_t place = 0;                         // in the machine's memory, bytes
  std::uint32_t process = 0, thread = 0;           // as the kernel wrote it there
  std::uint32_t entries = 0;                       // submissions that fit; twice as many completions
  std::uint32_t submitted = 0, taken = 0;          // by the program, by the kernel; count for ever, modulo 2^32
  std::uint32_t completed = 0, reaped = 0;         // by the kernel, by the program; likewise
  bool asks_for_wakeups = false;                   // its thread polls, and has parked
};

struct BufferSeen {
  std::uint64_t place = 0;
  std::uint32_t capacity = 0, element_bytes = 0;   // elements, bytes of each
  std::uint64_t offered = 0, pushed = 0, popped = 0;  // elements; offered less pushed were dropped
  std::uint32_t producer = 0, consumer = 0;        // RingPeerState
};

struct RingsSeen {
  std::vector<RingSeen> threads;    // in order of their processes' and their own numbers
  std::vector<BufferSeen> buffers;  // in order of their places
};

// Adds what is in `memory`, which begins at `place`; both whole pages of 4096 bytes.
void find_rings(std::span<const std::byte> memory, std::uint64_t place, RingsSeen& found);

}  // namespace capos::report
