// SPDX-License-Identifier: Apache-2.0
// Time as a capability: a sched::Context that belongs to an admitted island, and the thread bound to it.
//
// Invariants: made by an island's admission only; bound to at most one thread at a time (islands/binding.hpp); changed by its CPU alone.
// Counters may be read by others (relaxed).
#pragma once

#include <array>

#include "capos/sched/certificate.hpp"
#include "capos/sched/context.hpp"
#include "capos/sched/miss_policy.hpp"
#include "core/mailbox.hpp"
#include "objects/object.hpp"
#include "process/thread.hpp"

namespace capos::kernel {

class Island;

class SchedulingContext final : public TypedObject<SchedulingContext, schema::SchedulingContext>, public sched::Context {
 public:
  static constexpr ObjectType kType = ObjectType::scheduling_context;
  using Interface = schema::SchedulingContext;
  static constexpr schema::Resource kResource = schema::Resource::contexts;

  SchedulingContext() noexcept : TypedObject(kType) {}

  Outcome wait_next_release(CallContext&, const Interface::WaitNextRelease::Params::Value&,
                            Interface::WaitNextRelease::Results::Value&) noexcept;
  Outcome consumed(CallContext&, const Interface::Consumed::Params::Value&, Interface::Consumed::Results::Value&) noexcept;
  Outcome parameters(CallContext&, const Interface::Parameters::Params::Value&,
                     Interface::Parameters::Results::Value&) noexcept;
  Outcome bind(CallContext&, Interface::Bind::Params::Reader, Interface::Bind::Results::Builder) noexcept;
  Outcome unbind(CallContext&, const Interface::Unbind::Params::Value&, Interface::Unbind::Results::Value&) noexcept;
  Outcome stand_by(CallContext&, const Interface::StandBy::Params::Value&, Interface::StandBy::Results::Value&) noexcept;

  Thread* thread = nullptr;                    // bound, and alive; one reference. By binding.cpp alone
  std::atomic<bool> claimed{false};            // it has a thread, or one is being made for it
  bool had_thread = false;
  // Its releases are armed but for the want of a thread that waits: disarmed until then, their grid kept.
  bool off_grid = false;
  bool recovery = false;                       // no task's, but its server's (TaskClaim.recovers): no jobs; constant
  std::atomic<bool> stopped{false};            // by a consequence or its island's end, for good: never ready again
  Time job_start = Time::never();              // of the job in progress: first return to user mode
  Time previous_start = Time::never();
  SchedulingContext* next_missed = nullptr;    // while the timer's misses are judged
  std::uint64_t jobs_done = 0, misses = 0, overruns = 0;
  // What misses entail. `fallback` stands in for this one, `primary` is whom this one stands in for; both until it is stopped.
  sched::MissPolicy policy;
  Ref<SchedulingContext> fallback, primary;
  // Triggered hops (core/triggers.hpp). Whom the end of a job here releases: until this is stopped. What this one's predecessor
  // has ended (sched::Inputs): that one's CPU alone writes it.
  std::array<Ref<SchedulingContext>, sched::kMaxSuccessors> successors;
  std::atomic<std::uint64_t> inputs{0};
  Mail input_mail;                             // from its predecessor
  Island* island = nullptr;                    // until that is gone; by Island alone
  SchedulingContext* next_stopping = nullptr;  // whose island its CPU is to stop; holds a reference
  Mail stop_island_mail;                       // to CPU 0
  Time first_release{};                        // set by its island before the mail that arms it
  SchedulingContext* next_arming = nullptr;    // while its CPU has not settled (settling.hpp); holds a reference
  bool arms = false, starts = false;           // what is to be done then: its releases, its thread's first step. In the list if either
  Mail stop_mail;                              // from its island, for this context and others of its CPU

 private:
  void destroy() noexcept override;
};

}  // namespace capos::kernel
