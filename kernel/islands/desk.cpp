// SPDX-License-Identifier: Apache-2.0
#include "islands/desk.hpp"

#include <algorithm>
#include <cstddef>
#include <new>

namespace capos::kernel {
namespace {

constinit std::array<wire::Word, abi::kArenaBytes / sizeof(wire::Word)> g_message{};
constinit std::size_t g_size = 0;
constinit std::uint64_t g_last = 0;  // the ticket that was given last
constinit bool g_taken = false;
constinit Time g_worked{};  // by whom it is taken

// Made at boot: its defaults are not all zero and would stand in the image, and making it takes 20 000 instructions.
alignas(DeskWork) constinit std::byte g_work[sizeof(DeskWork)]{};

}  // namespace

Ticket take_desk(std::span<const wire::Word> message, Time now) noexcept {
  if (message.size() > g_message.size() || (g_taken && now < g_worked + kPatience)) return Ticket::none;
  g_taken = true;
  g_worked = now;
  std::copy(message.begin(), message.end(), g_message.begin());
  g_size = message.size();
  return Ticket(++g_last);
}

bool has_desk(Ticket ticket) noexcept { return g_taken && ticket == Ticket(g_last); }

bool holds_desk(Ticket ticket, Time now) noexcept {
  if (!has_desk(ticket)) return false;
  g_worked = now;
  return true;
}

void leave_desk(Ticket ticket) noexcept {
  if (ticket == Ticket(g_last)) g_taken = false;
}

std::span<const wire::Word> DeskWork::message() const noexcept { return {g_message.data(), g_size}; }

void make_desk() noexcept { ::new (g_work) DeskWork(); }

DeskWork& desk_work() noexcept { return *std::launder(reinterpret_cast<DeskWork*>(g_work)); }

}  // namespace capos::kernel
