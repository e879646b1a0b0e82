// SPDX-License-Identifier: Apache-2.0
// A thread's submission and completion ring: one page, followed by the thread's message arena.
//
// The program writes entries and sq_tail, and reads completions and cq_head moves; the kernel does the opposite
// halves. Indices count for ever and wrap at 2^32; an entry's place is index & (size - 1). The kernel loads each
// shared word once and trusts none. A completion that finds no room stays with the kernel until there is.
#pragma once

#include <cstddef>
#include <cstdint>

namespace capos::abi {

inline constexpr std::uint32_t kSubmissionEntries = 16;
inline constexpr std::uint32_t kCompletionEntries = 32;
inline constexpr std::uint32_t kRingMagic = 0x474e4952;  // "RING"
inline constexpr std::size_t kArenaPages = 15;  // with the ring: one block of 16
inline constexpr std::size_t kArenaBytes = kArenaPages * 4096;

enum class RingOperation : std::uint8_t {
  nop = 0,
  call = 1,     // A typed call: message in, message out.
  release = 2,  // Gives a capability back.
};

// What a message carries besides words: capabilities, by descriptor.
enum class Transfer : std::uint32_t { copy = 0, move = 1 };
struct TransferDescriptor {
  std::uint64_t cap;            // CapId in the sender's table
  std::uint32_t transfer;       // Transfer
  std::uint32_t reserved;
};
static_assert(sizeof(TransferDescriptor) == 16);

// Offsets and sizes are bytes within the arena, multiples of 8.
struct CapSqe {
  std::uint8_t operation;       // RingOperation
  std::uint8_t flags;           // none yet; must be 0
  std::uint16_t method;
  std::uint32_t reserved;
  std::uint64_t cap;            // CapId
  std::uint64_t interface_id;
  std::uint64_t user_data;
  std::uint32_t params_offset;  // the message, one segment without framing
  std::uint32_t params_size;
  std::uint32_t results_offset; // where the result message goes
  std::uint32_t results_capacity;
  std::uint32_t transfers_offset;  // TransferDescriptor array: the message's capability list
  std::uint32_t transfers_count;   // at most kMaxTransfers
  std::uint64_t deadline_ns;    // freshness: not started after this time; 0: no limit
};
static_assert(sizeof(CapSqe) == 64);
inline constexpr std::uint32_t kMaxTransfers = 64;

// Result capabilities follow the result message in the results area as ResultCap records.
struct ResultCap {
  std::uint64_t cap;            // CapId in the receiver's table
  std::uint64_t interface_id;
};
static_assert(sizeof(ResultCap) == 16);

struct CapCqe {
  std::uint64_t user_data;
  std::int32_t result;          // 0 or a negated TransportError
  std::uint32_t flags;          // for -exception: ExceptionType | detail << 16
  std::uint32_t results_size;   // bytes of the result message
  std::uint32_t caps_count;     // ResultCap records after it
  std::uint64_t reserved;
};
static_assert(sizeof(CapCqe) == 32);

struct alignas(64) RingHeader {
  std::uint32_t magic;
  std::uint32_t sq_entries;
  std::uint32_t cq_entries;
  std::uint32_t arena_bytes;
  alignas(64) std::uint32_t sq_head;  // kernel writes
  std::uint32_t cq_tail;              // kernel writes
  alignas(64) std::uint32_t sq_tail;  // program writes
  std::uint32_t cq_head;              // program writes
};

struct Ring {
  RingHeader header;
  alignas(64) CapSqe sq[kSubmissionEntries];
  alignas(64) CapCqe cq[kCompletionEntries];
};
static_assert(sizeof(RingHeader) == 192);
static_assert(offsetof(Ring, sq) == 192);
static_assert(offsetof(Ring, cq) == 192 + 16 * 64);
static_assert(sizeof(Ring) <= 4096);

// The arena begins on the page after the ring.
inline constexpr std::size_t kArenaOffset = 4096;

}  // namespace capos::abi
