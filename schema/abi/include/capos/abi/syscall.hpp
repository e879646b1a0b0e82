// SPDX-License-Identifier: Apache-2.0
// The register interface between programs and kernel, and the fixed places in a process.
//
// SYSCALL with:   rax  operation (SystemCall) in bits 0-7, method ordinal in bits 16-31, for `call` and `send` on an
//                      endpoint a limit in bits 32-63: microseconds until they end with `timeout`, 0 for none
//                 rdi  CapId     rsi  interface id
//                 rdx r8 r9 r10 r12 r13 r14 r15   eight message words
// Returns with:   rax  status: 0, or a negated TransportError; of what was received, the method ordinal in bits 32-47,
//                      and bit 48 set if it was sent, not called
//                 rdi  exception (see below), or the caller of a received call
//                 rsi  interface id of a received call
//                 rdx r8 r9 r10 r12 r13 r14 r15   eight message words
// Preserved: rbx, rbp, rsp, all vector and x87 state. Clobbered: rcx, r11. Words not given are zero.
//
// Status -TransportError::exception: rdi holds ExceptionType in bits 0-15 and the detail (KernelError, or the
// server's own) in bits 16-31.
#pragma once

#include <cstddef>
#include <cstdint>

namespace capos::abi {

// A capability's name in its process: slot in bits 0-31, generation of the slot in bits 32-63. 0 is "none".
struct CapId {
  std::uint64_t raw = 0;
  [[nodiscard]] constexpr std::uint32_t slot() const noexcept { return static_cast<std::uint32_t>(raw); }
  [[nodiscard]] constexpr std::uint32_t generation() const noexcept { return static_cast<std::uint32_t>(raw >> 32); }
  [[nodiscard]] constexpr bool is_null() const noexcept { return raw == 0; }
  constexpr bool operator==(const CapId&) const noexcept = default;
  [[nodiscard]] static constexpr CapId make(std::uint32_t slot, std::uint32_t generation) noexcept {
    return {std::uint64_t{generation} << 32 | slot};
  }
};

enum class SystemCall : std::uint8_t {
  exit = 0,           // rdx: exit code. Ends the process.
  cap_enter = 1,      // rdx: min_complete, r8: timeout in ns (0: do not block, ~0: no limit), r9: poll in ns (0: do not).
                      // Processes the submission queue; returns in rdx the number of completions available.
                      // With r9 not 0 the thread looks for further submissions while it waits, on its own time: until
                      // nothing has come for r9 ns; then it parks (kRingNeedsWakeup, docs/decisions/0018). min_complete
                      // may then be more than the queue holds: never enough.
  call = 2,           // A typed call whose parameters and results fit in registers.
  reply_receive = 3,  // rdi: endpoint; replies to the call received last on this thread, if one is open, with
                      // rax bits 16-31 as ExceptionType + 1 (0: success; then rsi is the detail), and waits for
                      // the next call. Status -invalidMessage: the call is a fault's and the answer makes no sense;
                      // it is still open (FaultHandler of threads.capnp).
  send = 4,           // As call, but one way and on endpoints only (invalidOperation otherwise): returns with status 0 as
                      // soon as a server has taken the words, and waits until one does, in turn with calls. No reply, and
                      // no time is lent: the server works on it on time of its own.
  null = 5,           // Nothing: into the kernel and out again. Status 0; the others come back as they were.
  yield = 6,          // To the back of one's priority level, or, with best-effort time, the rest of one's turn given up. Status 0.
  exit_thread = 8,    // rdx: exit code. Ends the thread; with its last thread the process ends, with this code.
};

inline constexpr unsigned kRegisterWords = 8;
// In the status word of what a server receives.
inline constexpr std::uint64_t kReceivedOneWay = std::uint64_t{1} << 48;
// Calls that are made while calls are served: a thread that works for so many callers in a row is answered `tooDeep`.
inline constexpr unsigned kCallDepth = 16;

// Places in a process (user half of the address space).
inline constexpr std::uint64_t kProgramBase = 0x0000'0000'0040'0000;
inline constexpr std::uint64_t kCapSetAddress = 0x0000'4000'0000'0000;  // CapSet page, read-only
inline constexpr std::uint64_t kRingBase = 0x0000'4000'1000'0000;       // thread n's ring: kRingBase + n * kRingStride
inline constexpr std::uint64_t kRingStride = 0x0000'0000'0010'0000;
inline constexpr std::uint64_t kStackTop = 0x0000'5000'0000'0000;       // main thread's stack ends here, guard page below
inline constexpr std::uint64_t kDynamicBase = 0x0000'1000'0000'0000;    // where the kernel looks for room to map
inline constexpr std::uint64_t kUserEnd = 0x0000'6000'0000'0000;        // exclusive; far from the canonical edge

// Entry: _start(rdi = ring address, rsi = process id, rdx = CapSet address), rsp 16-byte aligned, all else zero.
// Every other thread: entry(rdi = its ring's address, rsi = its number, rdx = argument), rsp as its maker said, all else
// zero, FS base as its maker said. Thread 0 is the first, with FS base 0.

// The initial capabilities by name; entries end at `count`.
struct CapSetEntry {
  char name[32];                // NUL-terminated
  std::uint64_t cap;            // CapId
  std::uint64_t interface_id;
};
inline constexpr std::uint32_t kCapSetMagic = 0x54455343;  // "CSET"
inline constexpr unsigned kCapSetCapacity = 84;
struct CapSet {
  std::uint32_t magic;
  std::uint32_t count;
  std::uint64_t reserved;
  CapSetEntry entries[kCapSetCapacity];
};
static_assert(sizeof(CapSetEntry) == 48);
static_assert(sizeof(CapSet) <= 4096);

}  // namespace capos::abi
