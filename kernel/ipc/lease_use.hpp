// SPDX-License-Identifier: Apache-2.0
// What goes on under a lease: a call, a wait, the serving of an endpoint, whose capability is under one. When the lease has
// ended, it ends: `disconnected`.
//
// A lease knows no table and no list (objects/session.hpp); a CPU knows what goes on there under leases. Whoever ends a lease, or
// moves its end, asks the CPUs that have such uses to look through them, by mail; and a CPU looks by itself at the earliest end
// in time. What began while the lease ended is seen: a use is counted before its lease is looked at again, and a lease has
// ended before the counts are looked at.
// Invariants: a use is in its CPU's list from its begin to its end, and keeps its lease. Own CPU, but for leases_changed().
// Bounds: begin O(depth of the lease, log of the CPU's timeouts); end O(1), with the last one O(log timeouts). Looking
// takes kStep uses at a time, each O(depth of the lease) and the end of one call or wait, then lets interrupts in: an
// end costs a CPU a time proportional to its own uses, in portions, and a CPU without uses nothing. No allocation.
#pragma once

#include <atomic>
#include <cstdint>

#include "capos/base/list.hpp"
#include "core/mailbox.hpp"
#include "core/timeouts.hpp"
#include "objects/liveness.hpp"

namespace capos::kernel {

class Cpu;
struct LeaseTag;

class LeaseUse : public ListHook<LeaseTag> {
 public:
  // Ends it, and with that the use; or leaves it, if its end is under way.
  using Ender = void (*)(void* subject, Cpu& cpu, Time now) noexcept;
  [[nodiscard]] bool active() const noexcept { return linked(); }

 private:
  friend void begin_lease_use(Cpu&, LeaseUse&, Liveness&, Ender, void*) noexcept;
  friend void forget_lease_use(LeaseUse&) noexcept;
  friend class LeaseUses;
  Ref<Liveness> lease_;
  Ender ender_ = nullptr;
  void* subject_ = nullptr;
};

// Of a CPU.
class LeaseUses {
 public:
  static constexpr unsigned kStep = 4;

 private:
  friend void begin_lease_use(Cpu&, LeaseUse&, Liveness&, LeaseUse::Ender, void*) noexcept;
  friend void forget_lease_use(LeaseUse&) noexcept;
  friend void look_at_leases_again(Cpu& cpu) noexcept;
  friend void leases_changed() noexcept;
  void ask(Cpu& cpu) noexcept;
  void watch(Cpu& cpu, std::uint64_t until_ns) noexcept;
  void look(Cpu& cpu, Time now) noexcept;
  static void on_mail(void* cpu) noexcept;

  List<LeaseUse, LeaseTag> list_;
  std::atomic<std::uint32_t> count_{0};
  std::atomic<bool> changed_{false};   // since the list was looked through
  std::uint32_t left_ = 0;             // to look at; in front
  Timeout timeout_;                    // the earliest end in time
  Mail mail_;
};

// `use` must not be active.
void begin_lease_use(Cpu& cpu, LeaseUse& use, Liveness& lease, LeaseUse::Ender ender, void* subject) noexcept;
void forget_lease_use(LeaseUse& use) noexcept;
// No effect on one that is not active.
inline void end_lease_use(LeaseUse& use) noexcept {
  if (use.active()) [[unlikely]] forget_lease_use(use);
}

// By mail to the CPU itself, its own: one of its uses may have been left under a lease that has ended. O(1).
void look_at_leases_again(Cpu& cpu) noexcept;

// Some lease has ended, or ends earlier than it did. Any CPU, any moment. O(CPUs).
void leases_changed() noexcept;

}  // namespace capos::kernel
