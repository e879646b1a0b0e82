// SPDX-License-Identifier: Apache-2.0
// What a call carries across: parameters to the server, results or an exception back, between registers and arenas.
//
// Either side may use registers (call, reply_receive) or its ring (CALL, RECEIVE and RETURN). Between two rings the
// message is copied from arena to arena, its capabilities go from table to table, all or none. Between registers and a
// ring, a struct of data alone and at most abi::kRegisterWords words is its words: missing ones are zero, trailing
// zeros are left out where a message is made of words. Anything else cannot reach a server that takes registers
// (`unimplemented`), nor a caller that waits for them (resultTooLarge).
//
// Bounds: O(bytes copied), at most abi::kArenaBytes; O(capabilities), at most abi::kMaxTransfers. Messages between
// rings are not looked into.
#pragma once

#include <string_view>

#include "capos/abi/ring.hpp"
#include "core/cpu.hpp"
#include "ipc/ring_state.hpp"

namespace capos::kernel {

// A piece of an arena, to be checked before use.
struct ArenaRange {
  std::uint32_t offset = 0, size = 0;
  [[nodiscard]] constexpr bool valid() const noexcept {
    return offset % 8 == 0 && size % 8 == 0 && offset <= abi::kArenaBytes && size <= abi::kArenaBytes - offset;
  }
};
[[nodiscard]] constexpr ArenaRange params_of(const abi::CapSqe& sqe) noexcept { return {sqe.params_offset, sqe.params_size}; }
[[nodiscard]] constexpr ArenaRange results_of(const abi::CapSqe& sqe) noexcept {
  return {sqe.results_offset, sqe.results_capacity};
}
[[nodiscard]] constexpr ArenaRange transfers_of(const abi::CapSqe& sqe) noexcept {
  return {sqe.transfers_offset, sqe.transfers_count <= abi::kMaxTransfers
                                    ? sqe.transfers_count * static_cast<std::uint32_t>(sizeof(abi::TransferDescriptor))
                                    : ~0u};
}

struct ExceptionText {
  schema::ExceptionType type{};
  std::uint16_t detail = 0;
  std::string_view text;
};
[[nodiscard]] ExceptionText exception_of(const Outcome& outcome) noexcept;
// Puts a CapException into the operation's results area; sets result, flags and results_size of the completion.
void write_exception(Operation& operation, const ExceptionText& exception, abi::CapCqe& completion) noexcept;

// Hands the parameters to the server, which waits. Done, or why not: to be told to the caller; the server waits on.
// Not for a call by registers on a server that waits for registers.
[[nodiscard]] Outcome hand_over_request(Call& call, Thread& server, Time now) noexcept;

// The server answers a message call by registers; exception_word: its type + 1, 0 for results. The completion.
[[nodiscard]] abi::CapCqe results_from_registers(Operation& call, Thread& server) noexcept;
// A server's RETURN. Done, or why the entry is refused; the call then stays open. `completion` is the caller's, if it
// waits in its ring; a caller that waits for registers has them set.
[[nodiscard]] Outcome hand_over_results(Operation& entry, Call& call, abi::CapCqe& completion) noexcept;

// The result capabilities of a call that has just succeeded, for calls on them.
void remember_answer(Operation& call) noexcept;

}  // namespace capos::kernel
