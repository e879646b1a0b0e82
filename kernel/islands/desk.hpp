// SPDX-License-Identifier: Apache-2.0
// The desk at which certificates are judged: one at a time, on CPU 0, in portions of the call that presents them (decision 28).
//
// Invariants: who is at the desk has a ticket, and nobody else touches what lies on it; a ticket that was left or taken away is
// never given again. Who has not worked at the desk for kPatience loses it to whoever comes: a task that was stopped in the middle
// of its call must not keep all others from admission. Bounds: each O(1), take_desk() O(size of the message).
#pragma once

#include <array>
#include <span>

#include "capos/abi/ring.hpp"
#include "capos/sched/check.hpp"
#include "islands/certificate_writing.hpp"
#include "islands/group.hpp"

namespace capos::kernel {

inline constexpr Duration kPatience = Duration::ms(50);

enum class Ticket : std::uint64_t { none = 0 };

// With a copy of the message. None: somebody else is at the desk, and works.
[[nodiscard]] Ticket take_desk(std::span<const wire::Word> message, Time now) noexcept;
// Whether it is still this one's; then it works now.
[[nodiscard]] bool holds_desk(Ticket ticket, Time now) noexcept;
// The same, without having worked.
[[nodiscard]] bool has_desk(Ticket ticket) noexcept;
// No effect if it is somebody else's.
void leave_desk(Ticket ticket) noexcept;

// A task as it stands, to be compared with what it is to be; who of the two calls servers.
struct TaskBefore {
  sched::TaskClaim claim;
  bool called = false, calls = false;
};

// What lies on the desk; whose it is knows what of it is good.
struct DeskWork {
  [[nodiscard]] std::span<const wire::Word> message() const noexcept;
  Group group;
  sched::Check check;
  sched::BusySearch search;
  CertificateWriting writing;
  std::array<std::uint16_t, kMaxCertificateTasks> predecessors{};  // of the certificate's tasks
  std::array<TaskBefore, kMaxCertificateTasks> before{};
  sched::Policy policy_before{};
  bool triggers_before = false;
};
// Once, at boot. O(its size).
void make_desk() noexcept;
// About 140 KiB: static.
[[nodiscard]] DeskWork& desk_work() noexcept;

}  // namespace capos::kernel
