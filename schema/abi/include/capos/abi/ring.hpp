// SPDX-License-Identifier: Apache-2.0
// A thread's submission and completion ring: a page with the header, followed by the thread's message arena. The queues
// lie where the header says: in the page itself, or, once ThreadControl.setRing has made them larger, behind the arena.
//
// The program writes entries and sq_tail, and reads completions and cq_head moves; the kernel does the opposite
// halves. Indices count for ever and wrap at 2^32; an entry's place is index & (size - 1). The kernel loads each
// shared word once and trusts none. A completion that finds no room stays with the kernel until there is.
#pragma once

#include <cstddef>
#include <cstdint>

namespace capos::abi {

// Of the ring that a thread begins with. ThreadControl.setRing makes it anew with a power of two from kSubmissionEntries to
// kMaxSubmissionEntries, and twice as many completions.
inline constexpr std::uint32_t kSubmissionEntries = 16;
inline constexpr std::uint32_t kCompletionEntries = 32;
inline constexpr std::uint32_t kMaxSubmissionEntries = 256;
inline constexpr std::uint32_t kRingMagic = 0x474e4952;  // "RING"
inline constexpr std::size_t kArenaPages = 15;  // with the ring: one block of 16
inline constexpr std::size_t kArenaBytes = kArenaPages * 4096;
// Operations of one ring that have begun and not ended, answers kept included. An entry beyond stays in the queue.
[[nodiscard]] constexpr std::uint32_t ring_operations(std::uint32_t submission_entries) noexcept {
  return submission_entries + 24;
}
inline constexpr std::uint32_t kRingOperations = ring_operations(kSubmissionEntries);

// What an entry asks for. Fields that an operation does not name must be zero where it says so, else they are ignored.
// Operations that wait (marked *) are under way once cap_enter has taken their entry; each ends in one completion.
enum class RingOperation : std::uint8_t {
  nop = 0,
  call = 1,         // A typed call: message in, message out. * if `cap` is a client of an endpoint.
  release = 2,      // Gives the capability `cap` back.
  receive = 3,      // * Takes a call from the Endpoint `cap` into the results area (ReceivedCall). With kSqeMultishot,
                    // pipeline_field says how many such areas there are, one behind the other (0: one); a call lies in the
                    // one that its completion names (area_of) until its return_call.
  return_call = 4,  // Answers the call `cap` (the `value` of its receive's completion) with the parameters' message,
                    // or, with kSqeException, with the CapException that they hold.
  finish = 5,       // Ends the call whose user_data is `cap`, or gives up the answer that is kept of it.
  park = 6,         // * Until an UNPARK of the word that interface_id names: its address, if `cap` is a ParkSpace, its offset
                    // of a SharedParkSpace. Only if the word is params_size: `mismatch` else. deadline_ns: ends with
                    // `timeout` then; 0: no limit.
  unpark = 7,       // Wakes up to params_size who are parked at the word that interface_id names; `value`: how many.
  timeout = 8,      // * Until the time `cap`, in ns of the monotonic clock. `value`: when it was.
  notify = 9,       // * Until the Notification `cap` has bits; takes them: `value`.
  cancel = 10,      // Ends the operation whose user_data is `cap`: it completes with `cancelled`.
  post = 11,        // A completion of the program's own: `cap` as value, params_size and transfers_count as its sizes.
  link_timeout = 12,  // * Behind an entry with kSqeLink: ends that one with `timeout`, if it is under way at the time `cap`.
                    // `value`: when it was; `cancelled` if that one has ended by itself. With kSqeQuiet neither completes.
                    // The chain goes on as if this were not there.
};

inline constexpr std::uint8_t kSqeLink = 1;        // the next entry starts once this one has succeeded; if it has not, the
                                                   // rest of the chain completes with `cancelled`
inline constexpr std::uint8_t kSqeDrain = 2;       // starts when all before it have completed; not inside a chain
inline constexpr std::uint8_t kSqeMultishot = 4;   // receive, notify: goes on after a completion that has kCqeMore
inline constexpr std::uint8_t kSqeAnswer = 8;      // call: its result capabilities can be called before they have come, and
                                                   // are remembered until `finish`
inline constexpr std::uint8_t kSqePipelined = 16;  // call: `cap` is the user_data of an earlier call with kSqeAnswer,
                                                   // pipeline_field the index of its result capability that is called
inline constexpr std::uint8_t kSqeException = 32;  // return_call
inline constexpr std::uint8_t kSqeQuiet = 64;      // no completion if it succeeds
inline constexpr std::uint32_t kAnswerCaps = 4;    // result capabilities that are remembered
inline constexpr std::uint32_t kReceivedCalls = 64;  // that a thread has received and not returned; one of them by registers
inline constexpr std::uint32_t kMaxReceiveAreas = kReceivedCalls - 1;

// What a message carries besides words: capabilities, by descriptor.
enum class Transfer : std::uint32_t { copy = 0, move = 1 };
struct TransferDescriptor {
  std::uint64_t cap;            // CapId in the sender's table
  std::uint32_t transfer;       // Transfer
  std::uint32_t reserved;
};
static_assert(sizeof(TransferDescriptor) == 16);

// Offsets and sizes are bytes within the arena, multiples of 8. What they name is read or written while the operation is
// under way: the program leaves it alone until the completion.
struct CapSqe {
  std::uint8_t operation;       // RingOperation
  std::uint8_t flags;           // kSqe...
  std::uint16_t method;
  std::uint32_t pipeline_field; // with kSqePipelined; else 0
  std::uint64_t cap;            // CapId, or as the operation says
  std::uint64_t interface_id;
  std::uint64_t user_data;
  std::uint32_t params_offset;  // the message, one segment without framing
  std::uint32_t params_size;
  std::uint32_t results_offset; // where the result message goes
  std::uint32_t results_capacity;
  std::uint32_t transfers_offset;  // TransferDescriptor array: the message's capability list
  std::uint32_t transfers_count;   // at most kMaxTransfers
  std::uint64_t deadline_ns;    // freshness of a call: not started after this time; 0: no limit
};
static_assert(sizeof(CapSqe) == 64);
inline constexpr std::uint32_t kMaxTransfers = 64;

// Result capabilities follow the result message in the results area as ResultCap records.
struct ResultCap {
  std::uint64_t cap;            // CapId in the receiver's table
  std::uint64_t interface_id;
};
static_assert(sizeof(ResultCap) == 16);

// What a receive puts into its results area: this, the message, its capabilities as ResultCap records.
struct ReceivedCall {
  std::uint64_t interface_id;
  std::uint16_t method;
  std::uint16_t registers;      // 1: made by registers, the answer is data of at most kRegisterWords words; kReceivedSent
  std::uint32_t caller;         // number of the calling program, or what its capability discloses instead; not an authority
};
static_assert(sizeof(ReceivedCall) == 16);
// In `registers`: it was sent one way. Its return_call gives the area back, and says nothing to anybody.
inline constexpr std::uint16_t kReceivedSent = 3;

struct CapCqe {
  std::uint64_t user_data;
  std::int32_t result;          // 0 or a negated TransportError
  std::uint32_t flags;          // -exception, -truncated: ExceptionType | detail << 16; 0: kCqeMore; of a receive, its area << 16
  std::uint32_t results_size;   // bytes of the result message; of an exception, of its CapException
  std::uint32_t caps_count;     // ResultCap records after it
  std::uint64_t value;          // receive: the call's id, good for one return_call; others: see there
};
static_assert(sizeof(CapCqe) == 32);
inline constexpr std::uint32_t kCqeMore = 1;  // the operation goes on
[[nodiscard]] constexpr std::uint32_t area_of(const CapCqe& received) noexcept { return received.flags >> 16; }

// The ring's thread polls no longer: whoever submits, or makes room for entries that found none, calls Thread.wakeRing. Looked
// at after sq_tail or cq_head has been written, with a full barrier between.
inline constexpr std::uint32_t kRingNeedsWakeup = 1;

struct alignas(64) RingHeader {
  std::uint32_t magic;
  std::uint32_t sq_entries;
  std::uint32_t cq_entries;
  std::uint32_t arena_bytes;
  std::uint32_t sq_offset;            // bytes from the header
  std::uint32_t cq_offset;
  std::uint32_t operations;           // ring_operations(sq_entries)
  alignas(64) std::uint32_t sq_head;  // kernel writes
  std::uint32_t cq_tail;              // kernel writes
  std::uint32_t flags;                // kernel writes: kRingNeedsWakeup
  alignas(64) std::uint32_t sq_tail;  // program writes
  std::uint32_t cq_head;              // program writes
};

// The ring that a thread begins with.
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
// Larger queues begin on a page of their own, in one of two places in turn.
inline constexpr std::size_t kQueuesOffset = 0x1'0000, kQueuesStride = 0x1'0000;
[[nodiscard]] constexpr std::size_t queue_bytes(std::uint32_t submission_entries) noexcept {
  return submission_entries * (sizeof(CapSqe) + 2 * sizeof(CapCqe));
}
static_assert(kArenaOffset + kArenaBytes <= kQueuesOffset && queue_bytes(kMaxSubmissionEntries) <= kQueuesStride);

}  // namespace capos::abi
